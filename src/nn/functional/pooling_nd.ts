import { checkBoolean, checkInteger, checkNumber, checkPair, type Pair, readOptions } from "../../checks.ts";
import { formatShape, OptionError, ShapeError } from "../../errors.ts";
import type { AdaptiveSize } from "../../ops/pool/avg_pool2d.ts";
import { expectTensor } from "../../tensor/apply.ts";
import { cat } from "../../tensor/functions.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkTriple, type Triple } from "./conv3d.ts";
import { adaptiveAvgPool2d, avgPool2d, maxPool2d } from "./pooling.ts";

export interface MaxPool1dOptions {
  /** Default: the kernel's size. */
  stride?: number | null;
  /** Elements of -Infinity on each side. Default 0. */
  padding?: number;
  /** Default 1. */
  dilation?: number;
  /** Whether a last window may reach beyond the end. Default false. */
  ceilMode?: boolean;
}

export interface AvgPool1dOptions {
  /** Default: the kernel's size. */
  stride?: number | null;
  /** Zeros on each side. Default 0. */
  padding?: number;
  /** Whether a last window may reach beyond the end. Default false. */
  ceilMode?: boolean;
  /** Whether the zeros count. Default true. */
  countIncludePad?: boolean;
}

const inRow = (op: string, name: string, value: number, least: number, across: number): [number, number] => [
  across,
  checkInteger(op, name, value, least),
];

function expectRank(op: string, x: Tensor, ...ranks: number[]): void {
  expectTensor(op, "x", x);
  if (!ranks.includes(x.dim())) {
    throw new ShapeError(`${op}: expected ${ranks.join(" or ")} dimensions, got ${formatShape(x.shape)}`);
  }
}

/**
 * The largest value of each window of x [N,C,L] or [C,L]. Matches `torch.nn.functional.max_pool1d`, without
 * indices.
 *
 * @param options `stride` (default: kernelSize), `padding` 0, `dilation` 1, `ceilMode` false
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.maxPool1d(tensor([[1, 3, 2, 0]]), 2).toArray()); // [[3, 2]]
 * ```
 */
export function maxPool1d(x: Tensor, kernelSize: number, options?: MaxPool1dOptions): Tensor {
  const op = "maxPool1d";
  const defaults: Required<MaxPool1dOptions> = { stride: null, padding: 0, dilation: 1, ceilMode: false };
  const { stride, padding, dilation, ceilMode } = readOptions(op, options, defaults);
  const window = {
    stride: inRow(op, "stride", stride ?? kernelSize, 1, 1),
    padding: inRow(op, "padding", padding, 0, 0),
    dilation: inRow(op, "dilation", dilation, 1, 1),
    ceilMode: checkBoolean(op, "ceilMode", ceilMode),
  };
  const kernel = inRow(op, "kernelSize", kernelSize, 1, 1);
  expectRank(op, x, 2, 3);
  return maxPool2d(x.unsqueeze(-2), kernel, window).squeeze(-2);
}

/**
 * The mean of each window of x [N,C,L] or [C,L]. Matches `torch.nn.functional.avg_pool1d`.
 *
 * @param options `stride` (default: kernelSize), `padding` 0, `ceilMode` false, `countIncludePad` true
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.avgPool1d(tensor([[1, 3, 2, 0]]), 2).toArray()); // [[2, 1]]
 * ```
 */
export function avgPool1d(x: Tensor, kernelSize: number, options?: AvgPool1dOptions): Tensor {
  const op = "avgPool1d";
  const defaults: Required<AvgPool1dOptions> = { stride: null, padding: 0, ceilMode: false, countIncludePad: true };
  const { stride, padding, ceilMode, countIncludePad } = readOptions(op, options, defaults);
  const window = {
    stride: inRow(op, "stride", stride ?? kernelSize, 1, 1),
    padding: inRow(op, "padding", padding, 0, 0),
    ceilMode: checkBoolean(op, "ceilMode", ceilMode),
    countIncludePad: checkBoolean(op, "countIncludePad", countIncludePad),
  };
  const kernel = inRow(op, "kernelSize", kernelSize, 1, 1);
  expectRank(op, x, 2, 3);
  return avgPool2d(x.unsqueeze(-2), kernel, window).squeeze(-2);
}

