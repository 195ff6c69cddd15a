/** The ladder of convTranspose2d. */
import { type Conv2dGeometry, convTranspose2dGeometry } from "../../src/ops/conv/geometry.ts";
import { TransposedConvWindow, type TransposedConvWindowOptions } from "../../src/ops/conv/window.ts";
import type { Op } from "../../src/ops/core/op.ts";
import { naive } from "./conv2d.ts";
import { ALL_CONV_PASSES, type ConvKernels, RungConvolution } from "./convolution.ts";
import { convTransposeReference } from "./reference.ts";
import type { Ladder, Layer } from "./rung.ts";
import { shipped } from "./shipped.ts";

/** The sizes of the convolution that maps the output of a transposed convolution back to its input. */
function geometryOf(
  x: readonly number[],
  weight: readonly number[],
  options: TransposedConvWindowOptions,
): Conv2dGeometry {
  const op = "convTranspose2d";
  return convTranspose2dGeometry(op, x, weight, new TransposedConvWindow(op, options));
}

/**
 * The forward pass is the gradient of a convolution's input, and the gradients are the convolution's other
 * passes.
 */
function rungConvTranspose2d(kernels: ConvKernels, options: TransposedConvWindowOptions): Op {
  return new RungConvolution("convTranspose2d", (x, weight) => {
    const g = geometryOf(x, weight, options);
    return { geometry: g, kernels, outShape: [g.images, g.groups * g.inChannels, g.height, g.width] };
  });
}

/**
 * The forward pass is the definition. The backward pass uses the definitions of conv2d, whose weight gradient
 * takes its operands in the reverse order.
 */
const scatter: ConvKernels = {
  forward: "convTranspose2dScatter",
  gradInput: naive.forward,
  gradWeight: "convTranspose2dGradWeightNaive",
  work: null,
};
const byGradient: ConvKernels = {
  forward: "convTranspose2dByGradient",
  gradInput: "convTranspose2dGradInputByGradient",
  gradWeight: "convTranspose2dGradWeightByGradient",
  work: "conv2dDirectWork",
};

function layer(
  name: string,
  x: number[],
  filters: number,
  kernel: number,
  options: TransposedConvWindowOptions,
): Layer<TransposedConvWindowOptions> {
  const weight = [x[1], filters, kernel, kernel];
  const pixels = x[0] * x[2] * x[3];
  return { name, shapes: [x, weight], options, work: 2 * pixels * filters * x[1] * kernel * kernel };
}

export const convTranspose2dLadder: Ladder<TransposedConvWindowOptions> = {
  op: "convTranspose2d",
  folder: "conv/ladder/transposed",
  readme: "conv/transposed.md",
  unit: "GFLOP/s",
  passes: { forward: "forward", gradInput: 0, gradWeight: 1 },
  layers: [
    layer("convT1", [4, 128, 8, 8], 64, 2, { stride: 2 }),
    layer("convT2", [4, 64, 16, 16], 3, 2, { stride: 2 }),
    layer("odd", [3, 5, 7, 6], 7, 3, { stride: 2, padding: 1, outputPadding: 1 }),
  ],
  rungs: [
    {
      number: 1,
      name: "scatter",
      files: ["conv/ladder/transposed/1_scatter.ts"],
      ships: false,
      passes: ALL_CONV_PASSES,
      op: (options) => rungConvTranspose2d(scatter, options),
    },
    {
      number: 2,
      name: "gradient of conv2d",
      files: ["conv/ladder/transposed/2_gradient_of_conv2d.ts"],
      ships: false,
      passes: ALL_CONV_PASSES,
      op: (options) => rungConvTranspose2d(byGradient, options),
    },
    { number: 3, name: "GEMM, interleaved", ships: true, passes: ALL_CONV_PASSES, ...shipped.convTranspose2d },
  ],
  reference: ({ shapes, options }, [x, weight], gradient) =>
    convTransposeReference(geometryOf(shapes[0], shapes[1], options), x, weight, gradient),
};
