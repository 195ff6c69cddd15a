import { noGrad } from "../../autograd/grad_mode.ts";
import { formatShape, ShapeError } from "../../errors.ts";
import { isSameShape } from "../../ops/core/array.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { expectTensors } from "./distance.ts";
import { smoothL1Loss } from "./loss.ts";
import {
  expectSame,
  type GaussianNLLLossOptions,
  type HuberLossOptions,
  type PoissonNLLLossOptions,
  readLossOptions,
  reduce,
} from "./loss_options.ts";

/**
 * `d² / 2` where `d = |input - target| < delta`, else `delta (d - delta / 2)`. Matches
 * `torch.nn.functional.huber_loss`, but shapes must be equal.
 *
 * @param options `reduction`; `delta` > 0 (default 1).
 * @throws ShapeError when the shapes differ.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * const loss = nn.functional.huberLoss(tensor([0, 0]), tensor([1, 4]), { delta: 2, reduction: "none" });
 * console.log(loss.toArray()); // [0.5, 6]
 * ```
 */
export function huberLoss(input: Tensor, target: Tensor, options?: HuberLossOptions): Tensor {
  const { reduction, delta } = readLossOptions("huberLoss", "huberLoss", options);
  expectTensors("huberLoss", { input, target });
  expectSame("huberLoss", input, target);
  return smoothL1Loss(input, target, { reduction, beta: delta }).mul(delta);
}

/**
 * Negative log-likelihood of a Poisson distribution: `e^x - t x` of the logarithm x of its mean, or with
 * `logInput: false` `x - t log(x + eps)`. With `full`, Stirling's approximation of `log t!` is added where t
 * > 1. Matches `torch.nn.functional.poisson_nll_loss`.
 *
 * @param options `reduction`; `logInput` (default true); `full` (default false); `eps` (default 1e-8).
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.poissonNllLoss(tensor([0]), tensor([2])).item()); // 1
 * ```
 */
export function poissonNllLoss(input: Tensor, target: Tensor, options?: PoissonNLLLossOptions): Tensor {
  const { reduction, logInput, full, eps } = readLossOptions("poissonNllLoss", "poissonNllLoss", options);
  expectTensors("poissonNllLoss", { input, target });
  let terms = logInput ? input.exp().sub(target.mul(input)) : input.sub(target.mul(input.add(eps).log()));
  if (full) {
    const many = target.gt(1);
    const t = target.where(many, 1);
    const stirling = t
      .mul(t.log())
      .sub(t)
      .add(
        t
          .mul(2 * Math.PI)
          .log()
          .mul(0.5),
      );
    terms = terms.add(stirling.where(many, 0));
  }
  return reduce(terms, reduction);
}

/**
 * Negative log-likelihood of a normal distribution: `(log v + (input - target)² / v) / 2` with the variance
 * `v = max(var, eps)`; with `full` plus `log(2π) / 2`. Matches `torch.nn.functional.gaussian_nll_loss`.
 *
 * @param variance of the input's shape, or without its last dimension, or with length 1 there
 * @param options `reduction`; `full` (default false); `eps` (default 1e-6).
 * @throws ShapeError when the variance does not fit.
 * @example
 * ```ts
 * import { nn, ones, tensor } from "wasmgrad";
 * console.log(nn.functional.gaussianNllLoss(tensor([1]), tensor([3]), ones([1])).item()); // 2
 * ```
 */
export function gaussianNllLoss(
  input: Tensor,
  target: Tensor,
  variance: Tensor,
  options?: GaussianNLLLossOptions,
): Tensor {
  const op = "gaussianNllLoss";
  const { reduction, full, eps } = readLossOptions(op, op, options);
  expectTensors(op, { input, target, variance });
  let v = variance;
  if (!isSameShape(v.shape, input.shape)) {
    if (isSameShape(v.shape, input.shape.slice(0, -1))) v = v.unsqueeze(-1);
    else if (!isSameShape(v.shape, [...input.shape.slice(0, -1), 1])) {
      const shapes = `input ${formatShape(input.shape)}, variance ${formatShape(variance.shape)}`;
      throw new ShapeError(`${op}: variance expected the input's shape, got ${shapes}`);
    }
  }
  // as in PyTorch, the gradient does not notice the bound
  const bounded = v.add(noGrad(() => v.maximum(eps).sub(v)));
  let terms = bounded.log().add(input.sub(target).square().div(bounded)).mul(0.5);
  if (full) terms = terms.add(0.9189385332046727);
  return reduce(terms, reduction);
}
