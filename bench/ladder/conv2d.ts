/** The ladder of conv2d: its rungs as ops, and the layers they are timed on. */
import { empty, intTable, type NDArray } from "../../src/ops/array.ts";
import { channelSums } from "../../src/ops/conv2d.ts";
import {
  type Conv2dGeometry,
  type Conv2dOptions,
  checkWindow,
  conv2dGeometry,
  type Window,
} from "../../src/ops/conv2d_geometry.ts";
import { type Gradients, Op } from "../../src/ops/op.ts";
import { readOptions } from "../../src/ops/options.ts";
import { type KernelName, run, workFor } from "./kernels.ts";
import { convReference } from "./reference.ts";
import { ALL_CONV_PASSES, type Ladder, type Layer } from "./rung.ts";
import { shipped } from "./shipped.ts";

/** The kernels of a rung: one for each pass. */
export interface ConvKernels {
  forward: KernelName;
  gradInput: KernelName;
  gradWeight: KernelName;
  work: Parameters<typeof workFor>[0];
}

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

/** The table that class Sizes in assembly/conv2d/sizes.ts reads. */
export function sizesTable(g: Conv2dGeometry): number {
  return intTable([
    g.images,
    g.groups,
    g.inChannels,
    g.outChannels,
    g.height,
    g.width,
    ...g.kernel,
    ...g.stride,
    ...g.padding,
    ...g.dilation,
    g.outHeight,
    g.outWidth,
  ]);
}

function windowOf(options?: Conv2dOptions): Window {
  const defaults = { stride: 1, padding: 0, dilation: 1, groups: 1 } as Required<Conv2dOptions>;
  return checkWindow("conv2d", readOptions("conv2d", options, defaults));
}

/** The shapes that Winograd's F(2x2, 3x3) is made for. */
function isWinograd(g: Conv2dGeometry): boolean {
  const ones = [...g.stride, ...g.dilation, g.groups].every((n) => n === 1);
  return ones && g.kernel.every((n) => n === 3);
}

/** A convolution by the kernels that `choose` picks for its sizes. */
class RungConv2d extends Op {
  readonly name = "conv2d";
  readonly #window: Window;
  readonly #choose: (g: Conv2dGeometry) => ConvKernels;
  #geometry!: Conv2dGeometry;

  constructor(choose: (g: Conv2dGeometry) => ConvKernels, options?: Conv2dOptions) {
    super();
    this.#window = windowOf(options);
    this.#choose = choose;
  }

  forward(x: NDArray, weight: NDArray, bias: NDArray | null): NDArray {
    this.#geometry = conv2dGeometry(this.name, x.shape, weight.shape, this.#window);
    const g = this.#geometry;
    const { forward, work } = this.#choose(g);
    this.save(x, weight);
    const out = empty([g.images, weight.shape[0], g.outHeight, g.outWidth]);
    const sizes = sizesTable(g);
    run(forward, x.ptr, weight.ptr, bias?.ptr ?? 0, sizes, out.ptr, workFor(work, sizes));
    return out;
  }

  override backward(dOut: NDArray): Gradients {
    const [x, weight] = this.saved as [NDArray, NDArray];
    const { gradInput, gradWeight, work } = this.#choose(this.#geometry);
    const sizes = sizesTable(this.#geometry);
    const workspace = workFor(work, sizes);
    const dx = this.needs[0] ? empty(x.shape) : null;
    if (dx) run(gradInput, dOut.ptr, weight.ptr, 0, sizes, dx.ptr, workspace);
    const dWeight = this.needs[1] ? empty(weight.shape) : null;
    if (dWeight) run(gradWeight, x.ptr, dOut.ptr, sizes, dWeight.ptr, workspace);
    return [dx, dWeight, this.needs[2] ? channelSums(dOut) : null];
  }
}

/** Sizes of the autoencoder's convolutions at batch 4, and one where nothing is a multiple of anything. */
function layer(
  name: string,
  x: number[],
  filters: number,
  kernel: number,
  options: Conv2dOptions,
): Layer<Conv2dOptions> {
  const weight = [filters, x[1], kernel, kernel];
  const g = conv2dGeometry(name, x, weight, windowOf(options));
  const pixels = g.images * g.outHeight * g.outWidth;
  return { name, shapes: [x, weight], options, work: 2 * pixels * filters * x[1] * kernel * kernel };
}

export const conv2dLadder: Ladder<Conv2dOptions> = {
  op: "conv2d",
  folder: "conv2d",
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
      files: ["conv2d/1_naive.ts"],
      ships: false,
      passes: ALL_CONV_PASSES,
      op: (options) => new RungConv2d(() => naive, options),
    },
    {
      number: 2,
      name: "im2col + matmul",
      files: ["conv2d/2_im2col.ts"],
      ships: false,
      passes: ALL_CONV_PASSES,
      op: (options) => new RungConv2d(() => im2col, options),
    },
    { number: 3, name: "implicit GEMM", ships: true, passes: ALL_CONV_PASSES, ...shipped.implicitGemm },
    {
      number: 4,
      name: "direct SIMD",
      files: ["conv2d/4_direct_simd.ts"],
      ships: false,
      passes: ALL_CONV_PASSES,
      op: (options) => new RungConv2d(() => direct, options),
    },
    {
      number: 5,
      name: "Winograd F(2x2,3x3)",
      files: ["conv2d/5_winograd_f2.ts", "conv2d/5_winograd_f2_transforms.ts"],
      ships: false,
      passes: ALL_CONV_PASSES,
      op: (options) => new RungConv2d((g) => (isWinograd(g) ? winograd2 : direct), options),
    },
    { number: 6, name: "Winograd F(4x4,3x3)", ships: true, passes: ALL_CONV_PASSES, ...shipped.winograd },
  ],
  reference: ({ shapes, options }, [x, weight], gradient) =>
    convReference(conv2dGeometry("conv2d", shapes[0], shapes[1], windowOf(options)), x, weight, gradient),
};
