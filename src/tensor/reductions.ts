import type { Dims, ReduceOptions } from "../ops/core/axis.ts";
import { LogSoftmax, Softmax } from "../ops/loss/softmax.ts";
import { IndexOfExtremum } from "../ops/reduce/extremum.ts";
import { Mean, Sum } from "../ops/reduce/sum.ts";
import { apply } from "./apply.ts";
import type { Tensor } from "./tensor.ts";

/**
 * The sum over all elements, or over `dim` (a number or several). Accumulated in float64 in a fixed order.
 * The sum of int32 or bool is int32. Matches `torch.sum`; see `Tensor.sum`.
 */
export function sum(x: Tensor, dim?: Dims, options?: ReduceOptions): Tensor {
  return apply(new Sum(dim, options), x);
}

/**
 * The mean over all elements, or over `dim` (a number or several). Accumulated in float64. The mean of no
 * elements is NaN. Matches `torch.mean`.
 */
export function mean(x: Tensor, dim?: Dims, options?: ReduceOptions): Tensor {
  return apply(new Mean(dim, options), x);
}

/**
 * The int32 index of the largest element along `dim`, or in row-major order over all elements. If several
 * are equal, the index of the first one. Matches `torch.argmax`.
 */
export function argmax(x: Tensor, dim?: number | null, options?: ReduceOptions): Tensor {
  return apply(new IndexOfExtremum("argmax", dim, options), x);
}

/**
 * The int32 index of the smallest element along `dim`, or in row-major order over all elements. If several
 * are equal, the index of the first one. Matches `torch.argmin`.
 */
export function argmin(x: Tensor, dim?: number | null, options?: ReduceOptions): Tensor {
  return apply(new IndexOfExtremum("argmin", dim, options), x);
}

/** `e^x / Σ e^x` along `dim`. Matches `torch.softmax`. */
export function softmax(x: Tensor, dim: number): Tensor {
  return apply(new Softmax(dim), x);
}

/** `x - log Σ e^x` along `dim`. Matches `torch.log_softmax`. */
export function logSoftmax(x: Tensor, dim: number): Tensor {
  return apply(new LogSoftmax(dim), x);
}
