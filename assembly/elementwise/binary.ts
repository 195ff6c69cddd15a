// Operations on two or three arrays whose shapes broadcast as in NumPy.
//
// src/ops/core/broadcast.ts first merges the dimensions, so that each operand is a list of rows. Along a row
// of `inner` elements, an operand advances by its `step`: 1, or 0 if one element is used for the whole row.
// `table` gives the start of each row: for each of the `rank` outer dimensions, outermost first, its size and
// the stride of each operand, in elements. Equal shapes and scalars give a single row; [N,C] with [C] gives
// rows of C elements; [N,C,H,W] with [1,C,1,1] gives rows of H*W elements, where the second operand has step
// 0.
//
// In all kernels, out is contiguous, and the range is elements of out. Up to 12 bytes past each operand may
// be read. Comparisons return int32 0 or 1.

import { pow4, powGradBase4, powGradExponent4 } from "../lib/math";
import { rowStart } from "../lib/rows";
import { demote, load4, promoteHigh, storeUpTo } from "../lib/simd";

const enum F {
  Add, Sub, Mul, MulByInt, Div, Maximum, Minimum, Pow,
  AddInt, SubInt, MulInt, MaximumInt, MinimumInt, PowInt,
  Eq, Ne, Lt, Le, EqInt, NeInt, LtInt, LeInt,
}

/** One formula per operation, on four elements of a and four of b. */
// @ts-ignore: decorator
@inline
function combine(f: F, a: v128, b: v128): v128 {
  if (f == F.Add) return f32x4.add(a, b);
  if (f == F.Sub) return f32x4.sub(a, b);
  if (f == F.Mul) return f32x4.mul(a, b);
  if (f == F.MulByInt) return f32x4.mul(a, f32x4.convert_i32x4_s(b));
  if (f == F.Div) return f32x4.div(a, b);
  if (f == F.Maximum) return f32x4.max(a, b); // NaN if either is
  if (f == F.Minimum) return f32x4.min(a, b);
  if (f == F.Pow) return power(a, b);
  if (f == F.AddInt) return i32x4.add(a, b);
  if (f == F.SubInt) return i32x4.sub(a, b);
  if (f == F.MulInt) return i32x4.mul(a, b);
  if (f == F.MaximumInt) return i32x4.max_s(a, b);
  if (f == F.MinimumInt) return i32x4.min_s(a, b);
  if (f == F.PowInt) return powInt4(a, b);
  const one = i32x4.splat(1);
  if (f == F.Eq) return v128.and(f32x4.eq(a, b), one);
  if (f == F.Ne) return v128.and(f32x4.ne(a, b), one);
  if (f == F.Lt) return v128.and(f32x4.lt(a, b), one);
  if (f == F.Le) return v128.and(f32x4.le(a, b), one);
  if (f == F.EqInt) return v128.and(i32x4.eq(a, b), one);
  if (f == F.NeInt) return v128.and(i32x4.ne(a, b), one);
  if (f == F.LtInt) return v128.and(i32x4.lt_s(a, b), one);
  return v128.and(i32x4.le_s(a, b), one);
}

// These functions are called rather than inlined, because they are long.

function power(a: v128, b: v128): v128 {
  return pow4(a, b);
}

function baseGradient(dy: v128, a: v128, b: v128): v128 {
  return powGradBase4(dy, a, b);
}

function exponentGradient(dy: v128, a: v128, b: v128): v128 {
  return powGradExponent4(dy, a, b);
}

/** a^b of integers, modulo 2^32; for b < 0 the quotient 1 / a^-b rounded towards 0. */
function powInt4(a: v128, b: v128): v128 {
  const one = i32x4.splat(1);
  let result = one;
  let base = a;
  let rest = b;
  while (v128.any_true(i32x4.gt_s(rest, i32x4.splat(0)))) {
    const take = i32x4.eq(v128.and(rest, one), one);
    result = v128.bitselect(i32x4.mul(result, base), result, v128.and(take, i32x4.gt_s(rest, i32x4.splat(0))));
    base = i32x4.mul(base, base);
    rest = i32x4.shr_s(rest, 1);
  }
  // 1^b is 1, (-1)^b alternates, everything else is a fraction below 1
  const sign = i32x4.sub(one, i32x4.shl(v128.and(b, one), 1));
  let inverse = v128.and(i32x4.eq(a, one), one);
  inverse = v128.bitselect(sign, inverse, i32x4.eq(a, i32x4.splat(-1)));
  return v128.bitselect(inverse, result, i32x4.lt_s(b, i32x4.splat(0)));
}

