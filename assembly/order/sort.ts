// Sorting and selection along the middle of x[outer, n, inner]. Elements are moved as they are, so -0 and NaN
// keep their bits. Range of all kernels: slices (o, i). `work` has `workBytes` for each chunk.

import { load4 } from "../lib/simd";
import { keyOf, signedKeys, SORT_COUNTERS_BYTES, sortPairs } from "./keys";

// @ts-ignore: decorator
@inline
function sliceStart(slice: i32, n: i32, inner: i32): usize {
  const o = slice / inner;
  return (<usize>o * <usize>n * <usize>inner + <usize>(slice - o * inner)) << 2;
}

/** Writes the elements of `count` pairs, and their positions. */
// @ts-ignore: decorator
@inline
function writePairs(pairs: usize, count: i32, from: usize, values: usize, indices: usize, step: usize): void {
  for (let k = 0; k < count; k++) {
    const position = load<u32>(pairs + (<usize>k << 3));
    store<i32>(values, load<i32>(from + <usize>position * step));
    store<i32>(indices, position);
    values += step;
    indices += step;
  }
}

/**
 * values[o, :, i] = x[o, :, i] in ascending or descending order; equal elements keep their order. indices
 * holds their positions. work: 16 n + SORT_COUNTERS_BYTES.
 */
export function sort(
  begin: i32, end: i32, x: usize, values: usize, indices: usize, work: usize, workBytes: i32, grain: i32,
  n: i32, inner: i32, descending: i32, isInt: i32,
): void {
  const counters = work + <usize>(begin / grain) * <usize>workBytes;
  const pairs = counters + SORT_COUNTERS_BYTES;
  const other = pairs + (<usize>n << 3);
  const step = <usize>inner << 2;
  for (let slice = begin; slice < end; slice++) {
    const at = sliceStart(slice, n, inner);
    for (let k = 0, from = x + at; k < n; k++, from += step) {
      store<u64>(pairs + (<usize>k << 3), (<u64>keyOf(load<u32>(from), isInt, descending) << 32) | k);
    }
    const sorted = sortPairs(pairs, other, counters, n);
    writePairs(sorted, n, x + at, values + at, indices + at, step);
  }
}

/** Appends the pair of element k where its key is below `limit`. */
// @ts-ignore: decorator
@inline
function offer(pairs: usize, count: i32, bits: u32, k: i32, isInt: i32, descending: i32, limit: u32): i32 {
  const key = keyOf(bits, isInt, descending);
  if (key >= limit) return count;
  store<u64>(pairs + (<usize>count << 3), (<u64>key << 32) | k);
  return count + 1;
}

/**
 * The k first elements of x[o, :, i] in ascending or descending order, sorted; of equal elements those with
 * smaller positions. Candidates are collected until `capacity` of them are there, and then sorted; from then
 * on, only elements before the k-th candidate are taken. work: 16 (capacity + 4) + SORT_COUNTERS_BYTES, where
 * capacity > k.
 */
export function topk(
  begin: i32, end: i32, x: usize, values: usize, indices: usize, work: usize, workBytes: i32, grain: i32,
  n: i32, inner: i32, k: i32, capacity: i32, descending: i32, isInt: i32,
): void {
  const counters = work + <usize>(begin / grain) * <usize>workBytes;
  let pairs = counters + SORT_COUNTERS_BYTES;
  let other = pairs + (<usize>(capacity + 4) << 3);
  const step = <usize>inner << 2;
  for (let slice = begin; slice < end; slice++) {
    const start = x + sliceStart(slice, n, inner);
    let count = 0;
    let limit: u32 = 0xffffffff;
    let bound = i32x4.splat(0x7fffffff); // limit as a signed key
    let bounded = false;
    for (let i = 0; i < n; i += 4) {
      const rest = n - i;
      if (inner == 1 && rest >= 4) {
        // the first test is of four elements; most vectors end there
        if (bounded && !v128.any_true(i32x4.lt_s(signedKeys(load4(start, i), isInt, descending), bound))) continue;
      }
      for (let lane = 0; lane < min(rest, 4); lane++) {
        const bits = load<u32>(start + <usize>(i + lane) * step);
        if (bounded) count = offer(pairs, count, bits, i + lane, isInt, descending, limit);
        else {
          store<u64>(pairs + (<usize>count << 3), (<u64>keyOf(bits, isInt, descending) << 32) | (i + lane));
          count++;
        }
      }
      if (count < capacity) continue;
      const sorted = sortPairs(pairs, other, counters, count);
      if (sorted != pairs) {
        other = pairs;
        pairs = sorted;
      }
      count = k;
      limit = load<u32>(pairs + (<usize>(k - 1) << 3), 4);
      bound = i32x4.splat(limit ^ 0x80000000);
      bounded = true;
    }
    const sorted = sortPairs(pairs, other, counters, count);
    const to = sliceStart(slice, k, inner);
    writePairs(sorted, k, start, values + to, indices + to, step);
  }
}

