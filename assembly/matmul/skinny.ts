// Matrix products that are not worth packing: few rows or columns, short sums, small matrices. Operands are
// read in place.
//
//   multiplyDots    both operands are contiguous along k: vectors run along k, and their lanes are added at the end
//   multiplyRows    the rows of B are contiguous: vectors run along a row of C, and elements of A are splatted
//
// The terms of a sum are added in an order that depends only on the sizes. Index tables are as in gemm.ts, or
// 0 where each product has its own matrices.

import { lanesBelow, storePartial } from "../lib/simd";
import { mulAdd } from "./micro_kernel";

/** An int32 table written by src/ops/matmul/skinny.ts. Strides in elements. */
@unmanaged
class SkinnyLayout {
  /** Size of a product (m x n), and the number of terms of each sum. */
  m!: i32;
  n!: i32;
  depth!: i32;
  /** From one row of A to the next, and from one k to the next. */
  aRow!: i32;
  aStep!: i32;
  /** From one column of B to the next, and from one k to the next. */
  bColumn!: i32;
  bStep!: i32;
  /** From one matrix to the next. */
  aMatrix!: i32;
  bMatrix!: i32;
  /** From one row, column and matrix of C to the next. */
  cRow!: i32;
  cColumn!: i32;
  cMatrix!: i32;
  /** Elements of `bias` from one row and column of C to the next: 0 and 1, or 1 and 0. */
  biasRow!: i32;
  biasColumn!: i32;
}

/** Address of an element. */
// @ts-ignore: decorator
@inline
function at(base: usize, element: i32): usize {
  return base + (<usize>element << 2);
}

/** The index of the matrix that a product uses. */
// @ts-ignore: decorator
@inline
function matrix(index: usize, product: i32): i32 {
  return index ? load<i32>(index + (<usize>product << 2)) : product;
}

/**
 * Sums the lanes of each of four vectors: lane 0 is (a0 + a2) + (a1 + a3), lane 1 is the sum of b, and so on.
 */
// @ts-ignore: decorator
@inline
function sumEach(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 1, 4, 5), v128.shuffle<f32>(a, b, 2, 3, 6, 7));
  const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 1, 4, 5), v128.shuffle<f32>(c, d, 2, 3, 6, 7));
  return f32x4.add(v128.shuffle<f32>(ab, cd, 0, 2, 4, 6), v128.shuffle<f32>(ab, cd, 1, 3, 5, 7));
}

/** Columns of C in a unit of multiplyDots. @shared */
const DOT_COLUMNS = 4;

/**
 * C[i][j] = bias + sum over k of A[i][k] B[k][j], where aStep = bStep = 1. Each sum is computed in four
 * lanes, k modulo 4. Product p multiplies matrix aIndex[p] of a by matrix bIndex[p] of b. bias may be 0.
 * Unit: four columns of a product. Fastest where N >= M.
 */
