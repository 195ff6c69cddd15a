import type { ConvPasses } from "./algorithm.ts";

/**
 * The passes of a transposed convolution, made from the passes of the convolution that maps its output back
 * to its input. The forward pass is the convolution's input gradient (with bias and ReLU). The input gradient
 * is the convolution's forward pass. The weight gradient is the convolution's weight gradient with the two
 * images exchanged. See assembly/conv/transposed.md.
 */
export function transposed(convolution: ConvPasses, gradInput: ConvPasses["forward"]): ConvPasses {
  return {
    supports: convolution.supports,
    forward: gradInput,
    gradInput: (dOut, weight, g) => convolution.forward(dOut, weight, null, g, false),
    gradWeight: (x, dOut, g) => convolution.gradWeight(dOut, x, g),
  };
}
