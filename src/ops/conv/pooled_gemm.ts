import { NULL, offset } from "../../runtime/address.ts";
import { BLOCK_TAPS, MR, NR, TILE_BYTES, WINDOW_TABLE_BYTES } from "../../runtime/kernels.generated.ts";
import { getNumThreads } from "../../runtime/parallel/pool.ts";
import { empty, type NDArray, scratch, zeros } from "../core/array.ts";
import { columnPanelBytes } from "../matmul/gemm.ts";
import { tileColumns } from "../matmul/tile.ts";
import type { ConvPasses, PooledConvPasses } from "./algorithm.ts";
import { type Conv2dGeometry, geometryTable } from "./geometry.ts";
import { kernels, launch } from "./kernels.ts";
import { forChunks, GRAIN, packFilters, padImages, taps } from "./panels.ts";
import { unpool } from "./relu_pool.ts";

/** Rows of pooled pixels that a thread takes at a time. */
const POOLED_GRAIN = 4;

/** Only one group. The weight gradient gathers rows of taps: a row must be contiguous and fit in a block. */
function supports(g: Conv2dGeometry): boolean {
  return g.groups === 1 && g.kernel[1] <= BLOCK_TAPS && g.dilation[1] === 1;
}

/** The matrix product; ReLU and pooling are applied while a tile is in registers. */
function forward(
  x: NDArray,
  weight: NDArray,
  bias: NDArray | null,
  g: Conv2dGeometry,
  out: NDArray,
  argmaxCodes: NDArray | null,
): void {
  if (out.size === 0) return;
  const [channels, depth] = [g.outChannels, taps(g)];
  const [, , pooledHeight, pooledWidth] = out.shape;
  const table = geometryTable(g);
  const aPanels = packFilters(weight, g);
  const perImage = pooledHeight * Math.ceil(pooledWidth / 2);
  forChunks(g, (first, count) => {
    const padded = padImages(x, g, first, count);
    const bPanels = scratch(count * perImage * columnPanelBytes(NR, depth));
    launch("packPixelPanels", count * perImage, GRAIN, padded, table, 1, perImage, bPanels);
    const rows = count * pooledHeight;
    const tiles = scratch(Math.ceil(rows / POOLED_GRAIN) * 2 * Math.ceil(channels / MR) * TILE_BYTES);
    const before = first * channels * pooledHeight * pooledWidth;
    // biome-ignore format: the kernel's argument list
    launch(
      "convolvePooled", rows, POOLED_GRAIN, aPanels, bPanels, channels, depth, bias?.address ?? NULL,
      offset(out.address, 4 * before), argmaxCodes ? offset(argmaxCodes.address, before) : NULL, pooledHeight, pooledWidth,
      tileColumns(), tiles, POOLED_GRAIN,
    );
  });
}

/**
 * dWeight [Co, Ci, KH, KW] from dy [N, Co, PH, PW], the gradient after ReLU and pooling: a sum over windows.
 */
function gradWeightPooled(x: NDArray, dy: NDArray, argmaxCodes: NDArray, g: Conv2dGeometry): NDArray {
  const shape = [g.outChannels, g.inChannels, ...g.kernel];
  if (dy.size === 0) return zeros(shape);
  const dWeight = empty(shape);
  const [images, channels, pooledHeight, pooledWidth] = dy.shape;
  const rows = g.inChannels * g.kernel[0];
  const blocks = Math.ceil(rows / Math.floor(BLOCK_TAPS / g.kernel[1]));
  const sums = scratch(images * blocks * channels * BLOCK_TAPS * 4);
  const threads = getNumThreads();
  // the windows of an image are gathered once, unless there are more threads than images
  const group = Math.ceil(channels / Math.ceil(threads / images));
  const units = images * Math.ceil(channels / group);
  const grain = Math.ceil(units / (4 * threads));
  // biome-ignore format: the kernel's argument list
  launch(
    "gradWeightPooled", units, grain, padImages(x, g, 0, images), geometryTable(g), dy.address, argmaxCodes.address,
    channels, group, pooledHeight, pooledWidth, scratch(Math.ceil(units / grain) * WINDOW_TABLE_BYTES), grain, sums,
  );
  launch("sumPooledGradWeights", channels, GRAIN, sums, images, channels, taps(g), g.kernel[1], dWeight.address);
  return dWeight;
}

/**
 * The passes with ReLU and pooling of a convolution that `plain` computes as a matrix product. See
 * assembly/conv/pooled_gemm.ts.
 */
export function pooledGemm(plain: ConvPasses): PooledConvPasses {
  return {
    supports: (g) => supports(g) && plain.supports(g),
    forward,
    gradInput: (dy, argmaxCodes, weight, g) => plain.gradInput(unpool(dy, argmaxCodes, g), weight, g),
    gradWeight: (x, dy, argmaxCodes, g) =>
      // A sum over windows leaves out products with a gradient of 0. If x contains an infinity or NaN, such
      // products are NaN and must be included.
      kernels().allFinite(x.address, x.size)
        ? gradWeightPooled(x, dy, argmaxCodes, g)
        : plain.gradWeight(x, unpool(dy, argmaxCodes, g), g),
  };
}
