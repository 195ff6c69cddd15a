import { withFrame } from "../../runtime/frame.ts";
import { launch } from "../../runtime/kernels.ts";
import { getNumThreads } from "../../runtime/parallel/pool.ts";
import { empty, type NDArray, scratch, zeros } from "../core/array.ts";
import { columnPanelBytes, multiplyPacked, rowPanelBytes, START } from "../matmul/gemm.ts";
import type { Conv2dGeometry } from "./geometry.ts";

/**
 * The three passes of a 3x3 convolution of stride 1 by Winograd's F(4x4, 3x3): a quarter of the multiplications (see
 * assembly/conv/winograd). Relative error about 1e-6, ten times that of a direct sum.
 */

const POSITIONS = 36;
/** Position planes lie this much further apart than they need, so that they do not fall on the same cache sets. */
const STAGGER = 64;
/** Bytes of scratch a call of a transform takes: the most is OUTPUT_WORK in assembly/conv/winograd/output.ts. */
const WORK_BYTES = 40 * 16;
/** Tiles of a chunk of images: their transformed patches and products stay in the caches. */
const CHUNK_TILES = 64;
/** The same for the gradient of the kernels, whose products are added to what the chunk before left: fewer, larger chunks. */
const GRAD_CHUNK_TILES = 128;
/** Filters a thread whose kernels, products and gradients are computed together: they stay in its L2 cache, beside a chunk's patches. */
const FILTER_BLOCK = 32;
const GRAIN = 4;
/** The same in panels of 8 tiles or channels. */
const PANEL_GRAIN = 1;

/** The sizes of one pass: a 3x3 convolution from `channels` channels to [images, filters, outHeight, outWidth]. */
interface Pass {
  images: number;
  channels: number;
  filters: number;
  outHeight: number;
  outWidth: number;
  /** Zeros above and to the left of the input. */
  padding: readonly [number, number];
}

/** Where F(4x4,3x3) applies: its transforms want enough channels to pay, and its gradient a padding of at most 2. */
export function winogradServes(g: Conv2dGeometry): boolean {
  const unit = g.kernel[0] === 3 && g.kernel[1] === 3 && g.groups === 1 && Math.max(...g.stride, ...g.dilation) === 1;
  return unit && Math.max(...g.padding) <= 2 && g.outHeight > 0 && g.outWidth > 0;
}

function tilesOf(height: number, width: number) {
  return { tilesY: Math.ceil(height / 4), tilesX: Math.ceil(width / 4) };
}

/** Scratch for a transform that is launched over `units`. */
function workFor(units: number, grain = GRAIN): number {
  return scratch(Math.ceil(units / grain) * WORK_BYTES);
}

/** Images that a pass reads with zeros around: those of an array, or what a pooled gradient was before pooling. */
export interface PaddedImages {
  readonly channels: number;
  /**
   * Address of images first … first+count-1, moved down and right by `padding` into planes of the given size, zeros around: in the
   * running frame's scratch.
   */
  pad(first: number, count: number, padding: readonly [number, number], height: number, width: number): number;
}

/** The images of an array [N, C, H, W]. */
export function imagesOf(x: NDArray): PaddedImages {
  const [, channels, height, width] = x.shape;
  return {
    channels,
    pad(first, count, padding, paddedHeight, paddedWidth) {
      const from = x.address + 4 * first * channels * height * width;
      if (paddedHeight === height && paddedWidth === width) return from;
      const padded = scratch(4 * count * channels * paddedHeight * paddedWidth);
      launch("padPlanes", count * channels, 8, from, height, width, ...padding, padded, paddedHeight, paddedWidth);
      return padded;
    },
  };
}

/** The kernels of a pass in transformed panels, [36][panel], those of filters first … first+count-1 at `panels`. */
type KernelPanels = (first: number, count: number) => { panels: number; step: number };

