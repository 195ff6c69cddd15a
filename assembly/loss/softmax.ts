// Softmax over the middle of x[outer, n, inner]: y = e^(x - m) / s with m = max over n and s = sum over n of
// e^(x - m), which cannot overflow. Its logarithm is y = x - m - log s. Sums are float64. n > 0. Up to 12
// bytes past the inputs are read.
//
// Loops with exponentials are `do` loops: see unary.ts.
//
// inner = 1: vectors run along a row, the range is `outer`. inner > 1: vectors run across 4 columns, the
// range is outer * ceil(inner / 4).

import { exp4, log4 } from "../lib/math";
import { demote, LANES, lanesBelow, load4, promoteHigh, storePartial, storeUpTo, sumLanes } from "../lib/simd";

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
    best = f32x4.pmax(best, load4(x, i));
    other = f32x4.pmax(other, load4(x, i + 4));
  }
  best = f32x4.pmax(best, other);
  for (; i < n; i += 4) best = f32x4.pmax(best, v128.bitselect(load4(x, i), best, lanesBelow(n - i)));
  best = f32x4.pmax(best, v128.shuffle<f32>(best, best, 2, 3, 0, 1));
  best = f32x4.pmax(best, v128.shuffle<f32>(best, best, 1, 0, 3, 2));
  return f32x4.extract_lane(best, 0);
}

/** Sum of e^(x - m) over a row; the terms are stored in y unless y is null. */
function rowExpSum(x: usize, y: usize, n: i32, m: f32): f64 {
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  const maximum = f32x4.splat(m);
  let i = 0;
  if (n >= 8) {
    do { // two vectors per iteration: see unary.ts
      const e0 = exp4(f32x4.sub(load4(x, i), maximum));
      const e1 = exp4(f32x4.sub(load4(x, i + 4), maximum));
      if (y) {
        v128.store(y + (<usize>i << 2), e0);
        v128.store(y + (<usize>i << 2), e1, 16);
      }
      low = f64x2.add(f64x2.add(low, f64x2.promote_low_f32x4(e0)), f64x2.promote_low_f32x4(e1));
      high = f64x2.add(f64x2.add(high, promoteHigh(e0)), promoteHigh(e1));
      i += 8;
    } while (i + 8 <= n);
    if (i == n) return sumLanes(f64x2.add(low, high));
  }
  do {
    let e = exp4(f32x4.sub(load4(x, i), maximum));
    if (i + 4 <= n) {
      if (y) v128.store(y + (<usize>i << 2), e);
    } else {
      e = v128.and(e, lanesBelow(n - i));
      if (y) storePartial(y + (<usize>i << 2), e, n - i);
    }
    low = f64x2.add(low, f64x2.promote_low_f32x4(e));
    high = f64x2.add(high, promoteHigh(e));
    i += 4;
  } while (i < n);
  return sumLanes(f64x2.add(low, high));
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
    const sum = rowExpSum(from, log ? 0 : to, n, m);
    if (log) {
      const maximum = f32x4.splat(m);
      const logSum = f32x4.splat(logOf(sum));
      for (let i = 0; i < n; i += 4) storeUpTo(to, i, n, f32x4.sub(f32x4.sub(load4(from, i), maximum), logSum));
    } else {
      const divisor = f32x4.splat(<f32>sum);
      for (let i = 0; i < n; i += 4) storeUpTo(to, i, n, f32x4.div(load4(to, i), divisor));
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
      store<f32>(logSums + (<usize>row << 2), logOf(rowExpSum(from, 0, n, m)));
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
  return log ? exp4(y) : y;
}

function softmaxGradRows(begin: i32, end: i32, y: usize, dy: usize, dx: usize, n: i32, log: i32): void {
  for (let row = begin; row < end; row++) {
    const offset = <usize>row * n << 2;
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    for (let i = 0; i < n; i += 4) {
      const g = load4(dy + offset, i);
      const v = v128.and(log ? g : f32x4.mul(g, load4(y + offset, i)), lanesBelow(n - i));
      low = f64x2.add(low, f64x2.promote_low_f32x4(v));
      high = f64x2.add(high, promoteHigh(v));
    }
    const sum = f32x4.splat(<f32>sumLanes(f64x2.add(low, high)));
    for (let i = 0; i < n; i += 4) {
      const s = share(load4(y + offset, i), log);
      const g = load4(dy + offset, i);
      storeUpTo(dx + offset, i, n, log ? f32x4.sub(g, f32x4.mul(s, sum)) : f32x4.mul(s, f32x4.sub(g, sum)));
    }
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
  if (inner == 1) softmaxGradRows(begin, end, y, dy, dx, n, log);
  else softmaxGradColumns(begin, end, y, dy, dx, n, inner, log);
}
