// Winograd: turns products into tiles of the output (see transforms.ts), and applies bias, ReLU and pooling
// 2x2 to each tile before it is stored.

import { storePartial } from "../../lib/simd";
import { poolTiles, storePooledPairs } from "../relu_pool";
import { tileOffset, WINOGRAD_WORK_BYTES } from "./images";
import { outputTile, storePair } from "./transforms";

/** Bytes of half-transformed tiles, which come before the finished ones in the kernels' work. */
export const HALF_TILES_BYTES: usize = 24 * 32;

/**
 * Computes A' m A + start for eight tiles. Position n of m is at `from + n step`; `result` gets rows of four
 * pairs of vectors. work: 48 vectors.
 */
// @ts-ignore: decorator
@inline
export function outputTiles(from: usize, step: usize, start: v128, work: usize, result: usize): void {
  // down the columns: the six rows of each column become four
  const row = step * 6;
  let column = work;
  let j = 6;
  do {
    const row1 = from + row;
    const row2 = row1 + row;
    const row3 = row2 + row;
    const row4 = row3 + row;
    const row5 = row4 + row;
    outputTile(
      v128.load(from), v128.load(from, 16), v128.load(row1), v128.load(row1, 16), v128.load(row2), v128.load(row2, 16),
      v128.load(row3), v128.load(row3, 16), v128.load(row4), v128.load(row4, 16), v128.load(row5), v128.load(row5, 16),
      false, start, column, 192,
    );
    from += step;
    column += 32;
  } while (--j > 0);
  // then along the rows
  let i = 4;
  do {
    outputTile(
      v128.load(work), v128.load(work, 16), v128.load(work, 32), v128.load(work, 48), v128.load(work, 64), v128.load(work, 80),
      v128.load(work, 96), v128.load(work, 112), v128.load(work, 128), v128.load(work, 144), v128.load(work, 160), v128.load(work, 176),
      true, start, result, 32,
    );
    work += 192;
    result += 128;
  } while (--i > 0);
}

/**
 * Transposes the rows of eight finished tiles and stores max(., lowest). Row i of tiles 2 k and 2 k + 1 gets
 * 32 bytes at address k + i rowBytes.
 */
// @ts-ignore: decorator
@inline
function storeTiles(
  result: usize, lowest: v128, pair0: usize, pair1: usize, pair2: usize, pair3: usize, rowBytes: usize,
): void {
  let i = 4;
  do {
    // pmax(a, b) is a unless a < b, so a NaN in a is kept
    const y0 = f32x4.pmax(v128.load(result), lowest);
    const z0 = f32x4.pmax(v128.load(result, 16), lowest);
    const y1 = f32x4.pmax(v128.load(result, 32), lowest);
    const z1 = f32x4.pmax(v128.load(result, 48), lowest);
    const y2 = f32x4.pmax(v128.load(result, 64), lowest);
    const z2 = f32x4.pmax(v128.load(result, 80), lowest);
    const y3 = f32x4.pmax(v128.load(result, 96), lowest);
    const z3 = f32x4.pmax(v128.load(result, 112), lowest);
    const a01 = v128.shuffle<f32>(y0, y1, 0, 4, 1, 5);
    const b01 = v128.shuffle<f32>(z0, z1, 0, 4, 1, 5);
    const a23 = v128.shuffle<f32>(y2, y3, 0, 4, 1, 5);
    const b23 = v128.shuffle<f32>(z2, z3, 0, 4, 1, 5);
    const c01 = v128.shuffle<f32>(y0, y1, 2, 6, 3, 7);
    const d01 = v128.shuffle<f32>(z0, z1, 2, 6, 3, 7);
    const c23 = v128.shuffle<f32>(y2, y3, 2, 6, 3, 7);
    const d23 = v128.shuffle<f32>(z2, z3, 2, 6, 3, 7);
    storePair(pair0, v128.shuffle<f32>(a01, a23, 0, 1, 4, 5), v128.shuffle<f32>(b01, b23, 0, 1, 4, 5));
    storePair(pair1, v128.shuffle<f32>(a01, a23, 2, 3, 6, 7), v128.shuffle<f32>(b01, b23, 2, 3, 6, 7));
    storePair(pair2, v128.shuffle<f32>(c01, c23, 0, 1, 4, 5), v128.shuffle<f32>(d01, d23, 0, 1, 4, 5));
    storePair(pair3, v128.shuffle<f32>(c01, c23, 2, 3, 6, 7), v128.shuffle<f32>(d01, d23, 2, 3, 6, 7));
    result += 128;
    pair0 += rowBytes;
    pair1 += rowBytes;
    pair2 += rowBytes;
    pair3 += rowBytes;
  } while (--i > 0);
}

