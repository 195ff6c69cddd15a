/** The ladder of conv2d: its rungs as ops, and the layers they are timed on. */
import { type Conv2dGeometry, conv2dGeometry } from "../../src/ops/conv/geometry.ts";
import { ConvWindow, type ConvWindowOptions } from "../../src/ops/conv/window.ts";
import type { Op } from "../../src/ops/core/op.ts";
import { ALL_CONV_PASSES, type ConvKernels, RungConvolution } from "./convolution.ts";
import { convReference } from "./reference.ts";
import type { Ladder, Layer } from "./rung.ts";
import { shipped } from "./shipped.ts";

export const naive: ConvKernels = {
  forward: "conv2dNaive",
  gradInput: "conv2dGradInputNaive",
  gradWeight: "conv2dGradWeightNaive",
  work: null,
};
const im2col: ConvKernels = {
  forward: "conv2dIm2col",
  gradInput: "conv2dGradInputIm2col",
  gradWeight: "conv2dGradWeightIm2col",
  work: "conv2dIm2colWork",
};
const direct: ConvKernels = {
  forward: "conv2dDirect",
  gradInput: "conv2dGradInputDirect",
  gradWeight: "conv2dGradWeightDirect",
  work: "conv2dDirectWork",
};
const winograd2: ConvKernels = {
  forward: "conv2dWinograd2",
  gradInput: "conv2dGradInputWinograd2",
  gradWeight: "conv2dGradWeightWinograd2",
  work: "conv2dWinograd2Work",
};

/** Whether Winograd's F(2x2, 3x3) supports these sizes. */
function isWinograd(g: Conv2dGeometry): boolean {
  const ones = [...g.stride, ...g.dilation, g.groups].every((n) => n === 1);
  return ones && g.kernel.every((n) => n === 3);
}

/** A convolution that runs the kernels that `choose` returns for its sizes. */
function rungConv2d(choose: (g: Conv2dGeometry) => ConvKernels, options?: ConvWindowOptions): Op {
  const window = new ConvWindow("conv2d", options);
  return new RungConvolution("conv2d", (x, weight) => {
    const g = conv2dGeometry("conv2d", x, weight, window);
    return { geometry: g, kernels: choose(g), outShape: [g.images, weight[0], g.outHeight, g.outWidth] };
  });
}

/** Sizes of the autoencoder's convolutions at batch 4, and sizes of which none is a multiple of another. */
function layer(
  name: string,
  x: number[],
  filters: number,
  kernel: number,
  options: ConvWindowOptions,
): Layer<ConvWindowOptions> {
  const weight = [filters, x[1], kernel, kernel];
  const g = conv2dGeometry(name, x, weight, new ConvWindow("conv2d", options));
  const pixels = g.images * g.outHeight * g.outWidth;
  return { name, shapes: [x, weight], options, work: 2 * pixels * filters * x[1] * kernel * kernel };
}

/** The files of a rung: its forward pass, which can be read alone, and its gradients. */
const withGradients = (name: string) => [`conv/ladder/${name}.ts`, `conv/ladder/${name}_gradients.ts`];

export const conv2dLadder: Ladder<ConvWindowOptions> = {
  op: "conv2d",
  folder: "conv/ladder",
  readme: "conv/README.md",
  unit: "GFLOP/s",
  passes: { forward: "forward", gradInput: 0, gradWeight: 1 },
  layers: [
    layer("conv1", [4, 3, 32, 32], 64, 3, { padding: 1 }),
    layer("conv2", [4, 64, 16, 16], 128, 3, { padding: 1 }),
    layer("odd", [3, 5, 13, 11], 7, 3, { padding: 1 }),
  ],
  rungs: [
    {
      number: 1,
      name: "naive",
      files: withGradients("1_naive"),
      ships: false,
      passes: ALL_CONV_PASSES,
      op: (options) => rungConv2d(() => naive, options),
    },
    {
      number: 2,
      name: "im2col + matmul",
      files: withGradients("2_im2col"),
      ships: false,
      passes: ALL_CONV_PASSES,
      op: (options) => rungConv2d(() => im2col, options),
    },
    { number: 3, name: "implicit GEMM", ships: true, passes: ALL_CONV_PASSES, ...shipped.implicitGemm },
    {
      number: 4,
      name: "direct SIMD",
      files: withGradients("4_direct_simd"),
      ships: false,
      passes: ALL_CONV_PASSES,
      op: (options) => rungConv2d(() => direct, options),
    },
    {
      number: 5,
      name: "Winograd F(2x2,3x3)",
      files: [...withGradients("5_winograd_f2"), "conv/ladder/5_winograd_f2_transforms.ts"],
      ships: false,
      passes: ALL_CONV_PASSES,
      op: (options) => rungConv2d((g) => (isWinograd(g) ? winograd2 : direct), options),
    },
    { number: 6, name: "Winograd F(4x4,3x3)", ships: true, passes: ALL_CONV_PASSES, ...shipped.winograd },
  ],
  reference: ({ shapes, options }, [x, weight], gradient) =>
    convReference(
      conv2dGeometry("conv2d", shapes[0], shapes[1], new ConvWindow("conv2d", options)),
      x,
      weight,
      gradient,
    ),
};
