// Sums over one dimension of x[outer, reduce, inner] (row-major): y[o, i] = sum over r of x[o, r, i]. All
// sums are float64: a float32 sum of 10^7 elements loses three digits, and widening costs less than the
// memory traffic. Long reductions are cut into chunks whose size depends only on the shape. Their partial
// sums are stored as float64 and added in order, so the bits do not depend on how the work was split.

import { load4, storeUpTo, sumLanes } from "../lib/simd";

/** Columns whose sums sumColumns keeps in registers at a time: one cache line of float32. @shared */
const SUM_TILE = 16;

// @ts-ignore: decorator
@inline
function widenLow<T>(v: v128): v128 {
  return isFloat<T>() ? f64x2.promote_low_f32x4(v) : f64x2.convert_low_i32x4_s(v);
}

// @ts-ignore: decorator
@inline
function widenHigh<T>(v: v128): v128 {
  return widenLow<T>(v128.shuffle<i32>(v, v, 2, 3, 2, 3));
}

// @ts-ignore: decorator
@inline
function sumRun<T>(x: usize, length: i32): f64 {
  let low0 = f64x2.splat(0);
  let high0 = low0;
  let low1 = low0;
  let high1 = low0;
  let i = 0;
  for (; i + 8 <= length; i += 8) {
    const a = load4(x, i);
    const b = load4(x, i + 4);
    low0 = f64x2.add(low0, widenLow<T>(a));
    high0 = f64x2.add(high0, widenHigh<T>(a));
    low1 = f64x2.add(low1, widenLow<T>(b));
    high1 = f64x2.add(high1, widenHigh<T>(b));
  }
  const all = f64x2.add(f64x2.add(low0, high0), f64x2.add(low1, high1));
  let sum = sumLanes(all);
  for (; i < length; i++) sum += <f64>load<T>(x + (<usize>i << 2));
  return sum;
}

// @ts-ignore: decorator
@inline
function sumRowsOf<T>(begin: i32, end: i32, x: usize, y: usize, length: i32, chunk: i32): void {
  const chunks = (length + chunk - 1) / chunk;
  for (let p = begin; p < end; p++) {
    const row = p / chunks;
    const from = (p - row * chunks) * chunk;
    const sum = sumRun<T>(x + ((<usize>row * length + from) << 2), min(chunk, length - from));
    store<f64>(y + (<usize>p << 3), sum);
  }
}

/**
 * float64 y[row, c] = sum of x[row, c * chunk .. (c + 1) * chunk], rows of `length` > 0;
 * range: row * chunks + c.
 */
export function sumRows(begin: i32, end: i32, x: usize, y: usize, length: i32, chunk: i32): void {
  sumRowsOf<f32>(begin, end, x, y, length, chunk);
}

/** sumRows for int32 x. */
export function sumRowsInt(begin: i32, end: i32, x: usize, y: usize, length: i32, chunk: i32): void {
  sumRowsOf<i32>(begin, end, x, y, length, chunk);
}

/** Adds `rows` rows of 4 columns; the first `count` sums are stored. */
// @ts-ignore: decorator
@inline
function sumFourColumns<T>(x: usize, y: usize, rows: i32, stride: usize, count: i32): void {
  let low = f64x2.splat(0);
  let high = low;
  for (let r = 0; r < rows; r++, x += stride) {
    const v = v128.load(x);
    low = f64x2.add(low, widenLow<T>(v));
    high = f64x2.add(high, widenHigh<T>(v));
  }
  store<f64>(y, f64x2.extract_lane(low, 0));
  if (count > 1) store<f64>(y, f64x2.extract_lane(low, 1), 8);
  if (count > 2) store<f64>(y, f64x2.extract_lane(high, 0), 16);
  if (count > 3) store<f64>(y, f64x2.extract_lane(high, 1), 24);
}

