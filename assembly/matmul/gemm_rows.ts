// The matrix product whose left operand is not packed, for vectors of 256 bits (wide.md). If the elements of
// a row of A are contiguous, the micro-kernel reads the rows where they are. Otherwise, a block of A at a
// time is copied to rows: the copy is read from the L2 cache, and is never written to memory. (gemm.ts
// multiplies operands that are both packed, as convolutions make them.)

import { loadEdge, storeEdge } from "./gemm";
import { Start } from "./micro_kernel";
import { NR, packFourLines, TILE_BYTES, transpose4x4 } from "./pack";
import { rows4x8 } from "./rows_4x8";
import { rows6x16 } from "./rows_6x16";

/** The most rows of C in a unit. With ROWS_DEPTH_BLOCK steps of k, their part of A stays in L2. @shared */
const ROWS_BLOCK = 96;
/** Columns of a panel of B. @shared */
// @ts-ignore: decorator
@inline
const PANEL_COLUMNS = 16;
/** The most k-steps of one pass: a panel of B (16 KiB) then stays in the L1 cache. */
const ROWS_DEPTH_BLOCK = 256;
/** Floats from one row of the copy to the next: a distance that spreads rows over all sets of the caches. */
const COPY_STRIDE = ROWS_DEPTH_BLOCK + 16;
/** Bytes of scratch memory of a chunk: a tile, and the copy of a block of A. @shared */
const ROWS_SCRATCH_BYTES: usize = TILE_BYTES + 4 * ROWS_BLOCK * COPY_STRIDE;

/** An int32 table written by src/ops/matmul/gemm_rows.ts. Strides in elements. */
@unmanaged
class RowsLayout {
  /** Size of a product (m x n), and the number of terms of each sum. */
  m!: i32;
  n!: i32;
  depth!: i32;
  /** From one row of A to the next, and from one k to the next: one of them is 1. */
  aRow!: i32;
  aStep!: i32;
  /** Whether blocks of A are copied: 1 if aStep is not 1, or if rows would share few sets of the caches. */
  copies!: i32;
  /** Rows of a unit, at most ROWS_BLOCK, and its columns, a multiple of 16. */
  rowBlock!: i32;
  columnBlock!: i32;
}

/**
 * C[batch][i][j] = bias[j] + sum over k of A[batch][i][k] B[batch][k][j]. The terms are added in order of k,
 * as in gemm.
 *
 * bPanels: [.][ceil(n/16)][depth][16] (packPanels16). Batch p multiplies matrix aIndex[p] of A by matrix
 * bIndex[p] of B, or matrix p where a table is 0. Matrices are contiguous. c: [batch][m][n]. bias: n floats,
 * or 0. scratch: ROWS_SCRATCH_BYTES for each chunk of `grain` units. Unit: one block of C, row blocks
 * fastest.
 */
export function gemmRows(
  begin: i32, end: i32, a: usize, bPanels: usize, aIndex: usize, bIndex: usize, c: usize, layout: usize, bias: usize,
  scratch: usize, grain: i32,
): void {
  const s = changetype<RowsLayout>(layout);
  const m = s.m;
  const n = s.n;
  const depth = s.depth;
  assert(m >= 1 && n >= 1 && depth >= 1, "gemmRows: no size is 0");
  assert(s.aStep == 1 || (s.aRow == 1 && s.copies), "gemmRows: rows are contiguous or copied");
  assert(s.rowBlock <= ROWS_BLOCK && s.columnBlock % PANEL_COLUMNS == 0, "gemmRows: a block fits");
  const rowBlocks = (m + s.rowBlock - 1) / s.rowBlock;
  const columnBlocks = (n + s.columnBlock - 1) / s.columnBlock;
  const passes = (depth + ROWS_DEPTH_BLOCK - 1) / ROWS_DEPTH_BLOCK;
  const stepsOfPass = (depth + passes - 1) / passes;
  const panelBytes = <usize>depth << 6;
  const edge = scratch + <usize>(begin / grain) * ROWS_SCRATCH_BYTES;
  const copy = edge + TILE_BYTES;
  for (let unit = begin; unit < end; unit++) {
    const firstRow = (unit % rowBlocks) * s.rowBlock;
    const rest = unit / rowBlocks;
    const firstColumn = (rest % columnBlocks) * s.columnBlock;
    const batch = <usize>(rest / columnBlocks);
    const aNumber = aIndex ? <usize>i32.load(aIndex + (batch << 2)) : batch;
    const bNumber = bIndex ? <usize>i32.load(bIndex + (batch << 2)) : batch;
    const rows = min(m - firstRow, s.rowBlock);
    const columnEnd = min(n, firstColumn + s.columnBlock);
    const block = a + ((aNumber * <usize>m * <usize>depth + <usize>firstRow * <usize>s.aRow) << 2);
    const panels = bPanels + bNumber * <usize>((n + 15) >> 4) * panelBytes;
    const out = c + ((batch * <usize>m + <usize>firstRow) * <usize>n << 2);
    for (let k = 0; k < depth; k += stepsOfPass) {
      const steps = min(depth - k, stepsOfPass);
      const start = k ? Start.C : bias ? Start.ColumnBias : Start.Zero;
      let from = block + (<usize>k * <usize>s.aStep << 2);
      let aRow = <usize>s.aRow << 2;
      if (s.copies) {
        copyRows(from, rows, steps, aRow, <usize>s.aStep << 2, copy);
        from = copy;
        aRow = COPY_STRIDE << 2;
      }
      for (let j = firstColumn; j < columnEnd; j += PANEL_COLUMNS) {
        const b = panels + <usize>(j >> 4) * panelBytes + (<usize>k << 6);
        const columns = min(columnEnd - j, PANEL_COLUMNS);
        multiplyPanel(rows, columns, steps, from, aRow, b, out + (<usize>j << 2), n, start, bias + (<usize>j << 2), edge);
      }
    }
  }
}

