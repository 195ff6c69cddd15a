import { composed } from "../../checks.ts";
import type { Dims, ReduceOptions } from "../../ops/core/axis.ts";
import { Extremum, ExtremumOfAll } from "../../ops/reduce/extremum.ts";
import { StandardDeviation, Variance, type VarianceOptions } from "../../ops/reduce/variance.ts";
import { apply, applyMany } from "../apply.ts";
import { argmax, argmin, logSoftmax, mean, softmax, sum } from "../reductions.ts";
import type { Tensor } from "../tensor.ts";
import { asTensor } from "./base.ts";
import { TensorMath } from "./math.ts";

/** Result of `max(dim)` and `min(dim)`. */
export interface Extrema {
  values: Tensor;
  /** int32 positions along the dimension. */
  indices: Tensor;
}

function extremum(x: TensorMath, name: "max" | "min", dim?: number, options?: ReduceOptions): Tensor | Extrema {
  if (dim === undefined) return apply(new ExtremumOfAll(name), x);
  const [values, indices] = applyMany(new Extremum(name, dim, options), x);
  return { values, indices };
}

/** Sums, extrema and softmax, over all elements or along dimensions. */
export abstract class TensorReduce extends TensorMath {
  /**
   * The sum over all elements, or over `dim` (a number or several). Accumulated in float64 in a fixed order.
   * The sum of int32 or bool is int32 (in PyTorch int64). A sum outside the range of int32 becomes the
   * nearest int32, whereas `add` wraps around, as in PyTorch. The sum of no elements is 0.
   * @example
   * ```ts
   * import { tensor } from "wasmgrad";
   * const x = tensor([[1, 2, 3], [4, 5, 6]]);
   * console.log(x.sum().item(), x.sum(0).toArray(), x.sum([1], { keepdim: true }).shape); // 21 [5, 7, 9] [2, 1]
   * ```
   */
  sum(dim?: Dims, options?: ReduceOptions): Tensor {
    return sum(asTensor(this), dim, options);
  }

  /**
   * The mean over all elements, or over `dim` (a number or several). Accumulated in float64. The mean of no
   * elements is NaN.
   */
  mean(dim?: Dims, options?: ReduceOptions): Tensor {
    return mean(asTensor(this), dim, options);
  }

  /**
   * The variance over all elements, or over `dim`: `Σ (x - mean)² / (n - 1)`; the divisor is `n` with `{
   * unbiased: false }` and `n - correction` with `{ correction }`. Accumulated in float64, without
   * cancellation.
   */
  var(dim?: Dims, options?: VarianceOptions): Tensor {
    return apply(new Variance(dim, options), this);
  }

  /**
   * The standard deviation: the square root of `var(dim, options)`. Its gradient is 0 where the deviation is
   * 0. As in PyTorch, the gradient overflows if `x - mean` or 1 / std exceeds 3.4e38.
   */
  std(dim?: Dims, options?: VarianceOptions): Tensor {
    return apply(new StandardDeviation(dim, options), this);
  }

  /**
   * The largest of all elements or, with `dim`, the largest elements along that dimension and their indices.
   * NaN counts as larger than every number. If several elements are equal, the first one is chosen with
   * `dim`; without `dim`, they share the gradient evenly.
   * @example
   * ```ts
   * import { tensor } from "wasmgrad";
   * const x = tensor([[1, 5, 2], [7, 3, 7]]);
   * const { values, indices } = x.max(1);
   * console.log(x.max().item(), values.toArray(), indices.toArray()); // 7 [5, 7] [1, 0]
   * ```
   */
  max(): Tensor;
  max(dim: number, options?: ReduceOptions): Extrema;
  max(dim?: number, options?: ReduceOptions): Tensor | Extrema {
    return extremum(this, "max", dim, options);
  }

  /**
   * The smallest of all elements or, with `dim`, the smallest elements along that dimension and their
   * indices; see `max`.
   */
  min(): Tensor;
  min(dim: number, options?: ReduceOptions): Extrema;
  min(dim?: number, options?: ReduceOptions): Tensor | Extrema {
    return extremum(this, "min", dim, options);
  }

  /**
   * The int32 index of the largest element along `dim`, or in row-major order over all elements. If several
   * are equal, the index of the first one.
   */
  argmax(dim?: number | null, options?: ReduceOptions): Tensor {
    return argmax(asTensor(this), dim, options);
  }

  /**
   * The int32 index of the smallest element along `dim`, or in row-major order over all elements. If several
   * are equal, the index of the first one.
   */
  argmin(dim?: number | null, options?: ReduceOptions): Tensor {
    return argmin(asTensor(this), dim, options);
  }

  /** Whether all elements, or all elements along `dim`, are nonzero. */
  all(dim?: Dims, options?: ReduceOptions): Tensor {
    return composed("all", () => this.eq(0).sum(dim, options)).eq(0);
  }

  /** Whether any element, or any element along `dim`, is nonzero. */
  any(dim?: Dims, options?: ReduceOptions): Tensor {
    return composed("any", () => this.ne(0).sum(dim, options)).ne(0);
  }

  /** `e^x / Σ e^x` along `dim`. */
  softmax(dim: number): Tensor {
    return softmax(asTensor(this), dim);
  }

  /** `x - log Σ e^x` along `dim`. */
  logSoftmax(dim: number): Tensor {
    return logSoftmax(asTensor(this), dim);
  }
}
