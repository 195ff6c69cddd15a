import { withFrame } from "../wasm/block.ts";
import { launch } from "../wasm/kernels.ts";
import { empty, type NDArray, scratch, zeros } from "./array.ts";
import { type Conv2dGeometry, geometryTable } from "./conv2d_geometry.ts";
import { columnPanelBytes, inOrder, multiplyPacked, rowPanelBytes, START } from "./gemm.ts";

/**
 * The three passes of a 3x3 convolution of stride 1 by Winograd's F(4x4, 3x3): a quarter of the multiplications (see
 * assembly/conv2d/winograd.ts). Relative error about 1e-6, ten times that of a direct sum.
 */

const POSITIONS = 36;
/** Position planes lie this much further apart than they need, so that they do not fall on the same cache sets. */
const STAGGER = 64;
/** Bytes of scratch a call of a transform takes. */
const WORK_BYTES = POSITIONS * 16;
/** Tiles of a chunk of images: their transformed patches and products stay in the caches. */
const CHUNK_TILES = 64;
const GRAIN = 4;

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
function workFor(units: number): number {
  return scratch(Math.ceil(units / GRAIN) * WORK_BYTES);
}

/** Address of `count` images of `x` from `first`, moved down and right by `padding` into planes of the given size, zeros around. */
function padTo(
  x: NDArray,
  first: number,
  count: number,
  padding: readonly [number, number],
  paddedHeight: number,
  paddedWidth: number,
): number {
  const [, channels, height, width] = x.shape;
  const from = x.ptr + 4 * first * channels * height * width;
  if (paddedHeight === height && paddedWidth === width) return from;
  const padded = scratch(4 * count * channels * paddedHeight * paddedWidth);
  const sizes = { height, width, padding: [...padding], paddedHeight, paddedWidth };
  launch("padPlanes", count * channels, 8, from, geometryTable({ ...NO_GEOMETRY, ...sizes } as Conv2dGeometry), padded);
  return padded;
}

/** Fields of the table that padding does not read. */
const NO_GEOMETRY = { inChannels: 0, kernel: [0, 0], stride: [0, 0], dilation: [0, 0], outHeight: 0, outWidth: 0 };

/** weight in transformed panels; `rotated` for the gradient of the input. */
function transformKernels(weight: NDArray, filters: number, channels: number, rotated: boolean) {
  const step = rowPanelBytes(filters, channels) + STAGGER;
  const panels = scratch(POSITIONS * step);
  const units = Math.ceil(filters / 4);
  const work = workFor(units);
  launch("winogradKernels", units, GRAIN, weight.ptr, filters, channels, rotated ? 1 : 0, panels, step, work, GRAIN);
  return { panels, step };
}

/** A 3x3 convolution of `x`; `rotated` reads the weight turned by 180 degrees and with its channels exchanged. */
function convolve(x: NDArray, weight: NDArray, bias: NDArray | null, pass: Pass, rotated: boolean): NDArray {
  const { images, channels, filters, outHeight, outWidth } = pass;
  const out = empty([images, filters, outHeight, outWidth]);
  if (out.size === 0) return out;
  const kernels = transformKernels(weight, filters, channels, rotated);
  const { tilesY, tilesX } = tilesOf(outHeight, outWidth);
  forChunks(images, tilesY * tilesX, (first, count) => {
    const tiles = count * tilesY * tilesX;
    const padded = padTo(x, first, count, pass.padding, 4 * tilesY + 2, 4 * tilesX + 2);
    const patchStep = columnPanelBytes(tiles, channels) + STAGGER;
    const patches = scratch(POSITIONS * patchStep);
    const units = 2 * Math.ceil(tiles / 8);
    const shape = [count, channels, tilesY, tilesX] as const;
    launch("winogradPatchesByTile", units, GRAIN, padded, ...shape, patches, patchStep, workFor(units), GRAIN);
    const productStep = filters * tiles * 4 + STAGGER;
    const products = scratch(POSITIONS * productStep);
    multiplyPacked({
      aPanels: kernels.panels,
      bPanels: patches,
      aIndex: inOrder(POSITIONS),
      bIndex: inOrder(POSITIONS),
      c: products,
      m: filters,
      n: tiles,
      depth: channels,
      aStride: kernels.step,
      bStride: patchStep,
      cStride: productStep,
    });
    const to = out.ptr + 4 * first * filters * outHeight * outWidth;
    const sizes = [count, filters, tilesY, tilesX, productStep, bias?.ptr ?? 0, to, outHeight, outWidth] as const;
    launch("winogradOutput", filters, GRAIN, products, ...sizes, workFor(filters), GRAIN);
  });
  return out;
}

