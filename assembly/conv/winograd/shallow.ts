// Winograd for an input of 1 to 3 channels (a network's first layer), with ReLU and pooling. The sum over
// channels is so short that writing the products to memory and reading them again would cost more than the
// multiplications. So four tiles and four filters are finished at a time, and the intermediate arrays stay in
// the L1 cache.

import { tileOffset, transformPatches } from "./images";
import { outputTiles, storePooledTiles } from "./output";
import { POSITIONS } from "./transforms";

/** The largest number of channels. @shared */
const SHALLOW_CHANNELS = 3;
/**
 * Bytes of work per chunk: patches and their rows, products with four filters, half-transformed tiles and
 * finished ones.
 * @shared
 */
const SHALLOW_WORK_BYTES: usize = (POSITIONS * (SHALLOW_CHANNELS + 1 + 4) + 24 + 16) * 16;

/**
 * The products of four tiles with four filters: products[36][4] vectors, summed over the channels. (A loop
 * over the channels would take 6 % longer.)
 */
// @ts-ignore: decorator
@inline
function multiply(channels: i32, kernel: usize, patch: usize, products: usize): void {
  let n = POSITIONS;
  do {
    let tiles = v128.load(patch);
    let sum0 = f32x4.mul(v128.load32_splat(kernel), tiles);
    let sum1 = f32x4.mul(v128.load32_splat(kernel, 4), tiles);
    let sum2 = f32x4.mul(v128.load32_splat(kernel, 8), tiles);
    let sum3 = f32x4.mul(v128.load32_splat(kernel, 12), tiles);
    if (channels > 1) {
      kernel += 16; // instead of offsets 16 to 28: see ../../matmul/micro_kernel.ts
      patch += 16;
      tiles = v128.load(patch);
      sum0 = f32x4.add(sum0, f32x4.mul(v128.load32_splat(kernel), tiles));
      sum1 = f32x4.add(sum1, f32x4.mul(v128.load32_splat(kernel, 4), tiles));
      sum2 = f32x4.add(sum2, f32x4.mul(v128.load32_splat(kernel, 8), tiles));
      sum3 = f32x4.add(sum3, f32x4.mul(v128.load32_splat(kernel, 12), tiles));
    }
    if (channels > 2) {
      kernel += 16;
      patch += 16;
      tiles = v128.load(patch);
      sum0 = f32x4.add(sum0, f32x4.mul(v128.load32_splat(kernel), tiles));
      sum1 = f32x4.add(sum1, f32x4.mul(v128.load32_splat(kernel, 4), tiles));
      sum2 = f32x4.add(sum2, f32x4.mul(v128.load32_splat(kernel, 8), tiles));
      sum3 = f32x4.add(sum3, f32x4.mul(v128.load32_splat(kernel, 12), tiles));
    }
    v128.store(products, sum0);
    v128.store(products, sum1, 16);
    v128.store(products, sum2, 32);
    v128.store(products, sum3, 48);
    kernel += 16;
    patch += 16;
    products += 64;
  } while (--n > 0);
}

/**
 * out[image][f][py][px] = max(0, the largest of the convolution's four outputs in window (py, px)). The
 * outputs include bias[f].
 *
 * padded: [images][C][4 tilesY + 2][4 tilesX + 2], C = 1, 2 or 3; kernels: transformed,
 * [ceil(filters/4)][36][C][4] (winogradKernels);
 * out: [images][filters][height >> 1][width >> 1], height and width those of the convolution's output;
 * argmaxCodes: ../relu_pool.ts, or 0; bias may be 0. work: SHALLOW_WORK_BYTES per chunk. Unit:
 * four tiles, all filters.
 */
export function winogradShallowPool(
  begin: i32, end: i32, padded: usize, kernels: usize, images: i32, channels: i32, filters: i32, tilesY: i32, tilesX: i32,
  bias: usize, out: usize, argmaxCodes: usize, height: i32, width: i32, work: usize, grain: i32,
): void {
  assert(channels >= 1 && channels <= SHALLOW_CHANNELS, "winogradShallowPool: 1 to 3 channels");
  const tilesPerImage = tilesY * tilesX;
  const last = images * tilesPerImage - 1;
  const rowBytes = <usize>(4 * tilesX + 2) << 2;
  const planeBytes = <usize>(4 * tilesY + 2) * rowBytes;
  const imageBytes = <usize>channels * planeBytes;
  const step = <usize>channels << 4;
  const panelBytes = <usize>POSITIONS * step;
  const patches = work + <usize>(begin / grain) * SHALLOW_WORK_BYTES;
  const rows = patches + POSITIONS * 16 * SHALLOW_CHANNELS;
  const products = rows + POSITIONS * 16;
  const half = products + POSITIONS * 64;
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
      if ((f & 3) == 0) multiply(channels, kernels + <usize>(f >> 2) * panelBytes, patches, products);
      const start = bias ? v128.load32_splat(bias + (<usize>f << 2)) : f32x4.splat(0);
      outputTiles(products + (<usize>(f & 3) << 4), 64, start, half, result);
      storePooledTiles(result, t, f, images, filters, tilesY, tilesX, out, argmaxCodes, height, width);
    }
  }
}
