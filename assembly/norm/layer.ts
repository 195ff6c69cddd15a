// Layer normalization of the rows of x[rows, length]. weight and bias [length] have one value per position in
// a row; mean and inverse (1 / deviation) are float64 [rows].

import { momentsRows } from "../reduce/moments";
import { inverseDeviation } from "./batch_group";
import { areNonZero, lanesBelow, load4, loadDouble, storeUpTo, sumLanes, widened } from "../lib/simd";

/**
 * (x - mean) / deviation for 4 elements. center: the mean rounded to float32; rest: (mean - center) /
 * deviation.
 */
// @ts-ignore: decorator
@inline
function normalized(x: v128, center: v128, inverse: v128, rest: v128): v128 {
  return f32x4.sub(f32x4.mul(f32x4.sub(x, center), inverse), rest);
}

/** y[i] = xhat[i] * weight[i] + bias[i] for a row. */
// @ts-ignore: decorator
@inline
function applyRow(
  WEIGHT: bool, BIAS: bool, x: usize, weight: usize, bias: usize, y: usize, length: i32,
  center: v128, inverse: v128, rest: v128,
): void {
  let i = 0;
  if (i + 8 <= length) {
    do { // two vectors per iteration: see elementwise/unary.ts
      const at = <usize>i << 2;
      let v0 = normalized(v128.load(x + at), center, inverse, rest);
      let v1 = normalized(v128.load(x + at, 16), center, inverse, rest);
      if (WEIGHT) {
        v0 = f32x4.mul(v0, v128.load(weight + at));
        v1 = f32x4.mul(v1, v128.load(weight + at, 16));
      }
      if (BIAS) {
        v0 = f32x4.add(v0, v128.load(bias + at));
        v1 = f32x4.add(v1, v128.load(bias + at, 16));
      }
      v128.store(y + at, v1, 16);
      v128.store(y + at, v0);
      i += 8;
    } while (i + 8 <= length);
  }
  for (; i < length; i += 4) {
    let v = normalized(load4(x, i), center, inverse, rest);
    if (WEIGHT) v = f32x4.mul(v, load4(weight, i));
    if (BIAS) v = f32x4.add(v, load4(bias, i));
    storeUpTo(y, i, length, v);
  }
}

/**
 * y[row, i] = xhat * weight[i] + bias[i]; weight and bias may be null. mean and inverse are outputs as well:
 * a row is read once for its moments, and again while it is in the cache. length > 0. Range: rows.
 */
export function layerNorm(
  begin: i32, end: i32, x: usize, weight: usize, bias: usize, y: usize, mean: usize, inverse: usize, length: i32, eps: f64,
): void {
  for (let row = begin; row < end; row++) {
    momentsRows(row, row + 1, x, mean, inverse, length); // inverse: squared deviations, until the next line
    inverseDeviation(row, row + 1, inverse, inverse, length, eps);
    const offset = <usize>row * length << 2;
    const m = loadDouble(mean, row);
    const r = loadDouble(inverse, row);
    const center = f32x4.splat(<f32>m);
    const inv = f32x4.splat(<f32>r);
    const rest = f32x4.splat(<f32>((m - <f64><f32>m) * r));
    if (weight && bias) applyRow(true, true, x + offset, weight, bias, y + offset, length, center, inv, rest);
    else if (weight) applyRow(true, false, x + offset, weight, bias, y + offset, length, center, inv, rest);
    else if (bias) applyRow(false, true, x + offset, weight, bias, y + offset, length, center, inv, rest);
    else applyRow(false, false, x + offset, weight, bias, y + offset, length, center, inv, rest);
  }
}

/** Rows of a unit of layerNormGrad's range. @shared */
const LAYER_NORM_ROWS = 16;

/** Elements that are added in float32: see reduce/moments.ts. */
const BLOCK = 64;

