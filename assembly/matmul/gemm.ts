// The matrix product over packed panels: loops and cache blocking around the micro-kernel.

import { storePartial } from "../lib/simd";
import { microKernel4x8, Start } from "./micro_kernel";
import { microKernel4x16 } from "./micro_kernel_4x16";
import { MR, NR, TILE_BYTES } from "./pack";

/**
 * The most k-steps of one pass over the panels. A panel of B (16 KiB) then stays in the L1 cache (32 KiB on
 * most processors) while the panels of A stream from L2. Each pass after the first has to load C again.
 * @shared
 */
const GEMM_DEPTH_BLOCK = 512;
/** Rows of C in a unit of the range. Their panels of A take 128 KiB, and stay in the L2 cache. @shared */
const GEMM_ROW_BLOCK = 64;

/**
 * C[batch][i][j] (+)= sum over k of A[batch][i][k] B[batch][k][j], M x N x K, from panels (see pack.ts).
 *
 * aPanels: [.][ceil(M/4)][K][4]; bPanels: [.][ceil(N/8)][K][8]. If `slice` < K, both are cut into slices of
 * `slice` k-steps, one after the other: [.][K/slice][ceil(M/4)][slice][4] (the last slice may be shorter), so
 * that all panels that a pass reads are contiguous. Batch n multiplies matrix aIndex[n] of A by matrix
 * bIndex[n] of B (int32 tables: a broadcast operand is packed once), or matrix n where a table is 0. c:
 * [batch][M][N]. K >= 1.
 * aStride, bStride, cStride: bytes from one matrix to the next, at least the size of a matrix.
 * start: the initial value of the sums (micro_kernel.ts). If it is a bias, `bias` has M floats for each A, or
 * N floats for each B.
 * relu: 1 applies max(., 0) to each finished sum. columnBlock: columns of a unit, a multiple of 8.
 * tileColumns: 8 or 16, the columns of a tile in registers. Results do not depend on it.
 * edge: scratch of TILE_BYTES for each unit. Unit of the range: one block of C, row blocks fastest.
 */
export function gemm(
  begin: i32, end: i32, aPanels: usize, bPanels: usize, aIndex: usize, bIndex: usize,
  c: usize, m: i32, n: i32, depth: i32, slice: i32, columnBlock: i32, aStride: u32, bStride: u32, cStride: u32,
  tileColumns: i32, start: i32, bias: usize, relu: i32, edge: usize,
): void {
  assert(m >= 1 && n >= 1 && depth >= 1 && slice >= 1, "gemm: no size is 0");
  assert(tileColumns == NR || tileColumns == 2 * NR, "gemm: tiles have 8 or 16 columns");
  assert(columnBlock >= NR && (columnBlock & 7) == 0, "gemm: a block of columns is whole panels");
  assert(<usize>aStride >= <usize>((m + 3) >> 2) * <usize>depth * 16, "gemm: matrices of A do not overlap");
  assert(<usize>bStride >= <usize>((n + 7) >> 3) * <usize>depth * 32, "gemm: matrices of B do not overlap");
  assert(<usize>cStride >= <usize>m * <usize>n * 4, "gemm: matrices of C do not overlap");
  const rowBlocks = (m + GEMM_ROW_BLOCK - 1) / GEMM_ROW_BLOCK;
  const columnBlocks = (n + columnBlock - 1) / columnBlock;
  const passes = (depth + GEMM_DEPTH_BLOCK - 1) / GEMM_DEPTH_BLOCK;
  const sliced = slice < depth;
  const stepsOfPass = sliced ? slice : (depth + passes - 1) / passes; // passes of equal length: 576 = 2 * 288
  const aCount = (m + 3) >> 2;
  const bCount = (n + 7) >> 3;
  const ownEdge = edge + <usize>begin * TILE_BYTES;
  for (let unit = begin; unit < end; unit++) {
    const rowBlock = unit % rowBlocks;
    const rest = unit / rowBlocks;
    const firstColumn = (rest % columnBlocks) * columnBlock;
    const batch = <usize>(rest / columnBlocks);
    const aNumber = aIndex ? <usize>i32.load(aIndex + (batch << 2)) : batch;
    const bNumber = bIndex ? <usize>i32.load(bIndex + (batch << 2)) : batch;
    assert(<i32>aNumber >= 0 && <i32>bNumber >= 0, "gemm: matrices are numbered from 0");
    const a = aPanels + aNumber * aStride;
    const b = bPanels + bNumber * bStride;
    const biasOf = bias + ((start == Start.ColumnBias ? bNumber * <usize>n : aNumber * <usize>m) << 2);
    const out = c + batch * cStride;
    const rowEnd = min(m, (rowBlock + 1) * GEMM_ROW_BLOCK);
    const columnEnd = min(n, firstColumn + columnBlock);

    for (let k = 0; k < depth; k += stepsOfPass) {
      const steps = min(depth - k, stepsOfPass);
      const from = k == 0 ? start : Start.C;
      // bytes from one panel to the next, and the first panel of this pass
      const aStep = <usize>(sliced ? steps : depth) << 4;
      const bStep = <usize>(sliced ? steps : depth) << 5;
      const aPass = a + (<usize>(sliced ? k * aCount : k) << 4);
      const bPass = b + (<usize>(sliced ? k * bCount : k) << 5);
      const reluNow = k + steps == depth ? relu : 0; // only in the last pass
      for (let j = firstColumn; j < columnEnd; ) {
        const panels = columnEnd - j >= tileColumns ? tileColumns / NR : 1;
        const bPanel = bPass + <usize>(j >> 3) * bStep;
        const firstRow = rowBlock * GEMM_ROW_BLOCK;
        const aPanel = aPass + <usize>(firstRow >> 2) * aStep;
        const tile = out + ((<usize>firstRow * <usize>n + <usize>j) << 2);
        const tileBias = biasOf + (<usize>(start == Start.ColumnBias ? j : firstRow) << 2);
        const columns = min(columnEnd - j, NR);
        const whole = columns == NR ? (rowEnd - firstRow) >> 2 : 0;
        if (whole > 0) {
          if (panels == 2) {
            microKernel4x16(whole, steps, aPanel, aStep, bPanel, bStep, tile, <usize>n << 2, from, tileBias, reluNow);
          } else {
            microKernel4x8(whole, steps, aPanel, aStep, bPanel, tile, <usize>n << 2, from, tileBias, reluNow);
          }
        }
        for (let i = firstRow + (whole << 2); i < rowEnd; i += MR) {
          const below = <usize>(i - firstRow);
          const aEdge = aPanel + (below >> 2) * aStep;
          for (let panel = 0; panel < panels; panel++) {
            const right = <usize>(panel * NR) << 2;
            edgeTile(
              steps, aEdge, bPanel + <usize>panel * bStep, tile + ((below * <usize>n) << 2) + right, n,
              min(rowEnd - i, MR), columns, from,
              start == Start.ColumnBias ? tileBias + right : tileBias + (below << 2), reluNow, ownEdge,
            );
          }
        }
        j += panels * NR;
      }
    }
  }
}

