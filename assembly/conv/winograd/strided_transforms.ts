// Winograd's minimal filtering F(4x4, 2x2), for 3x3 and 4x4 kernels of stride 2.
//
// With stride 2, an output pixel reads rows and columns of one parity with taps of that parity. So the
// convolution is the sum of four convolutions of stride 1: one for each phase (row parity, column parity) of
// the input, with the 2x2 taps of that phase (a 3x3 kernel gets a fourth row and column of zeros). The phases
// of all channels are the channels of one convolution with 2x2 kernels. The gradient of the input, which is
// also the transposed convolution, consists of four convolutions with 2x2 kernels, one for each phase of its
// result.
//
//   Y = A' [ (G g G') . (B' d B) ] A        (' transposes, . multiplies element by element)
//
// d is a 5x5 patch of a phase, g the 2x2 kernel, Y the 4x4 tile of the output. 25 multiplications take the
// place of 64. The matrices follow from the points 0, 1, -1/2, -2 and infinity (../winograd.md):
//
//        1    0    0    0          1     0          1  3/2 -3/2 -1  0       at 0
//        1    1    1    1         2/9   2/9         0   1   5/2  1  0          1
//   A =  1  -1/2  1/4 -1/8   G =  8/9  -4/9    B' = 0  -2    1   1  0         -1/2
//        1   -2    4   -8        -1/9   2/9         0 -1/2 -1/2  1  0         -2
//        0    0    0    1          0     1          0  -1  -3/2 3/2 1          infinity
//
// The transforms below work on pairs of vectors, 16 bytes apart: eight tiles or channels, one per lane. V8
// can compile each pair into one vector of 256 bits (../../matmul/wide.md): so both halves of a result are
// computed before they are stored, the upper one first.

import { constant } from "../../lib/math";

/** Positions of a transformed patch. @shared */
export const STRIDED_POSITIONS = 25;

const EIGHTH: usize = memory.data<f32>([0.125]);
const QUARTER: usize = memory.data<f32>([0.25]);
const HALF: usize = memory.data<f32>([0.5]);
const THREE_HALVES: usize = memory.data<f32>([1.5]);
const TWO: usize = memory.data<f32>([2]);
const FIVE_HALVES: usize = memory.data<f32>([2.5]);
const FOUR: usize = memory.data<f32>([4]);
const EIGHT: usize = memory.data<f32>([8]);
const NINTH: usize = memory.data<f32>([1.0 / 9.0]);
const TWO_NINTHS: usize = memory.data<f32>([2.0 / 9.0]);
const FOUR_NINTHS: usize = memory.data<f32>([4.0 / 9.0]);
const EIGHT_NINTHS: usize = memory.data<f32>([8.0 / 9.0]);

// @ts-ignore: decorator
@inline
function storePair(to: usize, low: v128, high: v128): void {
  v128.store(to, high, 16);
  v128.store(to, low);
}

/** x + factor y, rounded twice. */
// @ts-ignore: decorator
@inline
function plus(x: v128, factor: usize, y: v128): v128 {
  return f32x4.add(x, f32x4.mul(constant(factor), y));
}

/** x - factor y, rounded twice. */
// @ts-ignore: decorator
@inline
function minus(x: v128, factor: usize, y: v128): v128 {
  return f32x4.sub(x, f32x4.mul(constant(factor), y));
}

/**
 * B' d: reads five values of a patch, `stride` bytes apart, and writes five values: four are `step` bytes
 * apart, and the fifth is at `last`. Each value is a pair of vectors.
 */
// @ts-ignore: decorator
@inline
export function transformPatch(from: usize, stride: usize, to: usize, step: usize, last: usize): void {
  const l0 = v128.load(from);
  const h0 = v128.load(from, 16);
  from += stride;
  const l1 = v128.load(from);
  const h1 = v128.load(from, 16);
  from += stride;
  const l2 = v128.load(from);
  const h2 = v128.load(from, 16);
  from += stride;
  const l3 = v128.load(from);
  const h3 = v128.load(from, 16);
  from += stride;
  const l4 = v128.load(from);
  const h4 = v128.load(from, 16);
  storePair(
    to,
    plus(f32x4.sub(l0, l3), THREE_HALVES, f32x4.sub(l1, l2)),
    plus(f32x4.sub(h0, h3), THREE_HALVES, f32x4.sub(h1, h2)),
  );
  to += step;
  storePair(to, plus(f32x4.add(l1, l3), FIVE_HALVES, l2), plus(f32x4.add(h1, h3), FIVE_HALVES, h2));
  to += step;
  storePair(to, minus(f32x4.add(l2, l3), TWO, l1), minus(f32x4.add(h2, h3), TWO, h1));
  to += step;
  storePair(to, minus(l3, HALF, f32x4.add(l1, l2)), minus(h3, HALF, f32x4.add(h1, h2)));
  storePair(
    last,
    plus(f32x4.sub(l4, l1), THREE_HALVES, f32x4.sub(l3, l2)),
    plus(f32x4.sub(h4, h1), THREE_HALVES, f32x4.sub(h3, h2)),
  );
}

