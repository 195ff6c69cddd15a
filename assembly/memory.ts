// Filling and copying.

import { storeUpTo } from "./simd";

/** Sets `bytes` bytes at `to` to zero. */
export function fillZero(to: usize, bytes: usize): void {
  memory.fill(to, 0, bytes);
}

/** Copies `bytes` bytes; the ranges may overlap. */
export function copyBytes(to: usize, from: usize, bytes: usize): void {
  memory.copy(to, from, bytes);
}

/** y[i] = value for begin <= i < end; begin is a multiple of 4. */
export function fillFloat(begin: i32, end: i32, y: usize, value: f32): void {
  const v = f32x4.splat(value);
  for (let i = begin; i < end; i += 4) storeUpTo(y, i, end, v);
}
