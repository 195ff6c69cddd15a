// Winograd: turns products into tiles of the output (see transforms.ts), and applies bias, ReLU and pooling
// 2x2 to each tile before it is stored.

import { transpose4x4 } from "../../matmul/pack";
import { storePartial } from "../../lib/simd";
import { poolCodes, poolCorners, storeEightCodes } from "../relu_pool";
import { outputTile } from "./transforms";

/**
 * Bytes of work for a call of the kernels here: 24 vectors of half-transformed tiles, and 16 of finished
 * tiles.
 * @shared
 */
const WINOGRAD_WORK_BYTES: usize = 40 * 16;

/**
 * Computes A' m A + start for four tiles. Position n of m is at `from + n step`; `result` gets rows of 4
 * vectors. work: 24 vectors.
 */
// @ts-ignore: decorator
@inline
export function outputTiles(from: usize, step: usize, start: v128, work: usize, result: usize): void {
  // down the columns: the six rows of each column become four
  const row = step * 6;
  let column = work;
  let j = 6;
  do {
    let at = from;
    const m0 = v128.load(at);
    const m1 = v128.load((at += row));
    const m2 = v128.load((at += row));
    const m3 = v128.load((at += row));
    const m4 = v128.load((at += row));
    const m5 = v128.load(at + row);
    outputTile(m0, m1, m2, m3, m4, m5, false, start, column, 96);
    from += step;
    column += 16;
  } while (--j > 0);
  // then along the rows
  let i = 4;
  do {
    outputTile(
      v128.load(work), v128.load(work, 16), v128.load(work, 32), v128.load(work, 48), v128.load(work, 64), v128.load(work, 80),
      true, start, result, 16,
    );
    work += 96;
    result += 64;
  } while (--i > 0);
}

/**
 * out[image][c][4 ty + i][4 tx + j] = f(bias[c] + (A' m A)[i][j]), for each tile of each channel; f is
 * max(., 0) with `relu` 1.
 *
 * products: [36][C][T], T tiles numbered [image][ty][tx], `step` bytes from position to position;
 * out: [images][C][H][W], pixels past H or W are dropped; bias may be 0. work: 640 bytes per chunk.
 * Unit: one channel, all tiles.
 */
export function winogradOutput(
  begin: i32, end: i32, products: usize, images: i32, channels: i32, tilesY: i32, tilesX: i32, step: u32,
  bias: usize, relu: i32, out: usize, height: i32, width: i32, work: usize, grain: i32,
): void {
  const tilesPerImage = tilesY * tilesX;
  const tiles = images * tilesPerImage;
  const ownWork = work + <usize>(begin / grain) * WINOGRAD_WORK_BYTES;
  const result = ownWork + 24 * 16;
  const rowBytes = <usize>width << 2;
  // pmax(a, b) is a unless a < b, so a NaN in a is kept
  const lowest = f32x4.splat(relu ? 0 : -Infinity);
  for (let c = begin; c < end; c++) {
    const start = bias ? v128.load32_splat(bias + (<usize>c << 2)) : f32x4.splat(0);
    for (let t = 0; t < tiles; t += 4) {
      outputTiles(products + ((<usize>c * <usize>tiles + <usize>t) << 2), step, start, ownWork, result);
      // transposes the rows: result[i][l] becomes row i of tile l
      for (let i = 0; i < 4; i++) {
        const row = result + (<usize>i << 6);
        transpose4x4(
          f32x4.pmax(v128.load(row), lowest), f32x4.pmax(v128.load(row, 16), lowest),
          f32x4.pmax(v128.load(row, 32), lowest), f32x4.pmax(v128.load(row, 48), lowest), row, 16,
        );
      }
      for (let lane = 0; lane < min(4, tiles - t); lane++) {
        const tile = t + lane;
        const image = tile / tilesPerImage;
        const inImage = tile - image * tilesPerImage;
        const ty = inImage / tilesX;
        const y = ty << 2;
        const x = (inImage - ty * tilesX) << 2;
        let to = out + (<usize>(((image * channels + c) * height + y) * width + x) << 2);
        let from = result + (<usize>lane << 4);
        const rows = min(4, height - y);
        const columns = min(4, width - x);
        for (let i = 0; i < rows; i++, to += rowBytes, from += 64) {
          if (columns == 4) v128.store(to, v128.load(from));
          else storePartial(to, v128.load(from), columns);
        }
      }
    }
  }
}

/**
 * Applies ReLU and max pooling 2x2 to two rows of four tiles: `row`, and the row 64 bytes after it. Writes
 * eight elements to `to`, and eight codes to `argmaxCodes` unless that is 0.
 */
