// Sums, products and extrema of x[outer, n, inner] up to each position of its middle, and products of all.
// Sums and products are float64 and are computed in the order of positions, so results do not depend on how
// the range is divided.

import { demote, promoteHigh, storeUpTo } from "../lib/simd";

/** Columns of a tile: those of a cache line. @shared */
const SCAN_TILE = 16;

/** Sums of one row; `step` is 4 or, from the end to the start, -4 bytes. */
// @ts-ignore: decorator
@inline
function sumsOfRow(x: usize, y: usize, n: i32, step: isize): void {
  let sum: f64 = 0;
  for (let k = 0; k < n; k++, x += step, y += step) {
    sum += load<f32>(x);
    store<f32>(y, <f32>sum);
  }
}

/** sumsOfRow for four rows that are `bytes` apart: four additions at a time. */
// @ts-ignore: decorator
@inline
function sumsOfFourRows(x: usize, y: usize, n: i32, step: isize, bytes: usize): void {
  let sum0: f64 = 0;
  let sum1: f64 = 0;
  let sum2: f64 = 0;
  let sum3: f64 = 0;
  for (let k = 0; k < n; k++, x += step, y += step) {
    sum0 += load<f32>(x);
    sum1 += load<f32>(x + bytes);
    sum2 += load<f32>(x + 2 * bytes);
    sum3 += load<f32>(x + 3 * bytes);
    store<f32>(y, <f32>sum0);
    store<f32>(y + bytes, <f32>sum1);
    store<f32>(y + 2 * bytes, <f32>sum2);
    store<f32>(y + 3 * bytes, <f32>sum3);
  }
}

/** Sums of up to four columns. */
// @ts-ignore: decorator
@inline
function sumsOfColumns(x: usize, y: usize, n: i32, step: isize, count: i32): void {
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  for (let k = 0; k < n; k++, x += step, y += step) {
    const v = v128.load(x);
    low = f64x2.add(low, f64x2.promote_low_f32x4(v));
    high = f64x2.add(high, promoteHigh(v));
    storeUpTo(y, 0, count, demote(low, high));
  }
}

/**
 * y[o, k, i] = the sum of x[o, j, i] over j <= k or, if `reverse` is 1, over j >= k. Range: rows if inner =
 * 1, else tiles of SCAN_TILE columns, ceil(inner / SCAN_TILE) for each o.
 */
export function cumsum(begin: i32, end: i32, x: usize, y: usize, n: i32, inner: i32, reverse: i32): void {
  const last = reverse ? <usize>(n - 1) * <usize>inner << 2 : 0;
  const step = reverse ? -(<isize>inner << 2) : <isize>inner << 2;
  if (inner == 1) {
    const bytes = <usize>n << 2;
    let row = begin;
    for (; row + 4 <= end; row += 4) {
      const at = <usize>row * bytes + last;
      sumsOfFourRows(x + at, y + at, n, step, bytes);
    }
    for (; row < end; row++) {
      const at = <usize>row * bytes + last;
      sumsOfRow(x + at, y + at, n, step);
    }
    return;
  }
  const tiles = (inner + SCAN_TILE - 1) / SCAN_TILE;
  for (let tile = begin; tile < end; tile++) {
    const o = tile / tiles;
    const first = (tile - o * tiles) * SCAN_TILE;
    const start = (<usize>o * <usize>n * <usize>inner << 2) + last;
    for (let i = first; i < min(first + SCAN_TILE, inner); i += 4) {
      const at = start + (<usize>i << 2);
      sumsOfColumns(x + at, y + at, n, step, inner - i);
    }
  }
}

/** The address of the first element of column `column`, which is (o, i). */
// @ts-ignore: decorator
@inline
function columnStart(base: usize, column: i32, n: i32, inner: i32): usize {
  const o = column / inner;
  return base + ((<usize>o * <usize>n * <usize>inner + <usize>(column - o * inner)) << 2);
}

/** cumsum of int32, modulo 2^32. Range: columns (o, i). */
export function cumsumInt(begin: i32, end: i32, x: usize, y: usize, n: i32, inner: i32): void {
  const step = <usize>inner << 2;
  for (let column = begin; column < end; column++) {
    let from = columnStart(x, column, n, inner);
    let to = columnStart(y, column, n, inner);
    let sum = 0;
    for (let k = 0; k < n; k++, from += step, to += step) {
      sum += load<i32>(from);
      store<i32>(to, sum);
    }
  }
}

