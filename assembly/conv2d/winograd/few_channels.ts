// Winograd for an input of 1 to 3 channels (a network's first layer), with ReLU and pooling: with so short a sum, writing the
// products and reading them again would cost more than the multiplications. So the products of a column of positions are computed
// where they are transformed, and nothing leaves the registers before a tile is half finished.

import { tileOffset, transformPatches } from "./images";
import { outputRows, storePooledTiles } from "./output";
import { outputTile, POSITIONS } from "./transforms";

/** Channels at most. */
const FEW = 3;
/** Bytes of work for each call: patches and their rows, half-finished tiles and finished ones. */
const WORK: usize = POSITIONS * 16 * (FEW + 1) + (24 + 16) * 16;

/** Sum over the channels of kernel * patch at one position: `channels` is a constant where this is inlined. */
// @ts-ignore: decorator
@inline
function product(channels: i32, kernel: usize, patch: usize): v128 {
  let sum = f32x4.mul(v128.load32_splat(kernel), v128.load(patch));
  if (channels > 1) sum = f32x4.add(sum, f32x4.mul(v128.load32_splat(kernel, 16), v128.load(patch, 16)));
  if (channels > 2) sum = f32x4.add(sum, f32x4.mul(v128.load32_splat(kernel, 32), v128.load(patch, 32)));
  return sum;
}

/** The products of four tiles with one filter, transformed down the columns: work[4][6] vectors. */
// @ts-ignore: decorator
@inline
function halfTiles(channels: i32, kernel: usize, patches: usize, work: usize): void {
  const row = <usize>channels * 6 * 16; // from a position to the one below
  let j = 6;
  do {
    const m0 = product(channels, kernel, patches);
    if (j == 9) break; // never: it keeps the loads of a product from moving up to those before (see ../../matmul/micro_kernel.ts)
    const m1 = product(channels, kernel + row, patches + row);
    if (j == 10) break;
    const m2 = product(channels, kernel + 2 * row, patches + 2 * row);
    if (j == 11) break;
    const m3 = product(channels, kernel + 3 * row, patches + 3 * row);
    if (j == 12) break;
    const m4 = product(channels, kernel + 4 * row, patches + 4 * row);
    if (j == 13) break;
    const m5 = product(channels, kernel + 5 * row, patches + 5 * row);
    if (j == 14) break;
    outputTile(m0, m1, m2, m3, m4, m5, false, m0, work, 96);
    kernel += <usize>channels << 4;
    patches += <usize>channels << 4;
    work += 16;
    j--;
  } while (j > 0);
}

/**
 * out[image][f][py][px] = max(0, largest of the convolution's four outputs of window (py, px)), plus bias[f] in each of them.
 *
 * padded: [images][C][4 tilesY + 2][4 tilesX + 2], C = 1, 2 or 3; kernels: transformed, [ceil(filters/4)][36][C][4] (winogradKernels);
 * out: [images][filters][height >> 1][width >> 1], height and width those of the convolution's output; codes: ../pooled.ts, or 0;
 * bias may be 0. work: WORK bytes for each call's `begin / grain`. Unit: four tiles, all filters.
 */
export function winogradFewPool(
  begin: i32, end: i32, padded: usize, kernels: usize, images: i32, channels: i32, filters: i32, tilesY: i32, tilesX: i32,
  bias: usize, out: usize, codes: usize, height: i32, width: i32, work: usize, grain: i32,
): void {
  assert(channels >= 1 && channels <= FEW, "winogradFewPool: 1 to 3 channels");
  const tilesPerImage = tilesY * tilesX;
  const last = images * tilesPerImage - 1;
  const rowBytes = <usize>(4 * tilesX + 2) << 2;
  const planeBytes = <usize>(4 * tilesY + 2) * rowBytes;
  const imageBytes = <usize>channels * planeBytes;
  const step = <usize>channels << 4;
  const panelBytes = <usize>POSITIONS * step;
  const patches = work + <usize>(begin / grain) * WORK;
  const rows = patches + POSITIONS * 16 * FEW;
  const half = rows + POSITIONS * 16;
  const result = half + 24 * 16;
  for (let unit = begin; unit < end; unit++) {
    const t = unit << 2;
    const lane0 = padded + tileOffset(min(t, last), tilesX, tilesPerImage, rowBytes, imageBytes);
    const lane1 = padded + tileOffset(min(t + 1, last), tilesX, tilesPerImage, rowBytes, imageBytes);
    const lane2 = padded + tileOffset(min(t + 2, last), tilesX, tilesPerImage, rowBytes, imageBytes);
    const lane3 = padded + tileOffset(min(t + 3, last), tilesX, tilesPerImage, rowBytes, imageBytes);
    for (let c = 0; c < channels; c++) {
      const plane = <usize>c * planeBytes;
      const to = patches + (<usize>c << 4);
      transformPatches(lane0 + plane, lane1 + plane, lane2 + plane, lane3 + plane, rowBytes, rows, to, step);
    }
    for (let f = 0; f < filters; f++) {
      const kernel = kernels + <usize>(f >> 2) * panelBytes + (<usize>(f & 3) << 2);
      if (channels == 3) halfTiles(3, kernel, patches, half);
      else if (channels == 2) halfTiles(2, kernel, patches, half);
      else halfTiles(1, kernel, patches, half);
      outputRows(bias ? v128.load32_splat(bias + (<usize>f << 2)) : f32x4.splat(0), half, result);
      storePooledTiles(result, t, f, images, filters, tilesY, tilesX, out, codes, height, width);
    }
  }
}