export function multiplyDots(
  begin: i32, end: i32, a: usize, b: usize, aIndex: usize, bIndex: usize, c: usize, layout: usize, bias: usize,
): void {
  const s = changetype<SkinnyLayout>(layout);
  const blocks = (s.n + DOT_COLUMNS - 1) / DOT_COLUMNS;
  const whole = s.depth & ~3;
  const rest = lanesBelow(s.depth - whole);
  for (let unit = begin; unit < end; unit++) {
    const product = unit / blocks;
    const j = (unit - product * blocks) * DOT_COLUMNS;
    const columns = min(DOT_COLUMNS, s.n - j);
    // lines past the last repeat the last, and their sums are not stored
    const b0 = at(b, matrix(bIndex, product) * s.bMatrix + j * s.bColumn);
    const b1 = columns > 1 ? at(b0, s.bColumn) : b0;
    const b2 = columns > 2 ? at(b1, s.bColumn) : b1;
    const b3 = columns > 3 ? at(b2, s.bColumn) : b2;
    const left = at(a, matrix(aIndex, product) * s.aMatrix);
    for (let i = 0; i < s.m; i += 2) {
      const a0 = at(left, i * s.aRow);
      const a1 = i + 1 < s.m ? at(a0, s.aRow) : a0;
      let acc00 = f32x4.splat(0);
      let acc01 = acc00;
      let acc02 = acc00;
      let acc03 = acc00;
      let acc10 = acc00;
      let acc11 = acc00;
      let acc12 = acc00;
      let acc13 = acc00;
      let k: usize = 0;
      for (const last = <usize>whole << 2; k < last; k += 16) {
        const row0 = v128.load(a0 + k);
        const row1 = v128.load(a1 + k);
        let column = v128.load(b0 + k);
        acc00 = mulAdd(acc00, row0, column);
        acc10 = mulAdd(acc10, row1, column);
        column = v128.load(b1 + k);
        acc01 = mulAdd(acc01, row0, column);
        acc11 = mulAdd(acc11, row1, column);
        column = v128.load(b2 + k);
        acc02 = mulAdd(acc02, row0, column);
        acc12 = mulAdd(acc12, row1, column);
        column = v128.load(b3 + k);
        acc03 = mulAdd(acc03, row0, column);
        acc13 = mulAdd(acc13, row1, column);
      }
      if (whole < s.depth) {
        // both operands are masked, because memory past a line may hold NaN
        const row0 = v128.and(v128.load(a0 + k), rest);
        const row1 = v128.and(v128.load(a1 + k), rest);
        let column = v128.and(v128.load(b0 + k), rest);
        acc00 = mulAdd(acc00, row0, column);
        acc10 = mulAdd(acc10, row1, column);
        column = v128.and(v128.load(b1 + k), rest);
        acc01 = mulAdd(acc01, row0, column);
        acc11 = mulAdd(acc11, row1, column);
        column = v128.and(v128.load(b2 + k), rest);
        acc02 = mulAdd(acc02, row0, column);
        acc12 = mulAdd(acc12, row1, column);
        column = v128.and(v128.load(b3 + k), rest);
        acc03 = mulAdd(acc03, row0, column);
        acc13 = mulAdd(acc13, row1, column);
      }
      const to = at(c, product * s.cMatrix + i * s.cRow + j * s.cColumn);
      const own = bias ? at(bias, i * s.biasRow + j * s.biasColumn) : 0;
      storeDots(to, s.cColumn, sumEach(acc00, acc01, acc02, acc03), columns, own, s.biasColumn);
      if (i + 1 < s.m) {
        const nextBias = bias ? at(own, s.biasRow) : 0;
        storeDots(at(to, s.cRow), s.cColumn, sumEach(acc10, acc11, acc12, acc13), columns, nextBias, s.biasColumn);
      }
    }
  }
}

/** Adds a bias to each of `columns` sums, and stores the results `step` elements apart. */
// @ts-ignore: decorator
@inline
function storeDots(to: usize, step: i32, sums: v128, columns: i32, bias: usize, biasStep: i32): void {
  if (bias) sums = f32x4.add(sums, biasStep ? v128.load(bias) : v128.load32_splat(bias));
  if (step == 1) {
    if (columns == DOT_COLUMNS) v128.store(to, sums);
    else storePartial(to, sums, columns);
    return;
  }
  v128.store32_lane(to, sums, 0);
  if (columns > 1) v128.store32_lane(at(to, step), sums, 1);
  if (columns > 2) v128.store32_lane(at(to, 2 * step), sums, 2);
  if (columns > 3) v128.store32_lane(at(to, 3 * step), sums, 3);
}

/** Rows of C in a unit of multiplyRows. @shared */
const SKINNY_ROW_BLOCK = 64;
/**
 * Columns of C in a unit of multiplyRows. A strip of DEPTH_BLOCK rows of B is read at a time: 32 KiB, whose
 * cache lines are used completely.
 * @shared
 */
const SKINNY_COLUMN_BLOCK = 128;
const DEPTH_BLOCK = 64;
/** DEPTH_BLOCK for 2 to 4 rows of A: as many rows of B as L1 keeps if they are a power of two apart. */
const SHORT_DEPTH_BLOCK = 8;

