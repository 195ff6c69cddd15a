import type { ConvPasses } from "./algorithm.ts";

/**
 * The passes of a transposed convolution, made from those of the convolution that maps its output back to its
 * input. The forward pass is the convolution's input gradient (with bias and ReLU), the input gradient is its
 * forward pass, and the weight gradient is its weight gradient with the two images exchanged. See
 * assembly/conv/transposed.md.
 */
export function transposed(convolution: ConvPasses, gradInput: ConvPasses["forward"]): ConvPasses {
  return {
    supports: convolution.supports,
    forward: gradInput,
    gradInput: (dOut, weight, g) => convolution.forward(dOut, weight, null, g, false),
    gradWeight: (x, dOut, g) => convolution.gradWeight(dOut, x, g),
  };
}
