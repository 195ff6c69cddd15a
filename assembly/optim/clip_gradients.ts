// Gradient clipping. The norm of many arrays together is accumulated in float64, which keeps the rounding
// error small. Chunks have a fixed size, so the result does not depend on how the work is split.

import { load4, storeUpTo } from "../lib/simd";

/** The term |v|, v² or |v| for two float64 lanes, for orders 1, 2 and 0 (infinity). */
// @ts-ignore: decorator
@inline
function term(v: v128, order: i32): v128 {
  return order == 2 ? f64x2.mul(v, v) : f64x2.abs(v);
}

/** a + b, or the larger of the two for order 0 (infinity). A NaN stays. */
// @ts-ignore: decorator
@inline
function join(a: v128, b: v128, order: i32): v128 {
  return order == 0 ? f64x2.max(a, b) : f64x2.add(a, b);
}

/**
 * float64 partials[c] = sum of |x|^order over x[c * chunk .. (c + 1) * chunk], or max |x| for
 * order 0; order is 0, 1 or 2.
 */
export function normPartials(
  begin: i32, end: i32, x: usize, partials: usize, length: i32, chunk: i32, order: i32,
): void {
  for (let c = begin; c < end; c++) {
    const last = min((c + 1) * chunk, length);
    let low = f64x2.splat(0);
    let high = low;
    let i = c * chunk;
    for (; i + 4 <= last; i += 4) {
      const v = load4(x, i);
      low = join(low, term(f64x2.promote_low_f32x4(v), order), order);
      high = join(high, term(f64x2.promote_low_f32x4(v128.shuffle<i32>(v, v, 2, 3, 2, 3)), order), order);
    }
    for (; i < last; i++) {
      const v = f64x2.replace_lane(f64x2.splat(0), 0, <f64>load<f32>(x + (<usize>i << 2)));
      low = join(low, term(v, order), order);
    }
    const both = join(low, high, order);
    const sum = join(both, v128.shuffle<i64>(both, both, 1, 0), order);
    store<f64>(partials + (<usize>c << 3), f64x2.extract_lane(sum, 0));
  }
}

/** The norm of all arrays together, from their partials. */
export function joinNormPartials(partials: usize, count: i32, order: i32): f64 {
  let sum: f64 = 0;
  for (let c = 0; c < count; c++) {
    const part = load<f64>(partials + (<usize>c << 3));
    sum = order == 0 ? max(sum, part) : sum + part;
  }
  return order == 2 ? sqrt(sum) : sum;
}

/**
 * x[i] *= factor
 * @inPlace
 */
export function scaleInPlace(begin: i32, end: i32, x: usize, factor: f32): void {
  const factors = f32x4.splat(factor);
  let i = begin;
  for (; i + 8 <= end; i += 8) { // two vectors per iteration: see elementwise/unary.ts
    const at = x + (<usize>i << 2);
    const v0 = f32x4.mul(v128.load(at), factors);
    const v1 = f32x4.mul(v128.load(at, 16), factors);
    v128.store(at, v1, 16);
    v128.store(at, v0);
  }
  for (; i < end; i += 4) storeUpTo(x, i, end, f32x4.mul(load4(x, i), factors));
}