/**
 * C[i][j] = sum over k of A[i][k] B[k][j], where bColumn = cColumn = 1. Terms are added in order of k. Unit:
 * one block of C, row blocks fastest. Reads up to 28 bytes past B.
 */
export function multiplyRows(
  begin: i32, end: i32, a: usize, b: usize, aIndex: usize, bIndex: usize, c: usize, layout: usize,
): void {
  const s = changetype<SkinnyLayout>(layout);
  const rowBlocks = (s.m + SKINNY_ROW_BLOCK - 1) / SKINNY_ROW_BLOCK;
  const columnBlocks = (s.n + SKINNY_COLUMN_BLOCK - 1) / SKINNY_COLUMN_BLOCK;
  const depthBlock = s.m > 1 && s.m <= 4 ? SHORT_DEPTH_BLOCK : DEPTH_BLOCK;
  for (let unit = begin; unit < end; unit++) {
    const rowBlock = unit % rowBlocks;
    const others = unit / rowBlocks;
    const columnBlock = others % columnBlocks;
    const product = others / columnBlocks;
    const left = at(a, matrix(aIndex, product) * s.aMatrix);
    const right = at(b, matrix(bIndex, product) * s.bMatrix);
    const out = at(c, product * s.cMatrix);
    const rowEnd = min(s.m, (rowBlock + 1) * SKINNY_ROW_BLOCK);
    const columnEnd = min(s.n, (columnBlock + 1) * SKINNY_COLUMN_BLOCK);
    let k = 0;
    do {
      const steps = min(depthBlock, s.depth - k);
      for (let i = rowBlock * SKINNY_ROW_BLOCK; i < rowEnd; i += 4) {
        const rows = min(4, rowEnd - i);
        const from = at(left, i * s.aRow + k * s.aStep);
        let j = columnBlock * SKINNY_COLUMN_BLOCK;
        if (rows == 1) {
          for (; j + 32 <= columnEnd; j += 32) {
            tile1x32(steps, from, s.aStep, at(right, k * s.bStep + j), s.bStep, at(out, i * s.cRow + j), k == 0);
          }
        }
        for (; j < columnEnd; j += 8) {
          const to = at(out, i * s.cRow + j);
          tile4x8(steps, from, s.aRow, s.aStep, at(right, k * s.bStep + j), s.bStep, to, s.cRow, rows, columnEnd - j, k == 0);
        }
      }
      k += depthBlock;
    } while (k < s.depth);
  }
}

/** Computes one row by 32 columns, in eight independent chains of additions. Adds to c unless `fresh`. */
function tile1x32(steps: i32, a: usize, aStep: i32, b: usize, bStep: i32, c: usize, fresh: bool): void {
  let acc0 = fresh ? f32x4.splat(0) : v128.load(c);
  let acc1 = fresh ? f32x4.splat(0) : v128.load(c, 16);
  let acc2 = fresh ? f32x4.splat(0) : v128.load(c, 32);
  let acc3 = fresh ? f32x4.splat(0) : v128.load(c, 48);
  let acc4 = fresh ? f32x4.splat(0) : v128.load(c, 64);
  let acc5 = fresh ? f32x4.splat(0) : v128.load(c, 80);
  let acc6 = fresh ? f32x4.splat(0) : v128.load(c, 96);
  let acc7 = fresh ? f32x4.splat(0) : v128.load(c, 112);
  do {
    const value = v128.load32_splat(a);
    acc0 = mulAdd(acc0, value, v128.load(b));
    acc1 = mulAdd(acc1, value, v128.load(b, 16));
    acc2 = mulAdd(acc2, value, v128.load(b, 32));
    acc3 = mulAdd(acc3, value, v128.load(b, 48));
    // never taken: it keeps V8 from moving the loads below up here, see micro_kernel.ts
    if (b == 0) break;
    acc4 = mulAdd(acc4, value, v128.load(b, 64));
    acc5 = mulAdd(acc5, value, v128.load(b, 80));
    acc6 = mulAdd(acc6, value, v128.load(b, 96));
    acc7 = mulAdd(acc7, value, v128.load(b, 112));
    a = at(a, aStep);
    b = at(b, bStep);
  } while (--steps);
  v128.store(c, acc0);
  v128.store(c, acc1, 16);
  v128.store(c, acc2, 32);
  v128.store(c, acc3, 48);
  v128.store(c, acc4, 64);
  v128.store(c, acc5, 80);
  v128.store(c, acc6, 96);
  v128.store(c, acc7, 112);
}

