// Batch and group normalization of x[rows, length], where a row is one channel of one image: row = n * channels + c. The rows of
// a group share mean and variance. `groups` > 0: group normalization, group n * groups + c / (channels / groups);
// `groups` = 0: batch normalization, group c.
//
// The mean is split: `center` is its float32 part, which is subtracted from x exactly as a rule, and the rest goes into the shift.
// Coefficients are computed in float64, one set a row, so the passes over x are one multiply-add or two per element.

import { lanesBelow, load4, storeUpTo } from "./simd";

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

// @ts-ignore: decorator
@inline
function at64(base: usize, i: i32): f64 {
  return load<f64>(base + (<usize>i << 3));
}

/** float64 y[i] = x[i] of float32 x. */
export function widen(begin: i32, end: i32, x: usize, y: usize): void {
  for (let i = begin; i < end; i++) store<f64>(y + (<usize>i << 3), <f64>load<f32>(x + (<usize>i << 2)));
}

/** float64 y[i] = 1 / sqrt(squares[i] / count + eps). */
export function inverseDeviation(begin: i32, end: i32, squares: usize, y: usize, count: f64, eps: f64): void {
  for (let i = begin; i < end; i++) store<f64>(y + (<usize>i << 3), 1 / sqrt(at64(squares, i) / count + eps));
}

/** Per row, float32: y = (x - center) * scale + shift. weight and bias [channels] may be null. */
export function normCoefficients(
  begin: i32, end: i32, mean: usize, inverse: usize, weight: usize, bias: usize,
  center: usize, scale: usize, shift: usize, channels: i32, groups: i32,
): void {
  for (let row = begin; row < end; row++) {
    const g = groupOf(row, channels, groups);
    const c = row % channels;
    const m = at64(mean, g);
    const factor = at64(inverse, g) * weightOf(weight, c);
    const b: f64 = bias ? <f64>load<f32>(bias + (<usize>c << 2)) : 0;
    const at = <usize>row << 2;
    const high = <f32>m;
    store<f32>(center + at, high);
    store<f32>(scale + at, <f32>factor);
    store<f32>(shift + at, <f32>(b - (m - high) * factor));
  }
}

/** y[row, i] = (x[row, i] - center[row]) * scale[row] + shift[row]; range: rows, or elements from a multiple of 4 where length = 1. */
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
    for (let i = 0; i < length; i += 4) {
      storeUpTo(y + offset, i, length, f32x4.add(f32x4.mul(f32x4.sub(load4(x + offset, i), m), a), b));
    }
  }
}

/** float64 sums[row] = sum of dy, dots[row] = sum of dy * (x - center[row]); range: rows. */
export function normGradSums(
  begin: i32, end: i32, x: usize, dy: usize, center: usize, sums: usize, dots: usize, length: i32,
): void {
  for (let row = begin; row < end; row++) {
    const offset = <usize>row * length << 2;
    const m = v128.load32_splat(center + (<usize>row << 2));
    let sumLow = f64x2.splat(0);
    let sumHigh = f64x2.splat(0);
    let dotLow = f64x2.splat(0);
    let dotHigh = f64x2.splat(0);
    for (let i = 0; i < length; i += 4) {
      const mask = lanesBelow(length - i);
      const g = v128.and(load4(dy + offset, i), mask);
      const d = v128.and(f32x4.mul(g, f32x4.sub(load4(x + offset, i), m)), mask);
      sumLow = f64x2.add(sumLow, f64x2.promote_low_f32x4(g));
      sumHigh = f64x2.add(sumHigh, f64x2.promote_low_f32x4(v128.shuffle<i32>(g, g, 2, 3, 2, 3)));
      dotLow = f64x2.add(dotLow, f64x2.promote_low_f32x4(d));
      dotHigh = f64x2.add(dotHigh, f64x2.promote_low_f32x4(v128.shuffle<i32>(d, d, 2, 3, 2, 3)));
    }
    const sum = f64x2.add(sumLow, sumHigh);
    const dot = f64x2.add(dotLow, dotHigh);
    store<f64>(sums + (<usize>row << 3), f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1));
    store<f64>(dots + (<usize>row << 3), f64x2.extract_lane(dot, 0) + f64x2.extract_lane(dot, 1));
  }
}

/** sum of dy * xhat of a row: (dots - (mean - center) sums) / deviation. */
// @ts-ignore: decorator
@inline
function normalizedDot(row: i32, g: i32, mean: usize, inverse: usize, sums: usize, dots: usize): f64 {
  const m = at64(mean, g);
  return (at64(dots, row) - (m - <f64><f32>m) * at64(sums, row)) * at64(inverse, g);
}