/**
 * gemm that adds to C. It is a separate kernel, because it must not run twice over a range.
 * @inPlace
 */
export function addGemm(
  begin: i32, end: i32, aPanels: usize, bPanels: usize, aIndex: usize, bIndex: usize,
  c: usize, m: i32, n: i32, depth: i32, slice: i32, columnBlock: i32, aStride: u32, bStride: u32, cStride: u32,
  tileColumns: i32, edge: usize,
): void {
  gemm(
    begin, end, aPanels, bPanels, aIndex, bIndex, c, m, n, depth, slice, columnBlock, aStride, bStride, cStride,
    tileColumns, Start.C, 0, 0, edge,
  );
}

/**
 * Computes a tile that extends past C: the whole tile in `edge`, then `rows` x `columns` of it are copied to
 * C.
 */
function edgeTile(
  steps: i32, a: usize, b: usize, c: usize, n: i32, rows: i32, columns: i32, start: i32, bias: usize,
  relu: i32, edge: usize,
): void {
  const rowBytes = <usize>n << 2;
  if (start == Start.C) loadEdge(c, rowBytes, rows, columns, edge);
  microKernel4x8(1, steps, a, 0, b, edge, 32, start, bias, relu);
  storeEdge(edge, rows, columns, c, rowBytes);
}

/** Copies `rows` x `columns` of C, at most 4x8, to `edge`, a tile of 4x8. */
export function loadEdge(c: usize, rowBytes: usize, rows: i32, columns: i32, edge: usize): void {
  for (let i = 0; i < rows; i++) memory.copy(edge + (<usize>i << 5), c + <usize>i * rowBytes, <usize>columns << 2);
}

/** Copies `rows` x `columns` of `edge`, a tile of 4x8, to C. */
export function storeEdge(edge: usize, rows: i32, columns: i32, c: usize, rowBytes: usize): void {
  for (let i = 0; i < rows; i++) {
    const from = edge + (<usize>i << 5);
    const to = c + <usize>i * rowBytes;
    if (columns < 4) {
      storePartial(to, v128.load(from), columns);
      continue;
    }
    v128.store(to, v128.load(from));
    if (columns == NR) v128.store(to, v128.load(from, 16), 16);
    else if (columns > 4) storePartial(to + 16, v128.load(from, 16), columns - 4);
  }
}
