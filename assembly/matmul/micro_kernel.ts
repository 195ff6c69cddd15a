// The micro-kernel: one 4 x 8 tile of C += A B from packed panels. All large matrix products, and most
// convolutions, are computed by it.

/** acc + a * b: rounded once in the build with relaxed SIMD, else twice. */
// @ts-ignore: decorator
@inline
export function mulAdd(acc: v128, a: v128, b: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, acc);
  return f32x4.add(acc, f32x4.mul(a, b));
}

/** Initial value of the accumulators. @shared */
export const enum Start {
  Zero,
  /** The tile of C in memory, to which the product is added. */
  C,
  /** bias[row] */
  RowBias,
  /** bias[column] */
  ColumnBias,
  /** bias[tile]: one value for all four rows. */
  TileBias,
}

/** A value that k never has: a matrix so deep would not fit into memory. */
const NEVER = 1 << 30;

/** Bytes from the bias of a tile to the bias of the tile below it. */
// @ts-ignore: decorator
@inline
export function biasStep(start: i32): usize {
  return start == Start.RowBias ? 16 : start == Start.TileBias ? 4 : 0;
}

/**
 * Computes a column of `tiles` tiles, one below the other: c[i][j] = f(start + sum over k < depth of
 * a[k][i] * b[k][j]), for the 4 rows i and 8 columns j of each tile. f is max(., 0) if `relu` is 1, and the
 * identity if it is 0.
 *
 * a: panels [depth][4], `aStep` bytes from tile to tile; b: panel [depth][8], for all tiles; c: row stride
 * `rowBytes` bytes; tiles, depth >= 1. `bias` points to the bias of the first tile's first row or column. The
 * sum over k runs in order of k.
 *
 * The names say what an accumulator holds: acc2x4567 is row 2, columns 4 to 7. 8 accumulators, 2 vectors of
 * b, 4 splats of a and one temporary are exactly the 15 vector registers that V8 has on x64. V8 moves all
 * loads of a basic block to its top, so a plainly unrolled loop would need more registers. The `if (k == …)
 * break` between steps are real exits, which keep the steps in separate blocks, and handle depths that are
 * not multiples of 16. V8 folds the constant offset of a plain load into the instruction, but the offset of a
 * splat costs an addition. So `a` advances at each step, and the four offsets that remain are computed once,
 * outside the loop. 16 steps per iteration hide the cost of the loop, and still fit into a small cache of
 * decoded instructions. The loop of stores at the end of the loop body is never executed; it improves the
 * code that V8 generates for the steps before it (machine_code.md explains all of this).
 */
export function microKernel4x8(
  tiles: i32, depth: i32, a: usize, aStep: usize, b: usize, c: usize, rowBytes: usize, start: i32, bias: usize, relu: i32,
): void {
  assert(tiles >= 1 && depth >= 1, "microKernel4x8: tiles and depth are at least 1");
  assert((a & 15) == 0 && (aStep & 15) == 0 && (b & 15) == 0, "microKernel4x8: panels are aligned to vectors");
  for (; tiles > 0; tiles--, a += aStep, c += 4 * rowBytes, bias += biasStep(start)) {
    oneTile(depth, a, b, c, rowBytes, start, bias, relu);
  }
}

