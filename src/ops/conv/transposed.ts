import type { ConvPasses } from "./algorithm.ts";

/**
 * The passes of a transposed convolution from those of the convolution that maps its output back to its
 * input: forward is that one's input gradient (here with bias and ReLU), the input gradient its forward pass,
 * and the weight gradient its own with the two images exchanged. See assembly/conv/transposed.md.
 */
export function transposed(convolution: ConvPasses, gradInput: ConvPasses["forward"]): ConvPasses {
  return {
    supports: convolution.supports,
    forward: gradInput,
    gradInput: (dOut, weight, g) => convolution.forward(dOut, weight, null, g, false),
    gradWeight: (x, dOut, g) => convolution.gradWeight(dOut, x, g),
  };
}