// @ts-ignore: decorator
@inline
function poolRow(row: usize, to: usize, argmaxCodes: usize): void {
  const left0 = v128.load(row);
  const left1 = v128.load(row, 16);
  const left2 = v128.load(row, 64);
  const left3 = v128.load(row, 80);
  const right0 = v128.load(row, 32);
  const right1 = v128.load(row, 48);
  const right2 = v128.load(row, 96);
  const right3 = v128.load(row, 112);
  const left = poolCorners(left0, left1, left2, left3);
  const right = poolCorners(right0, right1, right2, right3);
  // tile l, in lane l, has elements 2 l and 2 l + 1 of the eight
  v128.store(to, v128.shuffle<f32>(left, right, 0, 4, 1, 5));
  v128.store(to, v128.shuffle<f32>(left, right, 2, 6, 3, 7), 16);
  if (!argmaxCodes) return;
  const leftCode = poolCodes(left0, left1, left2, left3, left);
  const rightCode = poolCodes(right0, right1, right2, right3, right);
  storeEightCodes(argmaxCodes, v128.shuffle<i32>(leftCode, rightCode, 0, 4, 1, 5), v128.shuffle<i32>(leftCode, rightCode, 2, 6, 3, 7));
}

/**
 * Applies ReLU and max pooling 2x2 to four finished tiles, from number t: out[image][c][PH][PW], PH = H >> 1,
 * PW = W >> 1. Elements past this size are dropped. result: the tiles' rows of 4 vectors (outputTiles),
 * overwritten. argmaxCodes: one byte for each element of out (see ../relu_pool.ts), or 0 (none wanted).
 */
// @ts-ignore: decorator
@inline
export function storePooledTiles(
  result: usize, t: i32, c: i32, images: i32, channels: i32, tilesY: i32, tilesX: i32,
  out: usize, argmaxCodes: usize, height: i32, width: i32,
): void {
  const tilesPerImage = tilesY * tilesX;
  const image = t / tilesPerImage;
  const inImage = t - image * tilesPerImage;
  const ty = inImage / tilesX;
  const tx = inImage - ty * tilesX;
  const sideBySide = t + 4 <= images * tilesPerImage && tx + 4 <= tilesX;
  if (!sideBySide || 4 * tx + 16 > width || 4 * ty + 4 > height) {
    scatterPooledTiles(result, t, c, images, channels, tilesY, tilesX, out, argmaxCodes, height, width);
    return;
  }
  const pooledWidth = width >> 1;
  let at: usize = ((image * channels + c) * (height >> 1) + 2 * ty) * pooledWidth + 2 * tx;
  let i = 2;
  do {
    poolRow(result, out + (at << 2), argmaxCodes ? argmaxCodes + at : 0);
    result += 128;
    at += pooledWidth;
  } while (--i > 0);
}

/**
 * storePooledTiles lane by lane, for tiles that are not side by side in one row, or that extend past the
 * output.
 */
function scatterPooledTiles(
  result: usize, t: i32, c: i32, images: i32, channels: i32, tilesY: i32, tilesX: i32,
  out: usize, argmaxCodes: usize, height: i32, width: i32,
): void {
  const tilesPerImage = tilesY * tilesX;
  const pooledHeight = height >> 1;
  const pooledWidth = width >> 1;
  const lanes = min(4, images * tilesPerImage - t);
  for (let i: i32 = 0; i < 2; i++) {
    const row = result + (<usize>i << 7);
    poolRow(row, row, row + 32);
    for (let lane = 0; lane < lanes; lane++) {
      const image = (t + lane) / tilesPerImage;
      const inImage = t + lane - image * tilesPerImage;
      const ty = inImage / tilesX;
      const y = 2 * ty + i;
      const x = 2 * (inImage - ty * tilesX);
      if (y >= pooledHeight) continue;
      const at = <usize>(((image * channels + c) * pooledHeight + y) * pooledWidth + x);
      for (let k = 0; k < min(2, pooledWidth - x); k++) {
        const from = 2 * lane + k;
        f32.store(out + ((at + <usize>k) << 2), f32.load(row + (<usize>from << 2)));
        if (argmaxCodes) i32.store8(argmaxCodes + at + <usize>k, i32.load8_u(row + 32 + <usize>from));
      }
    }
  }
}

/**
 * winogradOutput, then ReLU and max pooling 2x2 of stride 2 (storePooledTiles). Unit: one channel, all tiles.
 */
export function winogradOutputPool(
  begin: i32, end: i32, products: usize, images: i32, channels: i32, tilesY: i32, tilesX: i32, step: u32,
  bias: usize, out: usize, argmaxCodes: usize, height: i32, width: i32, work: usize, grain: i32,
): void {
  const tiles = images * tilesY * tilesX;
  const ownWork = work + <usize>(begin / grain) * WINOGRAD_WORK_BYTES;
  const result = ownWork + 24 * 16;
  for (let c = begin; c < end; c++) {
    const start = bias ? v128.load32_splat(bias + (<usize>c << 2)) : f32x4.splat(0);
    for (let t = 0; t < tiles; t += 4) {
      outputTiles(products + ((<usize>c * <usize>tiles + <usize>t) << 2), step, start, ownWork, result);
      storePooledTiles(result, t, c, images, channels, tilesY, tilesX, out, argmaxCodes, height, width);
    }
  }
}