function forChunks(images: number, tilesPerImage: number, body: (first: number, count: number) => void): void {
  const chunk = Math.max(1, Math.floor(CHUNK_TILES / tilesPerImage));
  for (let first = 0; first < images; first += chunk) withFrame(() => body(first, Math.min(chunk, images - first)));
}

/** out [N, Co, OH, OW] = bias + weight * x. */
export function winogradForward(x: NDArray, weight: NDArray, bias: NDArray | null, g: Conv2dGeometry): NDArray {
  return convolve(x, weight, bias, { ...g, channels: g.inChannels, filters: g.outChannels }, false);
}

/** dx [N, Ci, H, W]: the convolution of dOut with the turned kernel, padded by what is left of 2. */
export function winogradGradInput(dOut: NDArray, weight: NDArray, g: Conv2dGeometry): NDArray {
  const pass: Pass = {
    images: g.images,
    channels: g.outChannels,
    filters: g.inChannels,
    outHeight: g.height,
    outWidth: g.width,
    padding: [2 - g.padding[0], 2 - g.padding[1]],
  };
  return convolve(dOut, weight, null, pass, true);
}

/** dWeight [Co, Ci, 3, 3]: a product over all tiles for each position, transformed back. Chunks are added in order. */
export function winogradGradWeight(x: NDArray, dOut: NDArray, g: Conv2dGeometry): NDArray {
  const { images, inChannels: channels, outChannels: filters } = g;
  const shape = [filters, channels, 3, 3];
  if (dOut.size === 0) return zeros(shape);
  const dWeight = empty(shape);
  const { tilesY, tilesX } = tilesOf(g.outHeight, g.outWidth);
  const step = filters * channels * 4 + STAGGER;
  const transformed = scratch(POSITIONS * step);
  forChunks(images, tilesY * tilesX, (first, count) => {
    const tiles = count * tilesY * tilesX;
    const padded = padTo(x, first, count, g.padding, 4 * tilesY + 2, 4 * tilesX + 2);
    const patchStep = columnPanelBytes(channels, tiles) + STAGGER;
    const patches = scratch(POSITIONS * patchStep);
    const units = 2 * Math.ceil(channels / 8);
    const shape = [count, channels, tilesY, tilesX] as const;
    launch("winogradPatchesByChannel", units, GRAIN, padded, ...shape, patches, patchStep, workFor(units), GRAIN);
    const gradStep = rowPanelBytes(filters, tiles) + STAGGER;
    const grads = scratch(POSITIONS * gradStep);
    const gradUnits = Math.ceil(filters / 4);
    const paddedGrad = padTo(dOut, first, count, [0, 0], 4 * tilesY, 4 * tilesX);
    const gradSizes = [paddedGrad, count, filters, tilesY, tilesX, grads, gradStep] as const;
    launch("winogradGradTiles", gradUnits, GRAIN, ...gradSizes, workFor(gradUnits), GRAIN);
    multiplyPacked({
      aPanels: grads,
      bPanels: patches,
      aIndex: inOrder(POSITIONS),
      bIndex: inOrder(POSITIONS),
      c: transformed,
      m: filters,
      n: channels,
      depth: tiles,
      aStride: gradStep,
      bStride: patchStep,
      cStride: step,
      start: first === 0 ? START.zero : START.c,
    });
  });
  launch("winogradGradKernels", filters, GRAIN, transformed, channels, step, dWeight.ptr, workFor(filters), GRAIN);
  return dWeight;
}
