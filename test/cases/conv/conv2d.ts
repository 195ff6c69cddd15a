import { nn, type Tensor } from "wasmgrad";
import type { ConvAlgorithmName } from "../../../src/ops/conv/algorithm.ts";
import { choosePooled, forceConvAlgorithm } from "../../../src/ops/conv/choose.ts";
import { ConvTranspose2d } from "../../../src/ops/conv/conv_transpose2d.ts";
import { Conv2d } from "../../../src/ops/conv/conv2d.ts";
import { Conv2dReluPool } from "../../../src/ops/conv/conv2d_relu_pool.ts";
import { conv2dGeometry } from "../../../src/ops/conv/geometry.ts";
import { ConvWindow, TransposedConvWindow } from "../../../src/ops/conv/window.ts";
import { apply } from "../../../src/tensor/apply.ts";
import { at, build, type OpCase, type Ref } from "../case.ts";

const { functional: F } = nn;

export interface ConvCase {
  /** N, Ci, H, W */
  x: [number, number, number, number];
  filters: number;
  kernel: [number, number];
  stride?: [number, number];
  padding?: [number, number];
  outputPadding?: [number, number];
  dilation?: [number, number];
  groups?: number;
  bias?: boolean;
}

/** The definition, term by term. */
function conv2dReference(c: ConvCase, x: Ref, weight: Ref, bias?: Ref): Ref {
  const { stride = [1, 1], padding = [0, 0], dilation = [1, 1], groups = 1 } = c;
  const [n, , h, w] = x.shape;
  const [filters, channels, kh, kw] = weight.shape;
  const size = (length: number, i: number, k: number) =>
    Math.floor((length + 2 * padding[i] - dilation[i] * (k - 1) - 1) / stride[i]) + 1;
  return build([n, filters, size(h, 0, kh), size(w, 1, kw)], (image, co, oy, ox) => {
    let sum = bias ? bias.data[co] : 0;
    const firstChannel = Math.floor(co / (filters / groups)) * channels;
    for (let ci = 0; ci < channels; ci++)
      for (let ky = 0; ky < kh; ky++)
        for (let kx = 0; kx < kw; kx++) {
          const iy = oy * stride[0] + ky * dilation[0] - padding[0];
          const ix = ox * stride[1] + kx * dilation[1] - padding[1];
          if (iy < 0 || iy >= h || ix < 0 || ix >= w) continue;
          sum += at(x, image, firstChannel + ci, iy, ix) * at(weight, co, ci, ky, kx);
        }
    return sum;
  });
}

/**
 * Sizes for Winograd's tiles: complete and partial tiles, more than one chunk of images, channels that do not
 * fill a panel, blocks of filters.
 */
const winograd: ConvCase[] = [
  { x: [2, 32, 5, 6], filters: 32, kernel: [3, 3], padding: [1, 1], bias: true },
  { x: [1, 17, 9, 5], filters: 18, kernel: [3, 3], padding: [1, 1], bias: true },
  { x: [3, 5, 7, 6], filters: 3, kernel: [3, 3], padding: [2, 2], bias: true },
  { x: [1, 1, 3, 3], filters: 1, kernel: [3, 3] },
  { x: [1, 2, 1, 2], filters: 9, kernel: [3, 3], padding: [1, 1], bias: true },
  { x: [70, 2, 4, 4], filters: 3, kernel: [3, 3], padding: [1, 1] },
  { x: [2, 3, 6, 13], filters: 4, kernel: [3, 3], padding: [0, 2], bias: true },
  // more than one block of filters, forward and for both gradients, the last block partial; in one chunk of
  // images and in two
  { x: [1, 3, 5, 6], filters: 70, kernel: [3, 3], padding: [1, 1], bias: true },
  { x: [1, 70, 4, 5], filters: 3, kernel: [3, 3], padding: [1, 1] },
  { x: [33, 2, 8, 8], filters: 34, kernel: [3, 3], padding: [1, 1], bias: true },
  { x: [17, 34, 8, 8], filters: 2, kernel: [3, 3], padding: [1, 1] },
];

/**
 * Sizes for Winograd's tiles with stride 2: complete and partial tiles, a last row that no output reads, each
 * padding, more than one chunk of images (of the result and of the weight's gradient) and block of filters.
 */
