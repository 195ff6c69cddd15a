import { noGrad } from "../../autograd/grad_mode.ts";
import { checkBoolean, checkInteger, checkNumber, readOptions } from "../../checks.ts";
import { OptionError } from "../../errors.ts";
import { BatchNormOp, GroupNormOp, LayerNormOp, NormalizeOp } from "../../gradients/rules/norm.ts";
import { checkShape, normalizeDim } from "../../ops/core/array.ts";
import { apply, expectTensor } from "../../tensor/apply.ts";
import type { Tensor } from "../../tensor/tensor.ts";

export interface NormOptions {
  /** Factor of the normalized values. Default: none. */
  weight?: Tensor | null;
  /** Added after the weight. Default: none. */
  bias?: Tensor | null;
  /** Added to the variance. Default 1e-5. */
  eps?: number;
}

const NORM_DEFAULTS = { weight: null as Tensor | null, bias: null as Tensor | null, eps: 1e-5 };

/**
 * `(x - mean) / √(var + eps) * weight + bias`, with mean and (biased) variance over the last dimensions.
 * Matches `torch.nn.functional.layer_norm`.
 *
 * @param x [..., ...normalizedShape]
 * @param normalizedShape the last dimensions
 * @param options `weight` and `bias` of shape normalizedShape; `eps` (default 1e-5).
 * @throws ShapeError when the shapes do not fit.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.layerNorm(tensor([[1, 2, 3]]), [3]).toArray()); // [[-1.2247, 0, 1.2247]]
 * ```
 */
export function layerNorm(x: Tensor, normalizedShape: readonly number[], options?: NormOptions): Tensor {
  const { weight, bias, eps } = readOptions("layerNorm", options, NORM_DEFAULTS);
  checkShape("layerNorm", normalizedShape);
  return apply(new LayerNormOp([...normalizedShape], checkNumber("layerNorm", "eps", eps, 0)), x, weight, bias);
}

/**
 * `(x - mean) / √(var + eps) * weight + bias`, with mean and (biased) variance of each group of channels of
 * each image. Matches `torch.nn.functional.group_norm`.
 *
 * @param x [N,C,...]
 * @param numGroups a divisor of C; C itself gives instance normalization
 * @param options `weight` and `bias` [C]; `eps` (default 1e-5).
 * @throws ShapeError when the shapes do not fit.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.groupNorm(tensor([[1, 3, 5, 9]]), 2).toArray()); // [[-1, 1, -1, 1]] (nearly)
 * ```
 */
export function groupNorm(x: Tensor, numGroups: number, options?: NormOptions): Tensor {
  const { weight, bias, eps } = readOptions("groupNorm", options, NORM_DEFAULTS);
  checkInteger("groupNorm", "numGroups", numGroups, 1);
  return apply(new GroupNormOp(numGroups, checkNumber("groupNorm", "eps", eps, 0)), x, weight, bias);
}

/**
 * `(x - mean) / √(var + eps) * weight + bias` for each channel. Matches `torch.nn.functional.batch_norm`.
 *
 * Training uses the mean and (biased) variance of the batch. If `runningMean` and `runningVar` are given,
 * they are updated in place: `running = (1 - momentum) running + momentum batch`, with the unbiased variance.
 * Outside training, they are used as mean and variance.
 *
 * @param x [N,C], [N,C,L], [N,C,H,W] …
 * @param options `weight` and `bias` [C]; `training` (default false); `momentum`
 *   (default 0.1); `eps` (default 1e-5).
 * @throws ShapeError when the shapes do not fit, or in training with only one value per channel; OptionError
 *   when running statistics are missing outside training.
 * @example
 * ```ts
 * import { nn, tensor, zeros } from "wasmgrad";
 * const runningMean = zeros([2]);
 * const runningVar = tensor([1, 1]);
 * const x = tensor([[1, 10], [3, 30]]);
 * console.log(nn.functional.batchNorm(x, runningMean, runningVar, { training: true }).toArray()); // [[-1, -1], [1, 1]] (nearly)
 * console.log(runningMean.toArray()); // [0.2, 2]
 * ```
 */
export function batchNorm(
  x: Tensor,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  options?: NormOptions & { training?: boolean; momentum?: number },
): Tensor {
  const op = "batchNorm";
  const { weight, bias, eps, training, momentum } = readOptions(op, options, {
    ...NORM_DEFAULTS,
    training: false,
    momentum: 0.1,
  });
  const norm = new BatchNormOp({
    training: checkBoolean(op, "training", training),
    momentum: checkNumber(op, "momentum", momentum, 0, 1),
    eps: checkNumber(op, "eps", eps, 0),
  });
  return apply(norm, x, weight, bias, runningMean, runningVar);
}

/**
 * `x / max(‖x‖ₚ, eps)` along a dimension. Matches `torch.nn.functional.normalize`, except that intermediate
 * powers neither overflow nor underflow.
 *
 * @param options `p` > 0 (default 2); `dim` (default 1); `eps` (default 1e-12).
 * @throws OptionError when `dim` is out of range or p is not positive.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.normalize(tensor([[3, 4]])).toArray()); // [[0.6, 0.8]]
 * ```
 */
export function normalize(x: Tensor, options?: { p?: number; dim?: number; eps?: number }): Tensor {
  const { p, dim, eps } = readOptions("normalize", options, { p: 2, dim: 1, eps: 1e-12 });
  checkNumber("normalize", "eps", eps, 0);
  if (!(checkNumber("normalize", "p", p) > 0)) throw new OptionError(`normalize: p expected a number > 0, got ${p}`);
  if (p === 2) return apply(new NormalizeOp(dim, eps), x);
  expectTensor("normalize", "x", x);
  normalizeDim("normalize", dim, x.dim());
  const size = noGrad(() => largestMagnitude(x, dim));
  const scaled = x.div(size); // in [-1, 1]: no power overflows, and the largest power does not underflow
  const norm = powerFlatAtZero(powerFlatAtZero(scaled.abs(), p).sum(dim, { keepdim: true }), 1 / p);
  return scaled.div(norm.maximum(noGrad(() => size.reciprocal().mul(eps))));
}

/** The largest |x| along a dimension, which keeps length 1. Largest values of 0, infinity or NaN become 1. */
function largestMagnitude(x: Tensor, dim: number): Tensor {
  if (x.numel() === 0) return x.sum(dim, { keepdim: true }).add(1);
  const size = x.abs().max(dim, { keepdim: true }).values;
  return size.where(size.gt(0).logicalAnd(size.isFinite()), 1);
}

/**
 * `x ^ p` for x >= 0, with a gradient of 0 at 0. For p < 1 the true gradient at 0 is infinite and would
 * become NaN in the backward pass.
 */
function powerFlatAtZero(x: Tensor, p: number): Tensor {
  if (p >= 1) return p === 1 ? x : x.pow(p);
  const nonzero = x.ne(0);
  return x.where(nonzero, 1).pow(p).where(nonzero, 0);
}
