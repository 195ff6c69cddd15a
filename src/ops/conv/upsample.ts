import { NULL, offset } from "../../runtime/address.ts";
import { LANES, NR, TILE_BYTES } from "../../runtime/kernels.generated.ts";
import { empty, type NDArray, scratch, sizeOf } from "../core/array.ts";
import { packColumns } from "../matmul/gemm.ts";
import { tileColumns } from "../matmul/tile.ts";
import type { ConvPasses } from "./algorithm.ts";
import type { Conv2dGeometry } from "./geometry.ts";
import { gemm } from "./implicit_gemm.ts";
import { launch } from "./kernels.ts";
import { forChunks, packFilterTaps } from "./panels.ts";

/** Panels of NR pixels that a thread takes at a time. */
const GRAIN = 4;

/**
 * Supports a 2x2 kernel of stride 2, in one group, that covers each input pixel once, if each output row
 * consists of whole vectors.
 */
function supports(g: Conv2dGeometry): boolean {
  const twos = [...g.kernel, ...g.stride].every((length) => length === 2);
  const covers = !g.padding.some(Boolean) && g.height === 2 * g.outHeight && g.width === 2 * g.outWidth;
  return twos && covers && g.groups === 1 && g.outWidth % LANES === 0;
}

/**
 * The input gradient of such a convolution: a matrix product whose results are interleaved as they are
 * computed. With bias and ReLU, this is the forward pass of the transposed convolution.
 */
export function interleavedGradInput(
  dOut: NDArray,
  weight: NDArray,
  bias: NDArray | null,
  g: Conv2dGeometry,
  relu: boolean,
): NDArray {
  const { images, outChannels: inChannels, inChannels: outChannels, outHeight: height, outWidth: width } = g;
  const shape = [images, outChannels, 2 * height, 2 * width];
  if (sizeOf(shape) === 0) return empty(shape);
  const aPanels = packFilterTaps(weight, g);
  const out = empty(shape);
  const n = height * width;
  forChunks(g, (first, count) => {
    const bPanels = packColumns({
      address: offset(dOut.address, 4 * first * inChannels * n),
      batches: count,
      lines: n,
      depth: inChannels,
      batchStride: inChannels * n,
      lineStride: 1,
      kStride: n,
    });
    const units = count * Math.ceil(n / NR);
    const tiles = scratch(Math.ceil(units / GRAIN) * 2 * outChannels * TILE_BYTES);
    // biome-ignore format: the kernel's argument list
    launch(
      "upsample2x2", units, GRAIN, aPanels, bPanels, outChannels, inChannels, bias?.address ?? NULL, Number(relu),
      offset(out.address, 4 * first * outChannels * 4 * n), height, width, tileColumns(), tiles, GRAIN,
    );
  });
  return out;
}

/**
 * The matrix product for 2x2 kernels of stride 2, whose taps do not overlap: see assembly/conv/upsample.ts.
 */
export const upsample: ConvPasses = {
  ...gemm,
  supports,
  gradInput: (dOut, weight, g) => interleavedGradInput(dOut, weight, null, g, false),
};