const strided: ConvCase[] = [
  { x: [2, 3, 16, 16], filters: 5, kernel: [4, 4], padding: [1, 1], bias: true },
  { x: [1, 9, 11, 7], filters: 6, kernel: [3, 3], padding: [1, 1], bias: true },
  { x: [1, 2, 11, 13], filters: 9, kernel: [4, 4], bias: true },
  { x: [2, 3, 8, 17], filters: 4, kernel: [3, 4], padding: [2, 3] },
  { x: [1, 3, 6, 5], filters: 2, kernel: [4, 3], padding: [3, 0], bias: true },
  { x: [1, 1, 3, 3], filters: 1, kernel: [3, 3] },
  { x: [70, 2, 8, 8], filters: 3, kernel: [4, 4], padding: [1, 1], bias: true },
  { x: [130, 1, 7, 8], filters: 2, kernel: [3, 3], padding: [1, 1] },
  { x: [1, 3, 8, 9], filters: 70, kernel: [3, 3], padding: [1, 1], bias: true },
  { x: [1, 70, 8, 8], filters: 3, kernel: [4, 4], padding: [1, 1] },
  { x: [0, 3, 8, 8], filters: 4, kernel: [4, 4], bias: true },
].map((c) => ({ ...c, stride: [2, 2] }) as ConvCase);

const transposedStrided: ConvCase[] = [
  { x: [2, 5, 4, 4], filters: 3, kernel: [4, 4], padding: [1, 1], bias: true },
  { x: [1, 3, 5, 7], filters: 4, kernel: [3, 3], padding: [1, 1], outputPadding: [1, 1], bias: true },
  { x: [2, 2, 3, 9], filters: 9, kernel: [4, 3], padding: [0, 2] },
  { x: [1, 4, 6, 5], filters: 2, kernel: [3, 4], padding: [2, 3], bias: true },
  { x: [1, 1, 1, 1], filters: 1, kernel: [4, 4] },
  { x: [70, 2, 4, 4], filters: 3, kernel: [4, 4], padding: [1, 1], bias: true },
  { x: [1, 70, 4, 5], filters: 3, kernel: [3, 3], padding: [1, 1], bias: true },
  { x: [1, 3, 4, 4], filters: 70, kernel: [4, 4], padding: [1, 1], bias: true },
].map((c) => ({ ...c, stride: [2, 2] }) as ConvCase);

/**
 * One input channel per group: strides that sort columns by phase, rows and columns that do not fill a block,
 * padding larger than the kernel.
 */
const depthwise: ConvCase[] = [
  { x: [2, 3, 9, 11], filters: 3, kernel: [3, 3], padding: [1, 1], groups: 3, bias: true },
  { x: [2, 3, 9, 12], filters: 3, kernel: [3, 3], stride: [2, 2], padding: [1, 1], groups: 3, bias: true },
  { x: [1, 2, 8, 7], filters: 6, kernel: [3, 3], stride: [2, 2], groups: 2, bias: true },
  { x: [3, 2, 7, 10], filters: 4, kernel: [5, 5], stride: [1, 2], padding: [2, 2], groups: 2 },
  { x: [1, 3, 12, 13], filters: 3, kernel: [2, 4], stride: [3, 3], padding: [1, 2], dilation: [2, 1], groups: 3 },
  {
    x: [1, 2, 11, 9],
    filters: 2,
    kernel: [3, 3],
    stride: [2, 3],
    padding: [2, 0],
    dilation: [3, 2],
    groups: 2,
    bias: true,
  },
  { x: [2, 5, 4, 4], filters: 5, kernel: [1, 1], groups: 5, bias: true },
  { x: [1, 2, 6, 9], filters: 2, kernel: [1, 1], stride: [2, 4], groups: 2 }, // inputs that no output reads
  { x: [1, 1, 8, 8], filters: 4, kernel: [3, 3], bias: true },
  { x: [1, 2, 3, 2], filters: 2, kernel: [2, 1], stride: [2, 2], padding: [3, 4], groups: 2, bias: true },
  { x: [70, 1, 4, 4], filters: 2, kernel: [3, 3], padding: [1, 1] }, // more units than chunks
  { x: [1, 1, 6, 33], filters: 1, kernel: [3, 7], padding: [1, 3], bias: true },
];

