import { withFrame } from "../../runtime/frame.ts";
import { launch } from "../../runtime/kernels.ts";
import { getNumThreads } from "../../runtime/parallel/pool.ts";
import { empty, type NDArray, scratch, sizeOf, zeros } from "../core/array.ts";
import { reluInPlace } from "../elementwise/relu.ts";
import { multiplyPacked, packColumns, packWeight, START } from "../matmul/gemm.ts";
import { type Conv2dGeometry, geometryTable } from "./geometry.ts";

/**
 * The three passes of a convolution as matrix products over packed panels (implicit GEMM, see assembly/conv/implicit_gemm.ts).
 * Serves every size, stride, padding, dilation and number of groups. Images go in chunks, so that a chunk's panels stay in
 * the cache; a chunk's frame frees its panels, and the next chunk takes the same memory.
 */

/** Bytes of panels a chunk of images may take: what an L2 cache holds. */
const CHUNK_BYTES = 1 << 20;
/** Panels, or planes, that a thread takes at a time. */
const GRAIN = 8;

const taps = (g: Conv2dGeometry) => g.inChannels * g.kernel[0] * g.kernel[1];
const pixels = (g: Conv2dGeometry) => g.outHeight * g.outWidth;

/** A 2x2 kernel of stride 2 that covers each pixel of its input once, in one group: see assembly/conv/upsample.ts. */
function isUpsampling(g: Conv2dGeometry): boolean {
  const twos = [...g.kernel, ...g.stride].every((length) => length === 2);
  const covers = !g.padding.some(Boolean) && g.height === 2 * g.outHeight && g.width === 2 * g.outWidth;
  return twos && covers && g.groups === 1 && g.outWidth % 4 === 0;
}

/** Panels of 8 pixels that a thread takes at a time. */
const UPSAMPLE_GRAIN = 4;

/** The input gradient of such a convolution, or the transposed convolution: one product, interleaved as it is computed. */
function upsample(dOut: NDArray, aPanels: number, bias: NDArray | null, g: Conv2dGeometry, relu: boolean): NDArray {
  const { images, outChannels: inChannels, inChannels: outChannels, outHeight: height, outWidth: width } = g;
  const out = empty([images, outChannels, 2 * height, 2 * width]);
  const n = height * width;
  forChunks(g, (first, count) => {
    const bPanels = packColumns({
      address: dOut.address + 4 * first * inChannels * n,
      batches: count,
      lines: n,
      depth: inChannels,
      batchStride: inChannels * n,
      lineStride: 1,
      kStride: n,
    });
    const units = count * Math.ceil(n / 8);
    const tiles = scratch(Math.ceil(units / UPSAMPLE_GRAIN) * outChannels * 128);
    // biome-ignore format: the kernel's argument list
    launch(
      "upsample2x2", units, UPSAMPLE_GRAIN, aPanels, bPanels, outChannels, inChannels, bias?.address ?? 0, Number(relu),
      out.address + 4 * first * outChannels * 4 * n, height, width, tiles, UPSAMPLE_GRAIN,
    );
  });
  return out;
}

/** Calls `body(first image, number of images)` for chunks whose columns fit in CHUNK_BYTES. */
function forChunks(g: Conv2dGeometry, body: (first: number, count: number) => void): void {
  const chunk = Math.max(1, Math.floor(CHUNK_BYTES / (4 * g.groups * taps(g) * pixels(g))));
  for (let first = 0; first < g.images; first += chunk) {
    withFrame(() => body(first, Math.min(chunk, g.images - first)));
  }
}

/** Address of images first … first+count-1 of x with zeros around them. */
function padImages(x: NDArray, g: Conv2dGeometry, first: number, count: number): number {
  const planes = g.groups * g.inChannels;
  const from = x.address + 4 * first * planes * g.height * g.width;
  if (g.paddedHeight === g.height && g.paddedWidth === g.width) return from;
  const padded = scratch(4 * count * planes * g.paddedHeight * g.paddedWidth);
  const to = [padded, g.paddedHeight, g.paddedWidth] as const;
  launch("padPlanes", count * planes, GRAIN, from, g.height, g.width, ...g.padding, ...to);
  return padded;
}

