import { checkBoolean, checkNumber, readOptions } from "../../checks.ts";
import { DTypeError, formatShape, OptionError, ShapeError } from "../../errors.ts";
import { CausalSoftmaxOp } from "../../gradients/rules/loss.ts";
import { isUnknown } from "../../ops/core/recorder.ts";
import { apply, expectTensor } from "../../tensor/apply.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { dropout } from "./dropout.ts";

export interface AttentionOptions {
  /**
   * Either bool (true where a query attends to a key) or float32 (added to the scores). Broadcast to [..., L,
   * S].
   */
  attnMask?: Tensor | null;
  /** Probability of dropping a weight. Default 0. */
  dropoutP?: number;
  /** Whether query i attends only to keys 0 to i. Default false; cannot be combined with attnMask. */
  isCausal?: boolean;
  /** Factor that multiplies the scores. Default 1 / √E. */
  scale?: number | null;
}

/**
 * `softmax(q kᵀ · scale + mask) v`: for each query, the average of the values, weighted by how well their
 * keys match the query. Matches `torch.nn.functional.scaled_dot_product_attention`. For a query whose keys
 * are all masked, result and gradient are 0, as in PyTorch since version 2.5 (earlier versions: NaN).
 *
 * @param q [..., L, E]
 * @param k [..., S, E]
 * @param v [..., S, Ev]
 * @param options `attnMask` null, `dropoutP` 0 (also applied in evaluation, so pass 0 then), `isCausal`
 *   false, `scale` 1 / √E
 * @returns [..., L, Ev]
 * @throws ShapeError when shapes do not fit; OptionError for bad options.
 * see: Vaswani et al., Attention is all you need, 2017
 * @example
 * ```ts
 * import { nn, rand } from "wasmgrad";
 * const [q, k, v] = [rand([2, 5, 8]), rand([2, 7, 8]), rand([2, 7, 4])];
 * console.log(nn.functional.scaledDotProductAttention(q, k, v).shape); // [2, 5, 4]
 * ```
 */
export function scaledDotProductAttention(q: Tensor, k: Tensor, v: Tensor, options?: AttentionOptions): Tensor {
  const op = "scaledDotProductAttention";
  const { attnMask, dropoutP, isCausal, scale } = readOptions<Required<AttentionOptions>>(op, options, {
    attnMask: null,
    dropoutP: 0,
    isCausal: false,
    scale: null,
  });
  checkNumber(op, "dropoutP", dropoutP, 0, 1);
  checkBoolean(op, "isCausal", isCausal);
  if (isCausal && attnMask) throw new OptionError(`${op}: expected attnMask or isCausal, got both`);
  for (const [name, x] of Object.entries({ q, k, v })) expectTensor(op, name, x);
  if (attnMask !== null) expectTensor(op, "attnMask", attnMask);
  const features = q.shape.at(-1)!;
  const keys = k.shape.at(-2);
  if ([q, k, v].some((x) => x.dim() < 2) || k.shape.at(-1) !== features || v.shape.at(-2) !== keys) {
    throw new ShapeError(
      `${op}: expected q [...,L,E], k [...,S,E], v [...,S,Ev], got ${[q, k, v].map((x) => formatShape(x.shape)).join(", ")}`,
    );
  }
  const factor = scale === null ? 1 / Math.sqrt(features) : checkNumber(op, "scale", scale);
  const scores = q.mul(factor).matmul(k.transpose(-2, -1));
  const weights = isCausal
    ? apply(new CausalSoftmaxOp(), scores)
    : attnMask
      ? maskedWeights(op, scores, attnMask)
      : scores.softmax(-1);
  return (dropoutP > 0 ? dropout(weights, { p: dropoutP }) : weights).matmul(v);
}

function maskedWeights(op: string, scores: Tensor, mask: Tensor): Tensor {
  const { shape } = scores;
  const fits = mask.shape.every((length, d) => length === 1 || length === shape[d + shape.length - mask.dim()]);
  if (mask.dim() > shape.length || !fits) {
    throw new ShapeError(`${op}: attnMask ${formatShape(mask.shape)} does not broadcast to ${formatShape(shape)}`);
  }
  if (mask.dtype === "bool") return softmaxOver(mask, scores);
  if (mask.dtype === "float32") return softmaxOver(mask.ne(-Infinity), scores.add(mask));
  throw new DTypeError(`${op}: attnMask expected bool or float32, got ${mask.dtype}`);
}

/**
 * Softmax along the last dimension over the scores where `visible` (bool, broadcast) is true. A row without
 * visible scores gets weights of 0, because 0 / 0 would put NaN into all gradients.
 */
export function softmaxOver(visible: Tensor, scores: Tensor): Tensor {
  const masked = scores.where(visible, -Infinity);
  const sees = visible.any(-1, { keepdim: true });
  // while a graph is traced, the values of a mask that is an input are not known
  if (!isUnknown(sees.array) && sees.all().item()) return masked.softmax(-1);
  return masked.where(sees, 0).softmax(-1).where(sees, 0);
}