/** Each input pixel adds the kernel, scaled by its value, to the output. */
function convTranspose2dReference(c: ConvCase, x: Ref, weight: Ref, bias?: Ref): Ref {
  const { stride = [1, 1], padding = [0, 0], outputPadding = [0, 0], dilation = [1, 1], groups = 1 } = c;
  const [n, channels, h, w] = x.shape;
  const [, perGroup, kh, kw] = weight.shape;
  const size = (length: number, i: number, k: number) =>
    (length - 1) * stride[i] - 2 * padding[i] + dilation[i] * (k - 1) + outputPadding[i] + 1;
  const filters = perGroup * groups;
  const out = build([n, filters, size(h, 0, kh), size(w, 1, kw)], (_, co) => (bias ? bias.data[co] : 0));
  const [, , oh, ow] = out.shape;
  build(x.shape, (image, ci, iy, ix) => {
    const group = Math.floor(ci / (channels / groups));
    for (let co = 0; co < perGroup; co++)
      for (let ky = 0; ky < kh; ky++)
        for (let kx = 0; kx < kw; kx++) {
          const oy = iy * stride[0] + ky * dilation[0] - padding[0];
          const ox = ix * stride[1] + kx * dilation[1] - padding[1];
          if (oy < 0 || oy >= oh || ox < 0 || ox >= ow) continue;
          const to = ((image * filters + group * perGroup + co) * oh + oy) * ow + ox;
          out.data[to] += at(x, image, ci, iy, ix) * at(weight, ci, co, ky, kx);
        }
    return 0;
  });
  return out;
}

const cases: ConvCase[] = [
  { x: [2, 3, 8, 8], filters: 5, kernel: [3, 3], padding: [1, 1], bias: true },
  { x: [1, 1, 1, 1], filters: 1, kernel: [1, 1], bias: true },
  { x: [1, 1, 1, 1], filters: 2, kernel: [3, 3], padding: [1, 1] },
  { x: [1, 4, 9, 7], filters: 6, kernel: [3, 3], stride: [2, 2], padding: [1, 1], bias: true },
  { x: [3, 8, 6, 6], filters: 16, kernel: [1, 1] },
  { x: [2, 6, 5, 7], filters: 10, kernel: [1, 1], groups: 2, bias: true },
  { x: [2, 6, 7, 7], filters: 4, kernel: [5, 5], padding: [2, 2], groups: 2, bias: true },
  { x: [2, 4, 9, 7], filters: 4, kernel: [3, 3], padding: [2, 2], dilation: [2, 2], groups: 4, bias: true },
  // depthwise, with two filters per channel
  { x: [2, 3, 7, 5], filters: 6, kernel: [3, 3], padding: [1, 1], groups: 3 },
  // a stride larger than the kernel
  { x: [1, 2, 10, 6], filters: 3, kernel: [2, 3], stride: [3, 4], padding: [0, 1], bias: true },
  { x: [1, 2, 11, 13], filters: 3, kernel: [3, 2], stride: [1, 2], dilation: [2, 3], padding: [2, 0] },
  { x: [1, 1, 5, 17], filters: 9, kernel: [1, 5], padding: [0, 2], bias: true },
  { x: [0, 3, 5, 5], filters: 4, kernel: [3, 3], bias: true },
  { x: [2, 3, 8, 16], filters: 5, kernel: [2, 2], stride: [2, 2], bias: true },
  { x: [1, 2, 9, 19], filters: 3, kernel: [3, 3], stride: [1, 2], padding: [1, 1] },
  { x: [5, 7, 6, 5], filters: 3, kernel: [4, 4], padding: [2, 2] },
  { x: [3, 5, 4, 4], filters: 2, kernel: [4, 4], bias: true }, // one output pixel
];