/** Four elements of an operand; `same` where it has step 0. */
// @ts-ignore: decorator
@inline
function operand(STEP: i32, x: usize, at: usize, same: v128): v128 {
  return STEP ? v128.load(x + at) : same;
}

/** The four elements after those. */
// @ts-ignore: decorator
@inline
function operandAfter(STEP: i32, x: usize, at: usize, same: v128): v128 {
  return STEP ? v128.load(x + at, 16) : same;
}

/**
 * Computes n > 0 elements of one row. The common operations, those before Pow, work on pairs of vectors. For
 * pairs and `do … while` see unary.ts.
 */
// @ts-ignore: decorator
@inline
function combineRow(f: F, STEP_A: i32, STEP_B: i32, a: usize, b: usize, out: usize, n: i32): void {
  const sameA = v128.load32_splat(a);
  const sameB = v128.load32_splat(b);
  let i = 0;
  if (f < F.Pow && n >= 8) {
    do {
      const at = <usize>i << 2;
      const v0 = combine(f, operand(STEP_A, a, at, sameA), operand(STEP_B, b, at, sameB));
      const v1 = combine(f, operandAfter(STEP_A, a, at, sameA), operandAfter(STEP_B, b, at, sameB));
      v128.store(out + at, v1, 16);
      v128.store(out + at, v0);
      i += 8;
    } while (i + 8 <= n);
  }
  while (i < n) {
    const at = <usize>i << 2;
    storeUpTo(out, i, n, combine(f, operand(STEP_A, a, at, sameA), operand(STEP_B, b, at, sameB)));
    i += 4;
  }
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
    if (stepA == 0) combineRow(f, 0, 1, fromA, fromB, to, n);
    else if (stepB == 0) combineRow(f, 1, 0, fromA, fromB, to, n);
    else combineRow(f, 1, 1, fromA, fromB, to, n);
    i += n;
  }
}

/** a + b */
export function addFloat(
  begin: i32, end: i32, a: usize, b: usize, out: usize, inner: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineRows(F.Add, begin, end, a, b, out, inner, stepA, stepB, rank, table);
}

/** a - b */
export function subFloat(
  begin: i32, end: i32, a: usize, b: usize, out: usize, inner: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineRows(F.Sub, begin, end, a, b, out, inner, stepA, stepB, rank, table);
}

/** a * b */
export function mulFloat(
  begin: i32, end: i32, a: usize, b: usize, out: usize, inner: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineRows(F.Mul, begin, end, a, b, out, inner, stepA, stepB, rank, table);
}

/** a * b for float32 a and int32 b, so that a mask, for example, need not be converted to float32 first */
export function mulFloatByInt(
  begin: i32, end: i32, a: usize, b: usize, out: usize, inner: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineRows(F.MulByInt, begin, end, a, b, out, inner, stepA, stepB, rank, table);
}

/** a / b */
export function divFloat(
  begin: i32, end: i32, a: usize, b: usize, out: usize, inner: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineRows(F.Div, begin, end, a, b, out, inner, stepA, stepB, rank, table);
}

/** max(a, b); NaN where either is NaN */
export function maximumFloat(
  begin: i32, end: i32, a: usize, b: usize, out: usize, inner: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineRows(F.Maximum, begin, end, a, b, out, inner, stepA, stepB, rank, table);
}

/** min(a, b); NaN where either is NaN */
export function minimumFloat(
  begin: i32, end: i32, a: usize, b: usize, out: usize, inner: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineRows(F.Minimum, begin, end, a, b, out, inner, stepA, stepB, rank, table);
}

/** a^b */
export function powFloat(
  begin: i32, end: i32, a: usize, b: usize, out: usize, inner: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineRows(F.Pow, begin, end, a, b, out, inner, stepA, stepB, rank, table);
}

/** a + b modulo 2^32 */
export function addInt(
  begin: i32, end: i32, a: usize, b: usize, out: usize, inner: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineRows(F.AddInt, begin, end, a, b, out, inner, stepA, stepB, rank, table);
}

/** a - b modulo 2^32 */
export function subInt(
  begin: i32, end: i32, a: usize, b: usize, out: usize, inner: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineRows(F.SubInt, begin, end, a, b, out, inner, stepA, stepB, rank, table);
}

