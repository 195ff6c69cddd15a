/**
 * `nn.init`: the functions of `torch.nn.init` in camelCase. A function whose name ends in an underscore
 * changes its tensor in place, as everywhere in this library and in PyTorch.
 */

import { checkChoice, checkNumber, readOptions } from "../checks.ts";
import { AutogradError, formatShape, ShapeError } from "../errors.ts";
import { ELEMENTWISE_GRAIN, expectFloat, type NDArray } from "../ops/core/array.ts";
import { copyInto } from "../ops/movement/copy.ts";
import { fillNormal, fillUniform } from "../ops/random/draw.ts";
import { launch } from "../runtime/kernels.ts";
import { expectTensor } from "../tensor/apply.ts";
import { eye as identity } from "../tensor/fill.ts";
import { defaultGenerator } from "../tensor/generator.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** The nonlinearity after a layer. Its gain keeps the variance of activations constant. */
export type Nonlinearity = "linear" | "conv2d" | "convTranspose2d" | "sigmoid" | "tanh" | "relu" | "leakyRelu" | "selu";
const NONLINEARITIES: readonly Nonlinearity[] = [
  "linear",
  "conv2d",
  "convTranspose2d",
  "sigmoid",
  "tanh",
  "relu",
  "leakyRelu",
  "selu",
];

const FAN_MODES = ["fanIn", "fanOut"] as const;

export interface KaimingOptions {
  /** Negative slope of the leaky ReLU after the layer. Default 0. */
  a?: number;
  /** Preserves the variance in the forward pass ("fanIn", the default) or in the backward pass ("fanOut"). */
  mode?: (typeof FAN_MODES)[number];
  /** Default "leakyRelu", which equals "relu" for `a: 0`. */
  nonlinearity?: Nonlinearity;
}

function fillWith(op: string, tensor: Tensor, write: (array: NDArray) => void): Tensor {
  expectTensor(op, "tensor", tensor);
  const { array } = tensor;
  expectFloat(op, array);
  if (!tensor.isLeaf) throw new AutogradError(`${op}: expected a leaf, an op made this tensor`);
  write(array);
  array.block.version++;
  return tensor;
}

/** Fills a tensor with uniform random numbers in [low, high). Matches `torch.nn.init.uniform_`. */
export function uniform_(tensor: Tensor, low = 0, high = 1): Tensor {
  checkNumber("uniform_", "low", low);
  checkNumber("uniform_", "high", high, low);
  return fillWith("uniform_", tensor, (x) => fillUniform(x, defaultGenerator.take(x.size), low, high - low));
}

/** Fills a tensor with normal random numbers. Matches `torch.nn.init.normal_`. */
export function normal_(tensor: Tensor, mean = 0, std = 1): Tensor {
  checkNumber("normal_", "mean", mean);
  checkNumber("normal_", "std", std, 0);
  return fillWith("normal_", tensor, (x) => fillNormal(x, defaultGenerator.take(x.size), mean, std));
}

/** Fills a tensor with one value. Matches `torch.nn.init.constant_`. */
export function constant_(tensor: Tensor, value: number): Tensor {
  checkNumber("constant_", "value", value);
  return fillWith("constant_", tensor, (x) => launch("fillFloat", x.size, ELEMENTWISE_GRAIN, x.address, value));
}

/** Fills a tensor with zeros. Matches `torch.nn.init.zeros_`. */
export function zeros_(tensor: Tensor): Tensor {
  return constant_(tensor, 0);
}

/** Fills a tensor with ones. Matches `torch.nn.init.ones_`. */
export function ones_(tensor: Tensor): Tensor {
  return constant_(tensor, 1);
}

/** Fills a matrix with ones on the diagonal and zeros elsewhere. Matches `torch.nn.init.eye_`. */
export function eye_(tensor: Tensor): Tensor {
  expectTensor("eye_", "tensor", tensor);
  const [rows, columns] = tensor.shape;
  if (tensor.dim() !== 2) throw new ShapeError(`eye_: expected a matrix, got ${formatShape(tensor.shape)}`);
  using values = identity(rows, columns);
  return fillWith("eye_", tensor, (x) => copyInto(x, values.array));
}

/**
 * For a weight [out, in, ...kernel], the number of inputs per output (`fanIn`) and of outputs per input
 * (`fanOut`). As in PyTorch, the dimensions are not exchanged for transposed convolutions, whose weights are
 * [in, out, ...kernel].
 */
