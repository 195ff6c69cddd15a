// Rung 2: nothing new. A transposed convolution computes the gradient of a convolution's input, and its own
// gradients are that convolution and the gradient of its weight. So conv2d's fast kernels compute all three:
// here the direct SIMD kernels.
//
// The sizes are those of the convolution that maps the output back to the input, as in 1_scatter.ts.

import { conv2dDirect } from "../4_direct_simd";
import { conv2dGradInputDirect, conv2dGradWeightDirect } from "../4_direct_simd_gradients";

/**
 * convTranspose2dScatter. With a stride, most multiplications are by the zeros between the pixels of x.
 */
export function convTranspose2dByGradient(
  x: usize, weight: usize, bias: usize, sizes: usize, out: usize, work: usize,
): void {
  conv2dGradInputDirect(x, weight, bias, sizes, out, work);
}

/** The gradient of x, which is the convolution itself. */
export function convTranspose2dGradInputByGradient(
  dOut: usize, weight: usize, bias: usize, sizes: usize, dx: usize, work: usize,
): void {
  conv2dDirect(dOut, weight, bias, sizes, dx, work);
}

/** The gradient of the weight: the convolution's gradient of the weight, with input and output exchanged. */
export function convTranspose2dGradWeightByGradient(
  x: usize, dOut: usize, sizes: usize, dWeight: usize, work: usize,
): void {
  conv2dGradWeightDirect(dOut, x, sizes, dWeight, work);
}