/** One row of layerNormGrad. */
// @ts-ignore: decorator
@inline
function gradRow(
  WEIGHT: bool, AFFINE: bool, x: usize, dy: usize, weight: usize, dx: usize, dWeight: usize, dBias: usize, length: i32,
  center: v128, inverse: v128, rest: v128,
): void {
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
      const xhat0 = normalized(v128.load(x + at), center, inverse, rest);
      const xhat1 = normalized(v128.load(x + at, 16), center, inverse, rest);
      let g0 = v128.load(dy + at);
      let g1 = v128.load(dy + at, 16);
      if (AFFINE) {
        const bias0 = f32x4.add(v128.load(dBias + at), g0);
        const bias1 = f32x4.add(v128.load(dBias + at, 16), g1);
        const weight0 = f32x4.add(v128.load(dWeight + at), f32x4.mul(g0, xhat0));
        const weight1 = f32x4.add(v128.load(dWeight + at, 16), f32x4.mul(g1, xhat1));
        if (WEIGHT) {
          g0 = f32x4.mul(g0, v128.load(weight + at));
          g1 = f32x4.mul(g1, v128.load(weight + at, 16));
        }
        v128.store(dBias + at, bias1, 16);
        v128.store(dBias + at, bias0);
        v128.store(dWeight + at, weight1, 16);
        v128.store(dWeight + at, weight0);
      } else if (WEIGHT) {
        g0 = f32x4.mul(g0, v128.load(weight + at));
        g1 = f32x4.mul(g1, v128.load(weight + at, 16));
      }
      sum0 = f32x4.add(sum0, g0);
      sum1 = f32x4.add(sum1, g1);
      dot0 = f32x4.add(dot0, f32x4.mul(g0, xhat0));
      dot1 = f32x4.add(dot1, f32x4.mul(g1, xhat1));
      i += 8;
    } while (i < stop);
    if (areNonZero(sum0, sum1)) sum = f64x2.add(sum, widened(f32x4.add(sum0, sum1)));
    if (areNonZero(dot0, dot1)) dot = f64x2.add(dot, widened(f32x4.add(dot0, dot1)));
  }
  for (; i < length; i += 4) {
    const mask = lanesBelow(length - i);
    const xhat = normalized(load4(x, i), center, inverse, rest);
    let g = load4(dy, i);
    if (AFFINE) {
      storeUpTo(dBias, i, length, f32x4.add(load4(dBias, i), g));
      storeUpTo(dWeight, i, length, f32x4.add(load4(dWeight, i), f32x4.mul(g, xhat)));
    }
    if (WEIGHT) g = f32x4.mul(g, load4(weight, i));
    sum = f64x2.add(sum, widened(v128.and(g, mask)));
    dot = f64x2.add(dot, widened(v128.and(f32x4.mul(g, xhat), mask)));
  }
  if (!dx) return;
  const meanOfG = f32x4.splat(<f32>(sumLanes(sum) / length));
  const meanOfDot = f32x4.splat(<f32>(sumLanes(dot) / length));
  i = 0;
  if (whole > 0) {
    do {
      const at = <usize>i << 2;
      const xhat0 = normalized(v128.load(x + at), center, inverse, rest);
      const xhat1 = normalized(v128.load(x + at, 16), center, inverse, rest);
      let g0 = v128.load(dy + at);
      let g1 = v128.load(dy + at, 16);
      if (WEIGHT) {
        g0 = f32x4.mul(g0, v128.load(weight + at));
        g1 = f32x4.mul(g1, v128.load(weight + at, 16));
      }
      const dx0 = inputGradient(g0, xhat0, meanOfG, meanOfDot, inverse);
      const dx1 = inputGradient(g1, xhat1, meanOfG, meanOfDot, inverse);
      v128.store(dx + at, dx1, 16);
      v128.store(dx + at, dx0);
      i += 8;
    } while (i < whole);
  }
  for (; i < length; i += 4) {
    const g = WEIGHT ? f32x4.mul(load4(dy, i), load4(weight, i)) : load4(dy, i);
    const xhat = normalized(load4(x, i), center, inverse, rest);
    storeUpTo(dx, i, length, inputGradient(g, xhat, meanOfG, meanOfDot, inverse));
  }
}

// @ts-ignore: decorator
@inline
function inputGradient(g: v128, xhat: v128, meanOfG: v128, meanOfDot: v128, inverse: v128): v128 {
  return f32x4.mul(f32x4.sub(f32x4.sub(g, meanOfG), f32x4.mul(xhat, meanOfDot)), inverse);
}

/**
 * dx = (g - mean of g - xhat * mean of (g xhat)) / deviation of g = dy * weight; dWeight[u, i] = sum of
 * dy * xhat and dBias[u, i] = sum of dy over the rows of unit u, in float32. dx, weight, or both dWeight and
 * dBias may be null. length > 0. Range: units of LAYER_NORM_ROWS rows.
 */
export function layerNormGrad(
  begin: i32, end: i32, x: usize, dy: usize, mean: usize, inverse: usize, weight: usize, dx: usize,
  dWeight: usize, dBias: usize, rows: i32, length: i32,
): void {
  const bytes = <usize>length << 2;
  for (let unit = begin; unit < end; unit++) {
    const ownWeight = dWeight + <usize>unit * bytes;
    const ownBias = dBias + <usize>unit * bytes;
    if (dWeight) {
      memory.fill(ownWeight, 0, bytes);
      memory.fill(ownBias, 0, bytes);
    }
    for (let row = unit * LAYER_NORM_ROWS, last = min(row + LAYER_NORM_ROWS, rows); row < last; row++) {
      const offset = <usize>row * bytes;
      const m = loadDouble(mean, row);
      const r = loadDouble(inverse, row);
      const center = f32x4.splat(<f32>m);
      const inv = f32x4.splat(<f32>r);
      const rest = f32x4.splat(<f32>((m - <f64><f32>m) * r));
      const xs = x + offset;
      const dys = dy + offset;
      const dxs = dx ? dx + offset : 0;
      if (dWeight) {
        if (weight) gradRow(true, true, xs, dys, weight, dxs, ownWeight, ownBias, length, center, inv, rest);
        else gradRow(false, true, xs, dys, weight, dxs, ownWeight, ownBias, length, center, inv, rest);
      } else if (weight) gradRow(true, false, xs, dys, weight, dxs, ownWeight, ownBias, length, center, inv, rest);
      else gradRow(false, false, xs, dys, weight, dxs, ownWeight, ownBias, length, center, inv, rest);
    }
  }
}
