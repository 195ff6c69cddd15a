// Division with a whole quotient, and angles: operations on two arrays whose shapes broadcast. The layout of
// rows and tables is that of binary.ts. Up to 12 bytes past each operand may be read.

import { rowStart } from "../lib/rows";
import { demote, load4, promoteHigh, storeUpTo } from "../lib/simd";
import { atan2Of4 } from "../lib/trigonometry";

const enum F { Fmod, Remainder, FloorDivide, Atan2, FmodInt, RemainderInt, FloorDivideInt }

/** Up to this quotient, its product with the divisor is exact in float64. */
const EXACT: f32 = 536870912;

/** a - b trunc(a / b) for two lanes of float64 that hold float32 numbers. */
// @ts-ignore: decorator
@inline
function rest(a: v128, b: v128): v128 {
  const r = f64x2.sub(a, f64x2.mul(b, f64x2.trunc(f64x2.div(a, b))));
  // a quotient just below a whole number is rounded up: then the rest has the other sign
  const wrong = f64x2.lt(f64x2.mul(r, a), f64x2.splat(0));
  const step = v128.bitselect(f64x2.abs(b), f64x2.neg(f64x2.abs(b)), f64x2.gt(a, f64x2.splat(0)));
  return f64x2.add(r, v128.and(step, wrong));
}

/** Rest of a / b with the sign of a, exact, as fmod in C. */
function fmod4(a: v128, b: v128): v128 {
  const quotient = f32x4.abs(f32x4.div(a, b));
  const large = f32x4.ge(quotient, f32x4.splat(EXACT));
  const low = rest(f64x2.promote_low_f32x4(a), f64x2.promote_low_f32x4(b));
  const high = rest(promoteHigh(a), promoteHigh(b));
  let r = demote(low, high);
  // of a finite a and an infinite b: a
  const whole = v128.and(f32x4.lt(f32x4.abs(a), f32x4.splat(Infinity)), f32x4.eq(f32x4.abs(b), f32x4.splat(Infinity)));
  r = v128.bitselect(a, r, whole);
  if (v128.any_true(large)) r = fmodOfLanes(a, b);
  // a rest of 0 gets the sign of a
  return v128.bitselect(v128.and(a, i32x4.splat(0x80000000)), r, f32x4.eq(r, f32x4.splat(0)));
}

/** fmod4, one lane at a time. */
function fmodOfLanes(a: v128, b: v128): v128 {
  let r = a;
  r = f32x4.replace_lane(r, 0, f32x4.extract_lane(a, 0) % f32x4.extract_lane(b, 0));
  r = f32x4.replace_lane(r, 1, f32x4.extract_lane(a, 1) % f32x4.extract_lane(b, 1));
  r = f32x4.replace_lane(r, 2, f32x4.extract_lane(a, 2) % f32x4.extract_lane(b, 2));
  return f32x4.replace_lane(r, 3, f32x4.extract_lane(a, 3) % f32x4.extract_lane(b, 3));
}

/** A mask of the lanes where r is not 0 and its sign is not that of b. */
// @ts-ignore: decorator
@inline
function otherSign(r: v128, b: v128): v128 {
  const zero = f32x4.splat(0);
  return v128.and(f32x4.ne(r, zero), v128.xor(f32x4.lt(r, zero), f32x4.lt(b, zero)));
}

/** Rest of a / b with the sign of b. */
function remainder4(a: v128, b: v128): v128 {
  const r = fmod4(a, b);
  return v128.bitselect(f32x4.add(r, b), r, otherSign(r, b));
}

/** The largest whole number up to a / b; a / b where b = 0. As Python's //. */
function floorDivide4(a: v128, b: v128): v128 {
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  const r = fmod4(a, b);
  const quotient = f32x4.div(a, b);
  let q = f32x4.div(f32x4.sub(a, r), b);
  q = f32x4.sub(q, v128.and(one, otherSign(r, b)));
  const floor = f32x4.floor(q);
  const raised = f32x4.add(floor, v128.and(one, f32x4.gt(f32x4.sub(q, floor), f32x4.splat(0.5))));
  // 0 gets the sign of the quotient
  const signed = v128.bitselect(v128.and(quotient, i32x4.splat(0x80000000)), raised, f32x4.eq(q, zero));
  return v128.bitselect(quotient, signed, f32x4.eq(b, zero));
}

