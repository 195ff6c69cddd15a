// Winograd's minimal filtering F(4x4, 3x3): a 3x3 convolution of stride 1 with a quarter of the
// multiplications.
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
// Everything works on pairs of vectors, eight lanes, one lane per tile (or channel). The two halves are side
// by side in memory, so V8 can do both by one instruction of 256 bits: see ../../matmul/wide.md. Transformed
// arrays are [36 positions][panel][..]. The distance between positions is an argument, in bytes: a power of
// two would make all positions fall on few cache sets.
//
// This file has the five one-dimensional transforms. Their operands are the lower halves (d0, m0 ...) and the
// upper halves (e0, n0 ...). images.ts transforms patches and tiles; kernels.ts the 3x3 kernels and their
// gradient; output.ts the tiles of the output.

import { constant } from "../../lib/math";

/** Positions of a transformed patch. @shared */
export const POSITIONS = 36;

/**
 * The points at which F(4x4) evaluates are 0, 1/ROOT, -1/ROOT, ROOT, -ROOT and infinity: see ../winograd.md.
 * With the points 1 and 2 instead of 1/ROOT and ROOT, as in Lavin & Gray, the error is twice as large.
 */
// @ts-ignore: decorator
@inline
const SQRT2: f32 = 1.4142135623730951;

// factors, in memory: see `constant`
const HALF: usize = memory.data<f32>([0.5]);
const TWO_AND_HALF: usize = memory.data<f32>([2.5]);
const ROOT: usize = memory.data<f32>([SQRT2]);
const HALF_ROOT: usize = memory.data<f32>([0.5 * SQRT2]);
const ROOT_3RD: usize = memory.data<f32>([SQRT2 / 3]);
const ROOT_6TH: usize = memory.data<f32>([SQRT2 / 6]);
const THIRD: usize = memory.data<f32>([1.0 / 3.0]);
const MINUS_TWO_THIRDS: usize = memory.data<f32>([-2.0 / 3.0]);
const MINUS_ROOT_3RD: usize = memory.data<f32>([-SQRT2 / 3]);

/** Stores eight lanes. The upper half comes first: see ../../matmul/wide.md. */
// @ts-ignore: decorator
@inline
export function storePair(to: usize, lower: v128, upper: v128): void {
  v128.store(to, upper, 16);
  v128.store(to, lower);
}

/** Stores even + odd, and `step` bytes further on even - odd. */
// @ts-ignore: decorator
@inline
function storeSumAndDifference(to: usize, step: usize, even: v128, upperEven: v128, odd: v128, upperOdd: v128): void {
  storePair(to, f32x4.add(even, odd), f32x4.add(upperEven, upperOdd));
  storePair(to + step, f32x4.sub(even, odd), f32x4.sub(upperEven, upperOdd));
}

/** a - k b */
// @ts-ignore: decorator
@inline
function minus(a: v128, k: v128, b: v128): v128 {
  return f32x4.sub(a, f32x4.mul(k, b));
}

/** a + k b */
// @ts-ignore: decorator
@inline
function plus(a: v128, k: v128, b: v128): v128 {
  return f32x4.add(a, f32x4.mul(k, b));
}

/** a + a */
// @ts-ignore: decorator
@inline
function twice(a: v128): v128 {
  return f32x4.add(a, a);
}

/** B' d for six values of a row or column of a patch. The results are `step` bytes apart, from `to`. */
// @ts-ignore: decorator
@inline
export function transformPatch(
  d0: v128, e0: v128, d1: v128, e1: v128, d2: v128, e2: v128, d3: v128, e3: v128, d4: v128, e4: v128, d5: v128, e5: v128,
  to: usize, step: usize,
): void {
  const middle = constant(TWO_AND_HALF);
  storePair(to, minus(f32x4.add(d0, d4), middle, d2), minus(f32x4.add(e0, e4), middle, e2));
  const halfRoot = constant(HALF_ROOT);
  to += step;
  storeSumAndDifference(
    to, step, f32x4.sub(d4, twice(d2)), f32x4.sub(e4, twice(e2)),
    f32x4.mul(halfRoot, f32x4.sub(d3, twice(d1))), f32x4.mul(halfRoot, f32x4.sub(e3, twice(e1))),
  );
  const half = constant(HALF);
  const root = constant(ROOT);
  to += 2 * step;
  storeSumAndDifference(
    to, step, minus(d4, half, d2), minus(e4, half, e2),
    f32x4.mul(root, minus(d3, half, d1)), f32x4.mul(root, minus(e3, half, e1)),
  );
  const middle5 = constant(TWO_AND_HALF);
  storePair(to + 2 * step, minus(f32x4.add(d1, d5), middle5, d3), minus(f32x4.add(e1, e5), middle5, e3));
}

/** A y: transforms four values of a tile of the output's gradient into six. */
// @ts-ignore: decorator
@inline
export function transformTile(
  y0: v128, z0: v128, y1: v128, z1: v128, y2: v128, z2: v128, y3: v128, z3: v128, to: usize, step: usize,
): void {
  storePair(to, y0, z0);
  const half = constant(HALF);
  const halfRoot = constant(HALF_ROOT);
  to += step;
  storeSumAndDifference(
    to, step, plus(y0, half, y2), plus(z0, half, z2),
    f32x4.mul(halfRoot, plus(y1, half, y3)), f32x4.mul(halfRoot, plus(z1, half, z3)),
  );
  const root = constant(ROOT);
  to += 2 * step;
  storeSumAndDifference(
    to, step, f32x4.add(y0, twice(y2)), f32x4.add(z0, twice(z2)),
    f32x4.mul(root, f32x4.add(y1, twice(y3))), f32x4.mul(root, f32x4.add(z1, twice(z3))),
  );
  storePair(to + 2 * step, y3, z3);
}

