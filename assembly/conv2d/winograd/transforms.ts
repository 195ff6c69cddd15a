// Winograd's minimal filtering F(4x4, 3x3): a 3x3 convolution of stride 1 with a quarter of the multiplications.
//
//   Y = A' [ (G g G') . (B' d B) ] A        (' transposes, . multiplies element by element)
//
// d is a 6x6 patch of the input, g the 3x3 kernel, Y the 4x4 tile of the output that they determine. In the transformed space
// the sum over channels is 36 independent matrix products, one for each position of the 6x6 patch, and these run in the gemm
// of assembly/matmul. Multiplications per output pixel and channel pair: 36 / 16 = 2.25 in place of 9.
//
// The gradient of the input is the same convolution with the kernel turned by 180 degrees and its channels exchanged. The
// gradient of the kernel transposes the formula: dg = G' [ sum over tiles of (A dY A') . (B' d B) ] G.
//
// See: Lavin & Gray, Fast Algorithms for Convolutional Neural Networks, arXiv:1509.09308.
//
// Everything works on vectors of four lanes, one lane a tile (or a channel): `lane` below. Transformed arrays are
// [36 positions][panel][..]; the distance between positions is given in bytes, since a power of two would fall on few cache sets.

// The files: this one, the five one-dimensional transforms; images.ts, patches and tiles; kernels.ts, the 3x3 kernels and their
// gradient; output.ts, what comes back.

/** Positions of a transformed patch. */
export const POSITIONS = 36;

/** B' d: six values of a row or column of a patch, `step` bytes apart from each other in `to`. */
// @ts-ignore: decorator
@inline
export function transformPatch(d0: v128, d1: v128, d2: v128, d3: v128, d4: v128, d5: v128, to: usize, step: usize): void {
  const four = f32x4.splat(4);
  const five = f32x4.splat(5);
  v128.store(to, f32x4.add(f32x4.sub(f32x4.mul(four, d0), f32x4.mul(five, d2)), d4));
  const even = f32x4.sub(d4, f32x4.mul(four, d2));
  const odd = f32x4.sub(d3, f32x4.mul(four, d1));
  v128.store((to += step), f32x4.add(even, odd));
  v128.store((to += step), f32x4.sub(even, odd));
  const even2 = f32x4.sub(d4, d2);
  const odd2 = f32x4.mul(f32x4.splat(2), f32x4.sub(d3, d1));
  v128.store((to += step), f32x4.add(even2, odd2));
  v128.store((to += step), f32x4.sub(even2, odd2));
  v128.store(to + step, f32x4.add(f32x4.sub(f32x4.mul(four, d1), f32x4.mul(five, d3)), d5));
}

/** A y: four values of a tile of the output's gradient become six. */
// @ts-ignore: decorator
@inline
export function transformTile(y0: v128, y1: v128, y2: v128, y3: v128, to: usize, step: usize): void {
  v128.store(to, y0);
  const even = f32x4.add(y0, y2);
  const odd = f32x4.add(y1, y3);
  v128.store((to += step), f32x4.add(even, odd));
  v128.store((to += step), f32x4.sub(even, odd));
  const even2 = f32x4.add(y0, f32x4.mul(f32x4.splat(4), y2));
  const odd2 = f32x4.mul(f32x4.splat(2), f32x4.add(y1, f32x4.mul(f32x4.splat(4), y3)));
  v128.store((to += step), f32x4.add(even2, odd2));
  v128.store((to += step), f32x4.sub(even2, odd2));
  v128.store(to + step, y3);
}

/** G g: three values of a kernel become six. */
// @ts-ignore: decorator
@inline
export function transformKernel(g0: v128, g1: v128, g2: v128, to: usize, step: usize): void {
  const sixth = f32x4.splat(1.0 / 6.0);
  const twelfth = f32x4.splat(1.0 / 12.0);
  v128.store(to, f32x4.mul(g0, f32x4.splat(0.25)));
  const even = f32x4.mul(f32x4.neg(sixth), f32x4.add(g0, g2));
  const odd = f32x4.mul(sixth, g1);
  v128.store((to += step), f32x4.sub(even, odd));
  v128.store((to += step), f32x4.add(even, odd));
  const even2 = f32x4.add(f32x4.mul(f32x4.splat(1.0 / 24.0), g0), f32x4.mul(sixth, g2));
  const odd2 = f32x4.mul(twelfth, g1);
  v128.store((to += step), f32x4.add(even2, odd2));
  v128.store((to += step), f32x4.sub(even2, odd2));
  v128.store(to + step, g2);
}

/** A' m + start: six values of a product become four of the output. `start` is only looked at where `starts` is true. */
// @ts-ignore: decorator
@inline
export function outputTile(
  m0: v128, m1: v128, m2: v128, m3: v128, m4: v128, m5: v128, starts: bool, start: v128, to: usize, step: usize,
): void {
  const sum12 = f32x4.add(m1, m2);
  const difference12 = f32x4.sub(m1, m2);
  const sum34 = f32x4.add(m3, m4);
  const difference34 = f32x4.sub(m3, m4);
  const y0 = f32x4.add(m0, f32x4.add(sum12, sum34));
  const y1 = f32x4.add(difference12, f32x4.mul(f32x4.splat(2), difference34));
  const y2 = f32x4.add(sum12, f32x4.mul(f32x4.splat(4), sum34));
  const y3 = f32x4.add(f32x4.add(difference12, f32x4.mul(f32x4.splat(8), difference34)), m5);
  v128.store(to, starts ? f32x4.add(y0, start) : y0);
  v128.store((to += step), starts ? f32x4.add(y1, start) : y1);
  v128.store((to += step), starts ? f32x4.add(y2, start) : y2);
  v128.store(to + step, starts ? f32x4.add(y3, start) : y3);
}

/** G' u: six values of the transformed gradient become three of the kernel's. */
// @ts-ignore: decorator
@inline
export function outputKernel(u0: v128, u1: v128, u2: v128, u3: v128, u4: v128, u5: v128, to: usize, step: usize): void {
  const sixth = f32x4.splat(1.0 / 6.0);
  const sum12 = f32x4.mul(sixth, f32x4.add(u1, u2));
  const sum34 = f32x4.add(u3, u4);
  v128.store(to, f32x4.add(f32x4.sub(f32x4.mul(f32x4.splat(0.25), u0), sum12), f32x4.mul(f32x4.splat(1.0 / 24.0), sum34)));
  v128.store(
    (to += step),
    f32x4.add(f32x4.mul(sixth, f32x4.sub(u2, u1)), f32x4.mul(f32x4.splat(1.0 / 12.0), f32x4.sub(u3, u4))),
  );
  v128.store(to + step, f32x4.add(f32x4.sub(f32x4.mul(sixth, sum34), sum12), u5));
}
