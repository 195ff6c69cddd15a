// Batch and group normalization of x[rows, length], where a row is one channel of one image:
// row = n * channels + c. The rows of a group share mean and variance. `groups` > 0: group normalization,
// group n * groups + c / (channels / groups); `groups` = 0: batch normalization, group c.
//
// The mean is split: `center` is the mean rounded to float32, which can usually be subtracted from x exactly,
// and the rest becomes part of the shift. Coefficients are computed in float64, one set per row, so that a
// pass over x takes one or two multiply-adds per element.

import { areNonZero, lanesBelow, load4, loadDouble, storeUpTo, sumLanes, widened } from "../lib/simd";

// @ts-ignore: decorator
@inline
function groupOf(row: i32, channels: i32, groups: i32): i32 {
  const n = row / channels;
  const c = row - n * channels;
  return groups ? n * groups + c / (channels / groups) : c;
}

// @ts-ignore: decorator
@inline
function weightOf(weight: usize, c: i32): f64 {
  return weight ? <f64>load<f32>(weight + (<usize>c << 2)) : 1;
}

/** float64 y[i] = x[i] for float32 x. */
export function widen(begin: i32, end: i32, x: usize, y: usize): void {
  for (let i = begin; i < end; i++) store<f64>(y + (<usize>i << 3), <f64>load<f32>(x + (<usize>i << 2)));
}

/** float64 y[i] = 1 / sqrt(squares[i] / count + eps). */
export function inverseDeviation(begin: i32, end: i32, squares: usize, y: usize, count: f64, eps: f64): void {
  for (let i = begin; i < end; i++) store<f64>(y + (<usize>i << 3), 1 / sqrt(loadDouble(squares, i) / count + eps));
}

/** Per row, float32: y = (x - center) * scale + shift. weight and bias [channels] may be null. */
export function normCoefficients(
  begin: i32, end: i32, mean: usize, inverse: usize, weight: usize, bias: usize,
  center: usize, scale: usize, shift: usize, channels: i32, groups: i32,
): void {
  for (let row = begin; row < end; row++) {
    const g = groupOf(row, channels, groups);
    const c = row % channels;
    const m = loadDouble(mean, g);
    const factor = loadDouble(inverse, g) * weightOf(weight, c);
    const b: f64 = bias ? <f64>load<f32>(bias + (<usize>c << 2)) : 0;
    const at = <usize>row << 2;
    const high = <f32>m;
    store<f32>(center + at, high);
    store<f32>(scale + at, <f32>factor);
    store<f32>(shift + at, <f32>(b - (m - high) * factor));
  }
}

/**
 * y[row, i] = (x[row, i] - center[row]) * scale[row] + shift[row]; range: rows, or elements from a
 * multiple of 4 where length = 1.
 */
export function normApply(
  begin: i32, end: i32, x: usize, center: usize, scale: usize, shift: usize, y: usize, length: i32,
): void {
  if (length == 1) {
    for (let i = begin; i < end; i += 4) {
      const d = f32x4.sub(load4(x, i), load4(center, i));
      storeUpTo(y, i, end, f32x4.add(f32x4.mul(d, load4(scale, i)), load4(shift, i)));
    }
    return;
  }
  for (let row = begin; row < end; row++) {
    const offset = <usize>row * length << 2;
    const m = v128.load32_splat(center + (<usize>row << 2));
    const a = v128.load32_splat(scale + (<usize>row << 2));
    const b = v128.load32_splat(shift + (<usize>row << 2));
    const from = x + offset;
    const to = y + offset;
    let i = 0;
    for (; i + 8 <= length; i += 8) { // two vectors per iteration: see elementwise/unary.ts
      const place = <usize>i << 2;
      const v0 = f32x4.add(f32x4.mul(f32x4.sub(v128.load(from + place), m), a), b);
      const v1 = f32x4.add(f32x4.mul(f32x4.sub(v128.load(from + place, 16), m), a), b);
      v128.store(to + place, v1, 16);
      v128.store(to + place, v0);
    }
    for (; i < length; i += 4) {
      storeUpTo(to, i, length, f32x4.add(f32x4.mul(f32x4.sub(load4(from, i), m), a), b));
    }
  }
}

/** Elements that are added in float32: see reduce/moments.ts. */
const BLOCK = 64;

