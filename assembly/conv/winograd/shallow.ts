// Winograd for an input of 1 to 3 channels (a network's first layer), with ReLU and pooling. The sum over
// channels is so short that writing the products to memory and reading them again would cost more than the
// multiplications. So eight tiles and four filters are finished at a time, and the intermediate arrays stay
// in the L1 cache.

import { poolTiles, storePooledPairs } from "../relu_pool";
import { transformPanel, WINOGRAD_WORK_BYTES } from "./images";
import { areInPairs, HALF_TILES_BYTES, outputTiles, pooledOffset, scatterPooledTiles } from "./output";
import { POSITIONS, storePair } from "./transforms";

/** The largest number of channels. @shared */
const SHALLOW_CHANNELS = 3;
/** Bytes of the transformed patches of eight tiles. */
const PATCHES_BYTES: usize = POSITIONS * SHALLOW_CHANNELS * 32;
/** Bytes of the products of eight tiles with four filters. */
const PRODUCTS_BYTES: usize = POSITIONS * 4 * 32;
/** Bytes of work per chunk: patches, products and the work of the other kernels. @shared */
const SHALLOW_WORK_BYTES: usize = PATCHES_BYTES + PRODUCTS_BYTES + WINOGRAD_WORK_BYTES;

/**
 * The products of eight tiles with four filters: products[36][4] pairs of vectors, summed over the channels.
 * (A loop over the channels would take 6 % longer.)
 */
// @ts-ignore: decorator
@inline
function multiply(channels: i32, kernel: usize, patch: usize, products: usize): void {
  let n = POSITIONS;
  do {
    let lower = v128.load(patch);
    let upper = v128.load(patch, 16);
    let filter = v128.load32_splat(kernel);
    let lower0 = f32x4.mul(filter, lower);
    let upper0 = f32x4.mul(filter, upper);
    filter = v128.load32_splat(kernel, 4);
    let lower1 = f32x4.mul(filter, lower);
    let upper1 = f32x4.mul(filter, upper);
    filter = v128.load32_splat(kernel, 8);
    let lower2 = f32x4.mul(filter, lower);
    let upper2 = f32x4.mul(filter, upper);
    filter = v128.load32_splat(kernel, 12);
    let lower3 = f32x4.mul(filter, lower);
    let upper3 = f32x4.mul(filter, upper);
    if (channels > 1) {
      kernel += 16; // instead of offsets 16 to 28: see ../../matmul/micro_kernel.ts
      patch += 32;
      lower = v128.load(patch);
      upper = v128.load(patch, 16);
      filter = v128.load32_splat(kernel);
      lower0 = f32x4.add(lower0, f32x4.mul(filter, lower));
      upper0 = f32x4.add(upper0, f32x4.mul(filter, upper));
      filter = v128.load32_splat(kernel, 4);
      lower1 = f32x4.add(lower1, f32x4.mul(filter, lower));
      upper1 = f32x4.add(upper1, f32x4.mul(filter, upper));
      filter = v128.load32_splat(kernel, 8);
      lower2 = f32x4.add(lower2, f32x4.mul(filter, lower));
      upper2 = f32x4.add(upper2, f32x4.mul(filter, upper));
      filter = v128.load32_splat(kernel, 12);
      lower3 = f32x4.add(lower3, f32x4.mul(filter, lower));
      upper3 = f32x4.add(upper3, f32x4.mul(filter, upper));
    }
    if (channels > 2) {
      kernel += 16;
      patch += 32;
      lower = v128.load(patch);
      upper = v128.load(patch, 16);
      filter = v128.load32_splat(kernel);
      lower0 = f32x4.add(lower0, f32x4.mul(filter, lower));
      upper0 = f32x4.add(upper0, f32x4.mul(filter, upper));
      filter = v128.load32_splat(kernel, 4);
      lower1 = f32x4.add(lower1, f32x4.mul(filter, lower));
      upper1 = f32x4.add(upper1, f32x4.mul(filter, upper));
      filter = v128.load32_splat(kernel, 8);
      lower2 = f32x4.add(lower2, f32x4.mul(filter, lower));
      upper2 = f32x4.add(upper2, f32x4.mul(filter, upper));
      filter = v128.load32_splat(kernel, 12);
      lower3 = f32x4.add(lower3, f32x4.mul(filter, lower));
      upper3 = f32x4.add(upper3, f32x4.mul(filter, upper));
    }
    storePair(products, lower0, upper0);
    storePair(products + 32, lower1, upper1);
    storePair(products + 64, lower2, upper2);
    storePair(products + 96, lower3, upper3);
    kernel += 16;
    patch += 32;
    products += 128;
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
 * eight tiles, all filters.
 */
export function winogradShallowPool(
  begin: i32, end: i32, padded: usize, kernels: usize, images: i32, channels: i32, filters: i32, tilesY: i32, tilesX: i32,
  bias: usize, out: usize, argmaxCodes: usize, height: i32, width: i32, work: usize, grain: i32,
): void {
  assert(channels >= 1 && channels <= SHALLOW_CHANNELS, "winogradShallowPool: 1 to 3 channels");
  const last = images * tilesY * tilesX - 1;
  const step = <usize>channels << 5;
  const panelBytes = <usize>(POSITIONS * channels) << 4;
  const patches = work + <usize>(begin / grain) * SHALLOW_WORK_BYTES;
  const products = patches + PATCHES_BYTES;
  const half = products + PRODUCTS_BYTES;
  const result = half + HALF_TILES_BYTES;
  const pooled = result + 16 * 32;
  const pooledWidth = width >> 1;
  const plane = <usize>(height >> 1) * <usize>pooledWidth;
  for (let unit = begin; unit < end; unit++) {
    transformPanel(unit, last, padded, channels, tilesY, tilesX, half, patches, step);
    const t = unit << 3;
    const inPairs = areInPairs(t, images, tilesY, tilesX, height, width);
    const at0 = pooledOffset(t, filters, tilesY, tilesX, height, width);
    const at1 = pooledOffset(t + 2, filters, tilesY, tilesX, height, width);
    const at2 = pooledOffset(t + 4, filters, tilesY, tilesX, height, width);
    const at3 = pooledOffset(t + 6, filters, tilesY, tilesX, height, width);
    for (let f = 0; f < filters; f++) {
      if ((f & 3) == 0) multiply(channels, kernels + <usize>(f >> 2) * panelBytes, patches, products);
      const start = bias ? v128.load32_splat(bias + (<usize>f << 2)) : f32x4.splat(0);
      outputTiles(products + (<usize>(f & 3) << 5), 128, start, half, result);
      poolTiles(result, pooled);
      const before = <usize>f * plane;
      const to = out + (before << 2);
      const codes = argmaxCodes ? argmaxCodes + before : 0;
      if (inPairs) storePooledPairs(pooled, at0, at1, at2, at3, pooledWidth, to, codes);
      else scatterPooledTiles(pooled, t, images, filters, tilesY, tilesX, to, codes, height, width);
    }
  }
}
