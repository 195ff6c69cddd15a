// Largest and smallest values of x[outer, n, inner] along its middle, n > 0, with their indices. The first of
// equal values wins, and a NaN beats every number. Up to 12 bytes past the inputs may be read. `sign` is 1
// for the largest, -1 for the smallest.
//
// inner = 1: four lanes run along a row and are compared at its end; range: rows.
// inner > 1: the four lanes are columns; range: outer * ceil(inner / 4).

import { LANES, lanesBelow, load4, storeUpTo } from "../lib/simd";

/** A mask of the lanes in which v replaces `best`. */
// @ts-ignore: decorator
@inline
function beats<T>(v: v128, best: v128, sign: i32): v128 {
  if (isInteger<T>()) return sign > 0 ? i32x4.gt_s(v, best) : i32x4.lt_s(v, best);
  const beyond = sign > 0 ? f32x4.gt(v, best) : f32x4.lt(v, best);
  return v128.or(beyond, v128.and(f32x4.ne(v, v), f32x4.eq(best, best)));
}

/** `beats` for scalars. Of equal values (or two NaNs) the one with the smaller index wins. */
// @ts-ignore: decorator
@inline
function beatsScalar<T>(v: T, index: i32, best: T, bestIndex: i32, sign: i32): bool {
  if (v == best || (v != v && best != best)) return index < bestIndex;
  if (v != v) return true;
  if (best != best) return false;
  return sign > 0 ? v > best : v < best;
}

// @ts-ignore: decorator
@inline
function rows<T>(begin: i32, end: i32, x: usize, values: usize, indices: usize, n: i32, sign: i32): void {
  for (let row = begin; row < end; row++) {
    const from = x + (<usize>row * n << 2);
    let best = v128.load32_splat(from); // lanes past a short row repeat its first element
    let where = i32x4.splat(0);
    let index = i32x4(0, 1, 2, 3);
    for (let i = 0; i < n; i += 4) {
      const v = load4(from, i);
      const better = v128.and(beats<T>(v, best, sign), lanesBelow(n - i));
      best = v128.bitselect(v, best, better);
      where = v128.bitselect(index, where, better);
      index = i32x4.add(index, i32x4.splat(4));
    }
    let value = v128.extract_lane<T>(best, 0);
    let at = i32x4.extract_lane(where, 0);
    if (beatsScalar<T>(v128.extract_lane<T>(best, 1), i32x4.extract_lane(where, 1), value, at, sign)) {
      value = v128.extract_lane<T>(best, 1);
      at = i32x4.extract_lane(where, 1);
    }
    if (beatsScalar<T>(v128.extract_lane<T>(best, 2), i32x4.extract_lane(where, 2), value, at, sign)) {
      value = v128.extract_lane<T>(best, 2);
      at = i32x4.extract_lane(where, 2);
    }
    if (beatsScalar<T>(v128.extract_lane<T>(best, 3), i32x4.extract_lane(where, 3), value, at, sign)) {
      value = v128.extract_lane<T>(best, 3);
      at = i32x4.extract_lane(where, 3);
    }
    if (values) store<T>(values + (<usize>row << 2), value);
    if (indices) store<i32>(indices + (<usize>row << 2), at);
  }
}

// @ts-ignore: decorator
@inline
function columns<T>(
  begin: i32, end: i32, x: usize, values: usize, indices: usize, n: i32, inner: i32, sign: i32,
): void {
  const tiles = (inner + 3) / LANES;
  for (let p = begin; p < end; p++) {
    const o = p / tiles;
    const column = (p - o * tiles) * LANES;
    let from = x + ((<usize>o * n * inner + column) << 2);
    let best = v128.load(from);
    let where = i32x4.splat(0);
    for (let r = 0; r < n; r++, from += <usize>inner << 2) {
      const v = v128.load(from);
      const better = beats<T>(v, best, sign);
      best = v128.bitselect(v, best, better);
      where = v128.bitselect(i32x4.splat(r), where, better);
    }
    const to = (<usize>o * inner + column) << 2;
    if (values) storeUpTo(values + to, 0, inner - column, best);
    if (indices) storeUpTo(indices + to, 0, inner - column, where);
  }
}

/** values[o, i] and indices[o, i] of float32 x; either may be null. */
export function extremum(
  begin: i32, end: i32, x: usize, values: usize, indices: usize, n: i32, inner: i32, sign: i32,
): void {
  if (inner == 1) rows<f32>(begin, end, x, values, indices, n, sign);
  else columns<f32>(begin, end, x, values, indices, n, inner, sign);
}

/** extremum of int32 x. */
export function extremumInt(
  begin: i32, end: i32, x: usize, values: usize, indices: usize, n: i32, inner: i32, sign: i32,
): void {
  if (inner == 1) rows<i32>(begin, end, x, values, indices, n, sign);
  else columns<i32>(begin, end, x, values, indices, n, inner, sign);
}

/** dx[o, indices[o, i], i] = dy[o, i]; dx must be 0 before. Range: outer * inner. */
export function scatterToIndices(
  begin: i32, end: i32, dy: usize, indices: usize, dx: usize, n: i32, inner: i32,
): void {
  for (let p = begin; p < end; p++) {
    const o = p / inner;
    const k = load<i32>(indices + (<usize>p << 2));
    store<f32>(dx + ((<usize>(o * n + k) * inner + (p - o * inner)) << 2), load<f32>(dy + (<usize>p << 2)));
  }
}

/** The number of x[i] that equal value[0] (NaN equals NaN). */
export function countEqual(x: usize, value: usize, size: i32): i32 {
  const v = load<f32>(value);
  let count = 0;
  for (let i = 0; i < size; i++) {
    const own = load<f32>(x + (<usize>i << 2));
    count += i32(own == v || (own != own && v != v));
  }
  return count;
}

/** dx[i] = dy[0] / count where x[i] equals value[0] (NaN equals NaN), else 0. */
export function shareAmongEqual(
  begin: i32, end: i32, x: usize, value: usize, dy: usize, dx: usize, count: i32,
): void {
  const v = load<f32>(value);
  const share = load<f32>(dy) / <f32>count;
  for (let i = begin; i < end; i++) {
    const own = load<f32>(x + (<usize>i << 2));
    store<f32>(dx + (<usize>i << 2), own == v || (own != own && v != v) ? share : <f32>0);
  }
}
