// Means and sums of squared deviations of x[outer, reduce, inner] over its middle, both float64, in one pass
// over x. A pivot, some value in or near the slice, is subtracted from all values, so that the variance does
// not cancel if the mean is large.

import { areNonZero, LANES, lanesBelow, load4, promoteHigh, sumFloats, sumLanes, widened } from "../lib/simd";

/**
 * Writes the mean of n values and the sum of their squared deviations. `sum` and `sumOfSquares` are computed
 * from the values minus `pivot`.
 */
// @ts-ignore: decorator
@inline
function storeMoments(mean: usize, squares: usize, n: i32, pivot: f64, sum: f64, sumOfSquares: f64): void {
  store<f64>(mean, pivot + sum / n);
  store<f64>(squares, max<f64>(sumOfSquares - sum * sum / n, 0));
}

// @ts-ignore: decorator
@inline
function first(v: v128): f64 {
  return f64x2.extract_lane(v, 0);
}

// @ts-ignore: decorator
@inline
function second(v: v128): f64 {
  return f64x2.extract_lane(v, 1);
}

/** The moments of one row, in float64 throughout. */
function momentsOfRow(from: usize, mean: usize, squares: usize, length: i32): void {
  const pivot = <f64>load<f32>(from);
  const pivots = f64x2.splat(pivot);
  let sumLow = f64x2.splat(0);
  let sumHigh = f64x2.splat(0);
  let squaresLow = f64x2.splat(0);
  let squaresHigh = f64x2.splat(0);
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    const v = load4(from, i);
    const low = f64x2.sub(f64x2.promote_low_f32x4(v), pivots);
    const high = f64x2.sub(promoteHigh(v), pivots);
    sumLow = f64x2.add(sumLow, low);
    sumHigh = f64x2.add(sumHigh, high);
    squaresLow = f64x2.add(squaresLow, f64x2.mul(low, low));
    squaresHigh = f64x2.add(squaresHigh, f64x2.mul(high, high));
  }
  let sum = sumLanes(f64x2.add(sumLow, sumHigh));
  let sumOfSquares = sumLanes(f64x2.add(squaresLow, squaresHigh));
  for (; i < length; i++) {
    const d = <f64>load<f32>(from + (<usize>i << 2)) - pivot;
    sum += d;
    sumOfSquares += d * d;
  }
  storeMoments(mean, squares, length, pivot, sum, sumOfSquares);
}

/**
 * Elements of a block: each of 16 lanes adds 8 of them in float32, which rounds their sum hardly more than
 * the terms are; blocks are added in float64.
 */
const BLOCK = 128;

/** Elements of which the first pivot is the mean. */
const SAMPLE = 16;

/** About the mean of a row: that of its first elements. Overflows if they are very large. */
// @ts-ignore: decorator
@inline
function samplePivot(from: usize, length: i32): f32 {
  if (length < SAMPLE) return load<f32>(from);
  const sum01 = f32x4.add(v128.load(from), v128.load(from, 16));
  const sum23 = f32x4.add(v128.load(from, 32), v128.load(from, 48));
  return sumFloats(f32x4.add(sum01, sum23)) / <f32>SAMPLE;
}

/**
 * mean[row] and squares[row] of rows of `length` > 0; range: rows.
 *
 * The deviations from a pivot are summed in blocks, in float32. That is accurate if the pivot is closer to
 * the mean than most values are. If it is not, the sums are computed again with the mean for a pivot; if they
 * leave the range of float32 or are 0, in float64.
 */
export function momentsRows(begin: i32, end: i32, x: usize, mean: usize, squares: usize, length: i32): void {
  const whole = length & ~15;
  for (let row = begin; row < end; row++) {
    const from = x + (<usize>row * length << 2);
    const toMean = mean + (<usize>row << 3);
    const toSquares = squares + (<usize>row << 3);
    let pivot = samplePivot(from, length);
    for (let attempt = 0; ; attempt++) {
      const pivots = f32x4.splat(pivot);
      let sum = f64x2.splat(0);
      let sumOfSquares = sum;
      let i = 0;
      while (i < whole) {
        const stop = min(i + BLOCK, whole);
        let sum0 = f32x4.splat(0);
        let sum1 = sum0;
        let sum2 = sum0;
        let sum3 = sum0;
        let squares0 = sum0;
        let squares1 = sum0;
        let squares2 = sum0;
        let squares3 = sum0;
        do {
          const at = from + (<usize>i << 2);
          const d0 = f32x4.sub(v128.load(at), pivots);
          const d1 = f32x4.sub(v128.load(at, 16), pivots);
          const d2 = f32x4.sub(v128.load(at, 32), pivots);
          const d3 = f32x4.sub(v128.load(at, 48), pivots);
          sum0 = f32x4.add(sum0, d0);
          sum1 = f32x4.add(sum1, d1);
          sum2 = f32x4.add(sum2, d2);
          sum3 = f32x4.add(sum3, d3);
          squares0 = f32x4.add(squares0, f32x4.mul(d0, d0));
          squares1 = f32x4.add(squares1, f32x4.mul(d1, d1));
          squares2 = f32x4.add(squares2, f32x4.mul(d2, d2));
          squares3 = f32x4.add(squares3, f32x4.mul(d3, d3));
          i += 16;
        } while (i < stop);
        const sum01 = f32x4.add(sum0, sum2);
        const sum23 = f32x4.add(sum1, sum3);
        const squares01 = f32x4.add(squares0, squares2);
        const squares23 = f32x4.add(squares1, squares3);
        if (areNonZero(sum01, sum23)) sum = f64x2.add(sum, widened(f32x4.add(sum01, sum23)));
        if (areNonZero(squares01, squares23)) {
          sumOfSquares = f64x2.add(sumOfSquares, widened(f32x4.add(squares01, squares23)));
        }
      }
      for (; i < length; i += 4) {
        const d = v128.and(f32x4.sub(load4(from, i), pivots), lanesBelow(length - i));
        sum = f64x2.add(sum, widened(d));
        sumOfSquares = f64x2.add(sumOfSquares, widened(f32x4.mul(d, d)));
      }
      const total = sumLanes(sum);
      const totalOfSquares = sumLanes(sumOfSquares);
      if (!(totalOfSquares >= LEAST_SQUARES * length) || totalOfSquares > <f64>f32.MAX_VALUE) {
        momentsOfRow(from, toMean, toSquares, length);
        break;
      }
      if (attempt == 0 && total * total > 0.5 * totalOfSquares * length) {
        pivot = <f32>(<f64>pivot + total / length);
        continue;
      }
      storeMoments(toMean, toSquares, length, <f64>pivot, total, totalOfSquares);
      break;
    }
  }
}