/**
 * Computes a tile of four rows by eight columns, and stores `rows` by `columns` of it. Names as in
 * micro_kernel.ts.
 */
function tile4x8(
  steps: i32, a: usize, aRow: i32, aStep: i32, b: usize, bStep: i32, c: usize, cRow: i32, rows: i32, columns: i32, fresh: bool,
): void {
  // rows past the last repeat the last, and are not stored
  const row1: usize = rows > 1 ? <usize>aRow << 2 : 0;
  const row2: usize = rows > 2 ? <usize>aRow << 3 : row1;
  const row3: usize = rows > 3 ? (<usize>aRow << 2) * 3 : row2;
  const c1 = rows > 1 ? at(c, cRow) : c;
  const c2 = rows > 2 ? at(c1, cRow) : c1;
  const c3 = rows > 3 ? at(c2, cRow) : c2;
  let acc0x0123 = f32x4.splat(0);
  let acc0x4567 = acc0x0123;
  let acc1x0123 = acc0x0123;
  let acc1x4567 = acc0x0123;
  let acc2x0123 = acc0x0123;
  let acc2x4567 = acc0x0123;
  let acc3x0123 = acc0x0123;
  let acc3x4567 = acc0x0123;
  if (!fresh) {
    acc0x0123 = v128.load(c);
    acc0x4567 = v128.load(c, 16);
    acc1x0123 = v128.load(c1);
    acc1x4567 = v128.load(c1, 16);
    acc2x0123 = v128.load(c2);
    acc2x4567 = v128.load(c2, 16);
    acc3x0123 = v128.load(c3);
    acc3x4567 = v128.load(c3, 16);
  }
  const aBytes = <usize>aStep << 2;
  const bBytes = <usize>bStep << 2;
  do {
    const b0123 = v128.load(b);
    const b4567 = v128.load(b, 16);
    let value = v128.load32_splat(a);
    acc0x0123 = mulAdd(acc0x0123, value, b0123);
    acc0x4567 = mulAdd(acc0x4567, value, b4567);
    value = v128.load32_splat(a + row1);
    acc1x0123 = mulAdd(acc1x0123, value, b0123);
    acc1x4567 = mulAdd(acc1x4567, value, b4567);
    value = v128.load32_splat(a + row2);
    acc2x0123 = mulAdd(acc2x0123, value, b0123);
    acc2x4567 = mulAdd(acc2x4567, value, b4567);
    value = v128.load32_splat(a + row3);
    acc3x0123 = mulAdd(acc3x0123, value, b0123);
    acc3x4567 = mulAdd(acc3x4567, value, b4567);
    a += aBytes;
    b += bBytes;
  } while (--steps);
  storeTileRow(c, acc0x0123, acc0x4567, columns);
  if (rows > 1) storeTileRow(c1, acc1x0123, acc1x4567, columns);
  if (rows > 2) storeTileRow(c2, acc2x0123, acc2x4567, columns);
  if (rows > 3) storeTileRow(c3, acc3x0123, acc3x4567, columns);
}

/** Stores eight columns, or the first `columns` of them. */
// @ts-ignore: decorator
@inline
function storeTileRow(c: usize, v0123: v128, v4567: v128, columns: i32): void {
  if (columns < 4) {
    storePartial(c, v0123, columns);
    return;
  }
  v128.store(c, v0123);
  if (columns >= 8) v128.store(c, v4567, 16);
  else if (columns > 4) storePartial(c + 16, v4567, columns - 4);
}