/** The caller has checked that b is not 0. */
// @ts-ignore: decorator
@inline
function ofInts(f: F, a: i32, b: i32): i32 {
  if (b == -1) return f == F.FloorDivideInt ? -a : 0; // the quotient of -2^31 would trap
  const r = a % b;
  if (f == F.FmodInt) return r;
  const other = r != 0 && (r < 0) != (b < 0);
  if (f == F.RemainderInt) return other ? r + b : r;
  return a / b - i32(other);
}

// @ts-ignore: decorator
@inline
function combine(f: F, a: v128, b: v128): v128 {
  if (f == F.Fmod) return fmod4(a, b);
  if (f == F.Remainder) return remainder4(a, b);
  if (f == F.FloorDivide) return floorDivide4(a, b);
  return atan2Of4(a, b);
}

// @ts-ignore: decorator
@inline
function combineRows(
  f: F, begin: i32, end: i32, a: usize, b: usize, out: usize,
  inner: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  let i = begin;
  while (i < end) {
    const row = i / inner;
    const column = i - row * inner;
    const n = min(inner - column, end - i);
    const fromA = a + rowStart(row, rank, table, 0, 2) + (<usize>(column * stepA) << 2);
    const fromB = b + rowStart(row, rank, table, 1, 2) + (<usize>(column * stepB) << 2);
    const to = out + (<usize>i << 2);
    if (f >= F.FmodInt) {
      for (let j = 0; j < n; j++) {
        const x = load<i32>(fromA + (<usize>(j * stepA) << 2));
        store<i32>(to + (<usize>j << 2), ofInts(f, x, load<i32>(fromB + (<usize>(j * stepB) << 2))));
      }
    } else {
      for (let j = 0; j < n; j += 4) {
        const x = stepA ? load4(fromA, j) : v128.load32_splat(fromA);
        storeUpTo(to, j, n, combine(f, x, stepB ? load4(fromB, j) : v128.load32_splat(fromB)));
      }
    }
    i += n;
  }
}

/** rest of a / b with the sign of a */
export function fmodFloat(
  begin: i32, end: i32, a: usize, b: usize, out: usize, inner: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineRows(F.Fmod, begin, end, a, b, out, inner, stepA, stepB, rank, table);
}

/** rest of a / b with the sign of b */
export function remainderFloat(
  begin: i32, end: i32, a: usize, b: usize, out: usize, inner: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineRows(F.Remainder, begin, end, a, b, out, inner, stepA, stepB, rank, table);
}

/** the largest whole number up to a / b */
export function floorDivideFloat(
  begin: i32, end: i32, a: usize, b: usize, out: usize, inner: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineRows(F.FloorDivide, begin, end, a, b, out, inner, stepA, stepB, rank, table);
}

/** the angle of the point (b, a) */
export function atan2Float(
  begin: i32, end: i32, a: usize, b: usize, out: usize, inner: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineRows(F.Atan2, begin, end, a, b, out, inner, stepA, stepB, rank, table);
}

/** rest of a / b with the sign of a; b is not 0 */
export function fmodInt(
  begin: i32, end: i32, a: usize, b: usize, out: usize, inner: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineRows(F.FmodInt, begin, end, a, b, out, inner, stepA, stepB, rank, table);
}

/** rest of a / b with the sign of b; b is not 0 */
export function remainderInt(
  begin: i32, end: i32, a: usize, b: usize, out: usize, inner: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineRows(F.RemainderInt, begin, end, a, b, out, inner, stepA, stepB, rank, table);
}

/** the largest integer up to a / b; b is not 0 */
export function floorDivideInt(
  begin: i32, end: i32, a: usize, b: usize, out: usize, inner: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineRows(F.FloorDivideInt, begin, end, a, b, out, inner, stepA, stepB, rank, table);
}

/** Whether one of n int32 elements is 0. */
export function hasZero(n: i32, x: usize): i32 {
  for (let i = 0; i < n; i++) if (load<i32>(x + (<usize>i << 2)) == 0) return 1;
  return 0;
}