/**
 * The sums over a group's rows that its gradient needs: groupSums = sum of w dy, groupDots = sum of w dy xhat. Range: groups.
 * `rows` = images * channels.
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
      sum += w * at64(sums, row);
      dot += w * normalizedDot(row, g, mean, inverse, sums, dots);
    }
    store<f64>(groupSums + (<usize>g << 3), sum);
    store<f64>(groupDots + (<usize>g << 3), dot);
  }
}

/**
 * Per row, float32: dx = dy * a + (x - center) * b + c, from
 * dx = (w dy - groupSums / count - xhat groupDots / count) / deviation. Range: rows.
 */
export function normGradCoefficients(
  begin: i32, end: i32, mean: usize, inverse: usize, weight: usize, groupSums: usize, groupDots: usize,
  a: usize, b: usize, c: usize, channels: i32, groups: i32, count: f64,
): void {
  for (let row = begin; row < end; row++) {
    const g = groupOf(row, channels, groups);
    const m = at64(mean, g);
    const r = at64(inverse, g);
    const slope = -r * r * at64(groupDots, g) / count;
    const at = <usize>row << 2;
    store<f32>(a + at, <f32>(r * weightOf(weight, row % channels)));
    store<f32>(b + at, <f32>slope);
    store<f32>(c + at, <f32>(-r * at64(groupSums, g) / count - (m - <f64><f32>m) * slope));
  }
}

/** dx = dy * a + (x - center) * b + c; range: rows, or elements from a multiple of 4 where length = 1. */
export function normGradApply(
  begin: i32, end: i32, x: usize, dy: usize, center: usize, a: usize, b: usize, c: usize, dx: usize, length: i32,
): void {
  if (length == 1) {
    for (let i = begin; i < end; i += 4) {
      const d = f32x4.sub(load4(x, i), load4(center, i));
      const v = f32x4.add(f32x4.mul(load4(dy, i), load4(a, i)), f32x4.mul(d, load4(b, i)));
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
    for (let i = 0; i < length; i += 4) {
      const d = f32x4.sub(load4(x + offset, i), m);
      const v = f32x4.add(f32x4.mul(load4(dy + offset, i), as), f32x4.mul(d, bs));
      storeUpTo(dx + offset, i, length, f32x4.add(v, cs));
    }
  }
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
      sum += at64(sums, row);
      dot += normalizedDot(row, groupOf(row, channels, groups), mean, inverse, sums, dots);
    }
    if (dWeight) store<f32>(dWeight + (<usize>c << 2), <f32>dot);
    if (dBias) store<f32>(dBias + (<usize>c << 2), <f32>sum);
  }
}

/** running[i] = (1 - momentum) running[i] + momentum * batch[i] / divisor; batch is float64. */
export function updateRunning(begin: i32, end: i32, running: usize, batch: usize, momentum: f64, divisor: f64): void {
  for (let i = begin; i < end; i++) {
    const at = running + (<usize>i << 2);
    store<f32>(at, <f32>((1 - momentum) * load<f32>(at) + momentum * (at64(batch, i) / divisor)));
  }
}

// --- layer normalization ------------------------------------------------------------------------------------------------------
// Rows share nothing; weight and bias [length] go with the position in a row. mean and inverse (1 / deviation) are float64 [rows].

/** (x - mean) / deviation of 4 elements: the mean is split as above, `rest` = mean - center over the deviation. */
// @ts-ignore: decorator
@inline
function normalized(x: v128, center: v128, inverse: v128, rest: v128): v128 {
  return f32x4.sub(f32x4.mul(f32x4.sub(x, center), inverse), rest);
}

/** y[row, i] = xhat * weight[i] + bias[i]; weight and bias may be null. Range: rows. */
export function layerNorm(
  begin: i32, end: i32, x: usize, mean: usize, inverse: usize, weight: usize, bias: usize, y: usize, length: i32,
): void {
  for (let row = begin; row < end; row++) {
    const offset = <usize>row * length << 2;
    const m = at64(mean, row);
    const r = at64(inverse, row);
    const center = f32x4.splat(<f32>m);
    const inv = f32x4.splat(<f32>r);
    const rest = f32x4.splat(<f32>((m - <f64><f32>m) * r));
    for (let i = 0; i < length; i += 4) {
      let v = normalized(load4(x + offset, i), center, inv, rest);
      if (weight) v = f32x4.mul(v, load4(weight, i));
      if (bias) v = f32x4.add(v, load4(bias, i));
      storeUpTo(y + offset, i, length, v);
    }
  }
}

