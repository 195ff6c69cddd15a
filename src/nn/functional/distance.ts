import { checkBoolean, checkNumber, readOptions } from "../../checks.ts";
import { OptionError } from "../../errors.ts";
import { normalizeDim } from "../../ops/core/array.ts";
import { expectTensor } from "../../tensor/apply.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** Checks that two tensors are tensors. */
export function expectTensors(op: string, tensors: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(tensors)) expectTensor(op, name, value);
}

/** `(Σ |x|^p)^(1/p)` along a dimension; p > 0 or infinite. */
function norm(x: Tensor, p: number, dim: number, keepdim: boolean): Tensor {
  if (p === 2) return x.square().sum(dim, { keepdim }).sqrt();
  if (p === 1) return x.abs().sum(dim, { keepdim });
  if (p === Infinity) return x.abs().max(dim, { keepdim }).values;
  return x
    .abs()
    .pow(p)
    .sum(dim, { keepdim })
    .pow(1 / p);
}

export interface PairwiseDistanceOptions {
  /** Exponent of the norm, > 0; Infinity is allowed. Default 2. */
  p?: number;
  /** Added to the difference. Default 1e-6. */
  eps?: number;
  /** Whether the last dimension stays, with length 1. Default false. */
  keepdim?: boolean;
}

/** Reads and checks the options of the distance between vectors. */
export function readDistance(op: string, options: PairwiseDistanceOptions | undefined) {
  const read = readOptions<Required<PairwiseDistanceOptions>>(op, options, { p: 2, eps: 1e-6, keepdim: false });
  if (read.p !== Infinity && !(checkNumber(op, "p", read.p) > 0)) {
    throw new OptionError(`${op}: p expected a number > 0, got ${read.p}`);
  }
  checkNumber(op, "eps", read.eps);
  checkBoolean(op, "keepdim", read.keepdim);
  return read;
}

/**
 * The distance `‖x1 − x2 + eps‖ₚ` of vectors: [..., D] and [..., D] give [...]. Matches
 * `torch.nn.functional.pairwise_distance`.
 *
 * @param options `p` (default 2), `eps` (default 1e-6), `keepdim` (default false)
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.pairwiseDistance(tensor([[3, 0]]), tensor([[0, 4]])).item().toFixed(3)); // 5.000
 * ```
 */
export function pairwiseDistance(x1: Tensor, x2: Tensor, options?: PairwiseDistanceOptions): Tensor {
  const op = "pairwiseDistance";
  const { p, eps, keepdim } = readDistance(op, options);
  expectTensors(op, { x1, x2 });
  return norm(x1.sub(x2).add(eps), p, -1, keepdim);
}

/**
 * The cosine of the angle between vectors: `x1·x2 / (max(‖x1‖, eps) max(‖x2‖, eps))`. Matches
 * `torch.nn.functional.cosine_similarity`.
 *
 * @param options `dim` (default 1), `eps` (default 1e-8)
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.cosineSimilarity(tensor([[2, 0]]), tensor([[3, 3]])).item().toFixed(3)); // 0.707
 * ```
 */
export function cosineSimilarity(x1: Tensor, x2: Tensor, options?: { dim?: number; eps?: number }): Tensor {
  const op = "cosineSimilarity";
  const { dim, eps } = readOptions(op, options, { dim: 1, eps: 1e-8 });
  checkNumber(op, "eps", eps, 0);
  expectTensors(op, { x1, x2 });
  normalizeDim(op, dim, Math.max(x1.dim(), x2.dim()));
  const square = (x: Tensor) =>
    x
      .square()
      .sum(dim, { keepdim: true })
      .clamp({ min: eps * eps })
      .sqrt();
  return x1
    .div(square(x1))
    .mul(x2.div(square(x2)))
    .sum(dim);
}
