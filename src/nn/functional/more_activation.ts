import { checkBoolean, checkInteger, checkNumber, readOptions } from "../../checks.ts";
import { formatShape, OptionError, ShapeError } from "../../errors.ts";
import { normalizeDim } from "../../ops/core/array.ts";
import { Unary } from "../../ops/elementwise/unary.ts";
import { apply, expectTensor } from "../../tensor/apply.ts";
import { arange } from "../../tensor/fill.ts";
import { defaultGenerator, Generator } from "../../tensor/generator.ts";
import { rand } from "../../tensor/random.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { elu, softplus } from "./activation.ts";
import { softmax } from "./softmax.ts";

/** α and λ of SELU: activations keep mean 0 and variance 1. see: Klambauer et al. 2017 */
const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;

/**
 * `min(max(x, 0), 6)`. Matches `torch.nn.functional.relu6`.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.relu6(tensor([-1, 3, 9])).toArray()); // [0, 3, 6]
 * ```
 */
export function relu6(x: Tensor): Tensor {
  return hardtanh(x, { minVal: 0, maxVal: 6 });
}

export interface HardtanhOptions {
  /** Default -1. */
  minVal?: number;
  /** Default 1. */
  maxVal?: number;
}

/**
 * `min(max(x, minVal), maxVal)`. Matches `torch.nn.functional.hardtanh`.
 * @param options `minVal` (default -1), `maxVal` (default 1)
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.hardtanh(tensor([-3, 0.5, 3])).toArray()); // [-1, 0.5, 1]
 * ```
 */
export function hardtanh(x: Tensor, options?: HardtanhOptions): Tensor {
  const { minVal, maxVal } = readHardtanh("hardtanh", options);
  expectTensor("hardtanh", "x", x);
  return x.clamp({ min: minVal, max: maxVal });
}

/** Reads and checks the bounds of hardtanh. */
export function readHardtanh(op: string, options: HardtanhOptions | undefined): Required<HardtanhOptions> {
  const { minVal, maxVal } = readOptions(op, options, { minVal: -1, maxVal: 1 });
  checkNumber(op, "minVal", minVal);
  return { minVal, maxVal: checkNumber(op, "maxVal", maxVal, minVal) };
}

/**
 * `x min(max(x + 3, 0), 6) / 6`. Matches `torch.nn.functional.hardswish`.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.hardswish(tensor([-4, 0, 4])).toArray()); // [0, 0, 4]
 * ```
 */
export function hardswish(x: Tensor): Tensor {
  return apply(new Unary("hardswish"), x);
}

/**
 * `min(max(x + 3, 0), 6) / 6`. Matches `torch.nn.functional.hardsigmoid`.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.hardsigmoid(tensor([-4, 0, 4])).toArray()); // [0, 0.5, 1]
 * ```
 */
export function hardsigmoid(x: Tensor): Tensor {
  return apply(new Unary("hardsigmoid"), x);
}

/**
 * `x tanh(ln(1 + e^x))`. Matches `torch.nn.functional.mish`.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.mish(tensor([-1, 0, 1])).toArray());
 * ```
 */
export function mish(x: Tensor): Tensor {
  return apply(new Unary("mish"), x);
}

/**
 * `x / (1 + |x|)`. Matches `torch.nn.functional.softsign`.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.softsign(tensor([-1, 0, 3])).toArray()); // [-0.5, 0, 0.75]
 * ```
 */
export function softsign(x: Tensor): Tensor {
  return apply(new Unary("softsign"), x);
}

/**
 * `scale (x > 0 ? x : alpha (e^x − 1))` with scale 1.0507 and alpha 1.6733. Matches
 * `torch.nn.functional.selu`.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.selu(tensor([-100, 1])).toArray()); // [-1.7581, 1.0507] (about)
 * ```
 */
export function selu(x: Tensor): Tensor {
  return elu(x, { alpha: SELU_ALPHA }).mul(SELU_SCALE);
}

/**
 * `max(x, 0) + min(alpha (e^(x / alpha) − 1), 0)`. Matches `torch.nn.functional.celu`.
 * @param options `alpha` (default 1), other than 0
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.celu(tensor([-100, 2]), { alpha: 2 }).toArray()); // [-2, 2]
 * ```
 */
export function celu(x: Tensor, options?: { alpha?: number }): Tensor {
  const alpha = readCelu("celu", options);
  expectTensor("celu", "x", x);
  return alpha === 1 ? elu(x) : elu(x.div(alpha)).mul(alpha);
}

/** Reads and checks the option of celu. */
export function readCelu(op: string, options: { alpha?: number } | undefined): number {
  const { alpha } = readOptions(op, options, { alpha: 1 });
  if (checkNumber(op, "alpha", alpha) === 0)
    throw new OptionError(`${op}: alpha expected a number other than 0, got 0`);
  return alpha;
}