// @ts-ignore: decorator
@inline
function sumSixteenColumns<T>(x: usize, y: usize, rows: i32, stride: usize): void {
  let sum0 = f64x2.splat(0);
  let sum1 = sum0;
  let sum2 = sum0;
  let sum3 = sum0;
  let sum4 = sum0;
  let sum5 = sum0;
  let sum6 = sum0;
  let sum7 = sum0;
  for (let r = 0; r < rows; r++, x += stride) {
    const a = v128.load(x);
    sum0 = f64x2.add(sum0, widenLow<T>(a));
    sum1 = f64x2.add(sum1, widenHigh<T>(a));
    const b = v128.load(x, 16);
    sum2 = f64x2.add(sum2, widenLow<T>(b));
    sum3 = f64x2.add(sum3, widenHigh<T>(b));
    const c = v128.load(x, 32);
    sum4 = f64x2.add(sum4, widenLow<T>(c));
    sum5 = f64x2.add(sum5, widenHigh<T>(c));
    const d = v128.load(x, 48);
    sum6 = f64x2.add(sum6, widenLow<T>(d));
    sum7 = f64x2.add(sum7, widenHigh<T>(d));
  }
  v128.store(y, sum0);
  v128.store(y, sum1, 16);
  v128.store(y, sum2, 32);
  v128.store(y, sum3, 48);
  v128.store(y, sum4, 64);
  v128.store(y, sum5, 80);
  v128.store(y, sum6, 96);
  v128.store(y, sum7, 112);
}

/**
 * sumSixteenColumns with the sums in memory, which stay in the L1 cache. Rows are read from end to end, four
 * at a time; a strip of 16 columns would fetch a line from each of many pages. `columns` is a multiple of 4.
 */
// @ts-ignore: decorator
@inline
function sumManyColumns<T>(x: usize, y: usize, rows: i32, stride: usize, columns: i32): void {
  memory.fill(y, 0, <usize>columns << 3);
  let r = 0;
  for (; r + 4 <= rows; r += 4, x += 4 * stride) {
    let sum = y;
    for (let from = x, end = x + (<usize>columns << 2); from < end; from += 16, sum += 32) {
      const v0 = v128.load(from);
      const v1 = v128.load(from + stride);
      const v2 = v128.load(from + 2 * stride);
      const v3 = v128.load(from + 3 * stride);
      const low01 = f64x2.add(f64x2.add(v128.load(sum), widenLow<T>(v0)), widenLow<T>(v1));
      const high01 = f64x2.add(f64x2.add(v128.load(sum, 16), widenHigh<T>(v0)), widenHigh<T>(v1));
      v128.store(sum, f64x2.add(f64x2.add(low01, widenLow<T>(v2)), widenLow<T>(v3)));
      v128.store(sum, f64x2.add(f64x2.add(high01, widenHigh<T>(v2)), widenHigh<T>(v3)), 16);
    }
  }
  for (; r < rows; r++, x += stride) {
    let sum = y;
    for (let from = x, end = x + (<usize>columns << 2); from < end; from += 16, sum += 32) {
      const v = v128.load(from);
      v128.store(sum, f64x2.add(v128.load(sum), widenLow<T>(v)));
      v128.store(sum, f64x2.add(v128.load(sum, 16), widenHigh<T>(v)), 16);
    }
  }
}

// @ts-ignore: decorator
@inline
function sumColumnsOf<T>(begin: i32, end: i32, x: usize, y: usize, reduce: i32, inner: i32, chunk: i32, tile: i32): void {
  const tiles = (inner + tile - 1) / tile;
  const chunks = (reduce + chunk - 1) / chunk;
  const stride = <usize>inner << 2;
  for (let p = begin; p < end; p++) {
    const partial = p / tiles; // o * chunks + c
    const o = partial / chunks;
    const from = (partial - o * chunks) * chunk;
    const rows = min(chunk, reduce - from);
    const column = (p - partial * tiles) * tile;
    const source = x + ((<usize>(o * reduce + from) * inner + column) << 2);
    const target = y + ((<usize>partial * inner + column) << 3);
    const columns = min(tile, inner - column);
    if (columns == SUM_TILE) sumSixteenColumns<T>(source, target, rows, stride);
    else {
      const many = columns > SUM_TILE ? columns & ~3 : 0;
      if (many > 0) sumManyColumns<T>(source, target, rows, stride, many);
      for (let c = many; c < columns; c += 4) {
        sumFourColumns<T>(source + (<usize>c << 2), target + (<usize>c << 3), rows, stride, columns - c);
      }
    }
  }
}

