// Softmax over the middle of x[outer, n, inner]: y = e^(x - m) / s with m = max over n and s = sum over n of
// e^(x - m), which cannot overflow; logarithmically y = x - m - log s. Sums are float64, those of rows of
// blocks that are summed in float32. n > 0. Up to 12 bytes past the inputs are read.
//
// Loops with exponentials are `do` loops: see unary.ts.
//
// inner = 1: vectors run along a row, the range is `outer`. inner > 1: vectors run across 4 columns, the
// range is outer * ceil(inner / 4).

import { exp4, expTerm4, log4 } from "../lib/math";
import {
  areNonZero, demote, LANES, lanesBelow, load4, promoteHigh, storePartial, storeUpTo, sumLanes, widened,
} from "../lib/simd";

// The maxima here may skip NaN, because the sums carry it to the result. (f32x4.pmax is one instruction,
// f32x4.max several.)

/** The largest element of a row. */
// @ts-ignore: decorator
@inline
function rowMax(x: usize, n: i32): f32 {
  let best = f32x4.splat(-Infinity);
  let other = best;
  let i = 0;
  for (; i + 8 <= n; i += 8) {
    const at = <usize>i << 2;
    best = f32x4.pmax(best, v128.load(x + at));
    other = f32x4.pmax(other, v128.load(x + at, 16));
  }
  best = f32x4.pmax(best, other);
  for (; i < n; i += 4) best = f32x4.pmax(best, v128.bitselect(load4(x, i), best, lanesBelow(n - i)));
  best = f32x4.pmax(best, v128.shuffle<f32>(best, best, 2, 3, 0, 1));
  best = f32x4.pmax(best, v128.shuffle<f32>(best, best, 1, 0, 3, 2));
  return f32x4.extract_lane(best, 0);
}

/**
 * Elements of a block: each lane of two vectors adds 8 of them in float32, which rounds their sum no more
 * than the terms are; blocks are added in float64.
 */
const BLOCK = 64;

/** Sum of e^(x - m) of a row; where STORE, the terms are stored in y. */
// @ts-ignore: decorator
@inline
function rowExpSum(STORE: bool, x: usize, y: usize, n: i32, m: f32): f64 {
  const maximum = f32x4.splat(m);
  const whole = n & ~7;
  let sum = f64x2.splat(0);
  let i = 0;
  while (i < whole) {
    const end = min(i + BLOCK, whole);
    let sum0 = f32x4.splat(0);
    let sum1 = sum0;
    do { // two vectors per iteration: see unary.ts
      const at = <usize>i << 2;
      const e0 = exp4(f32x4.sub(v128.load(x + at), maximum));
      const e1 = exp4(f32x4.sub(v128.load(x + at, 16), maximum));
      if (STORE) {
        v128.store(y + at, e1, 16);
        v128.store(y + at, e0);
      }
      sum0 = f32x4.add(sum0, e0);
      sum1 = f32x4.add(sum1, e1);
      i += 8;
    } while (i < end);
    if (areNonZero(sum0, sum1)) sum = f64x2.add(sum, widened(f32x4.add(sum0, sum1)));
  }
  for (; i < n; i += 4) {
    let e = exp4(f32x4.sub(load4(x, i), maximum));
    if (i + 4 <= n) {
      if (STORE) v128.store(y + (<usize>i << 2), e);
    } else {
      e = v128.and(e, lanesBelow(n - i));
      if (STORE) storePartial(y + (<usize>i << 2), e, n - i);
    }
    sum = f64x2.add(sum, widened(e));
  }
  return sumLanes(sum);
}

// @ts-ignore: decorator
@inline
function logOf(sum: f64): f32 {
  return f32x4.extract_lane(log4(f32x4.splat(<f32>sum)), 0);
}

function softmaxRows(begin: i32, end: i32, x: usize, y: usize, n: i32, log: i32): void {
  for (let row = begin; row < end; row++) {
    const from = x + (<usize>row * n << 2);
    const to = y + (<usize>row * n << 2);
    const m = rowMax(from, n);
    let i = 0;
    if (log) {
      const maximum = f32x4.splat(m);
      const logSum = f32x4.splat(logOf(rowExpSum(false, from, 0, n, m)));
      for (; i + 8 <= n; i += 8) {
        const at = <usize>i << 2;
        const y0 = f32x4.sub(f32x4.sub(v128.load(from + at), maximum), logSum);
        const y1 = f32x4.sub(f32x4.sub(v128.load(from + at, 16), maximum), logSum);
        v128.store(to + at, y1, 16);
        v128.store(to + at, y0);
      }
      for (; i < n; i += 4) storeUpTo(to, i, n, f32x4.sub(f32x4.sub(load4(from, i), maximum), logSum));
    } else {
      const divisor = f32x4.splat(<f32>rowExpSum(true, from, to, n, m));
      for (; i + 8 <= n; i += 8) {
        const at = <usize>i << 2;
        const y0 = f32x4.div(v128.load(to + at), divisor);
        const y1 = f32x4.div(v128.load(to + at, 16), divisor);
        v128.store(to + at, y1, 16);
        v128.store(to + at, y0);
      }
      for (; i < n; i += 4) storeUpTo(to, i, n, f32x4.div(load4(to, i), divisor));
    }
  }
}

