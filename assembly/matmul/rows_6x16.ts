// The micro-kernel for rows of A that are read in place: one tile of C += A B, of 6 rows and 16 columns. Six
// rows of four vectors are 24 sums: 12 registers where V8 packs two vectors into one (wide.md). With 12
// independent sums, no addition has to wait for the one before it. Two vectors of B and a splat take the
// other three registers. Where vectors have 128 bits, the packed operands of gemm.ts are faster.

import { mulAdd, Start } from "./micro_kernel";

/**
 * Computes a column of `tiles` tiles, one below the other: c[i][j] = start + sum over k < depth of a[i][k] *
 * b[k][j], for the 6 rows i and 16 columns j of each tile. `start` is Start.Zero, Start.C or
 * Start.ColumnBias.
 *
 * a: rows `aRow` bytes apart, contiguous along k; b: panel [depth][16], for all tiles; c: row stride
 * `rowBytes` bytes; tiles, depth >= 1. The sum over k runs in order of k, as in micro_kernel.ts, so the bits
 * are the same.
 *
 * Each row has an address, and the steps of an iteration are constant offsets from it, so the rows need no
 * addition per step. V8 adds the offset to the start of the memory, once for all rows. The addresses of six
 * rows and of one panel, the counter and the memory's start just fit into the general registers of x64. The
 * two halves of a pair are always computed next to each other, and the upper half is stored first.
 */
export function rows6x16(
  tiles: i32, depth: i32, a: usize, aRow: usize, b: usize, c: usize, rowBytes: usize, start: i32, bias: usize,
): void {
  assert(tiles >= 1 && depth >= 1, "rows6x16: tiles and depth are at least 1");
  assert((b & 15) == 0, "rows6x16: panels are aligned to vectors");
  for (; tiles > 0; tiles--, a += 6 * aRow, c += 6 * rowBytes) {
    oneTile(depth, a, aRow, b, c, rowBytes, start, bias);
  }
}