/**
 * float64 y[o, c, i] = sum of x[o, r, i] over c * chunk <= r < (c + 1) * chunk; range: (o, c, tiles of `tile`
 * columns, 16 or more). Reads up to 12 bytes past x.
 */
export function sumColumns(begin: i32, end: i32, x: usize, y: usize, reduce: i32, inner: i32, chunk: i32, tile: i32): void {
  sumColumnsOf<f32>(begin, end, x, y, reduce, inner, chunk, tile);
}

/** sumColumns for int32 x. */
export function sumColumnsInt(begin: i32, end: i32, x: usize, y: usize, reduce: i32, inner: i32, chunk: i32, tile: i32): void {
  sumColumnsOf<i32>(begin, end, x, y, reduce, inner, chunk, tile);
}

/**
 * y[o, i] = sum over r of x[o, r, i], both float64: partial sums are added in order; range: o * inner + i.
 */
export function sumPartials(begin: i32, end: i32, x: usize, y: usize, reduce: i32, inner: i32): void {
  const stride = <usize>inner << 3;
  for (let p = begin; p < end; ) {
    const o = p / inner;
    const i = p - o * inner;
    let from = x + ((<usize>o * reduce * inner + i) << 3);
    const to = y + (<usize>p << 3);
    if (end - p >= 8 && inner - i >= 8) {
      // a cache line of each row
      let sum01 = f64x2.splat(0);
      let sum23 = sum01;
      let sum45 = sum01;
      let sum67 = sum01;
      for (let r = 0; r < reduce; r++, from += stride) {
        sum01 = f64x2.add(sum01, v128.load(from));
        sum23 = f64x2.add(sum23, v128.load(from, 16));
        sum45 = f64x2.add(sum45, v128.load(from, 32));
        sum67 = f64x2.add(sum67, v128.load(from, 48));
      }
      v128.store(to, sum01);
      v128.store(to, sum23, 16);
      v128.store(to, sum45, 32);
      v128.store(to, sum67, 48);
      p += 8;
    } else {
      let sum: f64 = 0;
      for (let r = 0; r < reduce; r++, from += stride) sum += load<f64>(from);
      store<f64>(to, sum);
      p++;
    }
  }
}

/** float32 y[i] = x[i] / divisor of float64 x. */
export function roundQuotient(begin: i32, end: i32, x: usize, y: usize, divisor: f64): void {
  for (let i = begin; i < end; i++) store<f32>(y + (<usize>i << 2), <f32>(load<f64>(x + (<usize>i << 3)) / divisor));
}

/** int32 y[i] = x[i] for float64 x with integer values, clamped to the range of int32. */
export function roundToInt(begin: i32, end: i32, x: usize, y: usize): void {
  for (let i = begin; i < end; i++) {
    store<i32>(y + (<usize>i << 2), <i32>load<f64>(x + (<usize>i << 3)));
  }
}

/**
 * The gradient of a sum: y[o, r, i] = x[o, i] / divisor for 0 <= r < repeat; range: elements of y, from a
 * multiple of 4. Reads up to 12 bytes past x.
 */
export function repeatDivided(
  begin: i32, end: i32, x: usize, y: usize, repeat: i32, inner: i32, divisor: f32,
): void {
  const divisors = f32x4.splat(divisor);
  let i = begin;
  while (i < end) {
    const row = i / inner; // o * repeat + r
    const o = row / repeat;
    if (inner == 1) {
      const stop = min(end, (o + 1) * repeat);
      const value = f32x4.div(v128.load32_splat(x + (<usize>o << 2)), divisors);
      for (; i < stop; i += 4) storeUpTo(y, i, stop, value);
      i = stop;
    } else {
      const stop = min(end, (row + 1) * inner);
      let from = x + ((<usize>o * inner + (i - row * inner)) << 2);
      for (; i < stop; i += 4, from += 16) storeUpTo(y, i, stop, f32x4.div(v128.load(from), divisors));
      i = stop;
    }
  }
}
