import { type Address, NULL, offset } from "../../runtime/address.ts";
import { withFrame } from "../../runtime/frame.ts";
import { MR, NR, POSITIONS, Start } from "../../runtime/kernels.generated.ts";
import { empty, type NDArray, scratch, zeros } from "../core/array.ts";
import { columnPanelBytes, multiplyPacked, rowPanelBytes } from "../matmul/gemm.ts";
import type { ConvPasses, PooledConvPasses } from "./algorithm.ts";
import type { Conv2dGeometry } from "./geometry.ts";
import { launch } from "./kernels.ts";
import { imagesOf, type PaddedImages } from "./pad_planes.ts";
import { UnpooledImages } from "./relu_pool.ts";
import {
  allocateMatrices,
  GRAIN,
  isUnitStride3x3,
  type Matrices,
  PANEL_GRAIN,
  stepFor,
  WinogradPlan,
  workFor,
} from "./winograd_plan.ts";

/**
 * The passes of a 3x3 convolution of stride 1 by Winograd's F(4x4, 3x3): a quarter of the multiplications
 * (see assembly/conv/winograd). The relative error is about 1e-6, ten times that of a direct sum.
 */
export const winograd: ConvPasses = {
  supports: isUnitStride3x3,

  forward(x, weight, bias, g, relu) {
    const out = empty([g.images, g.outChannels, g.outHeight, g.outWidth]);
    convolve(imagesOf(x), weight, WinogradPlan.forForward(g), false, { out, bias, relu });
    return out;
  },

  gradInput: (dOut, weight, g) => gradInput(imagesOf(dOut), weight, g),
  gradWeight: (x, dOut, g) => gradWeight(x, imagesOf(dOut), g),
};

/** The same passes, but with ReLU and 2x2 max pooling applied to each tile while it is in the cache. */
export const pooledWinograd: PooledConvPasses = {
  supports: isUnitStride3x3,

  forward(x, weight, bias, g, out, argmaxCodes) {
    convolve(imagesOf(x), weight, WinogradPlan.forForward(g), false, { out, bias, pool: { argmaxCodes } });
  },

  gradInput: (dy, argmaxCodes, weight, g) => gradInput(new UnpooledImages(dy, argmaxCodes), weight, g),
  gradWeight: (x, dy, argmaxCodes, g) => gradWeight(x, new UnpooledImages(dy, argmaxCodes), g),
};

/** dx [N, Ci, H, W]: the convolution of dOut with the kernel rotated by 180 degrees. */
function gradInput(dOut: PaddedImages, weight: NDArray, g: Conv2dGeometry): NDArray {
  const dx = empty([g.images, g.inChannels, g.height, g.width]);
  convolve(dOut, weight, WinogradPlan.forGradInput(g), true, { out: dx, bias: null });
  return dx;
}

/**
 * The operations on a finished tile: the bias, then optionally ReLU, then optionally 2x2 max pooling (with
 * argmax codes if requested).
 */
interface Finish {
  out: NDArray;
  bias: NDArray | null;
  relu?: boolean;
  pool?: { argmaxCodes: NDArray | null };
}

/**
 * A 3x3 convolution of `x`, written to `finish.out`. With `rotated`, the weight is read rotated by 180
 * degrees, with input and output channels exchanged.
 */
function convolve(x: PaddedImages, weight: NDArray, plan: WinogradPlan, rotated: boolean, finish: Finish): void {
  if (finish.out.size === 0) return;
  const { channels } = plan.sizes;
  withFrame(() => {
    const kernelsOf = transformedKernels(weight, plan, rotated);
    plan.forChunks((firstImage, images) => {
      const tiles = plan.tilesOf(images);
      // the tiles of a panel are not in order, so all columns of the last panel are needed
      const columns = NR * Math.ceil(tiles / NR);
      const patches = transformByTile(x, plan, firstImage, images);
      const products = allocateMatrices(plan.block * columns * 4);
      plan.forBlocks((firstFilter, filters) => {
        const kernels = kernelsOf(firstFilter, filters);
        multiply(kernels, patches, products, [filters, columns, channels], Start.Zero);
        transformOutput(products, plan, { firstImage, images, firstFilter, filters }, finish);
      });
    });
  });
}

