import { withFrame } from "../wasm/block.ts";
import { launch } from "../wasm/kernels.ts";
import { empty, type NDArray, scratch, zeros } from "./array.ts";
import { type Conv2dGeometry, geometryTable } from "./conv2d_geometry.ts";
import { inOrder, multiplyPacked, packColumns, packRows, START } from "./gemm.ts";

/**
 * The three passes of a convolution as matrix products over packed panels (implicit GEMM, see assembly/conv2d/columns.ts).
 * Serves every size, stride, padding, dilation and number of groups. Images go in chunks, so that a chunk's panels stay in
 * the cache; a chunk's frame frees its panels, and the next chunk takes the same memory.
 */

/** Bytes of panels a chunk of images may take: what an L2 cache holds. */
const CHUNK_BYTES = 1 << 20;
/** Panels, or planes, that a thread takes at a time. */
const GRAIN = 8;

const taps = (g: Conv2dGeometry) => g.inChannels * g.kernel[0] * g.kernel[1];
const pixels = (g: Conv2dGeometry) => g.outHeight * g.outWidth;

/** A 2x2 kernel of stride 2 that covers each pixel of its input once: what decoders double their images with. */
function isUpsampling(g: Conv2dGeometry): boolean {
  const twos = [...g.kernel, ...g.stride].every((length) => length === 2);
  return twos && !g.padding.some(Boolean) && g.height === 2 * g.outHeight && g.width === 2 * g.outWidth;
}

/** Calls `body(first image, number of images)` for chunks whose columns fit in CHUNK_BYTES. */
function forChunks(g: Conv2dGeometry, body: (first: number, count: number) => void): void {
  const chunk = Math.max(1, Math.floor(CHUNK_BYTES / (4 * g.groups * taps(g) * pixels(g))));
  for (let first = 0; first < g.images; first += chunk) {
    withFrame(() => body(first, Math.min(chunk, g.images - first)));
  }
}

/** Address of images first … first+count-1 of x with zeros around them. */
function padImages(x: NDArray, g: Conv2dGeometry, table: number, first: number, count: number): number {
  const planes = g.groups * g.inChannels;
  const from = x.ptr + 4 * first * planes * g.height * g.width;
  if (g.paddedHeight === g.height && g.paddedWidth === g.width) return from;
  const padded = scratch(4 * count * planes * g.paddedHeight * g.paddedWidth);
  launch("padPlanes", count * planes, GRAIN, from, table, padded);
  return padded;
}

/** For products in the order [image][group]: the number of each one's weight matrix. */
function groupOfProduct(g: Conv2dGeometry, images: number): number[] {
  return Array.from({ length: images * g.groups }, (_, product) => product % g.groups);
}

/** out [N, groups*Co, OH, OW] = bias + weight * x. */
export function convForward(x: NDArray, weight: NDArray, bias: NDArray | null, g: Conv2dGeometry): NDArray {
  const out = empty([g.images, g.groups * g.outChannels, g.outHeight, g.outWidth]);
  if (out.size === 0) return out;
  const [m, depth, n] = [g.outChannels, taps(g), pixels(g)];
  const table = geometryTable(g);
  const aPanels = packRows({
    ptr: weight.ptr,
    batches: g.groups,
    lines: m,
    depth,
    batchStride: m * depth,
    lineStride: depth,
    kStride: 1,
  });
  forChunks(g, (first, count) => {
    const padded = padImages(x, g, table, first, count);
    const products = count * g.groups;
    const bPanels = scratch(products * Math.ceil(n / 8) * depth * 32);
    launch("packPixelPanels", products * Math.ceil(n / 8), GRAIN, padded, table, bPanels);
    multiplyPacked({
      aPanels,
      bPanels,
      aIndex: groupOfProduct(g, count),
      bIndex: inOrder(products),
      c: out.ptr + 4 * first * g.groups * m * n,
      m,
      n,
      depth,
      start: bias ? START.rowBias : START.zero,
      bias: bias?.ptr,
    });
  });
  return out;
}

/**
 * dx [N, groups*Ci, H, W] from dOut [N, groups*Co, OH, OW]: a column gradient for each tap, weightᵀ dOut, added up where the taps
 * overlap. With a `bias` (one float a channel of x) it is the forward pass of a transposed convolution.
 */
export function convGradInput(dOut: NDArray, weight: NDArray, bias: NDArray | null, g: Conv2dGeometry): NDArray {
  const dx = empty([g.images, g.groups * g.inChannels, g.height, g.width]);
  if (dx.size === 0) return dx;
  const [m, depth, n] = [taps(g), g.outChannels, pixels(g)];
  const table = geometryTable(g);
  const aPanels = packRows({
    ptr: weight.ptr,
    batches: g.groups,
    lines: m,
    depth,
    batchStride: m * depth,
    lineStride: 1,
    kStride: m,
  });
  forChunks(g, (first, count) => {
    const products = count * g.groups;
    const columns = scratch(4 * products * m * n);
    multiplyPacked({
      aPanels,
      bPanels: packColumns({
        ptr: dOut.ptr + 4 * first * g.groups * depth * n,
        batches: products,
        lines: n,
        depth,
        batchStride: depth * n,
        lineStride: 1,
        kStride: n,
      }),
      aIndex: groupOfProduct(g, count),
      bIndex: inOrder(products),
      c: columns,
      m,
      n,
      depth,
    });
    const planes = g.groups * g.inChannels;
    const to = dx.ptr + 4 * first * planes * g.height * g.width;
    const biasPtr = bias?.ptr ?? 0;
    if (isUpsampling(g)) {
      const size = [g.outHeight, g.outWidth] as const;
      launch("interleaveColumns", count * planes, GRAIN, columns, ...size, biasPtr, planes, to);
    } else {
      launch("foldColumns", count * planes, GRAIN, columns, table, biasPtr, planes, to);
    }
  });
  return dx;
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
    const padded = padImages(x, g, table, first, count);
    const panels = g.groups * Math.ceil(n / 8);
    const bPanels = scratch(panels * depth * 32);
    launch("packTapPanels", panels * count, GRAIN, padded, table, count, g.groups, bPanels);
    const rowPanels = g.groups * Math.ceil(m / 4);
    const aPanels = scratch(rowPanels * depth * 16);
    const from = dOut.ptr + 4 * first * g.groups * m * pixels(g);
    launch("packImageRows", rowPanels * count, GRAIN, from, m, pixels(g), count, g.groups, aPanels);
    multiplyPacked({
      aPanels,
      bPanels,
      aIndex: inOrder(g.groups),
      bIndex: inOrder(g.groups),
      c: dWeight.ptr,
      m,
      n,
      depth,
      start: first === 0 ? START.zero : START.c,
    });
  });
  return dWeight;
}