/**
 * `rotated` for the gradient of the input. With `keep`, or when they are asked for again, all panels are computed at once and kept until
 * the weight changes; else each block of filters when it is used, in the same place: in the L2 cache.
 */
function kernelPanels(weight: NDArray, pass: Pass, rotated: boolean, keep: boolean): KernelPanels {
  const { filters, channels } = pass;
  const [filterBytes, channelBytes] = rotated ? [36, filters * 36] : [channels * 36, 36];
  const transform = (first: number, count: number, to: number, step: number) => {
    const units = Math.ceil(count / 4);
    const sizes = [count, filterBytes, channels, channelBytes, Number(rotated), to, step, channels * 16] as const;
    launch("winogradKernels", units, GRAIN, weight.address + first * filterBytes, ...sizes, workFor(units), GRAIN);
  };
  const key = ["winograd", filters, channels, Number(rotated)] as const;
  if (weight.block.wasRequested(key) || keep) {
    const step = rowPanelBytes(filters, channels) + STAGGER;
    const all = weight.block.cached(key, POSITIONS * step, (to) => transform(0, filters, to, step));
    return (first) => ({ panels: all + rowPanelBytes(first, channels), step });
  }
  const step = rowPanelBytes(filtersOfBlock(filters), channels) + STAGGER;
  const panels = scratch(POSITIONS * step);
  return (first, count) => {
    transform(first, count, panels, step);
    return { panels, step };
  };
}

/** What is done with a finished tile: bias, and then nothing, ReLU, or ReLU and max pooling 2x2 (with codes where wanted). */
interface Finish {
  out: NDArray;
  bias: NDArray | null;
  relu?: boolean;
  pool?: { codes: NDArray | null };
}

/** A 3x3 convolution of `x` into `finish.out`; `rotated` reads the weight turned by 180 degrees and with its channels exchanged. */
function convolve(x: PaddedImages, weight: NDArray, pass: Pass, rotated: boolean, finish: Finish): void {
  const { images, channels, filters, outHeight, outWidth } = pass;
  const { out, bias, relu = false, pool } = finish;
  if (out.size === 0) return;
  const { tilesY, tilesX } = tilesOf(outHeight, outWidth);
  const outPlane = 4 * (out.size / (images * filters));
  const chunk = imagesOfChunk(tilesY * tilesX, CHUNK_TILES);
  const block = filtersOfBlock(filters);
  withFrame(() => {
    const kernels = kernelPanels(weight, pass, rotated, images > chunk);
    forParts(images, chunk, (first, count) => {
      const tiles = count * tilesY * tilesX;
      const padded = x.pad(first, count, pass.padding, 4 * tilesY + 2, 4 * tilesX + 2);
      const patchStep = columnPanelBytes(tiles, channels) + STAGGER;
      const patches = scratch(POSITIONS * patchStep);
      const units = Math.ceil(tiles / 8);
      const shape = [count, channels, tilesY, tilesX, patches, patchStep] as const;
      launch("winogradPatchesByTile", units, PANEL_GRAIN, padded, ...shape, workFor(units, PANEL_GRAIN), PANEL_GRAIN);
      const productStep = block * tiles * 4 + STAGGER;
      const products = scratch(POSITIONS * productStep);
      forParts(filters, block, (filter, blockFilters) => {
        const { panels, step } = kernels(filter, blockFilters);
        multiplyPacked({
          aPanels: panels,
          bPanels: patches,
          count: POSITIONS,
          c: products,
          m: blockFilters,
          n: tiles,
          depth: channels,
          aStride: step,
          bStride: patchStep,
          cStride: productStep,
        });
        const biasOf = bias ? bias.address + 4 * filter : 0;
        const outShape = [count, filters, tilesY, tilesX, productStep, biasOf] as const;
        const before = (first * filters + filter) * outPlane;
        const work = workFor(blockFilters);
        const sizes = [outHeight, outWidth, work, GRAIN] as const;
        const to = out.address + before;
        if (pool) {
          const codes = pool.codes ? pool.codes.address + before / 4 : 0;
          launch("winogradOutputPool", blockFilters, GRAIN, products, ...outShape, to, codes, ...sizes);
        } else launch("winogradOutput", blockFilters, GRAIN, products, ...outShape, Number(relu), to, ...sizes);
      });
    });
  });
}