/**
 * out[image][c][4 ty + i][4 tx + j] = f(bias[c] + (A' m A)[i][j]), for each tile of each channel; f is
 * max(., 0) with `relu` 1.
 *
 * products: [36][C][panels][8], the tiles of a panel in the order of tileOfLane, `step` bytes from position
 * to position; out: [images][C][H][W], pixels past H or W are dropped; bias may be 0. work:
 * WINOGRAD_WORK_BYTES per chunk. Unit: one channel, all tiles.
 */
export function winogradOutput(
  begin: i32, end: i32, products: usize, images: i32, channels: i32, tilesY: i32, tilesX: i32, step: u32,
  bias: usize, relu: i32, out: usize, height: i32, width: i32, work: usize, grain: i32,
): void {
  const tilesPerImage = tilesY * tilesX;
  const tiles = images * tilesPerImage;
  const channelBytes = <usize>((tiles + 7) >> 3) << 5;
  const ownWork = work + <usize>(begin / grain) * WINOGRAD_WORK_BYTES;
  const result = ownWork + HALF_TILES_BYTES;
  const rowBytes = <usize>width << 2;
  const planeBytes = <usize>height * rowBytes;
  const imageBytes = <usize>channels * planeBytes;
  const lowest = f32x4.splat(relu ? 0 : -Infinity);
  for (let t = 0; t < tiles; t += 8) {
    if (areInPairs(t, images, tilesY, tilesX, height, width)) {
      const pair0 = out + tileOffset(t, tilesX, tilesPerImage, rowBytes, imageBytes);
      const pair1 = out + tileOffset(t + 2, tilesX, tilesPerImage, rowBytes, imageBytes);
      const pair2 = out + tileOffset(t + 4, tilesX, tilesPerImage, rowBytes, imageBytes);
      const pair3 = out + tileOffset(t + 6, tilesX, tilesPerImage, rowBytes, imageBytes);
      for (let c = begin; c < end; c++) {
        const start = bias ? v128.load32_splat(bias + (<usize>c << 2)) : f32x4.splat(0);
        outputTiles(products + <usize>c * channelBytes + (<usize>t << 2), step, start, ownWork, result);
        const plane = <usize>c * planeBytes;
        storeTiles(result, lowest, pair0 + plane, pair1 + plane, pair2 + plane, pair3 + plane, rowBytes);
      }
      continue;
    }
    for (let c = begin; c < end; c++) {
      const start = bias ? v128.load32_splat(bias + (<usize>c << 2)) : f32x4.splat(0);
      outputTiles(products + <usize>c * channelBytes + (<usize>t << 2), step, start, ownWork, result);
      storeTiles(result, lowest, result, result + 32, result + 64, result + 96, 128);
      scatterTiles(result, t, tiles, tilesY, tilesX, out + <usize>c * planeBytes, imageBytes, height, width);
    }
  }
}

/** Copies finished tiles, from number t, to one channel of the output. Pixels past its size are dropped. */
function scatterTiles(
  result: usize, t: i32, tiles: i32, tilesY: i32, tilesX: i32, out: usize, imageBytes: usize, height: i32, width: i32,
): void {
  const tilesPerImage = tilesY * tilesX;
  const rowBytes = <usize>width << 2;
  for (let k = 0; k < min(8, tiles - t); k++) {
    const image = (t + k) / tilesPerImage;
    const inImage = t + k - image * tilesPerImage;
    const ty = inImage / tilesX;
    const y = ty << 2;
    const x = (inImage - ty * tilesX) << 2;
    let to = out + <usize>image * imageBytes + <usize>y * rowBytes + (<usize>x << 2);
    let from = result + (<usize>k << 4);
    const rows = min(4, height - y);
    const columns = min(4, width - x);
    for (let i = 0; i < rows; i++, to += rowBytes, from += 128) {
      if (columns == 4) v128.store(to, v128.load(from));
      else storePartial(to, v128.load(from), columns);
    }
  }
}

/**
 * The element of the pooled output at which tile t begins. It covers 2 x 2 elements; height and width are
 * those before pooling.
 */
