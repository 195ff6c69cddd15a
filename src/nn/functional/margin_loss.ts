import { DTypeError, formatShape, ShapeError } from "../../errors.ts";
import { isSameShape } from "../../ops/core/array.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { softplus } from "./activation.ts";
import { cosineSimilarity, expectTensors, pairwiseDistance } from "./distance.ts";
import { oneHot } from "./embedding.ts";
import type { LossOptions } from "./loss.ts";
import {
  expectSame,
  type MarginLossOptions,
  type MultiLabelSoftMarginLossOptions,
  type MultiMarginLossOptions,
  readLossOptions,
  reduce,
  type TripletMarginLossOptions,
} from "./loss_options.ts";
import { logsigmoid } from "./more_activation.ts";

/**
 * `max(0, -target (input1 - input2) + margin)`: whether input1 should be larger (target 1) or smaller (-1).
 * Matches `torch.nn.functional.margin_ranking_loss`.
 *
 * @param options `reduction`; `margin` (default 0).
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.marginRankingLoss(tensor([1]), tensor([3]), tensor([1])).item()); // 2
 * ```
 */
export function marginRankingLoss(input1: Tensor, input2: Tensor, target: Tensor, options?: MarginLossOptions): Tensor {
  const op = "marginRankingLoss";
  const { reduction, margin } = readLossOptions(op, op, options);
  expectTensors(op, { input1, input2, target });
  return reduce(input1.sub(input2).mul(target.neg()).add(margin).clamp({ min: 0 }), reduction);
}

/**
 * `x` where the target is 1, `max(0, margin - x)` where it is -1. Matches
 * `torch.nn.functional.hinge_embedding_loss`.
 *
 * @param options `reduction`; `margin` (default 1).
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.hingeEmbeddingLoss(tensor([0.5, 0.25]), tensor([1, -1])).item()); // 0.625
 * ```
 */
export function hingeEmbeddingLoss(input: Tensor, target: Tensor, options?: MarginLossOptions): Tensor {
  const op = "hingeEmbeddingLoss";
  const { reduction, margin } = readLossOptions(op, op, options);
  expectTensors(op, { input, target });
  const near = input.where(target.eq(1), input.mul(0));
  const far = input.neg().add(margin).clamp({ min: 0 });
  return reduce(near.add(far.where(target.eq(-1), 0)), reduction);
}

/**
 * `1 - cos` of the angle between vectors where the target is 1, `max(0, cos - margin)` where it is -1.
 * Matches `torch.nn.functional.cosine_embedding_loss`.
 *
 * @param input1 [N,D] or [D]; @param target [N] or []
 * @param options `reduction`; `margin` (default 0).
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.cosineEmbeddingLoss(tensor([[1, 0]]), tensor([[0, 1]]), tensor([1])).item()); // 1
 * ```
 */
export function cosineEmbeddingLoss(
  input1: Tensor,
  input2: Tensor,
  target: Tensor,
  options?: MarginLossOptions,
): Tensor {
  const op = "cosineEmbeddingLoss";
  const { reduction, margin } = readLossOptions(op, op, options);
  expectTensors(op, { input1, input2, target });
  if (!isSameShape(target.shape, input1.shape.slice(0, -1)) || input1.dim() === 0) {
    const shapes = `${formatShape(input1.shape)}, ${formatShape(input2.shape)}, ${formatShape(target.shape)}`;
    throw new ShapeError(`${op}: expected [N,D], [N,D] and target [N], got ${shapes}`);
  }
  const cosine = cosineSimilarity(input1, input2, { dim: -1, eps: 1e-6 });
  const alike = cosine.neg().add(1).where(target.eq(1), 0);
  const apart = cosine.sub(margin).clamp({ min: 0 }).where(target.eq(-1), 0);
  return reduce(alike.add(apart), reduction);
}

/**
 * `log(1 + e^(-target input))` for targets 1 and -1. Matches `torch.nn.functional.soft_margin_loss`.
 *
 * @param options `reduction`.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.softMarginLoss(tensor([0]), tensor([1])).item()); // 0.6931…
 * ```
 */
export function softMarginLoss(input: Tensor, target: Tensor, options?: LossOptions): Tensor {
  const op = "softMarginLoss";
  const { reduction } = readLossOptions(op, op, options);
  expectTensors(op, { input, target });
  expectSame(op, input, target);
  return reduce(softplus(input.mul(target.neg()), { threshold: Number.MAX_VALUE }), reduction);
}