// The functions for four columns: x, y and other pointers are addresses in row 0; rows are `stride` bytes
// apart.

// @ts-ignore: decorator
@inline
function columnsMax(x: usize, n: i32, stride: usize): v128 {
  let best = v128.load(x);
  for (let r = 1; r < n; r++) best = f32x4.pmax(best, v128.load(x + <usize>r * stride));
  return best;
}

/** Sums of e^(x - m), as float32; the terms of `count` columns are stored in y unless y is null. */
function columnsExpSum(x: usize, y: usize, n: i32, stride: usize, m: v128, count: i32): v128 {
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  let r = 0;
  do {
    const e = exp4(f32x4.sub(v128.load(x + <usize>r * stride), m));
    if (y) storeUpTo(y + <usize>r * stride, 0, count, e);
    low = f64x2.add(low, f64x2.promote_low_f32x4(e));
    high = f64x2.add(high, promoteHigh(e));
  } while (++r < n);
  return demote(low, high);
}

function softmaxColumns(begin: i32, end: i32, x: usize, y: usize, n: i32, inner: i32, log: i32): void {
  const tiles = (inner + 3) / LANES;
  const stride = <usize>inner << 2;
  for (let p = begin; p < end; p++) {
    const o = p / tiles;
    const column = (p - o * tiles) * LANES;
    const count = inner - column;
    const offset = (<usize>o * n * inner + column) << 2;
    const m = columnsMax(x + offset, n, stride);
    const sum = columnsExpSum(x + offset, log ? 0 : y + offset, n, stride, m, count);
    const logSum = log4(sum);
    for (let r = 0; r < n; r++) {
      const at = offset + <usize>r * stride;
      const v = log ? f32x4.sub(f32x4.sub(v128.load(x + at), m), logSum) : f32x4.div(v128.load(y + at), sum);
      storeUpTo(y + at, 0, count, v);
    }
  }
}

/** y = softmax(x), or its logarithm if `log`. */
export function softmax(begin: i32, end: i32, x: usize, y: usize, n: i32, inner: i32, log: i32): void {
  if (inner == 1) softmaxRows(begin, end, x, y, n, log);
  else softmaxColumns(begin, end, x, y, n, inner, log);
}

/** maxima[o, i] = m and logSums[o, i] = log s: log-softmax is x - m - log s. */
export function logSumExp(begin: i32, end: i32, x: usize, maxima: usize, logSums: usize, n: i32, inner: i32): void {
  if (inner == 1) {
    for (let row = begin; row < end; row++) {
      const from = x + (<usize>row * n << 2);
      const m = rowMax(from, n);
      store<f32>(maxima + (<usize>row << 2), m);
      store<f32>(logSums + (<usize>row << 2), logOf(rowExpSum(false, from, 0, n, m)));
    }
    return;
  }
  const tiles = (inner + 3) / LANES;
  const stride = <usize>inner << 2;
  for (let p = begin; p < end; p++) {
    const o = p / tiles;
    const column = (p - o * tiles) * LANES;
    const from = x + ((<usize>o * n * inner + column) << 2);
    const to = (<usize>o * inner + column) << 2;
    const m = columnsMax(from, n, stride);
    storeUpTo(maxima + to, 0, inner - column, m);
    storeUpTo(logSums + to, 0, inner - column, log4(columnsExpSum(from, 0, n, stride, m, 0)));
  }
}

/** The factor of the correction in a gradient: y, or e^y if y is a logarithm. */
// @ts-ignore: decorator
@inline
function share(y: v128, log: i32): v128 {
  return log ? expTerm4(y) : y;
}

/** What is summed for a row's gradient. */
// @ts-ignore: decorator
@inline
function correction(LOG: bool, y: v128, dy: v128): v128 {
  return LOG ? dy : f32x4.mul(dy, y);
}

// @ts-ignore: decorator
@inline
function inputGradient(LOG: bool, y: v128, dy: v128, sum: v128): v128 {
  return LOG ? f32x4.sub(dy, f32x4.mul(expTerm4(y), sum)) : f32x4.mul(y, f32x4.sub(dy, sum));
}

