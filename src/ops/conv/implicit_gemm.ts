import { type Address, offset } from "../../runtime/address.ts";
import { MR, NR, Start } from "../../runtime/kernels.generated.ts";
import { empty, type NDArray, scratch, zeros } from "../core/array.ts";
import { columnPanelBytes, multiplyPacked, packColumns, rowPanelBytes } from "../matmul/gemm.ts";
import type { ConvPasses } from "./algorithm.ts";
import { foldedGradInput } from "./fold_columns.ts";
import { type Conv2dGeometry, geometryTable } from "./geometry.ts";
import { launch } from "./kernels.ts";
import {
  forChunks,
  GRAIN,
  groupOfProduct,
  packFilters,
  padImages,
  pixels,
  readsEachPixelOnce,
  taps,
} from "./panels.ts";

/** out [N, groups*Co, OH, OW] = bias + weight * x; with `relu`, max(0, bias + weight * x). */
function forward(x: NDArray, weight: NDArray, bias: NDArray | null, g: Conv2dGeometry, relu: boolean): NDArray {
  const out = empty([g.images, g.groups * g.outChannels, g.outHeight, g.outWidth]);
  if (out.size === 0) return out;
  const [m, depth, n] = [g.outChannels, taps(g), pixels(g)];
  const table = geometryTable(g);
  const aPanels = packFilters(weight, g);
  forChunks(g, (first, count) => {
    const padded = padImages(x, g, first, count);
    const products = count * g.groups;
    const panels = Math.ceil(n / NR);
    let bPanels: Address;
    if (readsEachPixelOnce(g)) {
      const sizes = { batches: products, lines: n, depth, batchStride: depth * n, lineStride: 1, kStride: n };
      bPanels = packColumns({ address: padded, ...sizes });
    } else {
      bPanels = scratch(products * columnPanelBytes(n, depth));
      launch("packPixelPanels", products * panels, GRAIN, padded, table, 0, panels, bPanels);
    }
    multiplyPacked({
      aPanels,
      bPanels,
      count: products,
      aIndex: groupOfProduct(g, count),
      c: offset(out.address, 4 * first * g.groups * m * n),
      m,
      n,
      depth,
      start: bias ? Start.RowBias : Start.Zero,
      bias: bias?.address,
      relu,
    });
  });
  return out;
}

/** dWeight [groups*Co, Ci, KH, KW] = dOut columnᵀ, summed over all pixels of all images (in their order). */
function gradWeight(x: NDArray, dOut: NDArray, g: Conv2dGeometry): NDArray {
  const shape = [g.groups * g.outChannels, g.inChannels, ...g.kernel];
  if (g.images === 0 || pixels(g) === 0) return zeros(shape);
  const dWeight = empty(shape);
  const [m, n] = [g.outChannels, taps(g)];
  const table = geometryTable(g);
  forChunks(g, (first, count) => {
    const depth = count * pixels(g);
    const padded = padImages(x, g, first, count);
    const panels = g.groups * Math.ceil(n / NR);
    const bPanels = scratch(g.groups * columnPanelBytes(n, depth));
    launch("packTapPanels", panels * count, GRAIN, padded, table, count, g.groups, bPanels);
    const rowPanels = g.groups * Math.ceil(m / MR);
    const aPanels = scratch(g.groups * rowPanelBytes(m, depth));
    const from = offset(dOut.address, 4 * first * g.groups * m * pixels(g));
    launch("packImageRows", rowPanels * count, GRAIN, from, m, pixels(g), count, g.groups, aPanels);
    multiplyPacked({
      aPanels,
      bPanels,
      count: g.groups,
      c: dWeight.address,
      m,
      n,
      depth,
      start: first === 0 ? Start.Zero : Start.C,
    });
  });
  return dWeight;
}

/**
 * A convolution as matrix products over packed panels (implicit GEMM, see assembly/conv/implicit_gemm.ts).
 * Supports every size, stride, padding, dilation and number of groups.
 */
export const gemm: ConvPasses = {
  supports: () => true,
  forward,
  gradInput: (dOut, weight, g) => foldedGradInput(dOut, weight, null, g, false),
  gradWeight,
};