/** float64 sums[row] = sum of dy, dots[row] = sum of dy * (x - center[row]); range: rows. */
export function normGradSums(
  begin: i32, end: i32, x: usize, dy: usize, center: usize, sums: usize, dots: usize, length: i32,
): void {
  for (let row = begin; row < end; row++) {
    const offset = <usize>row * length << 2;
    const m = v128.load32_splat(center + (<usize>row << 2));
    const xRow = x + offset;
    const dyRow = dy + offset;
    const whole = length & ~7;
    let sum = f64x2.splat(0);
    let dot = f64x2.splat(0);
    let i = 0;
    while (i < whole) {
      const stop = min(i + BLOCK, whole);
      let sum0 = f32x4.splat(0);
      let sum1 = sum0;
      let dot0 = sum0;
      let dot1 = sum0;
      do {
        const at = <usize>i << 2;
        const g0 = v128.load(dyRow + at);
        const g1 = v128.load(dyRow + at, 16);
        sum0 = f32x4.add(sum0, g0);
        sum1 = f32x4.add(sum1, g1);
        dot0 = f32x4.add(dot0, f32x4.mul(g0, f32x4.sub(v128.load(xRow + at), m)));
        dot1 = f32x4.add(dot1, f32x4.mul(g1, f32x4.sub(v128.load(xRow + at, 16), m)));
        i += 8;
      } while (i < stop);
      if (areNonZero(sum0, sum1)) sum = f64x2.add(sum, widened(f32x4.add(sum0, sum1)));
      if (areNonZero(dot0, dot1)) dot = f64x2.add(dot, widened(f32x4.add(dot0, dot1)));
    }
    for (; i < length; i += 4) {
      const mask = lanesBelow(length - i);
      const g = v128.and(load4(dyRow, i), mask);
      const d = v128.and(f32x4.mul(g, f32x4.sub(load4(xRow, i), m)), mask);
      sum = f64x2.add(sum, widened(g));
      dot = f64x2.add(dot, widened(d));
    }
    store<f64>(sums + (<usize>row << 3), sumLanes(sum));
    store<f64>(dots + (<usize>row << 3), sumLanes(dot));
  }
}

/** The sum of dy * xhat over a row: (dots - (mean - center) sums) / deviation. */
// @ts-ignore: decorator
@inline
function normalizedDot(row: i32, g: i32, mean: usize, inverse: usize, sums: usize, dots: usize): f64 {
  const m = loadDouble(mean, g);
  return (loadDouble(dots, row) - (m - <f64><f32>m) * loadDouble(sums, row)) * loadDouble(inverse, g);
}

/**
 * The sums over a group's rows that its gradient needs: groupSums = sum of w dy, groupDots = sum of w dy
 * xhat. Range: groups. `rows` = images * channels.
 */
export function normGroupSums(
  begin: i32, end: i32, mean: usize, inverse: usize, sums: usize, dots: usize, weight: usize,
  groupSums: usize, groupDots: usize, rows: i32, channels: i32, groups: i32,
): void {
  const members = groups ? channels / groups : rows / channels;
  const step = groups ? 1 : channels;
  for (let g = begin; g < end; g++) {
    let sum: f64 = 0;
    let dot: f64 = 0;
    let row = groups ? g * members : g;
    for (let k = 0; k < members; k++, row += step) {
      const w = weightOf(weight, row % channels);
      sum += w * loadDouble(sums, row);
      dot += w * normalizedDot(row, g, mean, inverse, sums, dots);
    }
    store<f64>(groupSums + (<usize>g << 3), sum);
    store<f64>(groupDots + (<usize>g << 3), dot);
  }
}

/**
 * Per row, float32: dx = dy * a + (x - center) * unit * b + c, from
 * dx = (w dy - groupSums / count - xhat groupDots / count) / deviation. The factor unit * b contains 1 /
 * deviation twice. unit is 1 unless that factor would overflow or underflow float32; then unit is 1 /
 * deviation. Range: rows.
 */
export function normGradCoefficients(
  begin: i32, end: i32, mean: usize, inverse: usize, weight: usize, groupSums: usize, groupDots: usize,
  a: usize, unit: usize, b: usize, c: usize, channels: i32, groups: i32, count: f64,
): void {
  for (let row = begin; row < end; row++) {
    const g = groupOf(row, channels, groups);
    const m = loadDouble(mean, g);
    const r = loadDouble(inverse, g);
    const half = -r * loadDouble(groupDots, g) / count;
    const slope = r * half;
    const fits = slope == 0 || (abs(slope) >= <f64>f32.MIN_NORMAL_VALUE && abs(slope) <= <f64>f32.MAX_VALUE);
    const at = <usize>row << 2;
    store<f32>(a + at, <f32>(r * weightOf(weight, row % channels)));
    store<f32>(unit + at, fits ? 1 : <f32>r);
    store<f32>(b + at, <f32>(fits ? slope : half));
    store<f32>(c + at, <f32>(-r * loadDouble(groupSums, g) / count - (m - <f64><f32>m) * slope));
  }
}

