// Rung 2: four elements at a time, with an exponential of four lanes; each exponential is computed once and
// kept in y.
//
// If the axis is the last one (inner = 1), four neighbours of a row make a vector, and its lanes are added at
// the end. Otherwise four neighbouring rows make a vector, one per lane.

import { exp4, log4 } from "../../lib/math";
import { lanesBelow, load4, storeUpTo, sumFloats } from "../../lib/simd";

/**
 * A mask of the lanes of vector i that exist: up to n - i elements of a row, or, if lanes are rows, all
 * lanes.
 */
// @ts-ignore: decorator
@inline
function lanesAt(i: i32, n: i32, inner: i32): v128 {
  return inner == 1 ? lanesBelow(n - i) : i32x4.splat(-1);
}

/** The largest lane of v, in all lanes. */
// @ts-ignore: decorator
@inline
function spreadMax(v: v128): v128 {
  const pairs = f32x4.max(v, v128.shuffle<f32>(v, v, 2, 3, 0, 1));
  return f32x4.max(pairs, v128.shuffle<f32>(pairs, pairs, 1, 0, 3, 2));
}

/**
 * Stores the lanes of v that exist: up to n - i elements of a row, or one element of each of `columns` rows.
 */
// @ts-ignore: decorator
@inline
function storeLanes(to: usize, i: i32, n: i32, inner: i32, columns: i32, v: v128): void {
  storeUpTo(to, 0, inner == 1 ? n - i : columns, v);
}

/** softmaxNaive. Sums are float32, and four per row if inner = 1. Reads up to 12 bytes past x and y. */
export function softmaxSimd(x: usize, y: usize, outer: i32, n: i32, inner: i32, log: i32): void {
  const tiles = (inner + 3) / 4;
  const step = inner == 1 ? 4 : 1; // elements of the axis in a vector
  const stepBytes = <usize>inner * <usize>step << 2;
  for (let tile = 0; tile < outer * tiles; tile++) {
    const column = (tile % tiles) * 4;
    const first = <usize>(tile / tiles * n * inner + column) << 2;
    const columns = inner - column;
    let m = f32x4.splat(-Infinity);
    for (let i: i32 = 0, at = first; i < n; i += step, at += stepBytes) {
      m = v128.bitselect(f32x4.max(m, v128.load(x + at)), m, lanesAt(i, n, inner));
    }
    if (inner == 1) m = spreadMax(m);
    let s = f32x4.splat(0);
    for (let i: i32 = 0, at = first; i < n; i += step, at += stepBytes) {
      const e = exp4(f32x4.sub(v128.load(x + at), m));
      s = f32x4.add(s, v128.and(e, lanesAt(i, n, inner)));
      if (!log) storeLanes(y + at, i, n, inner, columns, e);
    }
    if (inner == 1) s = f32x4.splat(sumFloats(s));
    const shift = log ? f32x4.add(m, log4(s)) : m;
    for (let i: i32 = 0, at = first; i < n; i += step, at += stepBytes) {
      const v = log ? f32x4.sub(v128.load(x + at), shift) : f32x4.div(v128.load(y + at), s);
      storeLanes(y + at, i, n, inner, columns, v);
    }
  }
}

/** softmaxGradNaive. Reads up to 12 bytes past y and dy. */
export function softmaxGradSimd(y: usize, dy: usize, dx: usize, outer: i32, n: i32, inner: i32, log: i32): void {
  const tiles = (inner + 3) / 4;
  const step = inner == 1 ? 4 : 1;
  const stepBytes = <usize>inner * <usize>step << 2;
  for (let tile = 0; tile < outer * tiles; tile++) {
    const column = (tile % tiles) * 4;
    const first = <usize>(tile / tiles * n * inner + column) << 2;
    const columns = inner - column;
    let sum = f32x4.splat(0);
    for (let i: i32 = 0, at = first; i < n; i += step, at += stepBytes) {
      const gradient = load4(dy + at, 0);
      const term = log ? gradient : f32x4.mul(gradient, load4(y + at, 0));
      sum = f32x4.add(sum, v128.and(term, lanesAt(i, n, inner)));
    }
    if (inner == 1) sum = f32x4.splat(sumFloats(sum));
    for (let i: i32 = 0, at = first; i < n; i += step, at += stepBytes) {
      const value = load4(y + at, 0);
      const gradient = load4(dy + at, 0);
      const v = log ? f32x4.sub(gradient, f32x4.mul(exp4(value), sum)) : f32x4.mul(value, f32x4.sub(gradient, sum));
      storeLanes(dx + at, i, n, inner, columns, v);
    }
  }
}