// @ts-ignore: decorator
@inline
function softmaxGradRows(LOG: bool, begin: i32, end: i32, y: usize, dy: usize, dx: usize, n: i32): void {
  const whole = n & ~7;
  for (let row = begin; row < end; row++) {
    const offset = <usize>row * n << 2;
    const yRow = y + offset;
    const dyRow = dy + offset;
    const dxRow = dx + offset;
    let total = f64x2.splat(0);
    let i = 0;
    while (i < whole) {
      const stop = min(i + BLOCK, whole);
      let sum0 = f32x4.splat(0);
      let sum1 = sum0;
      do {
        const at = <usize>i << 2;
        sum0 = f32x4.add(sum0, correction(LOG, v128.load(yRow + at), v128.load(dyRow + at)));
        sum1 = f32x4.add(sum1, correction(LOG, v128.load(yRow + at, 16), v128.load(dyRow + at, 16)));
        i += 8;
      } while (i < stop);
      if (areNonZero(sum0, sum1)) total = f64x2.add(total, widened(f32x4.add(sum0, sum1)));
    }
    for (; i < n; i += 4) {
      total = f64x2.add(total, widened(v128.and(correction(LOG, load4(yRow, i), load4(dyRow, i)), lanesBelow(n - i))));
    }
    const sum = f32x4.splat(<f32>sumLanes(total));
    i = 0;
    if (whole > 0) {
      do {
        const at = <usize>i << 2;
        const dx0 = inputGradient(LOG, v128.load(yRow + at), v128.load(dyRow + at), sum);
        const dx1 = inputGradient(LOG, v128.load(yRow + at, 16), v128.load(dyRow + at, 16), sum);
        v128.store(dxRow + at, dx1, 16);
        v128.store(dxRow + at, dx0);
        i += 8;
      } while (i < whole);
    }
    for (; i < n; i += 4) storeUpTo(dxRow, i, n, inputGradient(LOG, load4(yRow, i), load4(dyRow, i), sum));
  }
}

function softmaxGradColumns(
  begin: i32, end: i32, y: usize, dy: usize, dx: usize, n: i32, inner: i32, log: i32,
): void {
  const tiles = (inner + 3) / LANES;
  const stride = <usize>inner << 2;
  for (let p = begin; p < end; p++) {
    const o = p / tiles;
    const column = (p - o * tiles) * LANES;
    const offset = (<usize>o * n * inner + column) << 2;
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    for (let r = 0; r < n; r++) {
      const at = offset + <usize>r * stride;
      const g = v128.load(dy + at);
      const v = log ? g : f32x4.mul(g, v128.load(y + at));
      low = f64x2.add(low, f64x2.promote_low_f32x4(v));
      high = f64x2.add(high, promoteHigh(v));
    }
    const sum = demote(low, high);
    for (let r = 0; r < n; r++) {
      const at = offset + <usize>r * stride;
      const s = share(v128.load(y + at), log);
      const g = v128.load(dy + at);
      const v = log ? f32x4.sub(g, f32x4.mul(s, sum)) : f32x4.mul(s, f32x4.sub(g, sum));
      storeUpTo(dx + at, 0, inner - column, v);
    }
  }
}

/** dx = y (dy - sum of dy y) over n or, if `log`, dx = dy - e^y (sum of dy). */
export function softmaxGrad(
  begin: i32, end: i32, y: usize, dy: usize, dx: usize, n: i32, inner: i32, log: i32,
): void {
  if (inner > 1) {
    softmaxGradColumns(begin, end, y, dy, dx, n, inner, log);
    return;
  }
  // `return` rather than `else`: the compiler makes one call of two that are branches of an `if`
  if (log) {
    softmaxGradRows(true, begin, end, y, dy, dx, n);
    return;
  }
  softmaxGradRows(false, begin, end, y, dy, dx, n);
}

/** Elements of a row that causal attention sees: row i of each matrix [rows][n] sees the first i + 1. */
// @ts-ignore: decorator
@inline
function visible(row: i32, rows: i32, n: i32): i32 {
  return min(n, (row % rows) + 1);
}

/**
 * Softmax over the part of each row that causal attention sees; the rest of y is 0, and the rest of x is not
 * read. x, y: matrices [rows][n]. Unit: one row.
 */
export function causalSoftmax(begin: i32, end: i32, x: usize, y: usize, rows: i32, n: i32): void {
  for (let row = begin; row < end; row++) {
    const count = visible(row, rows, n);
    const offset = <usize>row * n << 2;
    softmaxRows(0, 1, x + offset, y + offset, count, 0);
    memory.fill(y + offset + (<usize>count << 2), 0, <usize>(n - count) << 2);
  }
}

/** The gradient of causalSoftmax. */
export function causalSoftmaxGrad(
  begin: i32, end: i32, y: usize, dy: usize, dx: usize, rows: i32, n: i32,
): void {
  for (let row = begin; row < end; row++) {
    const count = visible(row, rows, n);
    const offset = <usize>row * n << 2;
    softmaxGradRows(false, 0, 1, y + offset, dy + offset, dx + offset, count);
    memory.fill(dx + offset + (<usize>count << 2), 0, <usize>(n - count) << 2);
  }
}
