// Kernels that write or add to the positions that an int32 tensor lists, and that move the elements of a
// mask. The caller has checked the positions.
//
// out [outer, length, inner] is indexed in its middle dimension. Of several writes to one place, the last one
// stays; one call computes whole columns (o, i), so the result is the same for any partition.

import { load4, storeUpTo } from "../lib/simd";

// @ts-ignore: decorator
@inline
function indexAt(index: usize, i: i32): i32 {
  return load<i32>(index + (<usize>i << 2));
}

/** What happens to an element of out. The last three are those of `scatterReduce`. @shared */
const enum Combine { Replace, Sum, Product, Largest, Smallest }

// @ts-ignore: decorator
@inline
function combine<T extends number>(how: Combine, a: T, b: T): T {
  if (how == Combine.Sum) return <T>(a + b);
  if (how == Combine.Product) return <T>(a * b);
  return how == Combine.Largest ? <T>max<T>(a, b) : <T>min<T>(a, b);
}

// @ts-ignore: decorator
@inline
function scatter<T extends number>(
  how: Combine, begin: i32, end: i32, x: usize, index: usize, out: usize, length: i32, count: i32, inner: i32,
): void {
  for (let column = begin; column < end; column++) {
    const o = column / inner;
    const i = column - o * inner;
    for (let j = 0; j < count; j++) {
      const e = (o * count + j) * inner + i;
      const target = out + (<usize>((o * length + indexAt(index, e)) * inner + i) << 2);
      const value = load<T>(x + (<usize>e << 2));
      store<T>(target, how == Combine.Replace ? value : combine<T>(how, load<T>(target), value));
    }
  }
}

/** out[o, index[o, j, i], i] = x[o, j, i]. Range: columns (o, i). */
export function scatterElements(
  begin: i32, end: i32, x: usize, index: usize, out: usize, length: i32, count: i32, inner: i32,
): void {
  scatter<i32>(Combine.Replace, begin, end, x, index, out, length, count, inner);
}

/**
 * out[o, index[o, j, i], i] += x[o, j, i] for int32, modulo 2^32. Range: columns (o, i).
 * @inPlace
 */
export function scatterAddInt(
  begin: i32, end: i32, x: usize, index: usize, out: usize, length: i32, count: i32, inner: i32,
): void {
  scatter<i32>(Combine.Sum, begin, end, x, index, out, length, count, inner);
}

/**
 * out[o, index[o, j, i], i] = the product, maximum or minimum of itself and x[o, j, i]. Range: columns (o,
 * i).
 * @inPlace
 */
export function scatterReduce(
  begin: i32, end: i32, x: usize, index: usize, out: usize, length: i32, count: i32, inner: i32, how: Combine,
): void {
  scatter<f32>(how, begin, end, x, index, out, length, count, inner);
}

/**
 * scatterReduce of int32; products modulo 2^32.
 * @inPlace
 */
export function scatterReduceInt(
  begin: i32, end: i32, x: usize, index: usize, out: usize, length: i32, count: i32, inner: i32, how: Combine,
): void {
  scatter<i32>(how, begin, end, x, index, out, length, count, inner);
}

// @ts-ignore: decorator
@inline
function writeRows(
  how: Combine, begin: i32, end: i32, x: usize, index: usize, out: usize, length: i32, count: i32, inner: i32,
): void {
  for (let column = begin; column < end; ) {
    const o = column / inner;
    const first = column - o * inner;
    const last = min(inner, first + end - column);
    for (let j = 0; j < count; j++) {
      const source = x + (<usize>(o * count + j) * <usize>inner << 2);
      const target = out + (<usize>(o * length + indexAt(index, j)) * <usize>inner << 2);
      for (let i = first; i < last; i += 4) {
        const v = load4(source, i);
        storeUpTo(target, i, last, how == Combine.Replace ? v : i32x4.add(load4(target, i), v));
      }
    }
    column += last - first;
  }
}

/** out[o, index[j], i] = x[o, j, i] for j < count. Range: columns (o, i). */
export function setRows(
  begin: i32, end: i32, x: usize, index: usize, out: usize, length: i32, count: i32, inner: i32,
): void {
  writeRows(Combine.Replace, begin, end, x, index, out, length, count, inner);
}

/**
 * out[o, index[j], i] += x[o, j, i] for int32, modulo 2^32. Range: columns (o, i).
 * @inPlace
 */
export function addRowsInt(
  begin: i32, end: i32, x: usize, index: usize, out: usize, length: i32, count: i32, inner: i32,
): void {
  writeRows(Combine.Sum, begin, end, x, index, out, length, count, inner);
}

/** The number of mask[i] that are not 0, where each is 0 or 1. */
export function countMask(n: i32, mask: usize): i32 {
  let sums = i32x4.splat(0);
  let i = 0;
  for (; i + 4 <= n; i += 4) sums = i32x4.add(sums, load4(mask, i));
  let count = i32x4.extract_lane(sums, 0) + i32x4.extract_lane(sums, 1);
  count += i32x4.extract_lane(sums, 2) + i32x4.extract_lane(sums, 3);
  for (; i < n; i++) count += load<i32>(mask + (<usize>i << 2));
  return count;
}

/** Writes the x[i] where mask[i] is 1, one after the other. `room` is the number of elements of out. */
export function packMasked(n: i32, x: usize, mask: usize, out: usize, room: i32): void {
  let count = 0;
  for (let i = 0; i < n && count < room; i++) {
    // written in any case, and overwritten if it does not belong there: no branch
    store<i32>(out + (<usize>count << 2), load<i32>(x + (<usize>i << 2)));
    count += load<i32>(mask + (<usize>i << 2));
  }
}

/** Writes the next element of x to each out[i] where mask[i] is 1. */
export function unpackMasked(n: i32, x: usize, mask: usize, out: usize): void {
  let count = 0;
  for (let i = 0; i < n; i++) {
    if (!load<i32>(mask + (<usize>i << 2))) continue;
    store<i32>(out + (<usize>i << 2), load<i32>(x + (<usize>count << 2)));
    count++;
  }
}

/**
 * out[k] = the position of the k-th mask[i] that is 1: for each of the `rank` dimensions of `shape`, its
 * index.
 */
export function positionsOfMask(n: i32, mask: usize, out: usize, rank: i32, shape: usize): void {
  let to = out;
  for (let i = 0; i < n; i++) {
    if (!load<i32>(mask + (<usize>i << 2))) continue;
    let rest = i;
    for (let d = rank - 1; d >= 0; d--) {
      const length = load<i32>(shape + (<usize>d << 2));
      const outer = rest / length;
      store<i32>(to + (<usize>d << 2), rest - outer * length);
      rest = outer;
    }
    to += <usize>rank << 2;
  }
}
