// The micro-kernel for the edges of a product whose rows of A are read in place: a tile of 4 rows and 8
// columns. See rows_6x16.ts.

import { mulAdd, Start } from "./micro_kernel";

/**
 * The same as rows6x16 (rows_6x16.ts) for 4 rows and the first 8 columns of the panel [depth][16] at b. The
 * rows of A in a tile are at a, a + row1, a + row2 and a + row3; those of the next tile are `aTile` bytes
 * further on.
 */
export function rows4x8(
  tiles: i32, depth: i32, a: usize, row1: usize, row2: usize, row3: usize, aTile: usize, b: usize, c: usize,
  rowBytes: usize, start: i32, bias: usize,
): void {
  assert(tiles >= 1 && depth >= 1, "rows4x8: tiles and depth are at least 1");
  assert((b & 15) == 0, "rows4x8: panels are aligned to vectors");
  for (; tiles > 0; tiles--, a += aTile, c += 4 * rowBytes) {
    oneTile(depth, a, a + row1, a + row2, a + row3, b, c, rowBytes, start, bias);
  }
}

// @ts-ignore: decorator
@inline
function oneTile(
  depth: i32, a0: usize, a1: usize, a2: usize, a3: usize, b: usize, c: usize, rowBytes: usize, start: i32, bias: usize,
): void {
  let acc0x0123: v128, acc0x4567: v128;
  let acc1x0123: v128, acc1x4567: v128;
  let acc2x0123: v128, acc2x4567: v128;
  let acc3x0123: v128, acc3x4567: v128;
  if (start == Start.C) {
    let from = c;
    acc0x0123 = v128.load(from); acc0x4567 = v128.load(from, 16);
    from += rowBytes;
    acc1x0123 = v128.load(from); acc1x4567 = v128.load(from, 16);
    from += rowBytes;
    acc2x0123 = v128.load(from); acc2x4567 = v128.load(from, 16);
    from += rowBytes;
    acc3x0123 = v128.load(from); acc3x4567 = v128.load(from, 16);
  } else if (start == Start.ColumnBias) {
    acc0x0123 = acc1x0123 = acc2x0123 = acc3x0123 = v128.load(bias);
    acc0x4567 = acc1x4567 = acc2x4567 = acc3x4567 = v128.load(bias, 16);
  } else {
    acc0x0123 = acc0x4567 = f32x4.splat(0);
    acc1x0123 = acc1x4567 = f32x4.splat(0);
    acc2x0123 = acc2x4567 = f32x4.splat(0);
    acc3x0123 = acc3x4567 = f32x4.splat(0);
  }

  let k = depth;
  let row: v128, b0123: v128, b4567: v128;
  // begin: written by scripts/unroll_micro_kernel.ts
  do {
    b0123 = v128.load(b); b4567 = v128.load(b, 16);
    row = v128.load32_splat(a0); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567);
    row = v128.load32_splat(a1); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567);
    row = v128.load32_splat(a2); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567);
    row = v128.load32_splat(a3); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567);
    if (k == 1) break;
    b0123 = v128.load(b, 64); b4567 = v128.load(b, 80);
    row = v128.load32_splat(a0, 4); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567);
    row = v128.load32_splat(a1, 4); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567);
    row = v128.load32_splat(a2, 4); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567);
    row = v128.load32_splat(a3, 4); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567);
    if (k == 2) break;
    b0123 = v128.load(b, 128); b4567 = v128.load(b, 144);
    row = v128.load32_splat(a0, 8); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567);
    row = v128.load32_splat(a1, 8); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567);
    row = v128.load32_splat(a2, 8); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567);
    row = v128.load32_splat(a3, 8); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567);
    if (k == 3) break;
    b0123 = v128.load(b, 192); b4567 = v128.load(b, 208);
    row = v128.load32_splat(a0, 12); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567);
    row = v128.load32_splat(a1, 12); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567);
    row = v128.load32_splat(a2, 12); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567);
    row = v128.load32_splat(a3, 12); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567);
    if (k == 4) break;
    b0123 = v128.load(b, 256); b4567 = v128.load(b, 272);
    row = v128.load32_splat(a0, 16); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567);
    row = v128.load32_splat(a1, 16); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567);
    row = v128.load32_splat(a2, 16); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567);
    row = v128.load32_splat(a3, 16); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567);
    if (k == 5) break;
    b0123 = v128.load(b, 320); b4567 = v128.load(b, 336);
    row = v128.load32_splat(a0, 20); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567);
    row = v128.load32_splat(a1, 20); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567);
    row = v128.load32_splat(a2, 20); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567);
    row = v128.load32_splat(a3, 20); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567);
    if (k == 6) break;
    b0123 = v128.load(b, 384); b4567 = v128.load(b, 400);
    row = v128.load32_splat(a0, 24); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567);
    row = v128.load32_splat(a1, 24); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567);
    row = v128.load32_splat(a2, 24); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567);
    row = v128.load32_splat(a3, 24); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567);
    if (k == 7) break;
    b0123 = v128.load(b, 448); b4567 = v128.load(b, 464);
    row = v128.load32_splat(a0, 28); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567);
    row = v128.load32_splat(a1, 28); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567);
    row = v128.load32_splat(a2, 28); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567);
    row = v128.load32_splat(a3, 28); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567);
    a0 += 32; a1 += 32; a2 += 32; a3 += 32;
    b += 512;
    k -= 8;
  } while (k != 0);
  // end

  storeRow(c, acc0x0123, acc0x4567);
  c += rowBytes;
  storeRow(c, acc1x0123, acc1x4567);
  c += rowBytes;
  storeRow(c, acc2x0123, acc2x4567);
  c += rowBytes;
  storeRow(c, acc3x0123, acc3x4567);
}

// @ts-ignore: decorator
@inline
function storeRow(to: usize, x0123: v128, x4567: v128): void {
  v128.store(to, x4567, 16);
  v128.store(to, x0123);
}