const transposed: ConvCase[] = [
  { x: [2, 8, 4, 4], filters: 4, kernel: [2, 2], stride: [2, 2], bias: true },
  { x: [1, 3, 5, 6], filters: 5, kernel: [3, 3], padding: [1, 1], bias: true },
  { x: [2, 4, 4, 3], filters: 3, kernel: [3, 3], stride: [2, 2], padding: [1, 1], outputPadding: [1, 1] },
  { x: [1, 1, 1, 1], filters: 1, kernel: [1, 1], bias: true },
  { x: [1, 1, 1, 1], filters: 2, kernel: [2, 3], stride: [2, 3] },
  { x: [5, 9, 1, 1], filters: 3, kernel: [4, 3] }, // images from single pixels
  { x: [2, 3, 1, 1], filters: 4, kernel: [3, 3], bias: true },
  { x: [2, 4, 5, 3], filters: 6, kernel: [1, 1], groups: 2 },
  { x: [1, 3, 4, 5], filters: 2, kernel: [1, 1], dilation: [2, 2], outputPadding: [1, 1] },
  { x: [3, 5, 3, 7], filters: 3, kernel: [2, 2], stride: [2, 2], bias: true },
  { x: [2, 9, 3, 4], filters: 5, kernel: [2, 2], stride: [2, 2] },
  { x: [1, 2, 5, 12], filters: 3, kernel: [2, 2], stride: [2, 2], bias: true },
  { x: [1, 2, 3, 5], filters: 1, kernel: [2, 2], stride: [2, 2], outputPadding: [1, 0] },
  { x: [2, 4, 3, 5], filters: 6, kernel: [3, 3], stride: [1, 2], groups: 2, padding: [0, 1], bias: true },
  // pixels between the windows that no window covers
  { x: [1, 3, 4, 4], filters: 3, kernel: [2, 2], stride: [3, 3], groups: 3, outputPadding: [2, 1], bias: true },
  { x: [1, 2, 3, 4], filters: 3, kernel: [3, 2], dilation: [2, 3], outputPadding: [1, 2], padding: [1, 1] },
  { x: [0, 3, 5, 5], filters: 4, kernel: [2, 2], stride: [2, 2], bias: true },
];

function describe(c: ConvCase): string {
  const { x, filters, kernel, bias, ...options } = c;
  return `[${x}] to ${filters}, kernel ${kernel.join("x")} ${JSON.stringify(options)}${bias ? " with bias" : ""}`;
}

function forcing<T>(algorithm: ConvAlgorithmName | undefined, run: () => T): T {
  forceConvAlgorithm(algorithm);
  try {
    return run();
  } finally {
    forceConvAlgorithm(undefined);
  }
}

/** Each tap of each filter is used once per output pixel or, in a transposed convolution, per input pixel. */
function flopsOf(c: ConvCase, op: "conv2d" | "convTranspose2d"): number {
  const { x, filters, kernel, stride = [1, 1], padding = [0, 0], dilation = [1, 1], groups = 1 } = c;
  const [n, channels, ...lengths] = x;
  const outLength = (length: number, i: number) =>
    Math.floor((length + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) / stride[i]) + 1;
  const [height, width] = op === "conv2d" ? lengths.map(outLength) : lengths;
  return (2 * n * channels * filters * kernel[0] * kernel[1] * height * width) / groups;
}

function table(list: ConvCase[], op: "conv2d" | "convTranspose2d", algorithm?: ConvAlgorithmName): OpCase[] {
  return list.map((c) => {
    const { x, filters, kernel, bias, ...options } = c;
    const groups = c.groups ?? 1;
    const weight = op === "conv2d" ? [filters, x[1] / groups, ...kernel] : [x[1], filters / groups, ...kernel];
    const reference = op === "conv2d" ? conv2dReference : convTranspose2dReference;
    return {
      name: `${op} ${describe(c)}${algorithm ? ` by ${algorithm}` : ""}`,
      inputs: [{ shape: x }, { shape: weight, low: -1, high: 1 }, ...(bias ? [{ shape: [filters] }] : [])],
      run: (input, w, b) => forcing(algorithm, () => F[op](input, w, b ?? null, options)),
      reference: (...inputs) => reference(c, inputs[0], inputs[1], inputs[2]),
      // Winograd multiplies by up to 8 and divides again, so its error is about ten times that of a direct
      // sum. The error grows with the terms, while sums of many terms can be small
      tolerance: algorithm === "winograd" || algorithm === "shallow" ? (x[1] > 32 ? 4e-4 : 1e-4) : 1e-5,
      gradTolerance: algorithm === "winograd" ? 2e-4 : 2e-5,
      flops: flopsOf(c, op),
    };
  });
}