// @ts-ignore: decorator
@inline
export function pooledOffset(t: i32, channels: i32, tilesY: i32, tilesX: i32, height: i32, width: i32): usize {
  const rowBytes = <usize>(width >> 1) << 2;
  const imageBytes = <usize>channels * <usize>(height >> 1) * rowBytes;
  return tileOffset(t, tilesX, tilesY * tilesX, rowBytes, 2 * imageBytes) >> 3;
}

/** Whether tiles t to t + 7 are four pairs side by side, none of which extends past the output. */
// @ts-ignore: decorator
@inline
export function areInPairs(t: i32, images: i32, tilesY: i32, tilesX: i32, height: i32, width: i32): bool {
  return (tilesX & 1) == 0 && width == 4 * tilesX && height == 4 * tilesY && t + 8 <= images * tilesY * tilesX;
}

/**
 * storePooledPairs tile by tile, for tiles that are not in pairs. out and argmaxCodes: the pooled output of
 * the first image's channel.
 */
export function scatterPooledTiles(
  pooled: usize, t: i32, images: i32, channels: i32, tilesY: i32, tilesX: i32, out: usize, argmaxCodes: usize, height: i32, width: i32,
): void {
  const tilesPerImage = tilesY * tilesX;
  const pooledHeight = height >> 1;
  const pooledWidth = width >> 1;
  for (let k = 0; k < min(8, images * tilesPerImage - t); k++) {
    const image = (t + k) / tilesPerImage;
    const inImage = t + k - image * tilesPerImage;
    const ty = inImage / tilesX;
    const y = 2 * ty;
    const x = 2 * (inImage - ty * tilesX);
    const from = pooled + (<usize>(k & 1) << 4) + (<usize>(k >> 1) << 2);
    for (let i = 0; i < min(2, pooledHeight - y); i++) {
      const at = <usize>((image * channels * pooledHeight + y + i) * pooledWidth + x);
      for (let j = 0; j < min(2, pooledWidth - x); j++) {
        const element = from + (<usize>i << 7) + (<usize>j << 6);
        f32.store(out + ((at + <usize>j) << 2), f32.load(element));
        if (argmaxCodes) i32.store8(argmaxCodes + at + <usize>j, abs(i32.load(element, 32)));
      }
    }
  }
}

/**
 * winogradOutput, then ReLU and max pooling 2x2 of stride 2: out[image][c][H >> 1][W >> 1]. argmaxCodes: one
 * byte for each element of out (see ../relu_pool.ts), or 0 (none wanted). Unit: one channel, all tiles.
 */
export function winogradOutputPool(
  begin: i32, end: i32, products: usize, images: i32, channels: i32, tilesY: i32, tilesX: i32, step: u32,
  bias: usize, out: usize, argmaxCodes: usize, height: i32, width: i32, work: usize, grain: i32,
): void {
  const tiles = images * tilesY * tilesX;
  const channelBytes = <usize>((tiles + 7) >> 3) << 5;
  const ownWork = work + <usize>(begin / grain) * WINOGRAD_WORK_BYTES;
  const result = ownWork + HALF_TILES_BYTES;
  const pooled = result + 16 * 32;
  const pooledWidth = width >> 1;
  const plane = <usize>(height >> 1) * <usize>pooledWidth;
  for (let t = 0; t < tiles; t += 8) {
    const inPairs = areInPairs(t, images, tilesY, tilesX, height, width);
    const at0 = pooledOffset(t, channels, tilesY, tilesX, height, width);
    const at1 = pooledOffset(t + 2, channels, tilesY, tilesX, height, width);
    const at2 = pooledOffset(t + 4, channels, tilesY, tilesX, height, width);
    const at3 = pooledOffset(t + 6, channels, tilesY, tilesX, height, width);
    for (let c = begin; c < end; c++) {
      const start = bias ? v128.load32_splat(bias + (<usize>c << 2)) : f32x4.splat(0);
      outputTiles(products + <usize>c * channelBytes + (<usize>t << 2), step, start, ownWork, result);
      poolTiles(result, pooled);
      const before = <usize>c * plane;
      const to = out + (before << 2);
      const codes = argmaxCodes ? argmaxCodes + before : 0;
      if (inPairs) storePooledPairs(pooled, at0, at1, at2, at3, pooledWidth, to, codes);
      else scatterPooledTiles(pooled, t, images, channels, tilesY, tilesX, to, codes, height, width);
    }
  }
}