/**
 * `Σ max(0, margin - x[t] + x[i])^p / C` over the classes i other than the target t. Matches
 * `torch.nn.functional.multi_margin_loss`.
 *
 * @param input [N,C] or [C]; @param target int32 [N] or []
 * @param options `reduction`; `p` 1 (the default) or 2; `margin` (default 1); `weight` [C] of the target's
 *   class.
 * @throws DTypeError when the target is not int32; ShapeError when the shapes do not fit.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.multiMarginLoss(tensor([[0, 2]]), tensor([1], { dtype: "int32" })).item()); // 0
 * ```
 */
export function multiMarginLoss(input: Tensor, target: Tensor, options?: MultiMarginLossOptions): Tensor {
  const op = "multiMarginLoss";
  const { reduction, p, margin, weight } = readLossOptions(op, op, options);
  expectTensors(op, { input, target });
  if (target.dtype !== "int32") throw new DTypeError(`${op}: target expected int32, got ${target.dtype}`);
  if (input.dim() === 1 && target.dim() === 0) {
    const loss = multiMarginLoss(input.unsqueeze(0), target.unsqueeze(0), options);
    return reduction === "none" ? loss.squeeze(0) : loss;
  }
  if (input.dim() !== 2 || target.dim() !== 1 || target.shape[0] !== input.shape[0]) {
    const shapes = `${formatShape(input.shape)} and ${formatShape(target.shape)}`;
    throw new ShapeError(`${op}: expected input [N,C] and target [N], got ${shapes}`);
  }
  const classes = input.shape[1];
  const column = target.unsqueeze(1);
  const raised = input.sub(input.gather(1, column)).add(margin).clamp({ min: 0 });
  let terms = p === 2 ? raised.square() : raised;
  if (weight) terms = terms.mul(weight.indexSelect(0, target).unsqueeze(1));
  const own = oneHot(target, classes).bool();
  return reduce(terms.where(own.logicalNot(), 0).sum(1).div(classes), reduction);
}

/**
 * Binary cross entropy of logits for several labels at once: the mean over the classes of `-w (t log σ(x) +
 * (1 - t) log(1 - σ(x)))`. Matches `torch.nn.functional.multilabel_soft_margin_loss`.
 *
 * @param options `reduction`; `weight` [C].
 * @throws ShapeError when the shapes differ.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.multiLabelSoftMarginLoss(tensor([[0, 0]]), tensor([[1, 0]])).item()); // 0.6931…
 * ```
 */
export function multiLabelSoftMarginLoss(
  input: Tensor,
  target: Tensor,
  options?: MultiLabelSoftMarginLossOptions,
): Tensor {
  const op = "multiLabelSoftMarginLoss";
  const { reduction, weight } = readLossOptions(op, op, options);
  expectTensors(op, { input, target });
  expectSame(op, input, target);
  const positive = target.mul(logsigmoid(input));
  const terms = positive.add(target.neg().add(1).mul(logsigmoid(input.neg()))).neg();
  return reduce((weight ? terms.mul(weight) : terms).mean(-1), reduction);
}

/**
 * `max(0, d(anchor, positive) - d(anchor, negative) + margin)` with the distance `pairwiseDistance`. With
 * `swap`, the distance of positive and negative counts if it is smaller. Matches
 * `torch.nn.functional.triplet_margin_loss`.
 *
 * @param options `reduction`; `margin` (default 1); `p` (default 2); `eps` (default 1e-6); `swap` (default
 *   false).
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * const [a, p, n] = [tensor([[0, 0]]), tensor([[0, 1]]), tensor([[3, 0]])];
 * console.log(nn.functional.tripletMarginLoss(a, p, n, { margin: 4 }).item().toFixed(3)); // 2.000
 * ```
 */
export function tripletMarginLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options?: TripletMarginLossOptions,
): Tensor {
  const op = "tripletMarginLoss";
  const { reduction, margin, p, eps, swap } = readLossOptions(op, op, options);
  expectTensors(op, { anchor, positive, negative });
  const near = pairwiseDistance(anchor, positive, { p, eps });
  let far = pairwiseDistance(anchor, negative, { p, eps });
  if (swap) far = far.minimum(pairwiseDistance(positive, negative, { p, eps }));
  return reduce(near.sub(far).add(margin).clamp({ min: 0 }), reduction);
}