/** G g: transforms three values of a kernel into six. */
// @ts-ignore: decorator
@inline
export function transformKernel(
  g0: v128, h0: v128, g1: v128, h1: v128, g2: v128, h2: v128, to: usize, step: usize,
): void {
  storePair(to, g0, h0);
  const half = constant(HALF);
  const even = constant(MINUS_TWO_THIRDS);
  const odd = constant(MINUS_ROOT_3RD);
  to += step;
  storeSumAndDifference(
    to, step, f32x4.mul(even, plus(g0, half, g2)), f32x4.mul(even, plus(h0, half, h2)), f32x4.mul(odd, g1), f32x4.mul(odd, h1),
  );
  const half2 = constant(HALF);
  const third = constant(THIRD);
  const sixth = constant(ROOT_6TH);
  to += 2 * step;
  storeSumAndDifference(
    to, step, f32x4.mul(third, plus(g2, half2, g0)), f32x4.mul(third, plus(h2, half2, h0)),
    f32x4.mul(sixth, g1), f32x4.mul(sixth, h1),
  );
  storePair(to + 2 * step, g2, h2);
}

/**
 * A' m + start: transforms six values of a product into four of the output. `start` is used only where
 * `starts` is true.
 */
// @ts-ignore: decorator
@inline
export function outputTile(
  m0: v128, n0: v128, m1: v128, n1: v128, m2: v128, n2: v128, m3: v128, n3: v128, m4: v128, n4: v128, m5: v128, n5: v128,
  starts: bool, start: v128, to: usize, step: usize,
): void {
  const evenM = f32x4.add(m1, m2);
  const evenN = f32x4.add(n1, n2);
  const evenM2 = f32x4.add(m3, m4);
  const evenN2 = f32x4.add(n3, n4);
  const y0 = f32x4.add(m0, f32x4.add(evenM, evenM2));
  const z0 = f32x4.add(n0, f32x4.add(evenN, evenN2));
  storePair(to, starts ? f32x4.add(y0, start) : y0, starts ? f32x4.add(z0, start) : z0);
  const half = constant(HALF);
  const y2 = f32x4.add(f32x4.mul(half, evenM), twice(evenM2));
  const z2 = f32x4.add(f32x4.mul(half, evenN), twice(evenN2));
  storePair(to + 2 * step, starts ? f32x4.add(y2, start) : y2, starts ? f32x4.add(z2, start) : z2);
  const halfRoot = constant(HALF_ROOT);
  const root = constant(ROOT);
  const half3 = constant(HALF);
  const oddM = f32x4.mul(halfRoot, f32x4.sub(m1, m2));
  const oddN = f32x4.mul(halfRoot, f32x4.sub(n1, n2));
  const oddM2 = f32x4.mul(root, f32x4.sub(m3, m4));
  const oddN2 = f32x4.mul(root, f32x4.sub(n3, n4));
  const y1 = f32x4.add(oddM, oddM2);
  const z1 = f32x4.add(oddN, oddN2);
  to += step;
  storePair(to, starts ? f32x4.add(y1, start) : y1, starts ? f32x4.add(z1, start) : z1);
  const y3 = f32x4.add(f32x4.add(f32x4.mul(half3, oddM), twice(oddM2)), m5);
  const z3 = f32x4.add(f32x4.add(f32x4.mul(half3, oddN), twice(oddN2)), n5);
  storePair(to + 2 * step, starts ? f32x4.add(y3, start) : y3, starts ? f32x4.add(z3, start) : z3);
}

/** G' u: transforms six values of the transformed gradient into three of the kernel's gradient. */
// @ts-ignore: decorator
@inline
export function outputKernel(
  u0: v128, v0: v128, u1: v128, v1: v128, u2: v128, v2: v128, u3: v128, v3: v128, u4: v128, v4: v128, u5: v128, v5: v128,
  to: usize, step: usize,
): void {
  const third = constant(THIRD);
  const half = constant(HALF);
  const evenU = f32x4.mul(third, f32x4.add(u1, u2));
  const evenV = f32x4.mul(third, f32x4.add(v1, v2));
  const evenU2 = f32x4.mul(third, f32x4.add(u3, u4));
  const evenV2 = f32x4.mul(third, f32x4.add(v3, v4));
  storePair(to, plus(f32x4.sub(u0, twice(evenU)), half, evenU2), plus(f32x4.sub(v0, twice(evenV)), half, evenV2));
  storePair(to + 2 * step, f32x4.add(f32x4.sub(evenU2, evenU), u5), f32x4.add(f32x4.sub(evenV2, evenV), v5));
  const odd = constant(ROOT_3RD);
  const odd2 = constant(ROOT_6TH);
  to += step;
  storePair(
    to, f32x4.sub(f32x4.mul(odd2, f32x4.sub(u3, u4)), f32x4.mul(odd, f32x4.sub(u1, u2))),
    f32x4.sub(f32x4.mul(odd2, f32x4.sub(v3, v4)), f32x4.mul(odd, f32x4.sub(v1, v2))),
  );
}