const relu = (x: Ref): Ref => ({ shape: x.shape, data: x.data.map((value) => Math.max(0, value)) });

/** Adjacent windows of 2x2; an odd last row or column is ignored. */
function maxPool2x2(x: Ref): Ref {
  const [n, channels, h, w] = x.shape;
  return build([n, channels, h >> 1, w >> 1], (image, c, py, px) => {
    const corner = (i: number, j: number) => at(x, image, c, 2 * py + i, 2 * px + j);
    return Math.max(corner(0, 0), corner(0, 1), corner(1, 0), corner(1, 1));
  });
}

/**
 * For the passes that pool: odd sizes, rows of windows that do not fill a vector, more windows than are
 * gathered at a time, taps in one block and in several.
 */
const pooled: ConvCase[] = [
  { x: [2, 3, 8, 8], filters: 5, kernel: [3, 3], padding: [1, 1], bias: true },
  { x: [1, 1, 2, 2], filters: 1, kernel: [1, 1], bias: true },
  { x: [3, 1, 7, 5], filters: 6, kernel: [3, 3], padding: [1, 1] },
  { x: [1, 4, 9, 21], filters: 9, kernel: [3, 3], padding: [1, 1], bias: true },
  { x: [2, 5, 11, 14], filters: 3, kernel: [4, 2], padding: [2, 0], stride: [2, 1], bias: true },
  { x: [1, 2, 12, 9], filters: 7, kernel: [5, 4], padding: [2, 3], dilation: [2, 1], bias: true },
  { x: [1, 7, 6, 20], filters: 4, kernel: [1, 3], stride: [1, 2], bias: true },
  { x: [2, 3, 18, 23], filters: 6, kernel: [5, 5], padding: [2, 2], bias: true },
  { x: [1, 3, 15, 33], filters: 5, kernel: [7, 7], padding: [3, 3], stride: [2, 2] },
  { x: [2, 1, 3, 30], filters: 2, kernel: [2, 28], bias: true },
  { x: [0, 3, 8, 8], filters: 4, kernel: [3, 3], bias: true },
];
const pooledWinograd: ConvCase[] = [
  ...winograd.filter((c) => c.x[2] > 3),
  { x: [2, 3, 16, 16], filters: 5, kernel: [3, 3], padding: [1, 1], bias: true },
  { x: [3, 2, 9, 19], filters: 3, kernel: [3, 3], padding: [1, 1], bias: true },
];

/** The layers that Sequential runs in one pass (src/nn/internal/fusion.ts). */
function fusedTable(
  list: ConvCase[],
  op: "conv2d" | "convTranspose2d",
  run: (c: ConvCase, x: Tensor, weight: Tensor, bias: Tensor | null) => Tensor,
  finish: (out: Ref) => Ref,
  algorithm?: ConvAlgorithmName,
): OpCase[] {
  return table(list, op, algorithm).map((testCase, i) => ({
    ...testCase,
    name: `${testCase.name}, ${finish.name}`,
    run: (x, weight, bias) => forcing(algorithm, () => run(list[i], x, weight, bias ?? null)),
    reference: (...inputs) => finish(testCase.reference(...inputs)),
  }));
}

const runRelu = ({ x, filters, kernel, bias, ...options }: ConvCase, ...inputs: (Tensor | null)[]) =>
  apply(new Conv2d(new ConvWindow("conv2d", options), true), ...inputs);
const runTransposedRelu = ({ x, filters, kernel, bias, ...options }: ConvCase, ...inputs: (Tensor | null)[]) =>
  apply(new ConvTranspose2d(new TransposedConvWindow("convTranspose2d", options), true), ...inputs);

function runReluPool(c: ConvCase, x: Tensor, weight: Tensor, bias: Tensor | null): Tensor {
  const { stride = 1, padding = 0, dilation = 1, groups = 1 } = c;
  const window = new ConvWindow("conv2d", { stride, padding, dilation, groups });
  const g = conv2dGeometry("conv2d", x.shape, weight.shape, window);
  const algorithm = choosePooled(g);
  if (!algorithm) throw new Error("there is no pass for these sizes");
  return apply(new Conv2dReluPool(window, g, algorithm), x, weight, bias);
}
const reluMaxPool = (out: Ref) => maxPool2x2(relu(out));

