// Kernels that read or add to the positions of x that an int32 tensor lists. The caller has checked these
// positions with findIndexOutside.
//
// x [outer, length, inner] is indexed in its middle dimension. Terms of a sum are added in the order of the
// positions, and one call computes whole columns (o, i), so that the result is the same for any partition.

import { load4, storeUpTo } from "../lib/simd";

/** The first value of x outside [low, high), or NaN if there is none. */
export function findIndexOutside(n: i32, x: usize, low: i32, high: i32): f64 {
  for (let i = 0; i < n; i++) {
    const value = load<i32>(x + (<usize>i << 2));
    if (value < low || value >= high) return <f64>value;
  }
  return NaN;
}

/** The largest of x and -1. */
export function largestIndex(n: i32, x: usize): i32 {
  let largest = -1;
  for (let i = 0; i < n; i++) largest = max(largest, load<i32>(x + (<usize>i << 2)));
  return largest;
}

// @ts-ignore: decorator
@inline
function indexAt(index: usize, i: i32): i32 {
  return load<i32>(index + (<usize>i << 2));
}

/** out[o, j, :] = x[o, index[j], :] for j < count. Range: rows of out. */
export function gatherRows(
  begin: i32, end: i32, x: usize, index: usize, out: usize, length: i32, count: i32, inner: i32,
): void {
  const bytes = <usize>inner << 2;
  for (let row = begin; row < end; row++) {
    const source = (row / count) * length + indexAt(index, row % count);
    memory.copy(out + <usize>row * bytes, x + <usize>source * bytes, bytes);
  }
}

/**
 * dx[o, index[j], i] += dy[o, j, i] for all j < count with index[j] != skip. Range: columns (o, i).
 * @inPlace
 */
export function addToRows(
  begin: i32, end: i32, dy: usize, index: usize, dx: usize, length: i32, count: i32, inner: i32, skip: i32,
): void {
  for (let column = begin; column < end; ) {
    const o = column / inner;
    const first = column - o * inner;
    const last = min(inner, first + end - column);
    for (let j = 0; j < count; j++) {
      const position = indexAt(index, j);
      if (position == skip) continue;
      const source = dy + (<usize>(o * count + j) * <usize>inner << 2);
      const target = dx + (<usize>(o * length + position) * <usize>inner << 2);
      for (let i = first; i < last; i += 4) storeUpTo(target, i, last, f32x4.add(load4(target, i), load4(source, i)));
    }
    column += last - first;
  }
}

/** out[o, j, i] = x[o, index[o, j, i], i] for j < count. Range: elements of out. */
export function gather(
  begin: i32, end: i32, x: usize, index: usize, out: usize, length: i32, count: i32, inner: i32,
): void {
  for (let e = begin; e < end; e++) {
    const source = ((e / (count * inner)) * length + indexAt(index, e)) * inner + (e % inner);
    store<i32>(out + (<usize>e << 2), load<i32>(x + (<usize>source << 2)));
  }
}

/**
 * dx[o, index[o, j, i], i] += dy[o, j, i]. Range: columns (o, i).
 * @inPlace
 */
export function scatterAdd(
  begin: i32, end: i32, dy: usize, index: usize, dx: usize, length: i32, count: i32, inner: i32,
): void {
  for (let column = begin; column < end; column++) {
    const o = column / inner;
    const i = column % inner;
    for (let j = 0; j < count; j++) {
      const e = (o * count + j) * inner + i;
      const target = dx + (<usize>((o * length + indexAt(index, e)) * inner + i) << 2);
      store<f32>(target, load<f32>(target) + load<f32>(dy + (<usize>e << 2)));
    }
  }
}

/** out[i][c] = 1 where c = index[i], 0 elsewhere, for c < classes. Range: positions i. */
export function oneHot(begin: i32, end: i32, index: usize, out: usize, classes: i32): void {
  for (let i = begin; i < end; i++) {
    const row = out + (<usize>i * <usize>classes << 2);
    memory.fill(row, 0, <usize>classes << 2);
    store<i32>(row + (<usize>indexAt(index, i) << 2), 1);
  }
}

/**
 * How padding continues a dimension beyond its ends: mirrored, with the nearest element, or from the other
 * end. @shared
 */
const enum Border { Reflect, Replicate, Circular }

/**
 * out[i] = first + the index, among `length` elements, of the element that padding puts at place i - before.
 * `border` says which one it is for places outside [0, length). Unless that is Replicate, places are at most
 * `length` outside.
 */
export function paddedPositions(
  begin: i32, end: i32, out: usize, first: i32, length: i32, before: i32, border: i32,
): void {
  for (let i = begin; i < end; i++) {
    const distance = <i64>i - before; // with Replicate, possibly far past the last element
    let place = <i32>min<i64>(distance, i32.MAX_VALUE);
    if (border == Border.Reflect) {
      place = abs(place);
      if (place >= length) place = 2 * (length - 1) - place;
    } else if (border == Border.Replicate) place = min(max(place, 0), length - 1);
    else if (place < 0) place += length;
    else if (place >= length) place -= length;
    store<i32>(out + (<usize>i << 2), first + place);
  }
}