/** y[o, k, i] = the product of x[o, j, i] over j <= k. Range: columns (o, i). */
export function cumprod(begin: i32, end: i32, x: usize, y: usize, n: i32, inner: i32): void {
  const step = <usize>inner << 2;
  for (let column = begin; column < end; column++) {
    let from = columnStart(x, column, n, inner);
    let to = columnStart(y, column, n, inner);
    let product: f64 = 1;
    for (let k = 0; k < n; k++, from += step, to += step) {
      product *= load<f32>(from);
      store<f32>(to, <f32>product);
    }
  }
}

/**
 * The gradient of cumprod. dx[k] is the product of x before k, times s[k] = dy[k] + x[k + 1] s[k + 1], which
 * is computed from the end; no division, so zeros in x do no harm. Range: columns (o, i).
 */
export function cumprodGrad(begin: i32, end: i32, dy: usize, x: usize, dx: usize, n: i32, inner: i32): void {
  const step = <usize>inner << 2;
  for (let column = begin; column < end; column++) {
    const first = columnStart(0, column, n, inner);
    let sum: f64 = 0;
    let after: f64 = 0;
    for (let at = first + <usize>n * step; at > first; ) {
      at -= step;
      sum = load<f32>(dy + at) + after * sum;
      store<f32>(dx + at, <f32>sum);
      after = load<f32>(x + at);
    }
    let before: f64 = 1;
    for (let k = 0, at = first; k < n; k++, at += step) {
      store<f32>(dx + at, <f32>(before * load<f32>(dx + at)));
      before *= load<f32>(x + at);
    }
  }
}

/** y[o, i] = the product of x[o, j, i] over j. Range: columns (o, i). */
export function prod(begin: i32, end: i32, x: usize, y: usize, n: i32, inner: i32): void {
  const step = <usize>inner << 2;
  for (let column = begin; column < end; column++) {
    let from = columnStart(x, column, n, inner);
    let even: f64 = 1;
    let odd: f64 = 1;
    let k = 0;
    for (; k + 2 <= n; k += 2, from += 2 * step) {
      even *= load<f32>(from);
      odd *= load<f32>(from + step);
    }
    if (k < n) even *= load<f32>(from);
    store<f32>(y + (<usize>column << 2), <f32>(even * odd));
  }
}

/** prod of int32, modulo 2^32. */
export function prodInt(begin: i32, end: i32, x: usize, y: usize, n: i32, inner: i32): void {
  const step = <usize>inner << 2;
  for (let column = begin; column < end; column++) {
    let from = columnStart(x, column, n, inner);
    let product = 1;
    for (let k = 0; k < n; k++, from += step) product *= load<i32>(from);
    store<i32>(y + (<usize>column << 2), product);
  }
}

/** The gradient of prod: dy times the product of all other elements. Range: columns (o, i). */
export function prodGrad(begin: i32, end: i32, dy: usize, x: usize, dx: usize, n: i32, inner: i32): void {
  const step = <usize>inner << 2;
  for (let column = begin; column < end; column++) {
    const first = columnStart(0, column, n, inner);
    let after: f64 = load<f32>(dy + (<usize>column << 2));
    for (let at = first + <usize>n * step; at > first; ) {
      at -= step;
      store<f32>(dx + at, <f32>after);
      after *= load<f32>(x + at);
    }
    let before: f64 = 1;
    for (let k = 0, at = first; k < n; k++, at += step) {
      store<f32>(dx + at, <f32>(before * load<f32>(dx + at)));
      before *= load<f32>(x + at);
    }
  }
}

/**
 * values[o, k, i] = the largest (sign = 1) or smallest (sign = -1) x[o, j, i] over j <= k; of equal ones the
 * last, and NaN from the first NaN on. indices holds their j. Range: columns (o, i).
 */
export function cumExtremum(
  begin: i32, end: i32, x: usize, values: usize, indices: usize, n: i32, inner: i32, sign: i32,
): void {
  const step = <usize>inner << 2;
  for (let column = begin; column < end; column++) {
    const first = columnStart(0, column, n, inner);
    let best: f32 = load<f32>(x + first);
    let where = 0;
    for (let k = 0, at = first; k < n; k++, at += step) {
      const value = load<f32>(x + at);
      const beyond = sign > 0 ? value >= best : value <= best;
      if (value != value || (best == best && beyond)) {
        best = value;
        where = k;
      }
      store<f32>(values + at, best);
      store<i32>(indices + at, where);
    }
  }
}