/** Of many pixels, some lie so close to 0 that rounding decides whether they pass a ReLU. */
const ofFewImages = (list: ConvCase[]) => list.filter((c) => c.x[0] < 70);

export const fusedConvCases = [
  ...fusedTable(cases, "conv2d", runRelu, relu),
  ...fusedTable(winograd, "conv2d", runRelu, relu, "winograd"),
  ...fusedTable(ofFewImages(strided), "conv2d", runRelu, relu, "winograd"),
  ...fusedTable(transposed, "convTranspose2d", runTransposedRelu, relu),
  ...fusedTable(ofFewImages(transposedStrided), "convTranspose2d", runTransposedRelu, relu, "winograd"),
  ...fusedTable(pooled, "conv2d", runReluPool, reluMaxPool, "gemm"),
  ...fusedTable(pooledWinograd, "conv2d", runReluPool, reluMaxPool, "winograd"),
  ...fusedTable(
    pooledWinograd.map((c) => ({ ...c, x: [c.x[0], 1 + (c.x[1] % 3), c.x[2], c.x[3]] })),
    "conv2d",
    runReluPool,
    reluMaxPool,
    "shallow",
  ),
];

export type RunConv = (x: Tensor, weight: Tensor, bias: Tensor | null, options: ConvOptions) => Tensor;

type ConvOptions = Omit<ConvCase, "x" | "filters" | "kernel" | "bias">;

/** A table whose cases are run by `run`, one of the ladder's rungs. */
function tableBy(list: ConvCase[], op: "conv2d" | "convTranspose2d", run: RunConv): OpCase[] {
  return table(list, op).map((testCase, i) => {
    const { x, filters, kernel, bias, ...options } = list[i];
    // the definition's gradients are sums in one float32
    return { ...testCase, gradTolerance: 5e-5, run: (input, weight, b) => run(input, weight, b ?? null, options) };
  });
}

export const conv2dCasesBy = (run: RunConv) =>
  tableBy([...cases, ...winograd, ...strided, ...depthwise], "conv2d", run);
export const convTranspose2dCasesBy = (run: RunConv) =>
  tableBy([...transposed, ...transposedStrided], "convTranspose2d", run);

export const conv2dCases = [
  ...table(cases, "conv2d"),
  ...table(winograd, "conv2d", "winograd"),
  ...table(winograd, "conv2d", "gemm"),
  ...table(strided, "conv2d", "winograd"),
  ...table(strided, "conv2d", "gemm"),
  ...table(depthwise, "conv2d", "depthwise"),
  ...table(depthwise, "conv2d", "gemm"),
];
export const convTranspose2dCases = [
  ...table(transposed, "convTranspose2d"),
  ...table(transposedStrided, "convTranspose2d", "winograd"),
  ...table(transposedStrided, "convTranspose2d", "gemm"),
];

/** Large sizes, which are timed: each algorithm on realistic layers. */
export const largeConvCases: OpCase[] = table(
  [
    { x: [4, 3, 32, 32], filters: 64, kernel: [3, 3], padding: [1, 1], bias: true },
    { x: [4, 64, 16, 16], filters: 128, kernel: [3, 3], padding: [1, 1], bias: true },
    { x: [4, 64, 16, 16], filters: 64, kernel: [1, 1] },
    { x: [4, 64, 32, 32], filters: 64, kernel: [3, 3], padding: [1, 1], groups: 64 },
    { x: [4, 64, 16, 16], filters: 64, kernel: [4, 4], stride: [2, 2], padding: [1, 1], bias: true },
  ],
  "conv2d",
).map((testCase) => ({ ...testCase, tolerance: 4e-4, batched: [0] }));
export const largeConvTransposeCases: OpCase[] = table(
  [{ x: [4, 128, 8, 8], filters: 64, kernel: [2, 2], stride: [2, 2], bias: true }],
  "convTranspose2d",
).map((testCase) => ({ ...testCase, tolerance: 4e-5, batched: [0] }));