/** A mean of squares below which float32 loses digits of the squares. */
const LEAST_SQUARES: f64 = 1e-30;

/** mean[o, i] and squares[o, i]; range: outer * ceil(inner / 4). Reads up to 12 bytes past x. */
export function momentsColumns(
  begin: i32, end: i32, x: usize, mean: usize, squares: usize, reduce: i32, inner: i32,
): void {
  const tiles = (inner + 3) / LANES;
  const stride = <usize>inner << 2;
  for (let p = begin; p < end; p++) {
    const o = p / tiles;
    const column = (p - o * tiles) * LANES;
    const count = inner - column;
    let from = x + ((<usize>o * reduce * inner + column) << 2);
    const top = v128.load(from);
    const pivotLow = f64x2.promote_low_f32x4(top);
    const pivotHigh = promoteHigh(top);
    let sumLow = f64x2.splat(0);
    let sumHigh = f64x2.splat(0);
    let squaresLow = f64x2.splat(0);
    let squaresHigh = f64x2.splat(0);
    for (let r = 0; r < reduce; r++, from += stride) {
      const v = v128.load(from);
      const low = f64x2.sub(f64x2.promote_low_f32x4(v), pivotLow);
      const high = f64x2.sub(promoteHigh(v), pivotHigh);
      sumLow = f64x2.add(sumLow, low);
      sumHigh = f64x2.add(sumHigh, high);
      squaresLow = f64x2.add(squaresLow, f64x2.mul(low, low));
      squaresHigh = f64x2.add(squaresHigh, f64x2.mul(high, high));
    }
    const at = (<usize>o * inner + column) << 3;
    const m = mean + at;
    const s = squares + at;
    storeMoments(m, s, reduce, first(pivotLow), first(sumLow), first(squaresLow));
    if (count > 1) storeMoments(m + 8, s + 8, reduce, second(pivotLow), second(sumLow), second(squaresLow));
    if (count > 2) storeMoments(m + 16, s + 16, reduce, first(pivotHigh), first(sumHigh), first(squaresHigh));
    if (count > 3) storeMoments(m + 24, s + 24, reduce, second(pivotHigh), second(sumHigh), second(squaresHigh));
  }
}

/**
 * Joins the moments of `reduce` sets of `count` values each: mean and squares [outer, reduce, inner] become
 * [outer, inner]. Range: outer * inner.
 * see: Chan, Golub, LeVeque 1983
 */
export function joinMoments(
  begin: i32, end: i32, mean: usize, squares: usize, meanOut: usize, squaresOut: usize,
  reduce: i32, inner: i32, count: f64,
): void {
  const stride = <usize>inner << 3;
  for (let p = begin; p < end; p++) {
    const o = p / inner;
    const from = (<usize>o * reduce * inner + (p - o * inner)) << 3;
    let joint: f64 = 0;
    for (let r = 0; r < reduce; r++) joint += load<f64>(mean + from + <usize>r * stride);
    joint /= reduce;
    let sum: f64 = 0;
    for (let r = 0; r < reduce; r++) {
      const d = load<f64>(mean + from + <usize>r * stride) - joint;
      sum += load<f64>(squares + from + <usize>r * stride) + count * d * d;
    }
    store<f64>(meanOut + (<usize>p << 3), joint);
    store<f64>(squaresOut + (<usize>p << 3), sum);
  }
}

/** float32 y[i] = sqrt(squares[i] / divisor) of float64 squares. */
export function deviation(begin: i32, end: i32, squares: usize, y: usize, divisor: f64): void {
  for (let i = begin; i < end; i++) {
    store<f32>(y + (<usize>i << 2), <f32>sqrt(load<f64>(squares + (<usize>i << 3)) / divisor));
  }
}

/**
 * The factor of each deviation in the gradient of var or std: scale[i] = dy[i] * 2 / divisor or, if `std` is
 * not null, dy[i] / (divisor * std[i]), and 0 where std[i] is 0.
 */
export function varianceScale(begin: i32, end: i32, dy: usize, std: usize, scale: usize, divisor: f64): void {
  for (let i = begin; i < end; i++) {
    const at = <usize>i << 2;
    const g = <f64>load<f32>(dy + at);
    if (std) {
      const s = <f64>load<f32>(std + at);
      store<f32>(scale + at, s == 0 ? 0 : <f32>(g / (divisor * s)));
    } else store<f32>(scale + at, <f32>(g * 2 / divisor));
  }
}