/** Images at a time. */
function imagesOfChunk(tilesPerImage: number, chunkTiles: number): number {
  return Math.max(1, Math.floor(chunkTiles / tilesPerImage));
}

/** Filters at a time: results do not depend on it. */
function filtersOfBlock(filters: number): number {
  return Math.min(filters, FILTER_BLOCK * getNumThreads());
}

/** Calls `body` for each part of `total`, `most` at a time: the next one's scratch lies where this one's was, in the caches. */
function forParts(total: number, most: number, body: (first: number, count: number) => void): void {
  for (let first = 0; first < total; first += most) withFrame(() => body(first, Math.min(most, total - first)));
}

function forwardPass(g: Conv2dGeometry): Pass {
  const { images, inChannels: channels, outChannels: filters, outHeight, outWidth, padding } = g;
  return { images, channels, filters, outHeight, outWidth, padding };
}

/** out [N, Co, OH, OW] = bias + weight * x, and max(., 0) of it with `relu`. */
export function winogradForward(
  x: NDArray,
  weight: NDArray,
  bias: NDArray | null,
  g: Conv2dGeometry,
  relu: boolean,
): NDArray {
  const out = empty([g.images, g.outChannels, g.outHeight, g.outWidth]);
  convolve(imagesOf(x), weight, forwardPass(g), false, { out, bias, relu });
  return out;
}

/** out [N, Co, OH >> 1, OW >> 1]: the same with ReLU and max pooling 2x2; `codes` has a byte for each element, or is null. */
export function winogradForwardPooled(
  x: NDArray,
  weight: NDArray,
  bias: NDArray | null,
  g: Conv2dGeometry,
  out: NDArray,
  codes: NDArray | null,
): void {
  convolve(imagesOf(x), weight, forwardPass(g), false, { out, bias, pool: { codes } });
}

/** Input channels up to which the products are computed in place: MOST_CHANNELS in assembly/conv/winograd/shallow.ts. */
const FEW_CHANNELS = 3;
/** WORK there. */
const FEW_WORK_BYTES = (POSITIONS * (FEW_CHANNELS + 1 + 4) + 40) * 16;

/** Where such a pass, with ReLU and pooling, serves. */
export function winogradFewServes(g: Conv2dGeometry): boolean {
  return winogradServes(g) && g.inChannels <= FEW_CHANNELS;
}

/** The same as winogradForwardPooled for an input of few channels. */
export function winogradFewForwardPooled(
  x: NDArray,
  weight: NDArray,
  bias: NDArray | null,
  g: Conv2dGeometry,
  out: NDArray,
  codes: NDArray | null,
): void {
  if (out.size === 0) return;
  const { images, inChannels: channels, outChannels: filters, outHeight, outWidth } = g;
  const panels = Math.ceil(filters / 4);
  const panelBytes = POSITIONS * channels * 16;
  const kernels = weight.block.cached(["few channels", filters, channels], panels * panelBytes, (to) => {
    const sizes = [filters, channels * 36, channels, 36, 0, to, channels * 16, panelBytes, workFor(panels)] as const;
    launch("winogradKernels", panels, GRAIN, weight.address, ...sizes, GRAIN);
  });
  const { tilesY, tilesX } = tilesOf(outHeight, outWidth);
  const padded = imagesOf(x).pad(0, images, g.padding, 4 * tilesY + 2, 4 * tilesX + 2);
  const units = Math.ceil((images * tilesY * tilesX) / 4);
  const work = scratch(Math.ceil(units / GRAIN) * FEW_WORK_BYTES);
  // biome-ignore format: the kernel's argument list
  launch(
    "winogradShallowPool", units, GRAIN, padded, kernels, images, channels, filters, tilesY, tilesX,
    bias?.address ?? 0, out.address, codes?.address ?? 0, outHeight, outWidth, work, GRAIN,
  );
}

