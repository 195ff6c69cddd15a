import { Start } from "../../runtime/kernels.generated.ts";
import { empty, type NDArray, sizeOf, zeros } from "../core/array.ts";
import { type Lines, multiplyPacked, packColumns, packRows, packWeight } from "../matmul/gemm.ts";
import type { ConvPasses } from "./algorithm.ts";
import { foldedGradInput } from "./fold_columns.ts";
import type { Conv2dGeometry } from "./geometry.ts";
import { taps } from "./panels.ts";

/**
 * Kernels as large as the image, whose output is a single pixel: each image is a row of one matrix product,
 * as in a linear layer. The transposed convolution makes images from single pixels.
 */
function supports(g: Conv2dGeometry): boolean {
  const isPlain = g.groups === 1 && Math.max(...g.dilation) === 1 && Math.max(...g.padding) === 0;
  return isPlain && g.kernel[0] === g.height && g.kernel[1] === g.width;
}

/** A matrix [lines][depth], read by rows. */
const byRows = (lines: number, depth: number): Omit<Lines, "address"> => ({
  batches: 1,
  lines,
  depth,
  batchStride: lines * depth,
  lineStride: depth,
  kStride: 1,
});

/** The same memory, [depth][lines], read by columns. */
const byColumns = (lines: number, depth: number): Omit<Lines, "address"> => ({
  ...byRows(lines, depth),
  lineStride: 1,
  kStride: lines,
});

/** out [N, Co] = bias + x [N, T] times the transpose of weight [Co, T] */
function forward(x: NDArray, weight: NDArray, bias: NDArray | null, g: Conv2dGeometry, relu: boolean): NDArray {
  const [m, n, depth] = [g.images, g.outChannels, taps(g)];
  const out = empty([m, n, 1, 1]);
  if (out.size === 0) return out;
  multiplyPacked({
    aPanels: packRows({ address: x.address, ...byRows(m, depth) }),
    bPanels: packWeight("packPanels8", weight, byRows(n, depth)),
    count: 1,
    c: out.address,
    m,
    n,
    depth,
    start: bias ? Start.ColumnBias : Start.Zero,
    bias: bias?.address,
    relu,
  });
  return out;
}

/** dx [N, T] = dOut [N, Co] weight [Co, T]; with bias and ReLU, see foldedGradInput. */
export function onePixelGradInput(
  dOut: NDArray,
  weight: NDArray,
  bias: NDArray | null,
  g: Conv2dGeometry,
  relu: boolean,
): NDArray {
  const shape = [g.images, g.inChannels, g.height, g.width];
  // a bias per channel is neither one per row nor one per column of the product
  if (bias || sizeOf(shape) === 0) return foldedGradInput(dOut, weight, bias, g, relu);
  const [m, n, depth] = [g.images, taps(g), g.outChannels];
  const dx = empty(shape);
  multiplyPacked({
    aPanels: packRows({ address: dOut.address, ...byRows(m, depth) }),
    bPanels: packWeight("packPanels8", weight, byColumns(n, depth)),
    count: 1,
    c: dx.address,
    m,
    n,
    depth,
    relu,
  });
  return dx;
}

/** dWeight [Co, T] = the transpose of dOut [N, Co], times x [N, T] */
function gradWeight(x: NDArray, dOut: NDArray, g: Conv2dGeometry): NDArray {
  const shape = [g.outChannels, g.inChannels, ...g.kernel];
  if (g.images === 0) return zeros(shape);
  const [m, n, depth] = [g.outChannels, taps(g), g.images];
  const dWeight = empty(shape);
  multiplyPacked({
    aPanels: packRows({ address: dOut.address, ...byColumns(m, depth) }),
    bPanels: packColumns({ address: x.address, ...byColumns(n, depth) }),
    count: 1,
    c: dWeight.address,
    m,
    n,
    depth,
  });
  return dWeight;
}

export const onePixel: ConvPasses = {
  supports,
  forward,
  gradInput: (dOut, weight, g) => onePixelGradInput(dOut, weight, null, g, false),
  gradWeight,
};
