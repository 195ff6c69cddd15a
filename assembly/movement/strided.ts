// Kernels that copy elements between two layouts of the same index space. Permute, slice, flip, expand, pad
// and cat are all such copies.
//
// src/ops/movement/strided.ts reorders the dimensions, and merges those that it can. The innermost one or two
// are arguments of the kernel; `table` describes the `rank` others, outermost first: size, stride in the
// source, stride in the target. Strides count elements, which have four bytes whatever their type. A source
// stride may be 0 (expand) or negative (flip).

import { load4, storeUpTo } from "../lib/simd";

/** Copies `length` elements that are `fromStep` elements apart to places that are `toStep` elements apart. */
// @ts-ignore: decorator
@inline
function copyRow(from: usize, to: usize, length: i32, fromStep: i32, toStep: i32): void {
  if (fromStep == 1 && toStep == 1) {
    if (length > 32) memory.copy(to, from, <usize>length << 2);
    else for (let i = 0; i < length; i += 4) storeUpTo(to, i, length, load4(from, i));
  } else if (fromStep == 0 && toStep == 1) {
    const value = v128.load32_splat(from);
    for (let i = 0; i < length; i += 4) storeUpTo(to, i, length, value);
  } else {
    for (let i = 0; i < length; i++) {
      store<i32>(to, load<i32>(from));
      from += <isize>fromStep << 2;
      to += <isize>toStep << 2;
    }
  }
}

/** Rows [begin, end): to[.., i * toStep] = from[.., i * fromStep] for i < length. */
export function copyRows(
  begin: i32, end: i32, from: usize, to: usize, length: i32, fromStep: i32, toStep: i32, rank: i32, table: usize,
): void {
  for (let row = begin; row < end; row++) {
    let rest = row;
    let source: isize = 0;
    let target: isize = 0;
    for (let entry = table + <usize>rank * 12; entry > table; ) {
      entry -= 12;
      const size = load<i32>(entry);
      const position = rest % size;
      rest /= size;
      source += <isize>position * <isize>load<i32>(entry, 4);
      target += <isize>position * <isize>load<i32>(entry, 8);
    }
    copyRow(from + (source << 2), to + (target << 2), length, fromStep, toStep);
  }
}

/**
 * Rows of the target in a strip. They are 64 neighbouring bytes of the source, so that each of its cache
 * lines is read once. @shared
 */
const TRANSPOSE_STRIP = 16;

/** to[r + i][c + j] = from[c + j][r + i] for i < min(rows, 4), j < 4 and c + j < columns. */
// @ts-ignore: decorator
@inline
function transposeTile(
  from: usize, to: usize, r: i32, c: i32, rows: i32, columns: i32, fromBytes: isize, toBytes: isize,
): void {
  // columns past the last repeat the last, so that no column outside the source is read
  const left = columns - c;
  const p0 = from + <isize>c * fromBytes + (<isize>r << 2);
  const p1 = left > 1 ? p0 + fromBytes : p0;
  const p2 = left > 2 ? p1 + fromBytes : p1;
  const p3 = left > 3 ? p2 + fromBytes : p2;
  const a0 = v128.load(p0);
  const a1 = v128.load(p1);
  const a2 = v128.load(p2);
  const a3 = v128.load(p3);
  const low01 = v128.shuffle<i32>(a0, a1, 0, 4, 1, 5);
  const high01 = v128.shuffle<i32>(a0, a1, 2, 6, 3, 7);
  const low23 = v128.shuffle<i32>(a2, a3, 0, 4, 1, 5);
  const high23 = v128.shuffle<i32>(a2, a3, 2, 6, 3, 7);
  const q = to + <isize>r * toBytes;
  storeUpTo(q, c, columns, v128.shuffle<i32>(low01, low23, 0, 1, 4, 5));
  if (rows > 1) storeUpTo(q + toBytes, c, columns, v128.shuffle<i32>(low01, low23, 2, 3, 6, 7));
  if (rows > 2) storeUpTo(q + 2 * toBytes, c, columns, v128.shuffle<i32>(high01, high23, 0, 1, 4, 5));
  if (rows > 3) storeUpTo(q + 3 * toBytes, c, columns, v128.shuffle<i32>(high01, high23, 2, 3, 6, 7));
}

/**
 * to[.., r * toStride + c] = from[.., c * fromStride + r] for r < rows, c < columns: a transposition, in
 * tiles of 4x4. Range: strips of 16 rows, ceil(rows / 16) for each position of the outer dimensions.
 */
export function copyTransposed(
  begin: i32, end: i32, from: usize, to: usize, rows: i32, columns: i32, fromStride: i32, toStride: i32, rank: i32,
  table: usize,
): void {
  const strips = (rows + TRANSPOSE_STRIP - 1) / TRANSPOSE_STRIP;
  // In blocks of 16 x 16, each cache line of the target is filled before the next one begins. But source
  // lines that are a multiple of 2 KiB apart share few cache sets and evict each other. If the target's rows
  // are closer together than that, each source line is read completely before the next one.
  const byColumns = toStride < fromStride && (fromStride & 511) == 0;
  const fromBytes = <isize>fromStride << 2;
  const toBytes = <isize>toStride << 2;
  for (let strip = begin; strip < end; strip++) {
    let rest = strip / strips;
    let source: isize = 0;
    let target: isize = 0;
    for (let entry = table + <usize>rank * 12; entry > table; ) {
      entry -= 12;
      const size = load<i32>(entry);
      const position = rest % size;
      rest /= size;
      source += <isize>position * <isize>load<i32>(entry, 4);
      target += <isize>position * <isize>load<i32>(entry, 8);
    }
    const first = (strip % strips) * TRANSPOSE_STRIP;
    const last = min(first + TRANSPOSE_STRIP, rows);
    const p = from + (source << 2);
    const q = to + (target << 2);
    if (byColumns) {
      for (let c = 0; c < columns; c += 4) {
        for (let r = first; r < last; r += 4) transposeTile(p, q, r, c, last - r, columns, fromBytes, toBytes);
      }
      continue;
    }
    for (let block = 0; block < columns; block += TRANSPOSE_STRIP) {
      const blockEnd = min(block + TRANSPOSE_STRIP, columns);
      for (let r = first; r < last; r += 4) {
        for (let c = block; c < blockEnd; c += 4) {
          transposeTile(p, q, r, c, last - r, columns, fromBytes, toBytes);
        }
      }
    }
  }
}

/**
 * y = x where column - row <= diagonal (upper = 0) or >= diagonal (upper = 1), else 0, in
 * matrices of `rows` by `columns`.
 */
export function triangle(
  begin: i32, end: i32, x: usize, y: usize, rows: i32, columns: i32, diagonal: i32, upper: i32,
): void {
  for (let i = begin; i < end; i++) {
    const offset = (i % columns) - ((i / columns) % rows);
    const keeps = upper ? offset >= diagonal : offset <= diagonal;
    store<i32>(y + (<usize>i << 2), keeps ? load<i32>(x + (<usize>i << 2)) : 0);
  }
}
