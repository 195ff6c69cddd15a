// The micro-kernel with a tile of 4 rows and 16 columns: two panels of B side by side. Each splat of A is
// multiplied by four vectors instead of two.
//
// V8 can compile two neighbouring vectors into one of 256 bits (wide.md). The 16 sums below are then 8
// registers, and 8 independent additions are needed to keep both arithmetic units busy. Where vectors have
// 128 bits, 16 sums do not fit in the 15 registers of x64; they do fit in the 32 of ARM. So the choice is
// measured, see src/ops/matmul/tile.ts. All tiles give the same bits, because each sum runs in order of k.

import { biasStep, mulAdd, Start } from "./micro_kernel";

/**
 * The same as microKernel4x8 (micro_kernel.ts) for 16 columns. The second panel of B is at b + bStep. The two
 * halves of a pair are always computed next to each other, and the upper half is stored first. V8 packs a
 * pair only if no store lies between its halves, and storing the lower half first would need a second store.
 */
export function microKernel4x16(
  tiles: i32, depth: i32, a: usize, aStep: usize, b: usize, bStep: usize, c: usize, rowBytes: usize, start: i32,
  bias: usize, relu: i32,
): void {
  assert(tiles >= 1 && depth >= 1, "microKernel4x16: tiles and depth are at least 1");
  assert((a & 15) == 0 && (aStep & 15) == 0 && (b & 15) == 0 && (bStep & 15) == 0, "microKernel4x16: panels are aligned to vectors");
  for (; tiles > 0; tiles--, a += aStep, c += 4 * rowBytes, bias += biasStep(start)) {
    oneTile(depth, a, b, b + bStep, c, rowBytes, start, bias, relu);
  }
}

