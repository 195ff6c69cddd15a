// Winograd with stride 2: turns products into tiles of the output, or of the input's gradient (see
// strided_transforms.ts).

import { storePartial } from "../../lib/simd";
import { transpose4x4 } from "../../matmul/pack";
import { outputTile, STRIDED_POSITIONS } from "./strided_transforms";

/** Bytes of a finished block of eight tiles: 4 x 4 pairs of vectors. */
const BLOCK: usize = 16 * 32;
/**
 * Bytes of work for a call of the kernels here: 20 half-transformed pairs of vectors, and two finished
 * blocks.
 * @shared
 */
const STRIDED_OUTPUT_WORK_BYTES: usize = (20 + 2 * 16) * 32;

/**
 * Computes f(A' m A + start) for eight tiles: row y of tile l is at block + 16 (8 y + l). Position n of m is
 * at `from + n step`. f is max(., lowest). work: 20 pairs.
 */
// @ts-ignore: decorator
@inline
function outputTiles(from: usize, step: usize, start: v128, lowest: v128, work: usize, block: usize): void {
  for (let j: usize = 0; j < 4; j++) {
    outputTile(from + (4 + j) * step, 4 * step, from + j * step, work + (j << 5), 5 * 32);
  }
  outputTile(from + 20 * step, step, from + 24 * step, work + 4 * 32, 5 * 32);
  for (let y: usize = 0; y < 4; y++) {
    const row = block + (y << 7);
    outputTile(work + y * 160, 32, work + y * 160 + 4 * 32, row, 32);
    const l0 = f32x4.pmax(f32x4.add(v128.load(row), start), lowest);
    const h0 = f32x4.pmax(f32x4.add(v128.load(row, 16), start), lowest);
    const l1 = f32x4.pmax(f32x4.add(v128.load(row, 32), start), lowest);
    const h1 = f32x4.pmax(f32x4.add(v128.load(row, 48), start), lowest);
    const l2 = f32x4.pmax(f32x4.add(v128.load(row, 64), start), lowest);
    const h2 = f32x4.pmax(f32x4.add(v128.load(row, 80), start), lowest);
    const l3 = f32x4.pmax(f32x4.add(v128.load(row, 96), start), lowest);
    const h3 = f32x4.pmax(f32x4.add(v128.load(row, 112), start), lowest);
    transpose4x4(l0, l1, l2, l3, row, 16);
    transpose4x4(h0, h1, h2, h3, row + 64, 16);
  }
}

/** Stores the first `count` (at least 1) of four lanes. */
// @ts-ignore: decorator
@inline
function storeColumns(to: usize, v: v128, count: i32): void {
  if (count >= 4) v128.store(to, v);
  else storePartial(to, v, count);
}

/**
 * out[image][c][4 ty + i][4 tx + j] = f(bias[c] + (A' m A)[i][j]), for each tile of each channel; f is
 * max(., 0) with `relu` 1.
 *
 * products: [25][C][T], T tiles numbered [image][ty][tx], `step` bytes from position to position; out:
 * [images][outChannels][H][W], pixels past H or W are dropped; bias may be 0. Reads up to 28 bytes past the
 * products. work: STRIDED_OUTPUT_WORK_BYTES per chunk. Unit: one channel, all tiles.
 */
export function stridedOutput(
  begin: i32, end: i32, products: usize, images: i32, outChannels: i32, tilesY: i32, tilesX: i32, step: u32,
  bias: usize, relu: i32, out: usize, height: i32, width: i32, work: usize, grain: i32,
): void {
  const tilesPerImage = tilesY * tilesX;
  const tiles = images * tilesPerImage;
  const ownWork = work + <usize>(begin / grain) * STRIDED_OUTPUT_WORK_BYTES;
  const block = ownWork + 20 * 32;
  // pmax(a, b) is a unless a < b, so a NaN in a is kept
  const lowest = f32x4.splat(relu ? 0 : -Infinity);
  for (let c = begin; c < end; c++) {
    const start = bias ? v128.load32_splat(bias + (<usize>c << 2)) : f32x4.splat(0);
    for (let t = 0; t < tiles; t += 8) {
      outputTiles(products + ((<usize>c * <usize>tiles + <usize>t) << 2), step, start, lowest, ownWork, block);
      for (let lane = 0; lane < min(8, tiles - t); lane++) {
        const image = (t + lane) / tilesPerImage;
        const inImage = t + lane - image * tilesPerImage;
        const ty = inImage / tilesX;
        const y = ty << 2;
        const x = (inImage - ty * tilesX) << 2;
        let to = out + (<usize>(((image * outChannels + c) * height + y) * width + x) << 2);
        let from = block + (<usize>lane << 4);
        for (let i = y; i < min(y + 4, height); i++, to += <usize>width << 2, from += 128) {
          storeColumns(to, v128.load(from), width - x);
        }
      }
    }
  }
}

/**
 * The gradient of the convolution's input, or the result of a transposed convolution: out[image][c][8 ty +
 * i][8 tx + j] = f(bias[c] + the element of the phase to which row i and column j belong). Phase 2 r + s has
 * the rows i whose parity differs from r by rowParity, and the columns likewise. products: [4 phases][25][C]
 * [T]. The rest is as in stridedOutput.
 */
export function stridedGradInput(
  begin: i32, end: i32, products: usize, images: i32, outChannels: i32, tilesY: i32, tilesX: i32, step: u32,
  rowParity: i32, columnParity: i32, bias: usize, relu: i32, out: usize, height: i32, width: i32,
  work: usize, grain: i32,
): void {
  const tilesPerImage = tilesY * tilesX;
  const tiles = images * tilesPerImage;
  const ownWork = work + <usize>(begin / grain) * STRIDED_OUTPUT_WORK_BYTES;
  const even = ownWork + 20 * 32;
  const odd = even + BLOCK;
  const phaseBytes = <usize>STRIDED_POSITIONS * step;
  const lowest = f32x4.splat(relu ? 0 : -Infinity);
  for (let c = begin; c < end; c++) {
    const start = bias ? v128.load32_splat(bias + (<usize>c << 2)) : f32x4.splat(0);
    for (let t = 0; t < tiles; t += 8) {
      for (let parity = 0; parity < 2; parity++) {
        const from = products + ((<usize>c * <usize>tiles + <usize>t) << 2) + <usize>(2 * (parity ^ rowParity)) * phaseBytes;
        outputTiles(from + <usize>columnParity * phaseBytes, step, start, lowest, ownWork, even);
        outputTiles(from + <usize>(1 - columnParity) * phaseBytes, step, start, lowest, ownWork, odd);
        for (let lane = 0; lane < min(8, tiles - t); lane++) {
          const image = (t + lane) / tilesPerImage;
          const inImage = t + lane - image * tilesPerImage;
          const ty = inImage / tilesX;
          const y = (ty << 3) + parity;
          const x = (inImage - ty * tilesX) << 3;
          let to = out + (<usize>(((image * outChannels + c) * height + y) * width + x) << 2);
          let at = <usize>lane << 4;
          for (let i = y; i < min(y + 8, height); i += 2, to += <usize>width << 3, at += 128) {
            const left = v128.load(even + at);
            const right = v128.load(odd + at);
            storeColumns(to, v128.shuffle<f32>(left, right, 0, 4, 1, 5), width - x);
            if (width - x > 4) storeColumns(to + 16, v128.shuffle<f32>(left, right, 2, 6, 3, 7), width - x - 4);
          }
        }
      }
    }
  }
}