/**
 * `ln(1 / (1 + e^-x))`. Matches `torch.nn.functional.logsigmoid`.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.logsigmoid(tensor([-100, 0])).toArray()); // [-100, -0.6931] (about)
 * ```
 */
export function logsigmoid(x: Tensor): Tensor {
  expectTensor("logsigmoid", "x", x);
  return softplus(x.neg(), { threshold: Number.MAX_VALUE }).neg();
}

/**
 * `x` where it is positive, else `weight x`, with one weight for all channels or one each. Matches
 * `torch.nn.functional.prelu`.
 * @param x [N,C,...]; @param weight [1] or [C]
 * @throws ShapeError when the weight does not fit.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.prelu(tensor([[-2, 4]]), tensor([0.25])).toArray()); // [[-0.5, 4]]
 * ```
 */
export function prelu(x: Tensor, weight: Tensor): Tensor {
  expectTensor("prelu", "x", x);
  expectTensor("prelu", "weight", weight);
  const channels = x.dim() >= 2 ? x.shape[1] : 1;
  if (weight.dim() > 1 || (weight.numel() !== 1 && weight.numel() !== channels)) {
    const shapes = `weight ${formatShape(weight.shape)}, x ${formatShape(x.shape)}`;
    throw new ShapeError(`prelu: expected one weight, or one for each of ${channels} channels, got ${shapes}`);
  }
  const shape = x.shape.map((_, d) => (d === 1 ? weight.numel() : 1));
  return x.where(x.gt(0), x.mul(weight.reshape(x.dim() >= 2 ? shape : [weight.numel()].slice(0, x.dim()))));
}

/**
 * Gated linear unit: `a σ(b)`, where a and b are the halves of x along a dimension. Matches
 * `torch.nn.functional.glu`.
 * @param dim default -1; its length must be even
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.glu(tensor([3, 4, 0, 0])).toArray()); // [1.5, 2]
 * ```
 */
export function glu(x: Tensor, dim = -1): Tensor {
  expectTensor("glu", "x", x);
  const axis = normalizeDim("glu", dim, x.dim());
  const length = x.shape[axis];
  if (length === undefined || length % 2 !== 0) {
    throw new ShapeError(`glu: dimension ${dim} expected an even length, got ${formatShape(x.shape)}`);
  }
  return x.narrow(axis, 0, length / 2).mul(x.narrow(axis, length / 2, length / 2).sigmoid());
}

/**
 * A sample of the Gumbel-softmax distribution: `softmax((logits + g) / tau)`, with Gumbel noise g. With
 * `hard`, the result is one-hot, and its gradient is that of the soft sample. Matches
 * `torch.nn.functional.gumbel_softmax`.
 * @param options `tau` > 0 (default 1); `hard` (default false); `dim` (default -1); `generator`
 * see: Jang, Gu & Poole, Categorical reparameterization with Gumbel-softmax, 2017
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.gumbelSoftmax(tensor([0, 1, 2]), { hard: true }).sum().item()); // 1
 * ```
 */
export function gumbelSoftmax(
  logits: Tensor,
  options?: { tau?: number; hard?: boolean; dim?: number; generator?: Generator },
): Tensor {
  const op = "gumbelSoftmax";
  const defaults = { tau: 1, hard: false, dim: -1, generator: defaultGenerator };
  const { tau, hard, dim, generator } = readOptions(op, options, defaults);
  checkNumber(op, "tau", tau, Number.MIN_VALUE);
  checkBoolean(op, "hard", hard);
  checkInteger(op, "dim", dim, -(2 ** 31));
  if (!(generator instanceof Generator)) throw new OptionError(`${op}: generator expected a Generator`);
  expectTensor(op, "logits", logits);
  const axis = normalizeDim(op, dim, logits.dim());
  // 1 - u is in (0, 1], and the logarithm of 0 is avoided by the smallest normal number
  const exponential = rand(logits.shape, { generator }).neg().add(1).log().neg().clamp({ min: 1e-37 });
  const soft = softmax(logits.sub(exponential.log()).div(tau), axis);
  if (!hard) return soft;
  const largest = soft.detach().max(axis, { keepdim: true });
  const positions = logits.shape[axis];
  const oneHot = arangeAlong(positions, axis, logits.dim()).eq(largest.indices).float();
  return oneHot.sub(soft.detach()).add(soft);
}

/** 0, 1, … along one dimension; the others have length 1. */
function arangeAlong(length: number, axis: number, rank: number): Tensor {
  const shape = Array.from({ length: rank }, (_, d) => (d === axis ? length : 1));
  return arange(0, length, { dtype: "int32" }).reshape(shape);
}
