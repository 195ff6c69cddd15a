import { NULL, offset } from "../../runtime/address.ts";
import { empty, type NDArray, scratch, sizeOf } from "../core/array.ts";
import { reluInPlace } from "../elementwise/fused_relu.ts";
import { multiplyPacked, packColumns } from "../matmul/gemm.ts";
import { type Conv2dGeometry, geometryTable } from "./geometry.ts";
import { launch } from "./kernels.ts";
import { forChunks, GRAIN, groupOfProduct, packFilterTaps, pixels, readsEachPixelOnce, taps } from "./panels.ts";

/**
 * dx [N, groups*Ci, H, W] from dOut [N, groups*Co, OH, OW]: computes the column gradients weightᵀ dOut, one
 * per tap, and adds them up where the taps overlap (assembly/conv/fold_columns.ts). With `bias` (one float
 * per channel of x) and `relu` (max(0, sum)) this is the forward pass of a transposed convolution.
 */
export function foldedGradInput(
  dOut: NDArray,
  weight: NDArray,
  bias: NDArray | null,
  g: Conv2dGeometry,
  relu: boolean,
): NDArray {
  const shape = [g.images, g.groups * g.inChannels, g.height, g.width];
  if (sizeOf(shape) === 0) return empty(shape);
  const [m, depth, n] = [taps(g), g.outChannels, pixels(g)];
  const table = geometryTable(g);
  const aPanels = packFilterTaps(weight, g);
  const dx = empty(shape);
  const planes = g.groups * g.inChannels;
  const isSum = bias !== null || !readsEachPixelOnce(g); // otherwise the columns are the planes of dx
  forChunks(g, (first, count) => {
    const products = count * g.groups;
    const to = offset(dx.address, 4 * first * planes * g.height * g.width);
    const columns = isSum ? scratch(4 * products * m * n) : to;
    multiplyPacked({
      aPanels,
      bPanels: packColumns({
        address: offset(dOut.address, 4 * first * g.groups * depth * n),
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
    if (isSum) launch("foldColumns", count * planes, GRAIN, columns, table, bias?.address ?? NULL, planes, to);
  });
  return relu ? reluInPlace(dx) : dx;
}