/** All rows of a block for the columns of one panel. */
function multiplyPanel(
  rows: i32, columns: i32, steps: i32, a: usize, aRow: usize, b: usize, c: usize, n: i32, start: i32, bias: usize,
  edge: usize,
): void {
  const rowBytes = <usize>n << 2;
  const whole = columns == PANEL_COLUMNS ? rows / 6 : 0;
  if (whole) rows6x16(whole, steps, a, aRow, b, c, rowBytes, start, bias);
  const first = <usize>(6 * whole);
  const rest = rows - <i32>first;
  if (rest == 0) return;
  for (let j = 0; j < columns; j += NR) {
    const right = <usize>j << 2;
    multiplyHalf(
      rest, min(columns - j, NR), steps, a + first * aRow, aRow, b + right, c + first * rowBytes + right, rowBytes,
      start, bias + right, edge,
    );
  }
}

/** Rows of a block for at most 8 columns. */
function multiplyHalf(
  rows: i32, columns: i32, steps: i32, a: usize, aRow: usize, b: usize, c: usize, rowBytes: usize, start: i32,
  bias: usize, edge: usize,
): void {
  const whole = columns == NR ? rows >> 2 : 0;
  if (whole) rows4x8(whole, steps, a, aRow, 2 * aRow, 3 * aRow, 4 * aRow, b, c, rowBytes, start, bias);
  for (let i = whole << 2; i < rows; i += 4) {
    const down = <usize>i;
    edgeTile(min(rows - i, 4), columns, steps, a + down * aRow, aRow, b, c + down * rowBytes, rowBytes, start, bias, edge);
  }
}

/** A tile that extends past C: the whole tile in `edge`, then `rows` x `columns` of it are copied to C. */
function edgeTile(
  rows: i32, columns: i32, steps: i32, a: usize, aRow: usize, b: usize, c: usize, rowBytes: usize, start: i32,
  bias: usize, edge: usize,
): void {
  if (start == Start.C) loadEdge(c, rowBytes, rows, columns, edge);
  // rows past the last repeat the last
  const row1: usize = rows > 1 ? aRow : <usize>0;
  const row2: usize = rows > 2 ? 2 * aRow : row1;
  rows4x8(1, steps, a, row1, row2, rows > 3 ? 3 * aRow : row2, 0, b, edge, 32, start, bias);
  storeEdge(edge, rows, columns, c, rowBytes);
}

/** to[i][k] = from[i][k], for `rows` rows i and `steps` steps k: rows of COPY_STRIDE floats. */
function copyRows(from: usize, rows: i32, steps: i32, aRow: usize, aStep: usize, to: usize): void {
  const stride: usize = COPY_STRIDE << 2;
  if (aStep == 4) {
    for (let i = 0; i < rows; i++) memory.copy(to + <usize>i * stride, from + <usize>i * aRow, <usize>steps << 2);
    return;
  }
  let k = 0;
  for (; k + 4 <= steps; k += 4, from += 4 * aStep, to += 16) {
    let i = 0;
    let source = from;
    let target = to;
    for (; i + 4 <= rows; i += 4, source += 16, target += 4 * stride) {
      transpose4x4(
        v128.load(source), v128.load(source + aStep), v128.load(source + 2 * aStep), v128.load(source + 3 * aStep),
        target, stride,
      );
    }
    for (; i < rows; i++, source += 4, target += stride) {
      for (let r: usize = 0; r < 4; r++) f32.store(target + (r << 2), f32.load(source + r * aStep));
    }
  }
  for (; k < steps; k++, from += aStep, to += 4) {
    for (let i = 0; i < rows; i++) f32.store(to + <usize>i * stride, f32.load(from + (<usize>i << 2)));
  }
}

/**
 * panels[b][p][k][j] = x[b batchStride + (16 p + j) lineStride + k kStride], zero past the last line. x:
 * `batches` matrices of `lines` lines with `depth` elements each. Unit of the range: one panel.
 */
export function packPanels16(
  begin: i32, end: i32, x: usize, lines: i32, depth: i32,
  batchStride: u32, lineStride: u32, kStride: u32, panels: usize,
): void {
  const perBatch = (lines + 15) >> 4;
  for (let unit = begin; unit < end; unit++) {
    const batch = unit / perBatch;
    const first = (unit - batch * perBatch) << 4;
    let from = x + ((<usize>batch * batchStride + <usize>first * lineStride) << 2);
    let to = panels + <usize>unit * (<usize>depth << 6);
    if (lineStride == 1 && lines - first >= PANEL_COLUMNS) {
      // two panels at once if possible: two neighbouring cache lines of each row
      const two = lines - first >= 2 * PANEL_COLUMNS && end - unit >= 2;
      for (let k = 0; k < depth; k++, to += 64, from += <usize>kStride << 2) {
        copy16(from, to);
        if (two) copy16(from + 64, to + (<usize>depth << 6));
      }
      if (two) unit++;
      continue;
    }
    for (let line = 0; line < PANEL_COLUMNS; line += 4, from += <usize>(4 * lineStride) << 2, to += 16) {
      packFourLines(from, lines - first - line, lineStride, kStride, depth, to, PANEL_COLUMNS);
    }
  }
}

// @ts-ignore: decorator
@inline
function copy16(from: usize, to: usize): void {
  const v0123 = v128.load(from);
  const v4567 = v128.load(from, 16);
  const v89AB = v128.load(from, 32);
  const vCDEF = v128.load(from, 48);
  v128.store(to, vCDEF, 48);
  v128.store(to, v89AB, 32);
  v128.store(to, v4567, 16);
  v128.store(to, v0123);
}
