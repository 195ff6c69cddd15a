// Layer normalization of the rows of x[rows, length]. weight and bias [length] have one value per position in
// a row; mean and inverse (1 / deviation) are float64 [rows].

import { momentsRows } from "../reduce/moments";
import { inverseDeviation } from "./batch_group";
import { lanesBelow, load4, loadDouble, promoteHigh, storePartial, storeUpTo, sumLanes } from "../lib/simd";

/**
 * (x - mean) / deviation for 4 elements. center: the mean rounded to float32; rest: (mean - center) /
 * deviation.
 */
// @ts-ignore: decorator
@inline
function normalized(x: v128, center: v128, inverse: v128, rest: v128): v128 {
  return f32x4.sub(f32x4.mul(f32x4.sub(x, center), inverse), rest);
}

/** xhat * weight + bias of elements i to i+3; either may be null. */
// @ts-ignore: decorator
@inline
function affine(xhat: v128, weight: usize, bias: usize, i: i32): v128 {
  const scaled = weight ? f32x4.mul(xhat, load4(weight, i)) : xhat;
  return bias ? f32x4.add(scaled, load4(bias, i)) : scaled;
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
    const to = y + offset;
    const whole = length & ~3;
    for (let i = 0; i < whole; i += 4) {
      v128.store(to + (<usize>i << 2), affine(normalized(load4(x + offset, i), center, inv, rest), weight, bias, i));
    }
    if (whole < length) {
      const v = affine(normalized(load4(x + offset, whole), center, inv, rest), weight, bias, whole);
      storePartial(to + (<usize>whole << 2), v, length - whole);
    }
  }
}

/**
 * dx = (g - mean of g - xhat * mean of (g xhat)) / deviation of g = dy * weight, and products = dy * xhat,
 * whose column sums are the gradient of weight. dx or products may be null. Range: rows.
 */
export function layerNormGrad(
  begin: i32, end: i32, x: usize, dy: usize, mean: usize, inverse: usize, weight: usize, dx: usize, products: usize,
  length: i32,
): void {
  for (let row = begin; row < end; row++) {
    const offset = <usize>row * length << 2;
    const m = loadDouble(mean, row);
    const r = loadDouble(inverse, row);
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
      sum = f64x2.add(sum, f64x2.add(f64x2.promote_low_f32x4(g), promoteHigh(g)));
      dot = f64x2.add(dot, f64x2.add(f64x2.promote_low_f32x4(p), promoteHigh(p)));
    }
    if (!dx) continue;
    const meanOfG = f32x4.splat(<f32>(sumLanes(sum) / length));
    const meanOfDot = f32x4.splat(<f32>(sumLanes(dot) / length));
    for (let i = 0; i < length; i += 4) {
      const xhat = normalized(load4(x + offset, i), center, inv, rest);
      const d = load4(dy + offset, i);
      const g = weight ? f32x4.mul(d, load4(weight, i)) : d;
      const v = f32x4.sub(f32x4.sub(g, meanOfG), f32x4.mul(xhat, meanOfDot));
      storeUpTo(dx + offset, i, length, f32x4.mul(v, inv));
    }
  }
}