/** a * b modulo 2^32 */
export function mulInt(
  begin: i32, end: i32, a: usize, b: usize, out: usize, inner: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineRows(F.MulInt, begin, end, a, b, out, inner, stepA, stepB, rank, table);
}

/** max(a, b) */
export function maximumInt(
  begin: i32, end: i32, a: usize, b: usize, out: usize, inner: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineRows(F.MaximumInt, begin, end, a, b, out, inner, stepA, stepB, rank, table);
}

/** min(a, b) */
export function minimumInt(
  begin: i32, end: i32, a: usize, b: usize, out: usize, inner: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineRows(F.MinimumInt, begin, end, a, b, out, inner, stepA, stepB, rank, table);
}

/** a^b modulo 2^32; 1 / a^-b rounded towards 0 where b < 0 */
export function powInt(
  begin: i32, end: i32, a: usize, b: usize, out: usize, inner: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineRows(F.PowInt, begin, end, a, b, out, inner, stepA, stepB, rank, table);
}

/** a = b */
export function eqFloat(
  begin: i32, end: i32, a: usize, b: usize, out: usize, inner: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineRows(F.Eq, begin, end, a, b, out, inner, stepA, stepB, rank, table);
}

/** a != b */
export function neFloat(
  begin: i32, end: i32, a: usize, b: usize, out: usize, inner: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineRows(F.Ne, begin, end, a, b, out, inner, stepA, stepB, rank, table);
}

/** a < b */
export function ltFloat(
  begin: i32, end: i32, a: usize, b: usize, out: usize, inner: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineRows(F.Lt, begin, end, a, b, out, inner, stepA, stepB, rank, table);
}

/** a <= b */
export function leFloat(
  begin: i32, end: i32, a: usize, b: usize, out: usize, inner: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineRows(F.Le, begin, end, a, b, out, inner, stepA, stepB, rank, table);
}

/** a = b */
export function eqInt(
  begin: i32, end: i32, a: usize, b: usize, out: usize, inner: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineRows(F.EqInt, begin, end, a, b, out, inner, stepA, stepB, rank, table);
}

/** a != b */
export function neInt(
  begin: i32, end: i32, a: usize, b: usize, out: usize, inner: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineRows(F.NeInt, begin, end, a, b, out, inner, stepA, stepB, rank, table);
}

/** a < b */
export function ltInt(
  begin: i32, end: i32, a: usize, b: usize, out: usize, inner: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineRows(F.LtInt, begin, end, a, b, out, inner, stepA, stepB, rank, table);
}

/** a <= b */
export function leInt(
  begin: i32, end: i32, a: usize, b: usize, out: usize, inner: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineRows(F.LeInt, begin, end, a, b, out, inner, stepA, stepB, rank, table);
}

// --- three operands, each of which may be broadcast: `where`, and gradients, from dy, a and b --------------
//
// Each gradient is one kernel rather than a product of dy and a slope: the slope alone may overflow, vanish
// or be infinite where the gradient does not. Quotients and powers are computed in float64.

const enum T { Where, MaximumA, MinimumA, DivB, PowA, PowB }

/** -dy a / b^2 for two lanes. */
// @ts-ignore: decorator
@inline
function divGrad(dy: v128, a: v128, b: v128): v128 {
  return f64x2.neg(f64x2.div(f64x2.mul(dy, a), f64x2.mul(b, b)));
}

/**
 * The gradient of one operand of maximum or minimum: dy where it wins or either operand is NaN, dy / 2 where
 * both are equal, 0 where it loses.
 */
// @ts-ignore: decorator
@inline
function shareOfWinner(dy: v128, equal: v128, loses: v128): v128 {
  return v128.andnot(v128.bitselect(f32x4.mul(dy, f32x4.splat(0.5)), dy, equal), loses);
}

// @ts-ignore: decorator
@inline
function combineThree(f: T, first: v128, a: v128, b: v128): v128 {
  if (f == T.Where) return v128.bitselect(a, b, i32x4.ne(first, i32x4.splat(0)));
  const dy = first;
  if (f == T.MaximumA) return shareOfWinner(dy, f32x4.eq(a, b), f32x4.lt(a, b));
  if (f == T.MinimumA) return shareOfWinner(dy, f32x4.eq(a, b), f32x4.gt(a, b));
  if (f == T.DivB) {
    const low = divGrad(f64x2.promote_low_f32x4(dy), f64x2.promote_low_f32x4(a), f64x2.promote_low_f32x4(b));
    return demote(low, divGrad(promoteHigh(dy), promoteHigh(a), promoteHigh(b)));
  }
  return f == T.PowA ? baseGradient(dy, a, b) : exponentGradient(dy, a, b);
}