/**
 * The middle of x[o, :, i], given its elements in ascending order and their positions: the lower one of two.
 * If `skipNan` is 0 and there is a NaN, the first NaN. If it is 1, NaN does not count.
 */
export function middleOfSorted(
  begin: i32, end: i32, sorted: usize, positions: usize, values: usize, indices: usize, n: i32, inner: i32,
  isInt: i32, skipNan: i32,
): void {
  const step = <usize>inner << 2;
  for (let slice = begin; slice < end; slice++) {
    const start = sliceStart(slice, n, inner);
    let numbers = n;
    if (!isInt) {
      // NaN is last
      while (numbers > 0) {
        const value = load<f32>(sorted + start + <usize>(numbers - 1) * step);
        if (value == value) break;
        numbers--;
      }
    }
    const at = numbers < n && (!skipNan || numbers == 0) ? numbers : (numbers - 1) >> 1;
    store<i32>(values + (<usize>slice << 2), load<i32>(sorted + start + <usize>at * step));
    store<i32>(indices + (<usize>slice << 2), load<i32>(positions + start + <usize>at * step));
  }
}

/**
 * The different ones of n sorted elements, and how often each occurs; inverse[positions[k]] is the number of
 * element k among them. Returns how many they are. Each NaN is different.
 */
export function uniqueOfSorted(
  n: i32, sorted: usize, positions: usize, values: usize, inverse: usize, counts: usize, isInt: i32,
): i32 {
  let last = -1;
  for (let k = 0; k < n; k++) {
    const at = <usize>k << 2;
    const same = isInt
      ? k > 0 && load<i32>(sorted + at) == load<i32>(sorted + at - 4)
      : k > 0 && load<f32>(sorted + at) == load<f32>(sorted + at - 4);
    if (!same) {
      last++;
      store<i32>(values + (<usize>last << 2), load<i32>(sorted + at));
      store<i32>(counts + (<usize>last << 2), 0);
    }
    const counter = counts + (<usize>last << 2);
    store<i32>(counter, load<i32>(counter) + 1);
    store<i32>(inverse + (<usize>load<i32>(positions + at) << 2), last);
  }
  return last + 1;
}

/**
 * out[e] = the number of elements of a sorted row that are below values[e], or, if `right` is 1, not above
 * it. Row e / count of `sequence` has `length` elements; if `count` is 0, there is one row. Range: elements
 * of out.
 */
export function searchSorted(
  begin: i32, end: i32, sequence: usize, values: usize, out: usize, length: i32, count: i32, right: i32,
): void {
  for (let e = begin; e < end; e++) {
    const row = sequence + (count ? <usize>(e / count) * <usize>length << 2 : 0);
    const value = load<f32>(values + (<usize>e << 2));
    let low = 0;
    let high = length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const own = load<f32>(row + (<usize>middle << 2));
      const reached = right ? own > value : own >= value;
      if (reached) high = middle;
      else low = middle + 1;
    }
    store<i32>(out + (<usize>e << 2), low);
  }
}

/** counts[x[i]] += 1 for int32 x, or += weights[i] for float32 weights. counts is 0 before. */
export function countBins(n: i32, x: usize, weights: usize, counts: usize): void {
  for (let i = 0; i < n; i++) {
    const counter = counts + (<usize>load<i32>(x + (<usize>i << 2)) << 2);
    if (weights) store<f32>(counter, load<f32>(counter) + load<f32>(weights + (<usize>i << 2)));
    else store<i32>(counter, load<i32>(counter) + 1);
  }
}

/**
 * counts[b] += 1 for each x[i] in bin b of `bins` equal ones from `low` to `high`; the last one includes
 * `high`. Others and NaN do not count. counts is float32, and 0 before.
 */
export function histogram(n: i32, x: usize, counts: usize, bins: i32, low: f32, high: f32): void {
  for (let i = 0; i < n; i++) {
    const value = load<f32>(x + (<usize>i << 2));
    if (!(value >= low && value <= high)) continue;
    const bin = min(<i32>((value - low) / (high - low) * <f32>bins), bins - 1);
    const counter = counts + (<usize>bin << 2);
    store<f32>(counter, load<f32>(counter) + 1);
  }
}