/** For products in the order [image][group]: the number of each one's weight matrix. */
function groupOfProduct(g: Conv2dGeometry, images: number): number[] {
  const numbers = new Array<number>(images * g.groups);
  for (let product = 0; product < numbers.length; product++) numbers[product] = product % g.groups;
  return numbers;
}

/** The weight in panels of 4 output channels, a matrix for each group. */
function packFilters(weight: NDArray, g: Conv2dGeometry): number {
  const [lines, depth] = [g.outChannels, taps(g)];
  const rows = { batches: g.groups, lines, depth, batchStride: lines * depth, lineStride: depth, kStride: 1 };
  return packWeight("packPanels4", weight, rows);
}

/** out [N, groups*Co, OH, OW] = bias + weight * x, and max(., 0) of it with `relu`. */
export function convForward(
  x: NDArray,
  weight: NDArray,
  bias: NDArray | null,
  g: Conv2dGeometry,
  relu: boolean,
): NDArray {
  const out = empty([g.images, g.groups * g.outChannels, g.outHeight, g.outWidth]);
  if (out.size === 0) return out;
  const [m, depth, n] = [g.outChannels, taps(g), pixels(g)];
  const table = geometryTable(g);
  const aPanels = packFilters(weight, g);
  forChunks(g, (first, count) => {
    const padded = padImages(x, g, first, count);
    const products = count * g.groups;
    const panels = Math.ceil(n / 8);
    const bPanels = scratch(products * panels * depth * 32);
    launch("packPixelPanels", products * panels, GRAIN, padded, table, 0, panels, bPanels);
    multiplyPacked({
      aPanels,
      bPanels,
      count: products,
      aIndex: groupOfProduct(g, count),
      c: out.address + 4 * first * g.groups * m * n,
      m,
      n,
      depth,
      start: bias ? START.rowBias : START.zero,
      bias: bias?.address,
      relu,
    });
  });
  return out;
}

/** Rows of pooled pixels that a thread takes at a time. */
const POOLED_GRAIN = 4;

/**
 * out [N, Co, OH >> 1, OW >> 1]: the same with ReLU and max pooling 2x2 in the pass (one group); `codes` has a byte for each
 * element, or is null. See assembly/conv/pooled_gemm.ts.
 */
export function convForwardPooled(
  x: NDArray,
  weight: NDArray,
  bias: NDArray | null,
  g: Conv2dGeometry,
  out: NDArray,
  codes: NDArray | null,
): void {
  if (out.size === 0) return;
  const [channels, depth] = [g.outChannels, taps(g)];
  const [, , pooledHeight, pooledWidth] = out.shape;
  const table = geometryTable(g);
  const aPanels = packFilters(weight, g);
  const perImage = pooledHeight * Math.ceil(pooledWidth / 2);
  forChunks(g, (first, count) => {
    const padded = padImages(x, g, first, count);
    const bPanels = scratch(count * perImage * depth * 32);
    launch("packPixelPanels", count * perImage, GRAIN, padded, table, 1, perImage, bPanels);
    const rows = count * pooledHeight;
    const tiles = scratch(Math.ceil(rows / POOLED_GRAIN) * 2 * Math.ceil(channels / 4) * 128);
    const before = first * channels * pooledHeight * pooledWidth;
    // biome-ignore format: the kernel's argument list
    launch(
      "convolvePooled", rows, POOLED_GRAIN, aPanels, bPanels, channels, depth, bias?.address ?? 0,
      out.address + 4 * before, codes ? codes.address + before : 0, pooledHeight, pooledWidth, tiles, POOLED_GRAIN,
    );
  });
}

/** Taps of a block of gradWeightPooled, whole rows of the kernel: BLOCK_TAPS in assembly/conv/pooled_gemm.ts … */
export const BLOCK_TAPS = 28;
/** … and its scratch: TABLE_BYTES there. */
const TABLE_BYTES = 16384;