// @ts-ignore: decorator
@inline
function combineThreeRows(
  f: T, begin: i32, end: i32, first: usize, a: usize, b: usize, out: usize,
  inner: i32, stepFirst: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  let i = begin;
  while (i < end) {
    const row = i / inner;
    const column = i - row * inner;
    const n = min(inner - column, end - i);
    const from = first + rowStart(row, rank, table, 0, 3) + (<usize>(column * stepFirst) << 2);
    const fromA = a + rowStart(row, rank, table, 1, 3) + (<usize>(column * stepA) << 2);
    const fromB = b + rowStart(row, rank, table, 2, 3) + (<usize>(column * stepB) << 2);
    const to = out + (<usize>i << 2);
    let j = 0;
    if (stepFirst && stepA && stepB) {
      for (; j + 8 <= n; j += 8) {
        const at = <usize>j << 2;
        const v0 = combineThree(f, v128.load(from + at), v128.load(fromA + at), v128.load(fromB + at));
        const v1 = combineThree(f, v128.load(from + at, 16), v128.load(fromA + at, 16), v128.load(fromB + at, 16));
        v128.store(to + at, v1, 16);
        v128.store(to + at, v0);
      }
      for (; j < n; j += 4) {
        storeUpTo(to, j, n, combineThree(f, load4(from, j), load4(fromA, j), load4(fromB, j)));
      }
    } else {
      do {
        const v = stepFirst ? load4(from, j) : v128.load32_splat(from);
        const va = stepA ? load4(fromA, j) : v128.load32_splat(fromA);
        const vb = stepB ? load4(fromB, j) : v128.load32_splat(fromB);
        storeUpTo(to, j, n, combineThree(f, v, va, vb));
        j += 4;
      } while (j < n);
    }
    i += n;
  }
}

/** The gradient of a in max(a, b): dy where a > b or either is NaN, dy / 2 where a = b, else 0. */
export function maximumGrad(
  begin: i32, end: i32, dy: usize, a: usize, b: usize, out: usize,
  inner: i32, stepDy: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineThreeRows(T.MaximumA, begin, end, dy, a, b, out, inner, stepDy, stepA, stepB, rank, table);
}

/** The gradient of a in min(a, b). */
export function minimumGrad(
  begin: i32, end: i32, dy: usize, a: usize, b: usize, out: usize,
  inner: i32, stepDy: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineThreeRows(T.MinimumA, begin, end, dy, a, b, out, inner, stepDy, stepA, stepB, rank, table);
}

/** The gradient of b in a / b: -dy a / b^2. */
export function divGradDivisor(
  begin: i32, end: i32, dy: usize, a: usize, b: usize, out: usize,
  inner: i32, stepDy: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineThreeRows(T.DivB, begin, end, dy, a, b, out, inner, stepDy, stepA, stepB, rank, table);
}

/** The gradient of a in a^b: dy b a^(b-1), 0 where b = 0. */
export function powGradBase(
  begin: i32, end: i32, dy: usize, a: usize, b: usize, out: usize,
  inner: i32, stepDy: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineThreeRows(T.PowA, begin, end, dy, a, b, out, inner, stepDy, stepA, stepB, rank, table);
}

/** The gradient of b in a^b: dy a^b log(a), 0 where a = 0 and b >= 0. */
export function powGradExponent(
  begin: i32, end: i32, dy: usize, a: usize, b: usize, out: usize,
  inner: i32, stepDy: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineThreeRows(T.PowB, begin, end, dy, a, b, out, inner, stepDy, stepA, stepB, rank, table);
}

/** out = condition ? a : b. condition is int32 0 or 1; a and b have any type of four bytes per element. */
export function where(
  begin: i32, end: i32, condition: usize, a: usize, b: usize, out: usize,
  inner: i32, stepCondition: i32, stepA: i32, stepB: i32, rank: i32, table: usize,
): void {
  combineThreeRows(T.Where, begin, end, condition, a, b, out, inner, stepCondition, stepA, stepB, rank, table);
}