// @ts-ignore: decorator
@inline
function oneTile(
  depth: i32, a0: usize, aRow: usize, b: usize, c: usize, rowBytes: usize, start: i32, bias: usize,
): void {
  let acc0x0123: v128, acc0x4567: v128, acc0x89ab: v128, acc0xcdef: v128;
  let acc1x0123: v128, acc1x4567: v128, acc1x89ab: v128, acc1xcdef: v128;
  let acc2x0123: v128, acc2x4567: v128, acc2x89ab: v128, acc2xcdef: v128;
  let acc3x0123: v128, acc3x4567: v128, acc3x89ab: v128, acc3xcdef: v128;
  let acc4x0123: v128, acc4x4567: v128, acc4x89ab: v128, acc4xcdef: v128;
  let acc5x0123: v128, acc5x4567: v128, acc5x89ab: v128, acc5xcdef: v128;
  if (start == Start.C) {
    let from = c;
    acc0x0123 = v128.load(from); acc0x4567 = v128.load(from, 16); acc0x89ab = v128.load(from, 32); acc0xcdef = v128.load(from, 48);
    from += rowBytes;
    acc1x0123 = v128.load(from); acc1x4567 = v128.load(from, 16); acc1x89ab = v128.load(from, 32); acc1xcdef = v128.load(from, 48);
    from += rowBytes;
    acc2x0123 = v128.load(from); acc2x4567 = v128.load(from, 16); acc2x89ab = v128.load(from, 32); acc2xcdef = v128.load(from, 48);
    from += rowBytes;
    acc3x0123 = v128.load(from); acc3x4567 = v128.load(from, 16); acc3x89ab = v128.load(from, 32); acc3xcdef = v128.load(from, 48);
    from += rowBytes;
    acc4x0123 = v128.load(from); acc4x4567 = v128.load(from, 16); acc4x89ab = v128.load(from, 32); acc4xcdef = v128.load(from, 48);
    from += rowBytes;
    acc5x0123 = v128.load(from); acc5x4567 = v128.load(from, 16); acc5x89ab = v128.load(from, 32); acc5xcdef = v128.load(from, 48);
  } else if (start == Start.ColumnBias) {
    acc0x0123 = acc1x0123 = acc2x0123 = acc3x0123 = acc4x0123 = acc5x0123 = v128.load(bias);
    acc0x4567 = acc1x4567 = acc2x4567 = acc3x4567 = acc4x4567 = acc5x4567 = v128.load(bias, 16);
    acc0x89ab = acc1x89ab = acc2x89ab = acc3x89ab = acc4x89ab = acc5x89ab = v128.load(bias, 32);
    acc0xcdef = acc1xcdef = acc2xcdef = acc3xcdef = acc4xcdef = acc5xcdef = v128.load(bias, 48);
  } else {
    acc0x0123 = acc0x4567 = acc0x89ab = acc0xcdef = f32x4.splat(0);
    acc1x0123 = acc1x4567 = acc1x89ab = acc1xcdef = f32x4.splat(0);
    acc2x0123 = acc2x4567 = acc2x89ab = acc2xcdef = f32x4.splat(0);
    acc3x0123 = acc3x4567 = acc3x89ab = acc3xcdef = f32x4.splat(0);
    acc4x0123 = acc4x4567 = acc4x89ab = acc4xcdef = f32x4.splat(0);
    acc5x0123 = acc5x4567 = acc5x89ab = acc5xcdef = f32x4.splat(0);
  }

  let a1 = a0 + aRow;
  let a2 = a1 + aRow;
  let a3 = a2 + aRow;
  let a4 = a3 + aRow;
  let a5 = a4 + aRow;
  let k = depth;
  let row: v128, b0123: v128, b4567: v128, b89ab: v128, bcdef: v128;
  // begin: written by scripts/unroll_micro_kernel.ts
  do {
    b0123 = v128.load(b); b4567 = v128.load(b, 16); b89ab = v128.load(b, 32); bcdef = v128.load(b, 48);
    row = v128.load32_splat(a0); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567); acc0x89ab = mulAdd(acc0x89ab, row, b89ab); acc0xcdef = mulAdd(acc0xcdef, row, bcdef);
    row = v128.load32_splat(a1); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567); acc1x89ab = mulAdd(acc1x89ab, row, b89ab); acc1xcdef = mulAdd(acc1xcdef, row, bcdef);
    row = v128.load32_splat(a2); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567); acc2x89ab = mulAdd(acc2x89ab, row, b89ab); acc2xcdef = mulAdd(acc2xcdef, row, bcdef);
    row = v128.load32_splat(a3); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567); acc3x89ab = mulAdd(acc3x89ab, row, b89ab); acc3xcdef = mulAdd(acc3xcdef, row, bcdef);
    row = v128.load32_splat(a4); acc4x0123 = mulAdd(acc4x0123, row, b0123); acc4x4567 = mulAdd(acc4x4567, row, b4567); acc4x89ab = mulAdd(acc4x89ab, row, b89ab); acc4xcdef = mulAdd(acc4xcdef, row, bcdef);
    row = v128.load32_splat(a5); acc5x0123 = mulAdd(acc5x0123, row, b0123); acc5x4567 = mulAdd(acc5x4567, row, b4567); acc5x89ab = mulAdd(acc5x89ab, row, b89ab); acc5xcdef = mulAdd(acc5xcdef, row, bcdef);
    if (k == 1) break;
    b0123 = v128.load(b, 64); b4567 = v128.load(b, 80); b89ab = v128.load(b, 96); bcdef = v128.load(b, 112);
    row = v128.load32_splat(a0, 4); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567); acc0x89ab = mulAdd(acc0x89ab, row, b89ab); acc0xcdef = mulAdd(acc0xcdef, row, bcdef);
    row = v128.load32_splat(a1, 4); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567); acc1x89ab = mulAdd(acc1x89ab, row, b89ab); acc1xcdef = mulAdd(acc1xcdef, row, bcdef);
    row = v128.load32_splat(a2, 4); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567); acc2x89ab = mulAdd(acc2x89ab, row, b89ab); acc2xcdef = mulAdd(acc2xcdef, row, bcdef);
    row = v128.load32_splat(a3, 4); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567); acc3x89ab = mulAdd(acc3x89ab, row, b89ab); acc3xcdef = mulAdd(acc3xcdef, row, bcdef);
    row = v128.load32_splat(a4, 4); acc4x0123 = mulAdd(acc4x0123, row, b0123); acc4x4567 = mulAdd(acc4x4567, row, b4567); acc4x89ab = mulAdd(acc4x89ab, row, b89ab); acc4xcdef = mulAdd(acc4xcdef, row, bcdef);
    row = v128.load32_splat(a5, 4); acc5x0123 = mulAdd(acc5x0123, row, b0123); acc5x4567 = mulAdd(acc5x4567, row, b4567); acc5x89ab = mulAdd(acc5x89ab, row, b89ab); acc5xcdef = mulAdd(acc5xcdef, row, bcdef);
    if (k == 2) break;
    b0123 = v128.load(b, 128); b4567 = v128.load(b, 144); b89ab = v128.load(b, 160); bcdef = v128.load(b, 176);
    row = v128.load32_splat(a0, 8); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567); acc0x89ab = mulAdd(acc0x89ab, row, b89ab); acc0xcdef = mulAdd(acc0xcdef, row, bcdef);
    row = v128.load32_splat(a1, 8); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567); acc1x89ab = mulAdd(acc1x89ab, row, b89ab); acc1xcdef = mulAdd(acc1xcdef, row, bcdef);
    row = v128.load32_splat(a2, 8); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567); acc2x89ab = mulAdd(acc2x89ab, row, b89ab); acc2xcdef = mulAdd(acc2xcdef, row, bcdef);
    row = v128.load32_splat(a3, 8); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567); acc3x89ab = mulAdd(acc3x89ab, row, b89ab); acc3xcdef = mulAdd(acc3xcdef, row, bcdef);
    row = v128.load32_splat(a4, 8); acc4x0123 = mulAdd(acc4x0123, row, b0123); acc4x4567 = mulAdd(acc4x4567, row, b4567); acc4x89ab = mulAdd(acc4x89ab, row, b89ab); acc4xcdef = mulAdd(acc4xcdef, row, bcdef);
    row = v128.load32_splat(a5, 8); acc5x0123 = mulAdd(acc5x0123, row, b0123); acc5x4567 = mulAdd(acc5x4567, row, b4567); acc5x89ab = mulAdd(acc5x89ab, row, b89ab); acc5xcdef = mulAdd(acc5xcdef, row, bcdef);
    if (k == 3) break;
    b0123 = v128.load(b, 192); b4567 = v128.load(b, 208); b89ab = v128.load(b, 224); bcdef = v128.load(b, 240);
    row = v128.load32_splat(a0, 12); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567); acc0x89ab = mulAdd(acc0x89ab, row, b89ab); acc0xcdef = mulAdd(acc0xcdef, row, bcdef);
    row = v128.load32_splat(a1, 12); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567); acc1x89ab = mulAdd(acc1x89ab, row, b89ab); acc1xcdef = mulAdd(acc1xcdef, row, bcdef);
    row = v128.load32_splat(a2, 12); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567); acc2x89ab = mulAdd(acc2x89ab, row, b89ab); acc2xcdef = mulAdd(acc2xcdef, row, bcdef);
    row = v128.load32_splat(a3, 12); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567); acc3x89ab = mulAdd(acc3x89ab, row, b89ab); acc3xcdef = mulAdd(acc3xcdef, row, bcdef);
    row = v128.load32_splat(a4, 12); acc4x0123 = mulAdd(acc4x0123, row, b0123); acc4x4567 = mulAdd(acc4x4567, row, b4567); acc4x89ab = mulAdd(acc4x89ab, row, b89ab); acc4xcdef = mulAdd(acc4xcdef, row, bcdef);
    row = v128.load32_splat(a5, 12); acc5x0123 = mulAdd(acc5x0123, row, b0123); acc5x4567 = mulAdd(acc5x4567, row, b4567); acc5x89ab = mulAdd(acc5x89ab, row, b89ab); acc5xcdef = mulAdd(acc5xcdef, row, bcdef);
    if (k == 4) break;
    b0123 = v128.load(b, 256); b4567 = v128.load(b, 272); b89ab = v128.load(b, 288); bcdef = v128.load(b, 304);
    row = v128.load32_splat(a0, 16); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567); acc0x89ab = mulAdd(acc0x89ab, row, b89ab); acc0xcdef = mulAdd(acc0xcdef, row, bcdef);
    row = v128.load32_splat(a1, 16); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567); acc1x89ab = mulAdd(acc1x89ab, row, b89ab); acc1xcdef = mulAdd(acc1xcdef, row, bcdef);
    row = v128.load32_splat(a2, 16); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567); acc2x89ab = mulAdd(acc2x89ab, row, b89ab); acc2xcdef = mulAdd(acc2xcdef, row, bcdef);
    row = v128.load32_splat(a3, 16); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567); acc3x89ab = mulAdd(acc3x89ab, row, b89ab); acc3xcdef = mulAdd(acc3xcdef, row, bcdef);
    row = v128.load32_splat(a4, 16); acc4x0123 = mulAdd(acc4x0123, row, b0123); acc4x4567 = mulAdd(acc4x4567, row, b4567); acc4x89ab = mulAdd(acc4x89ab, row, b89ab); acc4xcdef = mulAdd(acc4xcdef, row, bcdef);
    row = v128.load32_splat(a5, 16); acc5x0123 = mulAdd(acc5x0123, row, b0123); acc5x4567 = mulAdd(acc5x4567, row, b4567); acc5x89ab = mulAdd(acc5x89ab, row, b89ab); acc5xcdef = mulAdd(acc5xcdef, row, bcdef);
    if (k == 5) break;
    b0123 = v128.load(b, 320); b4567 = v128.load(b, 336); b89ab = v128.load(b, 352); bcdef = v128.load(b, 368);
    row = v128.load32_splat(a0, 20); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567); acc0x89ab = mulAdd(acc0x89ab, row, b89ab); acc0xcdef = mulAdd(acc0xcdef, row, bcdef);
    row = v128.load32_splat(a1, 20); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567); acc1x89ab = mulAdd(acc1x89ab, row, b89ab); acc1xcdef = mulAdd(acc1xcdef, row, bcdef);
    row = v128.load32_splat(a2, 20); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567); acc2x89ab = mulAdd(acc2x89ab, row, b89ab); acc2xcdef = mulAdd(acc2xcdef, row, bcdef);
    row = v128.load32_splat(a3, 20); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567); acc3x89ab = mulAdd(acc3x89ab, row, b89ab); acc3xcdef = mulAdd(acc3xcdef, row, bcdef);
    row = v128.load32_splat(a4, 20); acc4x0123 = mulAdd(acc4x0123, row, b0123); acc4x4567 = mulAdd(acc4x4567, row, b4567); acc4x89ab = mulAdd(acc4x89ab, row, b89ab); acc4xcdef = mulAdd(acc4xcdef, row, bcdef);
    row = v128.load32_splat(a5, 20); acc5x0123 = mulAdd(acc5x0123, row, b0123); acc5x4567 = mulAdd(acc5x4567, row, b4567); acc5x89ab = mulAdd(acc5x89ab, row, b89ab); acc5xcdef = mulAdd(acc5xcdef, row, bcdef);
    if (k == 6) break;
    b0123 = v128.load(b, 384); b4567 = v128.load(b, 400); b89ab = v128.load(b, 416); bcdef = v128.load(b, 432);
    row = v128.load32_splat(a0, 24); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567); acc0x89ab = mulAdd(acc0x89ab, row, b89ab); acc0xcdef = mulAdd(acc0xcdef, row, bcdef);
    row = v128.load32_splat(a1, 24); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567); acc1x89ab = mulAdd(acc1x89ab, row, b89ab); acc1xcdef = mulAdd(acc1xcdef, row, bcdef);
    row = v128.load32_splat(a2, 24); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567); acc2x89ab = mulAdd(acc2x89ab, row, b89ab); acc2xcdef = mulAdd(acc2xcdef, row, bcdef);
    row = v128.load32_splat(a3, 24); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567); acc3x89ab = mulAdd(acc3x89ab, row, b89ab); acc3xcdef = mulAdd(acc3xcdef, row, bcdef);
    row = v128.load32_splat(a4, 24); acc4x0123 = mulAdd(acc4x0123, row, b0123); acc4x4567 = mulAdd(acc4x4567, row, b4567); acc4x89ab = mulAdd(acc4x89ab, row, b89ab); acc4xcdef = mulAdd(acc4xcdef, row, bcdef);
    row = v128.load32_splat(a5, 24); acc5x0123 = mulAdd(acc5x0123, row, b0123); acc5x4567 = mulAdd(acc5x4567, row, b4567); acc5x89ab = mulAdd(acc5x89ab, row, b89ab); acc5xcdef = mulAdd(acc5xcdef, row, bcdef);
    if (k == 7) break;
    b0123 = v128.load(b, 448); b4567 = v128.load(b, 464); b89ab = v128.load(b, 480); bcdef = v128.load(b, 496);
    row = v128.load32_splat(a0, 28); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567); acc0x89ab = mulAdd(acc0x89ab, row, b89ab); acc0xcdef = mulAdd(acc0xcdef, row, bcdef);
    row = v128.load32_splat(a1, 28); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567); acc1x89ab = mulAdd(acc1x89ab, row, b89ab); acc1xcdef = mulAdd(acc1xcdef, row, bcdef);
    row = v128.load32_splat(a2, 28); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567); acc2x89ab = mulAdd(acc2x89ab, row, b89ab); acc2xcdef = mulAdd(acc2xcdef, row, bcdef);
    row = v128.load32_splat(a3, 28); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567); acc3x89ab = mulAdd(acc3x89ab, row, b89ab); acc3xcdef = mulAdd(acc3xcdef, row, bcdef);
    row = v128.load32_splat(a4, 28); acc4x0123 = mulAdd(acc4x0123, row, b0123); acc4x4567 = mulAdd(acc4x4567, row, b4567); acc4x89ab = mulAdd(acc4x89ab, row, b89ab); acc4xcdef = mulAdd(acc4xcdef, row, bcdef);
    row = v128.load32_splat(a5, 28); acc5x0123 = mulAdd(acc5x0123, row, b0123); acc5x4567 = mulAdd(acc5x4567, row, b4567); acc5x89ab = mulAdd(acc5x89ab, row, b89ab); acc5xcdef = mulAdd(acc5xcdef, row, bcdef);
    a0 += 32; a1 += 32; a2 += 32; a3 += 32; a4 += 32; a5 += 32;
    b += 512;
    k -= 8;
  } while (k != 0);
  // end

  storeRow(c, acc0x0123, acc0x4567, acc0x89ab, acc0xcdef);
  c += rowBytes;
  storeRow(c, acc1x0123, acc1x4567, acc1x89ab, acc1xcdef);
  c += rowBytes;
  storeRow(c, acc2x0123, acc2x4567, acc2x89ab, acc2xcdef);
  c += rowBytes;
  storeRow(c, acc3x0123, acc3x4567, acc3x89ab, acc3xcdef);
  c += rowBytes;
  storeRow(c, acc4x0123, acc4x4567, acc4x89ab, acc4xcdef);
  c += rowBytes;
  storeRow(c, acc5x0123, acc5x4567, acc5x89ab, acc5xcdef);
}

// @ts-ignore: decorator
@inline
function storeRow(to: usize, x0123: v128, x4567: v128, x89ab: v128, xcdef: v128): void {
  v128.store(to, xcdef, 48);
  v128.store(to, x89ab, 32);
  v128.store(to, x4567, 16);
  v128.store(to, x0123);
}
