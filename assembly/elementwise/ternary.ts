// Operations on three arrays whose shapes broadcast. The layout of rows and tables is that of binary.ts. Up
// to 12 bytes past each operand may be read.

import { rowStart } from "../lib/rows";
import { load4, storeUpTo } from "../lib/simd";

const enum F { Lerp, Addcmul, Addcdiv }

// @ts-ignore: decorator
@inline
function combine(f: F, x: v128, a: v128, b: v128, value: v128): v128 {
  if (f == F.Addcmul) return f32x4.add(x, f32x4.mul(f32x4.mul(value, a), b));
  if (f == F.Addcdiv) return f32x4.add(x, f32x4.mul(value, f32x4.div(a, b)));
  // from the nearer end, so that weights 0 and 1 give the ends
  const difference = f32x4.sub(a, x);
  const fromStart = f32x4.add(x, f32x4.mul(b, difference));
  const fromEnd = f32x4.sub(a, f32x4.mul(difference, f32x4.sub(f32x4.splat(1), b)));
  return v128.bitselect(fromStart, fromEnd, f32x4.lt(f32x4.abs(b), f32x4.splat(0.5)));
}

// @ts-ignore: decorator
@inline
function combineRows(
  f: F, begin: i32, end: i32, x: usize, a: usize, b: usize, out: usize, value: f32,
  inner: i32, stepX: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  const scale = f32x4.splat(value);
  let i = begin;
  while (i < end) {
    const row = i / inner;
    const column = i - row * inner;
    const n = min(inner - column, end - i);
    const fromX = x + rowStart(row, rank, table, 0, 3) + (<usize>(column * stepX) << 2);
    const fromA = a + rowStart(row, rank, table, 1, 3) + (<usize>(column * stepA) << 2);
    const fromB = b + rowStart(row, rank, table, 2, 3) + (<usize>(column * stepB) << 2);
    const to = out + (<usize>i << 2);
    for (let j = 0; j < n; j += 4) {
      const vx = stepX ? load4(fromX, j) : v128.load32_splat(fromX);
      const va = stepA ? load4(fromA, j) : v128.load32_splat(fromA);
      const vb = stepB ? load4(fromB, j) : v128.load32_splat(fromB);
      storeUpTo(to, j, n, combine(f, vx, va, vb, scale));
    }
    i += n;
  }
}

/** out = x + weight (a - x), computed from the nearer end; `value` is not used */
export function lerp(
  begin: i32, end: i32, x: usize, a: usize, weight: usize, out: usize, value: f32,
  inner: i32, stepX: i32, stepA: i32, stepWeight: i32, rank: i32, table: usize,
): void {
  combineRows(F.Lerp, begin, end, x, a, weight, out, value, inner, stepX, stepA, stepWeight, rank, table);
}

/** out = x + value a b */
export function addcmul(
  begin: i32, end: i32, x: usize, a: usize, b: usize, out: usize, value: f32,
  inner: i32, stepX: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineRows(F.Addcmul, begin, end, x, a, b, out, value, inner, stepX, stepA, stepB, rank, table);
}

/** out = x + value a / b */
export function addcdiv(
  begin: i32, end: i32, x: usize, a: usize, b: usize, out: usize, value: f32,
  inner: i32, stepX: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineRows(F.Addcdiv, begin, end, x, a, b, out, value, inner, stepX, stepA, stepB, rank, table);
}