/** The transformed 6x6 patches of a chunk of images, as right operands: one column per tile. */
function transformByTile(x: PaddedImages, plan: WinogradPlan, first: number, images: number): Matrices {
  const { tilesY, tilesX } = plan;
  const { channels, padding } = plan.sizes;
  const tiles = plan.tilesOf(images);
  const padded = x.pad(first, images, padding, plan.paddedHeight, plan.paddedWidth);
  const patches = allocateMatrices(columnPanelBytes(tiles, channels));
  const units = Math.ceil(tiles / NR);
  const shape = [images, channels, tilesY, tilesX, patches.address, patches.step] as const;
  launch("winogradPatchesByTile", units, PANEL_GRAIN, padded, ...shape, workFor(units, PANEL_GRAIN), PANEL_GRAIN);
  return patches;
}

/** The transformed 6x6 patches of a chunk of images, as right operands: one column per channel. */
function transformByChannel(x: NDArray, plan: WinogradPlan, first: number, images: number): Matrices {
  const { tilesY, tilesX } = plan;
  const { channels, padding } = plan.sizes;
  const [, , height, width] = x.shape;
  const panels = Math.ceil(channels / NR);
  const from = offset(x.address, 4 * first * channels * height * width);
  const groups = scratch(4 * images * panels * plan.groupSize);
  // biome-ignore format: the kernel's argument list
  launch(
    "winogradPadGroups", images * panels, PANEL_GRAIN, from, channels, height, width, ...padding, groups, tilesY, tilesX,
  );
  const patches = allocateMatrices(columnPanelBytes(channels, plan.tilesOf(images)));
  const shape = [images, channels, tilesY, tilesX, patches.address, patches.step] as const;
  launch("winogradPatchesByChannel", panels, PANEL_GRAIN, groups, ...shape, workFor(panels, PANEL_GRAIN), PANEL_GRAIN);
  return patches;
}

/** The transformed kernels of filters first … first+count-1, as left operands: one row per filter. */
type KernelsOf = (first: number, count: number) => Matrices;

/**
 * If there are several chunks, or the transformed kernels are requested repeatedly, all kernels are
 * transformed at once and kept until the weight changes. Otherwise each block is transformed when it is used.
 * All blocks use the same memory, which stays in the L2 cache.
 */
function transformedKernels(weight: NDArray, plan: WinogradPlan, rotated: boolean): KernelsOf {
  const { images, filters, channels } = plan.sizes;
  const [filterBytes, channelBytes] = rotated ? [36, filters * 36] : [channels * 36, 36];
  const transform = (first: number, count: number, to: Address, step: number) => {
    const units = Math.ceil(count / MR);
    const sizes = [
      count,
      filterBytes,
      channels,
      channelBytes,
      Number(rotated),
      to,
      step,
      rowPanelBytes(MR, channels),
    ] as const;
    launch(
      "winogradKernels",
      units,
      GRAIN,
      offset(weight.address, first * filterBytes),
      ...sizes,
      workFor(units),
      GRAIN,
    );
  };
  const key = ["winograd", filters, channels, Number(rotated)] as const;
  if (weight.block.wasRequested(key) || images > plan.chunk) {
    const step = stepFor(rowPanelBytes(filters, channels));
    const all = weight.block.cached(key, POSITIONS * step, (to) => transform(0, filters, to, step));
    return (first) => ({ address: offset(all, rowPanelBytes(first, channels)), step });
  }
  const kernels = allocateMatrices(rowPanelBytes(plan.block, channels));
  return (first, count) => {
    transform(first, count, kernels.address, kernels.step);
    return kernels;
  };
}

/** c [m][n] = start + a b for each position; each sum has `depth` terms. */
function multiply(
  a: Matrices,
  b: Matrices,
  c: Matrices,
  [m, n, depth]: readonly [m: number, n: number, depth: number],
  start: Start,
): void {
  multiplyPacked({
    aPanels: a.address,
    bPanels: b.address,
    count: POSITIONS,
    c: c.address,
    m,
    n,
    depth,
    aStride: a.step,
    bStride: b.step,
    cStride: c.step,
    start,
  });
}