/**
 * dx = dy * a + (x - center) * unit * b + c. x is not used where b = 0, because it may be NaN. Range: rows,
 * or elements from a multiple of 4 where length = 1.
 */
export function normGradApply(
  begin: i32, end: i32, x: usize, dy: usize, center: usize, a: usize, unit: usize, b: usize, c: usize, dx: usize,
  length: i32,
): void {
  if (length == 1) {
    for (let i = begin; i < end; i += 4) {
      const d = f32x4.mul(f32x4.sub(load4(x, i), load4(center, i)), load4(unit, i));
      const slope = load4(b, i);
      const own = v128.andnot(f32x4.mul(d, slope), f32x4.eq(slope, f32x4.splat(0)));
      const v = f32x4.add(f32x4.mul(load4(dy, i), load4(a, i)), own);
      storeUpTo(dx, i, end, f32x4.add(v, load4(c, i)));
    }
    return;
  }
  for (let row = begin; row < end; row++) {
    const offset = <usize>row * length << 2;
    const at = <usize>row << 2;
    const m = v128.load32_splat(center + at);
    const as = v128.load32_splat(a + at);
    const bs = v128.load32_splat(b + at);
    const cs = v128.load32_splat(c + at);
    const flat = f32x4.eq(bs, f32x4.splat(0));
    const xRow = x + offset;
    const dyRow = dy + offset;
    const to = dx + offset;
    const units = v128.load32_splat(unit + at);
    let i = 0;
    if (load<f32>(unit + at) == 1) {
      for (; i + 8 <= length; i += 8) {
        const place = <usize>i << 2;
        const d0 = f32x4.sub(v128.load(xRow + place), m);
        const d1 = f32x4.sub(v128.load(xRow + place, 16), m);
        const v0 = gradOf(v128.load(dyRow + place), as, d0, bs, flat, cs);
        const v1 = gradOf(v128.load(dyRow + place, 16), as, d1, bs, flat, cs);
        v128.store(to + place, v1, 16);
        v128.store(to + place, v0);
      }
    }
    for (; i < length; i += 4) {
      const d = f32x4.mul(f32x4.sub(load4(xRow, i), m), units);
      storeUpTo(to, i, length, gradOf(load4(dyRow, i), as, d, bs, flat, cs));
    }
  }
}

/** dy a + d b + c; d is not used in the lanes where `flat`. */
// @ts-ignore: decorator
@inline
function gradOf(dy: v128, a: v128, d: v128, b: v128, flat: v128, c: v128): v128 {
  return f32x4.add(f32x4.add(f32x4.mul(dy, a), v128.andnot(f32x4.mul(d, b), flat)), c);
}

/** dWeight[c] = sum over images of dy * xhat, dBias[c] = sum of dy; either may be null. Range: channels. */
export function normGradAffine(
  begin: i32, end: i32, mean: usize, inverse: usize, sums: usize, dots: usize, dWeight: usize, dBias: usize,
  rows: i32, channels: i32, groups: i32,
): void {
  for (let c = begin; c < end; c++) {
    let sum: f64 = 0;
    let dot: f64 = 0;
    for (let row = c; row < rows; row += channels) {
      sum += loadDouble(sums, row);
      dot += normalizedDot(row, groupOf(row, channels, groups), mean, inverse, sums, dots);
    }
    if (dWeight) store<f32>(dWeight + (<usize>c << 2), <f32>dot);
    if (dBias) store<f32>(dBias + (<usize>c << 2), <f32>sum);
  }
}

/**
 * running[i] = (1 - momentum) running[i] + momentum * batch[i] / divisor; batch is float64. A magnitude
 * below 1e-30 becomes 0: see optim/steps.ts.
 * @inPlace
 */
export function updateRunning(begin: i32, end: i32, running: usize, batch: usize, momentum: f64, divisor: f64): void {
  for (let i = begin; i < end; i++) {
    const at = running + (<usize>i << 2);
    const next = (1 - momentum) * load<f32>(at) + momentum * (loadDouble(batch, i) / divisor);
    store<f32>(at, abs(next) < 1e-30 ? 0 : <f32>next);
  }
}