export interface Pool3dOptions {
  /** Default: the kernel's size. */
  stride?: Triple | null;
  /** Default 0. */
  padding?: Triple;
}

/** Checks the window of a 3-D pooling. */
export function readPool3d(op: string, kernelSize: Triple, options: Pool3dOptions | undefined) {
  const read = readOptions<Required<Pool3dOptions>>(op, options, { stride: null, padding: 0 });
  const kernel = checkTriple(op, "kernelSize", kernelSize, 1);
  return {
    kernel,
    stride: checkTriple(op, "stride", read.stride ?? kernelSize, 1),
    padding: checkTriple(op, "padding", read.padding, 0),
  };
}

/** Pools height and width of each plane with `planes`, then the depth of each pixel with `depths`. */
function pool3d(
  op: string,
  x: Tensor,
  w: ReturnType<typeof readPool3d>,
  pool: (x: Tensor, kernel: Pair, window: { stride: Pair; padding: Pair }) => Tensor,
): Tensor {
  expectRank(op, x, 4, 5);
  if (x.dim() === 4) return pool3d(op, x.unsqueeze(0), w, pool).squeeze(0);
  const [batch, channels, depth, height, width] = x.shape;
  const planes = x.reshape([batch * channels, depth, height, width]);
  const flat = pool(planes, w.kernel.slice(1), { stride: w.stride.slice(1), padding: w.padding.slice(1) });
  const [rows, columns] = flat.shape.slice(2);
  const lines = flat.reshape([batch * channels, 1, depth, rows * columns]);
  const deep = pool(lines, [w.kernel[0], 1], { stride: [w.stride[0], 1], padding: [w.padding[0], 0] });
  return deep.reshape([batch, channels, deep.shape[2], rows, columns]);
}

/**
 * The largest value of each window of x [N,C,D,H,W] or [C,D,H,W]. Matches `torch.nn.functional.max_pool3d`,
 * without `dilation`, `ceil_mode` and indices.
 *
 * @param options `stride` (default: kernelSize), `padding` 0
 * @example
 * ```ts
 * import { nn, ones } from "wasmgrad";
 * console.log(nn.functional.maxPool3d(ones([1, 2, 4, 4, 4]), 2).shape); // [1, 2, 2, 2, 2]
 * ```
 */
export function maxPool3d(x: Tensor, kernelSize: Triple, options?: Pool3dOptions): Tensor {
  return pool3d("maxPool3d", x, readPool3d("maxPool3d", kernelSize, options), (y, kernel, window) =>
    maxPool2d(y, kernel, window),
  );
}

/**
 * The mean of each window of x [N,C,D,H,W] or [C,D,H,W], where padding counts. Matches
 * `torch.nn.functional.avg_pool3d`, without `ceil_mode`, `count_include_pad` and `divisor_override`.
 *
 * @param options `stride` (default: kernelSize), `padding` 0
 * @example
 * ```ts
 * import { nn, ones } from "wasmgrad";
 * console.log(nn.functional.avgPool3d(ones([1, 2, 4, 4, 4]), 2).shape); // [1, 2, 2, 2, 2]
 * ```
 */
export function avgPool3d(x: Tensor, kernelSize: Triple, options?: Pool3dOptions): Tensor {
  return pool3d("avgPool3d", x, readPool3d("avgPool3d", kernelSize, options), (y, kernel, window) =>
    avgPool2d(y, kernel, window),
  );
}

/**
 * Averages x [N,C,L] or [C,L] down (or up) to a given length. Matches
 * `torch.nn.functional.adaptive_avg_pool1d`.
 *
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.adaptiveAvgPool1d(tensor([[1, 2, 3]]), 2).toArray()); // [[1.5, 2.5]]
 * ```
 */
