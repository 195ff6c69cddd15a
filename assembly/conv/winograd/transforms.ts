// Winograd's minimal filtering F(4x4, 3x3): a 3x3 convolution of stride 1 with a
// quarter of the multiplications.
//
//   Y = A' [ (G g G') . (B' d B) ] A        (' transposes, . multiplies element by element)
//
// d is a 6x6 patch of the input, g the 3x3 kernel, Y the 4x4 tile of the output that they determine. In the
// transformed space, the sum over channels is 36 independent matrix products, one for each position of the
// 6x6 patch, which assembly/matmul/gemm.ts computes. Multiplications per output pixel and channel pair: 36 /
// 16 = 2.25 instead of 9.
//
// The gradient of the input is the same convolution with the kernel rotated by 180 degrees, and its input and
// output channels exchanged. The gradient of the kernel transposes the formula: dg = G' [ sum over tiles of
// (A dY A') . (B' d B) ] G.
//
// See: Lavin & Gray, Fast Algorithms for Convolutional Neural Networks, arXiv:1509.09308.
//
// Everything works on vectors of four lanes, one lane per tile (or channel). Transformed arrays are [36
// positions][panel][..]. The distance between positions is an argument, in bytes: a power of two would make
// all positions fall on few cache sets.
//
// This file has the five one-dimensional transforms. images.ts transforms patches and tiles; kernels.ts the
// 3x3 kernels and their gradient; output.ts the tiles of the output.

/** Positions of a transformed patch. @shared */
export const POSITIONS = 36;

/**
 * The points at which F(4x4) evaluates are 0, 1/ROOT, -1/ROOT, ROOT, -ROOT and infinity: see ../winograd.md.
 * With the points 1 and 2 instead of 1/ROOT and ROOT, as in Lavin & Gray, the error is twice as large.
 */
// @ts-ignore: decorator
@inline
const ROOT: f32 = 1.4142135623730951;

/** B' d for six values of a row or column of a patch. The results are `step` bytes apart, from `to`. */
// @ts-ignore: decorator
@inline
export function transformPatch(d0: v128, d1: v128, d2: v128, d3: v128, d4: v128, d5: v128, to: usize, step: usize): void {
  const half = f32x4.splat(0.5);
  const two = f32x4.splat(2);
  const middle = f32x4.splat(2.5);
  v128.store(to, f32x4.sub(f32x4.add(d0, d4), f32x4.mul(middle, d2)));
  const even = f32x4.sub(d4, f32x4.mul(two, d2));
  const odd = f32x4.mul(f32x4.splat(0.5 * ROOT), f32x4.sub(d3, f32x4.mul(two, d1)));
  v128.store((to += step), f32x4.add(even, odd));
  v128.store((to += step), f32x4.sub(even, odd));
  const even2 = f32x4.sub(d4, f32x4.mul(half, d2));
  const odd2 = f32x4.mul(f32x4.splat(ROOT), f32x4.sub(d3, f32x4.mul(half, d1)));
  v128.store((to += step), f32x4.add(even2, odd2));
  v128.store((to += step), f32x4.sub(even2, odd2));
  v128.store(to + step, f32x4.sub(f32x4.add(d1, d5), f32x4.mul(middle, d3)));
}

/** A y: transforms four values of a tile of the output's gradient into six. */
// @ts-ignore: decorator
@inline
export function transformTile(y0: v128, y1: v128, y2: v128, y3: v128, to: usize, step: usize): void {
  const half = f32x4.splat(0.5);
  const two = f32x4.splat(2);
  v128.store(to, y0);
  const even = f32x4.add(y0, f32x4.mul(half, y2));
  const odd = f32x4.mul(f32x4.splat(0.5 * ROOT), f32x4.add(y1, f32x4.mul(half, y3)));
  v128.store((to += step), f32x4.add(even, odd));
  v128.store((to += step), f32x4.sub(even, odd));
  const even2 = f32x4.add(y0, f32x4.mul(two, y2));
  const odd2 = f32x4.mul(f32x4.splat(ROOT), f32x4.add(y1, f32x4.mul(two, y3)));
  v128.store((to += step), f32x4.add(even2, odd2));
  v128.store((to += step), f32x4.sub(even2, odd2));
  v128.store(to + step, y3);
}

/** G g: transforms three values of a kernel into six. */
// @ts-ignore: decorator
@inline
export function transformKernel(g0: v128, g1: v128, g2: v128, to: usize, step: usize): void {
  v128.store(to, g0);
  const even = f32x4.mul(f32x4.splat(-2.0 / 3.0), f32x4.add(g0, f32x4.mul(f32x4.splat(0.5), g2)));
  const odd = f32x4.mul(f32x4.splat(-ROOT / 3), g1);
  v128.store((to += step), f32x4.add(even, odd));
  v128.store((to += step), f32x4.sub(even, odd));
  const even2 = f32x4.mul(f32x4.splat(1.0 / 3.0), f32x4.add(f32x4.mul(f32x4.splat(0.5), g0), g2));
  const odd2 = f32x4.mul(f32x4.splat(ROOT / 6), g1);
  v128.store((to += step), f32x4.add(even2, odd2));
  v128.store((to += step), f32x4.sub(even2, odd2));
  v128.store(to + step, g2);
}

/**
 * A' m + start: transforms six values of a product into four of the output. `start` is used only where
 * `starts` is true.
 */
// @ts-ignore: decorator
@inline
export function outputTile(
  m0: v128, m1: v128, m2: v128, m3: v128, m4: v128, m5: v128, starts: bool, start: v128, to: usize, step: usize,
): void {
  const half = f32x4.splat(0.5);
  const two = f32x4.splat(2);
  const even = f32x4.add(m1, m2);
  const odd = f32x4.mul(f32x4.splat(0.5 * ROOT), f32x4.sub(m1, m2));
  const even2 = f32x4.add(m3, m4);
  const odd2 = f32x4.mul(f32x4.splat(ROOT), f32x4.sub(m3, m4));
  const y0 = f32x4.add(m0, f32x4.add(even, even2));
  const y1 = f32x4.add(odd, odd2);
  const y2 = f32x4.add(f32x4.mul(half, even), f32x4.mul(two, even2));
  const y3 = f32x4.add(f32x4.add(f32x4.mul(half, odd), f32x4.mul(two, odd2)), m5);
  v128.store(to, starts ? f32x4.add(y0, start) : y0);
  v128.store((to += step), starts ? f32x4.add(y1, start) : y1);
  v128.store((to += step), starts ? f32x4.add(y2, start) : y2);
  v128.store(to + step, starts ? f32x4.add(y3, start) : y3);
}

/** G' u: transforms six values of the transformed gradient into three of the kernel's gradient. */
// @ts-ignore: decorator
@inline
export function outputKernel(u0: v128, u1: v128, u2: v128, u3: v128, u4: v128, u5: v128, to: usize, step: usize): void {
  const third = f32x4.splat(1.0 / 3.0);
  const even = f32x4.mul(third, f32x4.add(u1, u2));
  const odd = f32x4.mul(f32x4.splat(ROOT / 3), f32x4.sub(u1, u2));
  const even2 = f32x4.mul(third, f32x4.add(u3, u4));
  const odd2 = f32x4.mul(f32x4.splat(ROOT / 6), f32x4.sub(u3, u4));
  v128.store(to, f32x4.add(f32x4.sub(u0, f32x4.mul(f32x4.splat(2), even)), f32x4.mul(f32x4.splat(0.5), even2)));
  v128.store((to += step), f32x4.sub(odd2, odd));
  v128.store(to + step, f32x4.add(f32x4.sub(even2, even), u5));
}
