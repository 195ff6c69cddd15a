import type { Address } from "../../runtime/address.ts";
import { withFrame } from "../../runtime/frame.ts";
import { NR, POSITIONS, WINOGRAD_WORK_BYTES } from "../../runtime/kernels.generated.ts";
import { getNumThreads } from "../../runtime/parallel/pool.ts";
import { scratch } from "../core/array.ts";
import type { Conv2dGeometry } from "./geometry.ts";

/** Sizes of Winograd's F(4x4, 3x3), shared by winograd.ts and winograd_shallow.ts. */

/** Units that a thread takes at a time. */
export const GRAIN = 4;
/** Panels of NR tiles or channels that a thread takes at a time. */
export const PANEL_GRAIN = 1;
/** Number of tiles in a chunk of images. Their transformed patches and products stay in the caches. */
const CHUNK_TILES = 64;
/**
 * Number of tiles in a chunk for the weight gradient. The products of a chunk are added to those of the
 * previous chunk, so fewer and larger chunks are faster.
 */
const GRAD_CHUNK_TILES = 128;
/**
 * Number of filters that a thread processes together. Their kernels, products and gradients stay in the
 * thread's L2 cache together with the patches of a chunk.
 */
export const FILTER_BLOCK = 32;
/**
 * Extra bytes between the matrices of successive positions, so that they do not map to the same cache sets.
 */
const STAGGER = 64;

/**
 * 3x3 kernels of stride 1 in one group. The padding must be at most 2, because the input gradient is a
 * convolution with padding 2 - padding.
 */
export function isUnitStride3x3(g: Conv2dGeometry): boolean {
  const unit = g.kernel[0] === 3 && g.kernel[1] === 3 && g.groups === 1 && Math.max(...g.stride, ...g.dilation) === 1;
  return unit && Math.max(...g.padding) <= 2 && g.outHeight > 0 && g.outWidth > 0;
}

/** Scratch memory for a transform launched over `units`. */
export function workFor(units: number, grain = GRAIN): Address {
  return scratch(Math.ceil(units / grain) * WINOGRAD_WORK_BYTES);
}

/** A matrix for each position, `step` bytes apart. */
export interface Matrices {
  readonly address: Address;
  readonly step: number;
}

/** Bytes from one matrix to the next, for matrices of `bytes` each. */
export function stepFor(bytes: number): number {
  return bytes + STAGGER;
}

/** Scratch for matrices of `bytes` each. */
export function allocateMatrices(bytes: number): Matrices {
  const step = stepFor(bytes);
  return { address: scratch(POSITIONS * step), step };
}

/**
 * The sizes of one pass: a 3x3 convolution from `channels` channels to [images, filters, outHeight,
 * outWidth].
 */
interface PassSizes {
  images: number;
  channels: number;
  filters: number;
  outHeight: number;
  outWidth: number;
  /** Zeros above and to the left of the input. */
  padding: readonly [number, number];
}

/**
 * One pass, divided into tiles of 4x4 outputs, chunks of images and blocks of filters. Results do not depend
 * on the chunks and blocks.
 */
export class WinogradPlan {
  readonly sizes: PassSizes;
  readonly tilesY: number;
  readonly tilesX: number;
  /** Number of images in a chunk. */
  readonly chunk: number;
  /** Number of filters in a block. */
  readonly block: number;

  static forForward(g: Conv2dGeometry): WinogradPlan {
    const { images, inChannels: channels, outChannels: filters, outHeight, outWidth, padding } = g;
    return new WinogradPlan({ images, channels, filters, outHeight, outWidth, padding }, CHUNK_TILES);
  }

  /** The convolution from dOut to dx, whose padding is 2 minus the padding of the forward pass. */
  static forGradInput(g: Conv2dGeometry): WinogradPlan {
    const { images, outChannels: channels, inChannels: filters, height: outHeight, width: outWidth } = g;
    const padding = [2 - g.padding[0], 2 - g.padding[1]] as const;
    return new WinogradPlan({ images, channels, filters, outHeight, outWidth, padding }, CHUNK_TILES);
  }

  static forGradWeight(g: Conv2dGeometry): WinogradPlan {
    return new WinogradPlan(WinogradPlan.forForward(g).sizes, GRAD_CHUNK_TILES);
  }

  private constructor(sizes: PassSizes, chunkTiles: number) {
    this.sizes = sizes;
    this.tilesY = Math.ceil(sizes.outHeight / 4);
    this.tilesX = Math.ceil(sizes.outWidth / 4);
    this.chunk = Math.max(1, Math.floor(chunkTiles / (this.tilesY * this.tilesX)));
    this.block = Math.min(sizes.filters, FILTER_BLOCK * getNumThreads());
  }

  tilesOf(images: number): number {
    return images * this.tilesY * this.tilesX;
  }

  /** Number of rows that the tiles of an image read: 2 more than the rows of their outputs. */
  get paddedHeight(): number {
    return 4 * this.tilesY + 2;
  }

  get paddedWidth(): number {
    return 4 * this.tilesX + 2;
  }

  /** Number of elements of an image's group of NR channels in frames of zeros (see winogradPadGroups). */
  get groupSize(): number {
    return NR * this.paddedHeight * 4 * (this.tilesX + 1);
  }

  forChunks(body: (first: number, images: number) => void): void {
    forParts(this.sizes.images, this.chunk, body);
  }

  forBlocks(body: (first: number, filters: number) => void): void {
    forParts(this.sizes.filters, this.block, body);
  }
}

/**
 * Divides `total` into parts of at most `most` and calls `body` for each part. Each part reuses the scratch
 * of the previous one, which is still in the caches.
 */
export function forParts(total: number, most: number, body: (first: number, count: number) => void): void {
  for (let first = 0; first < total; first += most) withFrame(() => body(first, Math.min(most, total - first)));
}