/** A block of filters of a chunk of images. */
interface Part {
  firstImage: number;
  images: number;
  firstFilter: number;
  filters: number;
}

/** Transforms the products of a part back into tiles of 4x4 outputs and applies `finish` to them. */
function transformOutput(products: Matrices, plan: WinogradPlan, part: Part, { out, bias, relu, pool }: Finish): void {
  const { sizes, tilesY, tilesX } = plan;
  const { images, firstFilter, filters } = part;
  const outPlane = 4 * (out.size / (sizes.images * sizes.filters));
  const before = (part.firstImage * sizes.filters + firstFilter) * outPlane;
  const to = offset(out.address, before);
  const biasOf = bias ? offset(bias.address, 4 * firstFilter) : NULL;
  const shape = [images, sizes.filters, tilesY, tilesX, products.step, biasOf] as const;
  const last = [sizes.outHeight, sizes.outWidth, workFor(filters), GRAIN] as const;
  if (pool) {
    const codes = pool.argmaxCodes ? offset(pool.argmaxCodes.address, before / 4) : NULL;
    launch("winogradOutputPool", filters, GRAIN, products.address, ...shape, to, codes, ...last);
  } else launch("winogradOutput", filters, GRAIN, products.address, ...shape, Number(relu ?? false), to, ...last);
}

/**
 * dWeight [Co, Ci, 3, 3]: for each position, a product over all tiles is transformed back. Chunks are added
 * in order.
 */
function gradWeight(x: NDArray, dOut: PaddedImages, g: Conv2dGeometry): NDArray {
  const shape = [g.outChannels, g.inChannels, 3, 3];
  if (g.images === 0) return zeros(shape);
  const dWeight = empty(shape);
  const plan = WinogradPlan.forGradWeight(g);
  const { images, channels, filters } = plan.sizes;
  // if the sums span several chunks, they are kept for all filters at once
  const isOneChunk = images <= plan.chunk;
  const sums = allocateMatrices((isOneChunk ? plan.block : filters) * channels * 4);
  plan.forChunks((first, count) => {
    const tiles = plan.tilesOf(count);
    const patches = transformByChannel(x, plan, first, count);
    const padded = dOut.pad(first, count, [0, 0], 4 * plan.tilesY, 4 * plan.tilesX);
    const grads = allocateMatrices(rowPanelBytes(plan.block, tiles));
    plan.forBlocks((filter, blockFilters) => {
      transformGradients(padded, plan, count, filter, blockFilters, grads);
      const blockSums = isOneChunk ? sums : { address: offset(sums.address, 4 * filter * channels), step: sums.step };
      const start = first === 0 ? Start.Zero : Start.C;
      multiply(grads, patches, blockSums, [blockFilters, channels, tiles], start);
      if (first + count < images) return;
      const to = offset(dWeight.address, 36 * filter * channels);
      const from = [blockSums.address, channels, blockSums.step] as const;
      launch("winogradGradKernels", blockFilters, GRAIN, ...from, to, workFor(blockFilters), GRAIN);
    });
  });
  return dWeight;
}

/**
 * The transformed 4x4 tiles of a block of filters in the gradient `padded`, as left operands: one row per
 * filter.
 */
function transformGradients(
  padded: Address,
  plan: WinogradPlan,
  images: number,
  firstFilter: number,
  filters: number,
  grads: Matrices,
): void {
  const { tilesY, tilesX } = plan;
  const rowBytes = 16 * tilesX;
  const planeBytes = 4 * tilesY * rowBytes;
  const units = Math.ceil(filters / MR);
  const from = [
    offset(padded, firstFilter * planeBytes),
    rowBytes,
    planeBytes,
    plan.sizes.filters * planeBytes,
  ] as const;
  const shape = [images, filters, tilesY, tilesX, grads.address, grads.step] as const;
  launch("winogradGradTiles", units, GRAIN, ...from, ...shape, workFor(units), GRAIN);
}
