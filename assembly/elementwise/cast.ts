// Conversions between dtypes: y[i] = x[i], begin <= i < end; begin is a multiple of 4. A bool is int32 0 or
// 1.

import { load4, storeUpTo } from "../lib/simd";

/** Converts int32 to float32, rounding to nearest. */
export function intToFloat(begin: i32, end: i32, x: usize, y: usize): void {
  for (let i = begin; i < end; i += 4) storeUpTo(y, i, end, f32x4.convert_i32x4_s(load4(x, i)));
}

/**
 * Converts float32 to int32, truncating towards 0. NaN becomes 0; values outside the range of int32 are
 * clamped.
 */
export function floatToInt(begin: i32, end: i32, x: usize, y: usize): void {
  for (let i = begin; i < end; i += 4) storeUpTo(y, i, end, i32x4.trunc_sat_f32x4_s(load4(x, i)));
}

/** Converts float32 to bool: x != 0, so NaN is true. */
export function floatToBool(begin: i32, end: i32, x: usize, y: usize): void {
  const zero = f32x4.splat(0);
  for (let i = begin; i < end; i += 4) {
    storeUpTo(y, i, end, v128.and(f32x4.ne(load4(x, i), zero), i32x4.splat(1)));
  }
}

/** Converts int32 to bool: x != 0. */
export function intToBool(begin: i32, end: i32, x: usize, y: usize): void {
  const zero = i32x4.splat(0);
  for (let i = begin; i < end; i += 4) {
    storeUpTo(y, i, end, v128.and(i32x4.ne(load4(x, i), zero), i32x4.splat(1)));
  }
}