/** dx [N, Ci, H, W]: the convolution of dOut with the turned kernel, padded by what is left of 2. */
export function winogradGradInput(dOut: PaddedImages, weight: NDArray, g: Conv2dGeometry): NDArray {
  const pass: Pass = {
    images: g.images,
    channels: g.outChannels,
    filters: g.inChannels,
    outHeight: g.height,
    outWidth: g.width,
    padding: [2 - g.padding[0], 2 - g.padding[1]],
  };
  const dx = empty([g.images, g.inChannels, g.height, g.width]);
  convolve(dOut, weight, pass, true, { out: dx, bias: null });
  return dx;
}

/** dWeight [Co, Ci, 3, 3]: a product over all tiles for each position, transformed back. Chunks are added in order. */
export function winogradGradWeight(x: NDArray, dOut: PaddedImages, g: Conv2dGeometry): NDArray {
  const { images, inChannels: channels, outChannels: filters } = g;
  const shape = [filters, channels, 3, 3];
  if (images === 0) return zeros(shape);
  const dWeight = empty(shape);
  const { tilesY, tilesX } = tilesOf(g.outHeight, g.outWidth);
  const chunk = imagesOfChunk(tilesY * tilesX, GRAD_CHUNK_TILES);
  const block = filtersOfBlock(filters);
  // sums that go on from chunk to chunk are there for all filters at once
  const kept = images > chunk ? filters : block;
  const step = kept * channels * 4 + STAGGER;
  const sums = scratch(POSITIONS * step);
  forParts(images, chunk, (first, count) => {
    const tiles = count * tilesY * tilesX;
    const padded = imagesOf(x).pad(first, count, g.padding, 4 * tilesY + 2, 4 * tilesX + 2);
    const patchStep = columnPanelBytes(channels, tiles) + STAGGER;
    const patches = scratch(POSITIONS * patchStep);
    const units = Math.ceil(channels / 8);
    const shape = [count, channels, tilesY, tilesX, patches, patchStep] as const;
    launch("winogradPatchesByChannel", units, PANEL_GRAIN, padded, ...shape, workFor(units, PANEL_GRAIN), PANEL_GRAIN);
    const rowBytes = 16 * tilesX;
    const planeBytes = 4 * tilesY * rowBytes;
    const paddedGrad = dOut.pad(first, count, [0, 0], 4 * tilesY, 4 * tilesX);
    const gradStep = rowPanelBytes(block, tiles) + STAGGER;
    const grads = scratch(POSITIONS * gradStep);
    forParts(filters, block, (filter, blockFilters) => {
      const gradUnits = Math.ceil(blockFilters / 4);
      const from = [paddedGrad + filter * planeBytes, rowBytes, planeBytes, filters * planeBytes] as const;
      const gradShape = [count, blockFilters, tilesY, tilesX, grads, gradStep] as const;
      launch("winogradGradTiles", gradUnits, GRAIN, ...from, ...gradShape, workFor(gradUnits), GRAIN);
      const blockSums = kept === filters ? sums + 4 * filter * channels : sums;
      multiplyPacked({
        aPanels: grads,
        bPanels: patches,
        count: POSITIONS,
        c: blockSums,
        m: blockFilters,
        n: channels,
        depth: tiles,
        aStride: gradStep,
        bStride: patchStep,
        cStride: step,
        start: first === 0 ? START.zero : START.c,
      });
      if (first + count < images) return;
      const to = dWeight.address + 36 * filter * channels;
      launch("winogradGradKernels", blockFilters, GRAIN, blockSums, channels, step, to, workFor(blockFilters), GRAIN);
    });
  });
  return dWeight;
}