export function calculateFans(tensor: Tensor): { fanIn: number; fanOut: number } {
  expectTensor("init", "weight", tensor);
  const [out, into, ...kernel] = tensor.shape;
  if (into === undefined) {
    throw new ShapeError(`init: expected a weight of two or more dimensions, got ${formatShape(tensor.shape)}`);
  }
  const receptive = kernel.reduce((a, b) => a * b, 1);
  return { fanIn: into * receptive, fanOut: out * receptive };
}

/**
 * The factor that scales the weights of a layer to compensate for its nonlinearity. Matches
 * `torch.nn.init.calculate_gain`.
 *
 * @param param negative slope of "leakyRelu" (default 0.01)
 */
export function calculateGain(nonlinearity: Nonlinearity, param = 0.01): number {
  checkChoice("calculateGain", "nonlinearity", nonlinearity, NONLINEARITIES);
  checkNumber("calculateGain", "param", param);
  if (nonlinearity === "tanh") return 5 / 3;
  if (nonlinearity === "relu") return Math.sqrt(2);
  if (nonlinearity === "leakyRelu") return Math.sqrt(2 / (1 + param * param));
  return nonlinearity === "selu" ? 3 / 4 : 1;
}

function xavierStd(op: string, tensor: Tensor, gain: number): number {
  checkNumber(op, "gain", gain);
  const { fanIn, fanOut } = calculateFans(tensor);
  return gain * Math.sqrt(2 / Math.max(fanIn + fanOut, 1));
}

/**
 * Fills a tensor uniformly in ±`gain · √(6 / (fanIn + fanOut))` (Glorot and Bengio 2010). Matches
 * `torch.nn.init.xavier_uniform_`.
 */
export function xavierUniform_(tensor: Tensor, gain = 1): Tensor {
  const bound = Math.sqrt(3) * xavierStd("xavierUniform_", tensor, gain);
  return uniform_(tensor, -bound, bound);
}

/**
 * Fills a tensor with normal numbers of standard deviation `gain · √(2 / (fanIn + fanOut))`. Matches
 * `torch.nn.init.xavier_normal_`.
 */
export function xavierNormal_(tensor: Tensor, gain = 1): Tensor {
  return normal_(tensor, 0, xavierStd("xavierNormal_", tensor, gain));
}

function kaimingStd(op: string, tensor: Tensor, options: KaimingOptions | undefined): number {
  const { a, mode, nonlinearity } = readOptions<Required<KaimingOptions>>(op, options, {
    a: 0,
    mode: "fanIn",
    nonlinearity: "leakyRelu",
  });
  checkNumber(op, "a", a);
  checkChoice(op, "mode", mode, FAN_MODES);
  return calculateGain(nonlinearity, a) / Math.sqrt(Math.max(calculateFans(tensor)[mode], 1));
}

/**
 * Fills a tensor uniformly in ±`gain · √(3 / fan)` (He et al. 2015). Matches
 * `torch.nn.init.kaiming_uniform_`.
 *
 * @example
 * ```ts
 * import { nn } from "wasmgrad";
 * const layer = new nn.Linear(100, 10);
 * nn.init.kaimingUniform_(layer.weight, { nonlinearity: "relu" });
 * console.log(layer.weight.abs().max().item() <= Math.sqrt(6 / 100)); // true
 * ```
 */
export function kaimingUniform_(tensor: Tensor, options?: KaimingOptions): Tensor {
  const bound = Math.sqrt(3) * kaimingStd("kaimingUniform_", tensor, options);
  return uniform_(tensor, -bound, bound);
}

/**
 * Fills a tensor with normal numbers of standard deviation `gain / √fan`. Matches
 * `torch.nn.init.kaiming_normal_`.
 */
export function kaimingNormal_(tensor: Tensor, options?: KaimingOptions): Tensor {
  return normal_(tensor, 0, kaimingStd("kaimingNormal_", tensor, options));
}

export { dirac_, orthogonal_, truncNormal_ } from "./init_more.ts";

/** @deprecated Use `uniform_`. */
export const uniform = uniform_;
/** @deprecated Use `normal_`. */
export const normal = normal_;
/** @deprecated Use `constant_`. */
export const constant = constant_;
/** @deprecated Use `zeros_`. */
export const zeros = zeros_;
/** @deprecated Use `ones_`. */
export const ones = ones_;
/** @deprecated Use `eye_`. */
export const eye = eye_;
/** @deprecated Use `xavierUniform_`. */
export const xavierUniform = xavierUniform_;
/** @deprecated Use `xavierNormal_`. */
export const xavierNormal = xavierNormal_;
/** @deprecated Use `kaimingUniform_`. */
export const kaimingUniform = kaimingUniform_;
/** @deprecated Use `kaimingNormal_`. */
export const kaimingNormal = kaimingNormal_;