// @ts-ignore: decorator
@inline
function oneTile(
  depth: i32, a: usize, b: usize, c: usize, rowBytes: usize, start: i32, bias: usize, relu: i32,
): void {
  let acc0x0123: v128, acc0x4567: v128, acc1x0123: v128, acc1x4567: v128;
  let acc2x0123: v128, acc2x4567: v128, acc3x0123: v128, acc3x4567: v128;
  if (start == Start.C) {
    let from = c + 3 * rowBytes; // last row first, so that no address stays in a register until the stores
    acc3x0123 = v128.load(from);
    acc3x4567 = v128.load(from, 16);
    from -= rowBytes;
    acc2x0123 = v128.load(from);
    acc2x4567 = v128.load(from, 16);
    from -= rowBytes;
    acc1x0123 = v128.load(from);
    acc1x4567 = v128.load(from, 16);
    acc0x0123 = v128.load(c);
    acc0x4567 = v128.load(c, 16);
  } else if (start == Start.RowBias) {
    acc0x0123 = acc0x4567 = v128.load32_splat(bias);
    acc1x0123 = acc1x4567 = v128.load32_splat(bias, 4);
    acc2x0123 = acc2x4567 = v128.load32_splat(bias, 8);
    acc3x0123 = acc3x4567 = v128.load32_splat(bias, 12);
  } else if (start == Start.TileBias) {
    acc0x0123 = acc1x0123 = acc2x0123 = acc3x0123 = v128.load32_splat(bias);
    acc0x4567 = acc1x4567 = acc2x4567 = acc3x4567 = acc0x0123;
  } else if (start == Start.ColumnBias) {
    acc0x0123 = acc1x0123 = acc2x0123 = acc3x0123 = v128.load(bias);
    acc0x4567 = acc1x4567 = acc2x4567 = acc3x4567 = v128.load(bias, 16);
  } else {
    acc0x0123 = acc1x0123 = acc2x0123 = acc3x0123 = f32x4.splat(0);
    acc0x4567 = acc1x4567 = acc2x4567 = acc3x4567 = f32x4.splat(0);
  }

  let k = depth;
  let row: v128, b0123: v128, b4567: v128;
  // begin: written by scripts/unroll_micro_kernel.ts
  do {
    b0123 = v128.load(b); b4567 = v128.load(b, 16);
    row = v128.load32_splat(a); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567);
    row = v128.load32_splat(a, 4); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567);
    row = v128.load32_splat(a, 8); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567);
    row = v128.load32_splat(a, 12); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567);
    if (k == 1) break; a += 16;
    b0123 = v128.load(b, 32); b4567 = v128.load(b, 48);
    row = v128.load32_splat(a); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567);
    row = v128.load32_splat(a, 4); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567);
    row = v128.load32_splat(a, 8); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567);
    row = v128.load32_splat(a, 12); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567);
    if (k == 2) break; a += 16;
    b0123 = v128.load(b, 64); b4567 = v128.load(b, 80);
    row = v128.load32_splat(a); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567);
    row = v128.load32_splat(a, 4); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567);
    row = v128.load32_splat(a, 8); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567);
    row = v128.load32_splat(a, 12); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567);
    if (k == 3) break; a += 16;
    b0123 = v128.load(b, 96); b4567 = v128.load(b, 112);
    row = v128.load32_splat(a); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567);
    row = v128.load32_splat(a, 4); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567);
    row = v128.load32_splat(a, 8); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567);
    row = v128.load32_splat(a, 12); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567);
    if (k == 4) break; a += 16;
    b0123 = v128.load(b, 128); b4567 = v128.load(b, 144);
    row = v128.load32_splat(a); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567);
    row = v128.load32_splat(a, 4); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567);
    row = v128.load32_splat(a, 8); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567);
    row = v128.load32_splat(a, 12); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567);
    if (k == 5) break; a += 16;
    b0123 = v128.load(b, 160); b4567 = v128.load(b, 176);
    row = v128.load32_splat(a); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567);
    row = v128.load32_splat(a, 4); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567);
    row = v128.load32_splat(a, 8); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567);
    row = v128.load32_splat(a, 12); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567);
    if (k == 6) break; a += 16;
    b0123 = v128.load(b, 192); b4567 = v128.load(b, 208);
    row = v128.load32_splat(a); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567);
    row = v128.load32_splat(a, 4); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567);
    row = v128.load32_splat(a, 8); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567);
    row = v128.load32_splat(a, 12); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567);
    if (k == 7) break; a += 16;
    b0123 = v128.load(b, 224); b4567 = v128.load(b, 240);
    row = v128.load32_splat(a); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567);
    row = v128.load32_splat(a, 4); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567);
    row = v128.load32_splat(a, 8); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567);
    row = v128.load32_splat(a, 12); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567);
    if (k == 8) break; a += 16;
    b0123 = v128.load(b, 256); b4567 = v128.load(b, 272);
    row = v128.load32_splat(a); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567);
    row = v128.load32_splat(a, 4); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567);
    row = v128.load32_splat(a, 8); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567);
    row = v128.load32_splat(a, 12); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567);
    if (k == 9) break; a += 16;
    b0123 = v128.load(b, 288); b4567 = v128.load(b, 304);
    row = v128.load32_splat(a); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567);
    row = v128.load32_splat(a, 4); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567);
    row = v128.load32_splat(a, 8); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567);
    row = v128.load32_splat(a, 12); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567);
    if (k == 10) break; a += 16;
    b0123 = v128.load(b, 320); b4567 = v128.load(b, 336);
    row = v128.load32_splat(a); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567);
    row = v128.load32_splat(a, 4); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567);
    row = v128.load32_splat(a, 8); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567);
    row = v128.load32_splat(a, 12); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567);
    if (k == 11) break; a += 16;
    b0123 = v128.load(b, 352); b4567 = v128.load(b, 368);
    row = v128.load32_splat(a); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567);
    row = v128.load32_splat(a, 4); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567);
    row = v128.load32_splat(a, 8); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567);
    row = v128.load32_splat(a, 12); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567);
    if (k == 12) break; a += 16;
    b0123 = v128.load(b, 384); b4567 = v128.load(b, 400);
    row = v128.load32_splat(a); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567);
    row = v128.load32_splat(a, 4); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567);
    row = v128.load32_splat(a, 8); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567);
    row = v128.load32_splat(a, 12); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567);
    if (k == 13) break; a += 16;
    b0123 = v128.load(b, 416); b4567 = v128.load(b, 432);
    row = v128.load32_splat(a); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567);
    row = v128.load32_splat(a, 4); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567);
    row = v128.load32_splat(a, 8); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567);
    row = v128.load32_splat(a, 12); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567);
    if (k == 14) break; a += 16;
    b0123 = v128.load(b, 448); b4567 = v128.load(b, 464);
    row = v128.load32_splat(a); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567);
    row = v128.load32_splat(a, 4); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567);
    row = v128.load32_splat(a, 8); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567);
    row = v128.load32_splat(a, 12); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567);
    if (k == 15) break; a += 16;
    b0123 = v128.load(b, 480); b4567 = v128.load(b, 496);
    row = v128.load32_splat(a); acc0x0123 = mulAdd(acc0x0123, row, b0123); acc0x4567 = mulAdd(acc0x4567, row, b4567);
    row = v128.load32_splat(a, 4); acc1x0123 = mulAdd(acc1x0123, row, b0123); acc1x4567 = mulAdd(acc1x4567, row, b4567);
    row = v128.load32_splat(a, 8); acc2x0123 = mulAdd(acc2x0123, row, b0123); acc2x4567 = mulAdd(acc2x4567, row, b4567);
    row = v128.load32_splat(a, 12); acc3x0123 = mulAdd(acc3x0123, row, b0123); acc3x4567 = mulAdd(acc3x4567, row, b4567);
    a += 16;
    if (k == NEVER) {
      do {
        v128.store(c, v128.or(acc0x0123, acc0x4567));
        v128.store(c, v128.or(acc1x0123, acc1x4567));
        v128.store(c, v128.or(acc2x0123, acc2x4567));
        v128.store(c, v128.or(acc3x0123, acc3x4567));
      } while (--k);
      break;
    }
    b += 512;
    k -= 16;
  } while (k != 0);
  // end

  if (relu) {
    const zero = f32x4.splat(0); // pmax(a, b) is a unless a < b, so a NaN in a is kept
    acc0x0123 = f32x4.pmax(acc0x0123, zero);
    acc0x4567 = f32x4.pmax(acc0x4567, zero);
    acc1x0123 = f32x4.pmax(acc1x0123, zero);
    acc1x4567 = f32x4.pmax(acc1x4567, zero);
    acc2x0123 = f32x4.pmax(acc2x0123, zero);
    acc2x4567 = f32x4.pmax(acc2x4567, zero);
    acc3x0123 = f32x4.pmax(acc3x0123, zero);
    acc3x4567 = f32x4.pmax(acc3x4567, zero);
  }
  v128.store(c, acc0x0123);
  v128.store(c, acc0x4567, 16);
  c += rowBytes;
  v128.store(c, acc1x0123);
  v128.store(c, acc1x4567, 16);
  c += rowBytes;
  v128.store(c, acc2x0123);
  v128.store(c, acc2x4567, 16);
  c += rowBytes;
  v128.store(c, acc3x0123);
  v128.store(c, acc3x4567, 16);
}