/** A y: transforms four values of a tile of the output's gradient into five. */
// @ts-ignore: decorator
@inline
export function transformTile(from: usize, stride: usize, to: usize, step: usize, last: usize): void {
  const l0 = v128.load(from);
  const h0 = v128.load(from, 16);
  from += stride;
  const l1 = v128.load(from);
  const h1 = v128.load(from, 16);
  from += stride;
  const l2 = v128.load(from);
  const h2 = v128.load(from, 16);
  from += stride;
  const l3 = v128.load(from);
  const h3 = v128.load(from, 16);
  storePair(to, l0, h0);
  to += step;
  storePair(to, f32x4.add(f32x4.add(l0, l2), f32x4.add(l1, l3)), f32x4.add(f32x4.add(h0, h2), f32x4.add(h1, h3)));
  to += step;
  storePair(
    to,
    minus(plus(l0, QUARTER, l2), HALF, plus(l1, QUARTER, l3)),
    minus(plus(h0, QUARTER, h2), HALF, plus(h1, QUARTER, h3)),
  );
  to += step;
  storePair(to, minus(plus(l0, FOUR, l2), TWO, plus(l1, FOUR, l3)), minus(plus(h0, FOUR, h2), TWO, plus(h1, FOUR, h3)));
  storePair(last, l3, h3);
}

/** G g: transforms two taps into five values. */
// @ts-ignore: decorator
@inline
export function transformTaps(from: usize, stride: isize, to: usize, step: usize, last: usize): void {
  const l0 = v128.load(from);
  const h0 = v128.load(from, 16);
  from += <usize>stride;
  const l1 = v128.load(from);
  const h1 = v128.load(from, 16);
  storePair(to, l0, h0);
  to += step;
  storePair(to, f32x4.mul(constant(TWO_NINTHS), f32x4.add(l0, l1)), f32x4.mul(constant(TWO_NINTHS), f32x4.add(h0, h1)));
  to += step;
  storePair(to, f32x4.mul(constant(EIGHT_NINTHS), minus(l0, HALF, l1)), f32x4.mul(constant(EIGHT_NINTHS), minus(h0, HALF, h1)));
  to += step;
  storePair(
    to,
    f32x4.mul(constant(NINTH), f32x4.sub(f32x4.mul(constant(TWO), l1), l0)),
    f32x4.mul(constant(NINTH), f32x4.sub(f32x4.mul(constant(TWO), h1), h0)),
  );
  storePair(last, l1, h1);
}

/** A' m: transforms five values of a product, the fifth at `last`, into four of the output. */
// @ts-ignore: decorator
@inline
export function outputTile(from: usize, stride: usize, last: usize, to: usize, step: usize): void {
  const l0 = v128.load(from);
  const h0 = v128.load(from, 16);
  from += stride;
  const l1 = v128.load(from);
  const h1 = v128.load(from, 16);
  from += stride;
  const l2 = v128.load(from);
  const h2 = v128.load(from, 16);
  from += stride;
  const l3 = v128.load(from);
  const h3 = v128.load(from, 16);
  const l4 = v128.load(last);
  const h4 = v128.load(last, 16);
  storePair(to, f32x4.add(f32x4.add(l0, l1), f32x4.add(l2, l3)), f32x4.add(f32x4.add(h0, h1), f32x4.add(h2, h3)));
  to += step;
  storePair(to, minus(l1, HALF, plus(l2, FOUR, l3)), minus(h1, HALF, plus(h2, FOUR, h3)));
  to += step;
  storePair(to, plus(plus(l1, QUARTER, l2), FOUR, l3), plus(plus(h1, QUARTER, h2), FOUR, h3));
  to += step;
  storePair(
    to,
    f32x4.add(minus(minus(l1, EIGHTH, l2), EIGHT, l3), l4),
    f32x4.add(minus(minus(h1, EIGHTH, h2), EIGHT, h3), h4),
  );
}

/**
 * G' u: transforms five values of the transformed gradient, the fifth at `last`, into two taps of the
 * kernel's gradient.
 */
// @ts-ignore: decorator
@inline
export function outputTaps(from: usize, stride: usize, last: usize, to: usize, step: usize): void {
  const l0 = v128.load(from);
  const h0 = v128.load(from, 16);
  from += stride;
  const l1 = v128.load(from);
  const h1 = v128.load(from, 16);
  from += stride;
  const l2 = v128.load(from);
  const h2 = v128.load(from, 16);
  from += stride;
  const l3 = v128.load(from);
  const h3 = v128.load(from, 16);
  const l4 = v128.load(last);
  const h4 = v128.load(last, 16);
  storePair(
    to,
    minus(plus(plus(l0, TWO_NINTHS, l1), EIGHT_NINTHS, l2), NINTH, l3),
    minus(plus(plus(h0, TWO_NINTHS, h1), EIGHT_NINTHS, h2), NINTH, h3),
  );
  to += step;
  storePair(
    to,
    minus(plus(l4, TWO_NINTHS, f32x4.add(l1, l3)), FOUR_NINTHS, l2),
    minus(plus(h4, TWO_NINTHS, f32x4.add(h1, h3)), FOUR_NINTHS, h2),
  );
}

/**
 * The number of position (i, j): row 4 of the patch comes first, then the 4 x 4 positions without the point
 * at infinity, then column 4, and position (4, 4). Where a phase has a single row of taps, those of row 4 are
 * zero, and likewise those of column 4: so the others follow each other. This is the position of (i, 0); (i,
 * 1) to (i, 3) follow it.
 */
// @ts-ignore: decorator
@inline
export function rowPosition(i: i32): i32 {
  return i == 4 ? 0 : 4 + 4 * i;
}

/** The number of position (i, 4). */
// @ts-ignore: decorator
@inline
export function lastPosition(i: i32): i32 {
  return i == 4 ? 24 : 20 + i;
}

/** Copies the lower vector of each pair of 25 to positions `step` bytes apart. */
export function copyLower(pairs: usize, to: usize, step: usize): void {
  for (let n = 0; n < STRIDED_POSITIONS; n++, pairs += 32, to += step) v128.store(to, v128.load(pairs));
}