// @ts-ignore: decorator
@inline
function oneTile(
  depth: i32, a: usize, b: usize, right: usize, c: usize, rowBytes: usize, start: i32, bias: usize, relu: i32,
): void {
  let acc0x0123: v128, acc0x4567: v128, acc0x89ab: v128, acc0xcdef: v128;
  let acc1x0123: v128, acc1x4567: v128, acc1x89ab: v128, acc1xcdef: v128;
  let acc2x0123: v128, acc2x4567: v128, acc2x89ab: v128, acc2xcdef: v128;
  let acc3x0123: v128, acc3x4567: v128, acc3x89ab: v128, acc3xcdef: v128;
  if (start == Start.C) {
    let from = c;
    acc0x0123 = v128.load(from); acc0x4567 = v128.load(from, 16);
    acc0x89ab = v128.load(from, 32); acc0xcdef = v128.load(from, 48);
    from += rowBytes;
    acc1x0123 = v128.load(from); acc1x4567 = v128.load(from, 16);
    acc1x89ab = v128.load(from, 32); acc1xcdef = v128.load(from, 48);
    from += rowBytes;
    acc2x0123 = v128.load(from); acc2x4567 = v128.load(from, 16);
    acc2x89ab = v128.load(from, 32); acc2xcdef = v128.load(from, 48);
    from += rowBytes;
    acc3x0123 = v128.load(from); acc3x4567 = v128.load(from, 16);
    acc3x89ab = v128.load(from, 32); acc3xcdef = v128.load(from, 48);
  } else if (start == Start.RowBias) {
    acc0x0123 = acc0x4567 = acc0x89ab = acc0xcdef = v128.load32_splat(bias);
    acc1x0123 = acc1x4567 = acc1x89ab = acc1xcdef = v128.load32_splat(bias, 4);
    acc2x0123 = acc2x4567 = acc2x89ab = acc2xcdef = v128.load32_splat(bias, 8);
    acc3x0123 = acc3x4567 = acc3x89ab = acc3xcdef = v128.load32_splat(bias, 12);
  } else if (start == Start.TileBias) {
    acc0x0123 = acc0x4567 = acc0x89ab = acc0xcdef = v128.load32_splat(bias);
    acc1x0123 = acc1x4567 = acc1x89ab = acc1xcdef = acc0x0123;
    acc2x0123 = acc2x4567 = acc2x89ab = acc2xcdef = acc0x0123;
    acc3x0123 = acc3x4567 = acc3x89ab = acc3xcdef = acc0x0123;
  } else if (start == Start.ColumnBias) {
    acc0x0123 = acc1x0123 = acc2x0123 = acc3x0123 = v128.load(bias);
    acc0x4567 = acc1x4567 = acc2x4567 = acc3x4567 = v128.load(bias, 16);
    acc0x89ab = acc1x89ab = acc2x89ab = acc3x89ab = v128.load(bias, 32);
    acc0xcdef = acc1xcdef = acc2xcdef = acc3xcdef = v128.load(bias, 48);
  } else {
    acc0x0123 = acc0x4567 = acc0x89ab = acc0xcdef = f32x4.splat(0);
    acc1x0123 = acc1x4567 = acc1x89ab = acc1xcdef = f32x4.splat(0);
    acc2x0123 = acc2x4567 = acc2x89ab = acc2xcdef = f32x4.splat(0);
    acc3x0123 = acc3x4567 = acc3x89ab = acc3xcdef = f32x4.splat(0);
  }

  let k = depth;
  let row: v128, b0123: v128, b4567: v128, b89ab: v128, bcdef: v128;
  // begin: written by scripts/unroll_micro_kernel.ts
  do {
    b0123 = v128.load(b); b4567 = v128.load(b, 16); b89ab = v128.load(right); bcdef = v128.load(right, 16);
    row = v128.load32_splat(a); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567); acc0x89ab = mulAdd(acc0x89ab, row, b89ab); acc0xcdef = mulAdd(acc0xcdef, row, bcdef);
    row = v128.load32_splat(a, 4); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567); acc1x89ab = mulAdd(acc1x89ab, row, b89ab); acc1xcdef = mulAdd(acc1xcdef, row, bcdef);
    row = v128.load32_splat(a, 8); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567); acc2x89ab = mulAdd(acc2x89ab, row, b89ab); acc2xcdef = mulAdd(acc2xcdef, row, bcdef);
    row = v128.load32_splat(a, 12); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567); acc3x89ab = mulAdd(acc3x89ab, row, b89ab); acc3xcdef = mulAdd(acc3xcdef, row, bcdef);
    if (k == 1) break; a += 16;
    b0123 = v128.load(b, 32); b4567 = v128.load(b, 48); b89ab = v128.load(right, 32); bcdef = v128.load(right, 48);
    row = v128.load32_splat(a); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567); acc0x89ab = mulAdd(acc0x89ab, row, b89ab); acc0xcdef = mulAdd(acc0xcdef, row, bcdef);
    row = v128.load32_splat(a, 4); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567); acc1x89ab = mulAdd(acc1x89ab, row, b89ab); acc1xcdef = mulAdd(acc1xcdef, row, bcdef);
    row = v128.load32_splat(a, 8); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567); acc2x89ab = mulAdd(acc2x89ab, row, b89ab); acc2xcdef = mulAdd(acc2xcdef, row, bcdef);
    row = v128.load32_splat(a, 12); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567); acc3x89ab = mulAdd(acc3x89ab, row, b89ab); acc3xcdef = mulAdd(acc3xcdef, row, bcdef);
    if (k == 2) break; a += 16;
    b0123 = v128.load(b, 64); b4567 = v128.load(b, 80); b89ab = v128.load(right, 64); bcdef = v128.load(right, 80);
    row = v128.load32_splat(a); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567); acc0x89ab = mulAdd(acc0x89ab, row, b89ab); acc0xcdef = mulAdd(acc0xcdef, row, bcdef);
    row = v128.load32_splat(a, 4); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567); acc1x89ab = mulAdd(acc1x89ab, row, b89ab); acc1xcdef = mulAdd(acc1xcdef, row, bcdef);
    row = v128.load32_splat(a, 8); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567); acc2x89ab = mulAdd(acc2x89ab, row, b89ab); acc2xcdef = mulAdd(acc2xcdef, row, bcdef);
    row = v128.load32_splat(a, 12); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567); acc3x89ab = mulAdd(acc3x89ab, row, b89ab); acc3xcdef = mulAdd(acc3xcdef, row, bcdef);
    if (k == 3) break; a += 16;
    b0123 = v128.load(b, 96); b4567 = v128.load(b, 112); b89ab = v128.load(right, 96); bcdef = v128.load(right, 112);
    row = v128.load32_splat(a); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567); acc0x89ab = mulAdd(acc0x89ab, row, b89ab); acc0xcdef = mulAdd(acc0xcdef, row, bcdef);
    row = v128.load32_splat(a, 4); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567); acc1x89ab = mulAdd(acc1x89ab, row, b89ab); acc1xcdef = mulAdd(acc1xcdef, row, bcdef);
    row = v128.load32_splat(a, 8); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567); acc2x89ab = mulAdd(acc2x89ab, row, b89ab); acc2xcdef = mulAdd(acc2xcdef, row, bcdef);
    row = v128.load32_splat(a, 12); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567); acc3x89ab = mulAdd(acc3x89ab, row, b89ab); acc3xcdef = mulAdd(acc3xcdef, row, bcdef);
    if (k == 4) break; a += 16;
    b0123 = v128.load(b, 128); b4567 = v128.load(b, 144); b89ab = v128.load(right, 128); bcdef = v128.load(right, 144);
    row = v128.load32_splat(a); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567); acc0x89ab = mulAdd(acc0x89ab, row, b89ab); acc0xcdef = mulAdd(acc0xcdef, row, bcdef);
    row = v128.load32_splat(a, 4); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567); acc1x89ab = mulAdd(acc1x89ab, row, b89ab); acc1xcdef = mulAdd(acc1xcdef, row, bcdef);
    row = v128.load32_splat(a, 8); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567); acc2x89ab = mulAdd(acc2x89ab, row, b89ab); acc2xcdef = mulAdd(acc2xcdef, row, bcdef);
    row = v128.load32_splat(a, 12); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567); acc3x89ab = mulAdd(acc3x89ab, row, b89ab); acc3xcdef = mulAdd(acc3xcdef, row, bcdef);
    if (k == 5) break; a += 16;
    b0123 = v128.load(b, 160); b4567 = v128.load(b, 176); b89ab = v128.load(right, 160); bcdef = v128.load(right, 176);
    row = v128.load32_splat(a); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567); acc0x89ab = mulAdd(acc0x89ab, row, b89ab); acc0xcdef = mulAdd(acc0xcdef, row, bcdef);
    row = v128.load32_splat(a, 4); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567); acc1x89ab = mulAdd(acc1x89ab, row, b89ab); acc1xcdef = mulAdd(acc1xcdef, row, bcdef);
    row = v128.load32_splat(a, 8); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567); acc2x89ab = mulAdd(acc2x89ab, row, b89ab); acc2xcdef = mulAdd(acc2xcdef, row, bcdef);
    row = v128.load32_splat(a, 12); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567); acc3x89ab = mulAdd(acc3x89ab, row, b89ab); acc3xcdef = mulAdd(acc3xcdef, row, bcdef);
    if (k == 6) break; a += 16;
    b0123 = v128.load(b, 192); b4567 = v128.load(b, 208); b89ab = v128.load(right, 192); bcdef = v128.load(right, 208);
    row = v128.load32_splat(a); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567); acc0x89ab = mulAdd(acc0x89ab, row, b89ab); acc0xcdef = mulAdd(acc0xcdef, row, bcdef);
    row = v128.load32_splat(a, 4); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567); acc1x89ab = mulAdd(acc1x89ab, row, b89ab); acc1xcdef = mulAdd(acc1xcdef, row, bcdef);
    row = v128.load32_splat(a, 8); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567); acc2x89ab = mulAdd(acc2x89ab, row, b89ab); acc2xcdef = mulAdd(acc2xcdef, row, bcdef);
    row = v128.load32_splat(a, 12); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567); acc3x89ab = mulAdd(acc3x89ab, row, b89ab); acc3xcdef = mulAdd(acc3xcdef, row, bcdef);
    if (k == 7) break; a += 16;
    b0123 = v128.load(b, 224); b4567 = v128.load(b, 240); b89ab = v128.load(right, 224); bcdef = v128.load(right, 240);
    row = v128.load32_splat(a); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567); acc0x89ab = mulAdd(acc0x89ab, row, b89ab); acc0xcdef = mulAdd(acc0xcdef, row, bcdef);
    row = v128.load32_splat(a, 4); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567); acc1x89ab = mulAdd(acc1x89ab, row, b89ab); acc1xcdef = mulAdd(acc1xcdef, row, bcdef);
    row = v128.load32_splat(a, 8); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567); acc2x89ab = mulAdd(acc2x89ab, row, b89ab); acc2xcdef = mulAdd(acc2xcdef, row, bcdef);
    row = v128.load32_splat(a, 12); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567); acc3x89ab = mulAdd(acc3x89ab, row, b89ab); acc3xcdef = mulAdd(acc3xcdef, row, bcdef);
    a += 16;
    b += 256;
    right += 256;
    k -= 8;
  } while (k != 0);
  // end

  if (relu) {
    const zero = f32x4.splat(0); // pmax keeps a NaN: it takes its first argument unless that is smaller
    acc0x0123 = f32x4.pmax(acc0x0123, zero); acc0x4567 = f32x4.pmax(acc0x4567, zero);
    acc0x89ab = f32x4.pmax(acc0x89ab, zero); acc0xcdef = f32x4.pmax(acc0xcdef, zero);
    acc1x0123 = f32x4.pmax(acc1x0123, zero); acc1x4567 = f32x4.pmax(acc1x4567, zero);
    acc1x89ab = f32x4.pmax(acc1x89ab, zero); acc1xcdef = f32x4.pmax(acc1xcdef, zero);
    acc2x0123 = f32x4.pmax(acc2x0123, zero); acc2x4567 = f32x4.pmax(acc2x4567, zero);
    acc2x89ab = f32x4.pmax(acc2x89ab, zero); acc2xcdef = f32x4.pmax(acc2xcdef, zero);
    acc3x0123 = f32x4.pmax(acc3x0123, zero); acc3x4567 = f32x4.pmax(acc3x4567, zero);
    acc3x89ab = f32x4.pmax(acc3x89ab, zero); acc3xcdef = f32x4.pmax(acc3xcdef, zero);
  }
  storeRow(c, acc0x0123, acc0x4567, acc0x89ab, acc0xcdef);
  c += rowBytes;
  storeRow(c, acc1x0123, acc1x4567, acc1x89ab, acc1xcdef);
  c += rowBytes;
  storeRow(c, acc2x0123, acc2x4567, acc2x89ab, acc2xcdef);
  c += rowBytes;
  storeRow(c, acc3x0123, acc3x4567, acc3x89ab, acc3xcdef);
}

// @ts-ignore: decorator
@inline
function storeRow(to: usize, x0123: v128, x4567: v128, x89ab: v128, xcdef: v128): void {
  v128.store(to, xcdef, 48);
  v128.store(to, x89ab, 32);
  v128.store(to, x4567, 16);
  v128.store(to, x0123);
}
