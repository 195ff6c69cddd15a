// Kernels that fill arrays.

import { storeUpTo } from "../lib/simd";

/** Sets `bytes` bytes at `to` to zero. */
export function fillZero(to: usize, bytes: u32): void {
  memory.fill(to, 0, bytes);
}

// @ts-ignore: decorator
@inline
function fillLanes(begin: i32, end: i32, y: usize, v: v128): void {
  let i = begin;
  for (; i + 8 <= end; i += 8) { // two vectors per iteration: see unary.ts
    const at = y + (<usize>i << 2);
    v128.store(at, v, 16);
    v128.store(at, v);
  }
  for (; i < end; i += 4) storeUpTo(y, i, end, v);
}

/** y[i] = value for begin <= i < end; begin is a multiple of 4. */
export function fillFloat(begin: i32, end: i32, y: usize, value: f32): void {
  fillLanes(begin, end, y, f32x4.splat(value));
}

/** y[i] = value for begin <= i < end; begin is a multiple of 4. */
export function fillInt(begin: i32, end: i32, y: usize, value: i32): void {
  fillLanes(begin, end, y, i32x4.splat(value));
}

/** y[i] = start + i * step, computed in f64. */
export function arangeFloat(begin: i32, end: i32, y: usize, start: f64, step: f64): void {
  for (let i = begin; i < end; i++) store<f32>(y + (<usize>i << 2), <f32>(start + step * <f64>i));
}

/** y[i] = start + i * step. */
export function arangeInt(begin: i32, end: i32, y: usize, start: i32, step: i32): void {
  for (let i = begin; i < end; i++) store<i32>(y + (<usize>i << 2), start + step * i);
}

/**
 * Writes `steps` equally spaced values from `first` to `last`. The second half is computed backwards from
 * `last`, so that both end points are exact.
 */
export function linspace(begin: i32, end: i32, y: usize, first: f64, last: f64, steps: i32): void {
  const step = (last - first) / <f64>max(steps - 1, 1);
  for (let i = begin; i < end; i++) {
    const value = i < (steps + 1) / 2 ? first + step * <f64>i : last - step * <f64>(steps - 1 - i);
    store<f32>(y + (<usize>i << 2), <f32>value);
  }
}

/** y[i] = `one` where the row, i / columns, equals the column, i mod columns; 0 elsewhere. */
export function eye(begin: i32, end: i32, y: usize, columns: i32, one: i32): void {
  for (let i = begin; i < end; i++) store<i32>(y + (<usize>i << 2), i / columns == i % columns ? one : 0);
}