export function adaptiveAvgPool1d(x: Tensor, outputSize: number): Tensor {
  const size = checkInteger("adaptiveAvgPool1d", "outputSize", outputSize, 1);
  expectRank("adaptiveAvgPool1d", x, 2, 3);
  return adaptiveAvgPool2d(x.unsqueeze(-2), [1, size]).squeeze(-2);
}

/** The largest values of windows along a dimension, chosen such that there are `size` of them. */
function adaptiveMax(x: Tensor, dim: number, size: number): Tensor {
  const length = x.shape[dim];
  if (size === length) return x;
  const parts = Array.from({ length: size }, (_, i) => {
    const start = Math.floor((i * length) / size);
    const end = Math.ceil(((i + 1) * length) / size);
    return x.narrow(dim, start, end - start).max(dim, { keepdim: true }).values;
  });
  return cat(parts, dim);
}

/** Checks the size of an adaptive pooling: null keeps the input's. */
export function readAdaptive(op: string, outputSize: AdaptiveSize, image: readonly number[]): [number, number] {
  const list: readonly (number | null)[] = Array.isArray(outputSize) ? outputSize : [outputSize, outputSize];
  if (list.length !== 2) throw new OptionError(`${op}: outputSize expected one integer or two, got ${list}`);
  return list.map((size, d) => (size === null ? image[d] : checkInteger(op, "outputSize", size, 1))) as [
    number,
    number,
  ];
}

/**
 * The largest values of windows that are chosen such that the result has a given size: row o of the result
 * looks at rows `⌊o·H/OH⌋` to `⌈(o+1)·H/OH⌉ − 1`. x [N,C,H,W] or [C,H,W]. Matches
 * `torch.nn.functional.adaptive_max_pool2d`, without indices; of equal values in different rows, the gradient
 * may go to another one.
 *
 * @param outputSize an integer or [height, width]; null keeps the input's size
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.adaptiveMaxPool2d(tensor([[[1, 2], [4, 3]]]), 1).item()); // 4
 * ```
 */
export function adaptiveMaxPool2d(x: Tensor, outputSize: AdaptiveSize): Tensor {
  expectRank("adaptiveMaxPool2d", x, 3, 4);
  const [height, width] = readAdaptive("adaptiveMaxPool2d", outputSize, x.shape.slice(-2));
  return adaptiveMax(adaptiveMax(x, x.dim() - 2, height), x.dim() - 1, width);
}

/**
 * The largest values of windows of x [N,C,L] or [C,L]. Matches `torch.nn.functional.adaptive_max_pool1d`,
 * without indices.
 *
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.adaptiveMaxPool1d(tensor([[1, 4, 3]]), 2).toArray()); // [[4, 4]]
 * ```
 */
export function adaptiveMaxPool1d(x: Tensor, outputSize: number): Tensor {
  const size = checkInteger("adaptiveMaxPool1d", "outputSize", outputSize, 1);
  expectRank("adaptiveMaxPool1d", x, 2, 3);
  return adaptiveMax(x, x.dim() - 1, size);
}

/**
 * `(Σ x^p)^(1/p)` over each window of x [N,C,H,W] or [C,H,W]; sums below 0 become 0. Matches
 * `torch.nn.functional.lp_pool2d`.
 *
 * @param normType p, > 0
 * @param options `stride` (default: kernelSize), `ceilMode` false
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.lpPool2d(tensor([[[3, 4]]]), 2, [1, 2]).item().toFixed(3)); // 5.000
 * ```
 */
export function lpPool2d(
  x: Tensor,
  normType: number,
  kernelSize: Pair,
  options?: { stride?: Pair | null; ceilMode?: boolean },
): Tensor {
  const op = "lpPool2d";
  const { stride, ceilMode } = readOptions(op, options, { stride: null as Pair | null, ceilMode: false });
  checkNumber(op, "normType", normType, Number.MIN_VALUE);
  const kernel = checkPair(op, "kernelSize", kernelSize, 1);
  expectRank(op, x, 3, 4);
  const mean = avgPool2d(x.pow(normType), kernel, { stride, ceilMode });
  return mean
    .relu()
    .mul(kernel[0] * kernel[1])
    .pow(1 / normType);
}