/** dWeight [Co, Ci, KH, KW] from the gradient after ReLU and pooling, dy [N, Co, PH, PW], and the codes (one group, KW <= BLOCK_TAPS). */
export function convGradWeightPooled(x: NDArray, dy: NDArray, codes: NDArray, g: Conv2dGeometry): NDArray {
  const shape = [g.outChannels, g.inChannels, ...g.kernel];
  if (dy.size === 0) return zeros(shape);
  const dWeight = empty(shape);
  const [images, channels, pooledHeight, pooledWidth] = dy.shape;
  const rows = g.inChannels * g.kernel[0];
  const blocks = Math.ceil(rows / Math.floor(BLOCK_TAPS / g.kernel[1]));
  const sums = scratch(images * blocks * channels * BLOCK_TAPS * 4);
  const threads = getNumThreads();
  // an image's windows are gathered once, unless there are more threads than images
  const group = Math.ceil(channels / Math.ceil(threads / images));
  const units = images * Math.ceil(channels / group);
  const grain = Math.ceil(units / (4 * threads));
  // biome-ignore format: the kernel's argument list
  launch(
    "gradWeightPooled", units, grain, padImages(x, g, 0, images), geometryTable(g), dy.address, codes.address, channels, group,
    pooledHeight, pooledWidth, scratch(Math.ceil(units / grain) * TABLE_BYTES), grain, sums,
  );
  launch("sumPooledGradWeights", channels, GRAIN, sums, images, channels, taps(g), g.kernel[1], dWeight.address);
  return dWeight;
}

/**
 * dx [N, groups*Ci, H, W] from dOut [N, groups*Co, OH, OW]: a column gradient for each tap, weightᵀ dOut, added up where the taps
 * overlap. With a `bias` (one float a channel of x) it is the forward pass of a transposed convolution; `relu` takes
 * max(., 0) of the result.
 */
export function convGradInput(
  dOut: NDArray,
  weight: NDArray,
  bias: NDArray | null,
  g: Conv2dGeometry,
  relu = false,
): NDArray {
  const shape = [g.images, g.groups * g.inChannels, g.height, g.width];
  if (sizeOf(shape) === 0) return empty(shape);
  const [m, depth, n] = [taps(g), g.outChannels, pixels(g)];
  const table = geometryTable(g);
  const rows = { batches: g.groups, lines: m, depth, batchStride: m * depth, lineStride: 1, kStride: m };
  const aPanels = packWeight("packPanels4", weight, rows);
  if (isUpsampling(g)) return upsample(dOut, aPanels, bias, g, relu);
  const dx = empty(shape);
  forChunks(g, (first, count) => {
    const products = count * g.groups;
    const columns = scratch(4 * products * m * n);
    multiplyPacked({
      aPanels,
      bPanels: packColumns({
        address: dOut.address + 4 * first * g.groups * depth * n,
        batches: products,
        lines: n,
        depth,
        batchStride: depth * n,
        lineStride: 1,
        kStride: n,
      }),
      count: products,
      aIndex: groupOfProduct(g, count),
      c: columns,
      m,
      n,
      depth,
    });
    const planes = g.groups * g.inChannels;
    const to = dx.address + 4 * first * planes * g.height * g.width;
    launch("foldColumns", count * planes, GRAIN, columns, table, bias?.address ?? 0, planes, to);
  });
  return relu ? reluInPlace(dx) : dx;
}

/** dWeight [groups*Co, Ci, KH, KW] = dOut columnᵀ, summed over all pixels of all images (in their order). */
export function convGradWeight(x: NDArray, dOut: NDArray, g: Conv2dGeometry): NDArray {
  const shape = [g.groups * g.outChannels, g.inChannels, ...g.kernel];
  if (g.images === 0 || pixels(g) === 0) return zeros(shape);
  const dWeight = empty(shape);
  const [m, n] = [g.outChannels, taps(g)];
  const table = geometryTable(g);
  forChunks(g, (first, count) => {
    const depth = count * pixels(g);
    const padded = padImages(x, g, first, count);
    const panels = g.groups * Math.ceil(n / 8);
    const bPanels = scratch(panels * depth * 32);
    launch("packTapPanels", panels * count, GRAIN, padded, table, count, g.groups, bPanels);
    const rowPanels = g.groups * Math.ceil(m / 4);
    const aPanels = scratch(rowPanels * depth * 16);
    const from = dOut.address + 4 * first * g.groups * m * pixels(g);
    launch("packImageRows", rowPanels * count, GRAIN, from, m, pixels(g), count, g.groups, aPanels);
    multiplyPacked({
      aPanels,
      bPanels,
      count: g.groups,
      c: dWeight.address,
      m,
      n,
      depth,
      start: first === 0 ? START.zero : START.c,
    });
  });
  return dWeight;
}
