import type { Address } from "../../runtime/address.ts";
import { withFrame } from "../../runtime/frame.ts";
import type { NDArray } from "../core/array.ts";
import { packWeight } from "../matmul/gemm.ts";
import type { Conv2dGeometry } from "./geometry.ts";
import { imagesOf } from "./pad_planes.ts";

/**
 * Shared by the convolutions that are matrix products: implicit_gemm.ts, pooled_gemm.ts, fold_columns.ts and
 * upsample.ts.
 */

/** Maximum size in bytes of the panels of a chunk of images: they should fit in an L2 cache. */
const CHUNK_BYTES = 1 << 20;
/** Panels, or planes, that a thread takes at a time. */
export const GRAIN = 8;

/** Taps of a filter: T = Ci KH KW. */
export const taps = (g: Conv2dGeometry) => g.inChannels * g.kernel[0] * g.kernel[1];
/** Pixels of an output plane: P = OH OW. */
export const pixels = (g: Conv2dGeometry) => g.outHeight * g.outWidth;

/**
 * Whether the columns are the planes themselves: a 1x1 kernel of stride 1, without padding. (A transposed
 * convolution may still have more pixels, by its outputPadding.)
 */
export function readsEachPixelOnce(g: Conv2dGeometry): boolean {
  const isUnit = Math.max(...g.kernel, ...g.stride) === 1 && Math.max(...g.padding) === 0;
  return isUnit && g.height === g.outHeight && g.width === g.outWidth;
}

/**
 * Calls `body(first image, number of images)` for chunks whose columns fit in CHUNK_BYTES, so that a chunk's
 * panels stay in the cache. Each chunk runs in a frame that frees its panels, so the next chunk reuses their
 * memory.
 */
export function forChunks(g: Conv2dGeometry, body: (first: number, count: number) => void): void {
  const chunk = Math.max(1, Math.floor(CHUNK_BYTES / (4 * g.groups * taps(g) * pixels(g))));
  for (let first = 0; first < g.images; first += chunk) {
    withFrame(() => body(first, Math.min(chunk, g.images - first)));
  }
}

/** Address of images first … first+count-1 of x with the convolution's zeros around them. */
export function padImages(x: NDArray, g: Conv2dGeometry, first: number, count: number): Address {
  return imagesOf(x).pad(first, count, g.padding, g.paddedHeight, g.paddedWidth);
}

/** For products in the order [image][group]: the index of each product's weight matrix. */
export function groupOfProduct(g: Conv2dGeometry, images: number): number[] {
  const numbers = new Array<number>(images * g.groups);
  for (let product = 0; product < numbers.length; product++) numbers[product] = product % g.groups;
  return numbers;
}

/** The weight of each group as a matrix [Co][T], in panels of MR output channels. Returns their address. */
export function packFilters(weight: NDArray, g: Conv2dGeometry): Address {
  const [lines, depth] = [g.outChannels, taps(g)];
  const rows = { batches: g.groups, lines, depth, batchStride: lines * depth, lineStride: depth, kStride: 1 };
  return packWeight("packPanels4", weight, rows);
}

/** The transposed weight matrices [T][Co], in panels of MR taps. Returns their address. */
export function packFilterTaps(weight: NDArray, g: Conv2dGeometry): Address {
  const [lines, depth] = [taps(g), g.outChannels];
  const rows = { batches: g.groups, lines, depth, batchStride: lines * depth, lineStride: 1, kStride: lines };
  return packWeight("packPanels4", weight, rows);
}