/**
 * dx = (g - mean of g - xhat * mean of (g xhat)) / deviation of g = dy * weight, and products = dy * xhat, whose column sums
 * are the gradient of weight. dx or products may be null. Range: rows.
 */
export function layerNormGrad(
  begin: i32, end: i32, x: usize, dy: usize, mean: usize, inverse: usize, weight: usize, dx: usize, products: usize,
  length: i32,
): void {
  for (let row = begin; row < end; row++) {
    const offset = <usize>row * length << 2;
    const m = at64(mean, row);
    const r = at64(inverse, row);
    const center = f32x4.splat(<f32>m);
    const inv = f32x4.splat(<f32>r);
    const rest = f32x4.splat(<f32>((m - <f64><f32>m) * r));
    let sum = f64x2.splat(0);
    let dot = f64x2.splat(0);
    for (let i = 0; i < length; i += 4) {
      const mask = lanesBelow(length - i);
      const xhat = normalized(load4(x + offset, i), center, inv, rest);
      const d = load4(dy + offset, i);
      if (products) storeUpTo(products + offset, i, length, f32x4.mul(d, xhat));
      const g = v128.and(weight ? f32x4.mul(d, load4(weight, i)) : d, mask);
      const p = v128.and(f32x4.mul(g, xhat), mask);
      sum = f64x2.add(sum, f64x2.add(f64x2.promote_low_f32x4(g), f64x2.promote_low_f32x4(v128.shuffle<i32>(g, g, 2, 3, 2, 3))));
      dot = f64x2.add(dot, f64x2.add(f64x2.promote_low_f32x4(p), f64x2.promote_low_f32x4(v128.shuffle<i32>(p, p, 2, 3, 2, 3))));
    }
    if (!dx) continue;
    const meanOfG = f32x4.splat(<f32>((f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1)) / length));
    const meanOfDot = f32x4.splat(<f32>((f64x2.extract_lane(dot, 0) + f64x2.extract_lane(dot, 1)) / length));
    for (let i = 0; i < length; i += 4) {
      const xhat = normalized(load4(x + offset, i), center, inv, rest);
      const d = load4(dy + offset, i);
      const g = weight ? f32x4.mul(d, load4(weight, i)) : d;
      const v = f32x4.sub(f32x4.sub(g, meanOfG), f32x4.mul(xhat, meanOfDot));
      storeUpTo(dx + offset, i, length, f32x4.mul(v, inv));
    }
  }
}

// --- division by the length of a vector -----------------------------------------------------------------------------------------

/**
 * Vectors lie along the middle of x[outer, n, inner]. y = x / max(norm, eps), norms[o, i] = norm in float64.
 * Range: outer * inner.
 */
export function normalizeVectors(
  begin: i32, end: i32, x: usize, y: usize, norms: usize, n: i32, inner: i32, eps: f64,
): void {
  const stride = <usize>inner << 2;
  for (let p = begin; p < end; p++) {
    const o = p / inner;
    const offset = (<usize>o * n * inner + (p - o * inner)) << 2;
    let sum: f64 = 0;
    for (let k = 0; k < n; k++) {
      const v = <f64>load<f32>(x + offset + <usize>k * stride);
      sum += v * v;
    }
    const norm = sqrt(sum);
    store<f64>(norms + (<usize>p << 3), norm);
    const divisor = max(norm, eps);
    for (let k = 0; k < n; k++) {
      const at = offset + <usize>k * stride;
      store<f32>(y + at, <f32>(load<f32>(x + at) / divisor));
    }
  }
}

/** dx = (dy - y (y . dy)) / norm, or dy / eps where norm < eps. Range: outer * inner. */
export function normalizeVectorsGrad(
  begin: i32, end: i32, y: usize, dy: usize, norms: usize, dx: usize, n: i32, inner: i32, eps: f64,
): void {
  const stride = <usize>inner << 2;
  for (let p = begin; p < end; p++) {
    const o = p / inner;
    const offset = (<usize>o * n * inner + (p - o * inner)) << 2;
    const norm = at64(norms, p);
    let dot: f64 = 0;
    if (norm >= eps) {
      for (let k = 0; k < n; k++) {
        const at = offset + <usize>k * stride;
        dot += <f64>load<f32>(y + at) * load<f32>(dy + at);
      }
    }
    const divisor = max(norm, eps);
    for (let k = 0; k < n; k++) {
      const at = offset + <usize>k * stride;
      store<f32>(dx + at, <f32>((load<f32>(dy + at) - load<f32>(y + at) * dot) / divisor));
    }
  }
}
