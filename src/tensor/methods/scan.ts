import type { ReduceOptions } from "../../ops/core/axis.ts";
import { CumulativeExtremum, Product, Scan } from "../../ops/reduce/scan.ts";
import { apply, applyMany } from "../apply.ts";
import type { Tensor } from "../tensor.ts";
import type { Extrema } from "./reduce.ts";
import { TensorSummary } from "./summary.ts";

/** Products, and sums, products and extrema up to each position. */
export abstract class TensorScan extends TensorSummary {
  /**
   * The sum of the elements up to each position of `dim`. Accumulated in float64. Matches `torch.cumsum`.
   * @example
   * ```ts
   * import { tensor } from "wasmgrad";
   * console.log(tensor([1, 2, 3]).cumsum(0).toArray()); // [1, 3, 6]
   * ```
   */
  cumsum(dim: number): Tensor {
    return apply(new Scan("cumsum", dim), this);
  }

  /**
   * The product of the elements up to each position of `dim`, in float32. Accumulated in float64; the
   * gradient is right where elements are 0. Matches `torch.cumprod`.
   */
  cumprod(dim: number): Tensor {
    return apply(new Scan("cumprod", dim), this);
  }

  /**
   * The product of all elements, or along `dim`. Accumulated in float64; the gradient is right where elements
   * are 0. The product of int32 is int32, modulo 2^32 (in PyTorch int64). Matches `torch.prod`.
   */
  prod(dim?: number | null, options?: ReduceOptions): Tensor {
    return apply(new Product(dim ?? null, options), this);
  }

  /** The largest element up to each position of `dim`, and its position; of equal ones the last. */
  cummax(dim: number): Extrema {
    const [values, indices] = applyMany(new CumulativeExtremum("cummax", dim), this);
    return { values, indices };
  }

  /** The smallest element up to each position of `dim`, and its position; of equal ones the last. */
  cummin(dim: number): Extrema {
    const [values, indices] = applyMany(new CumulativeExtremum("cummin", dim), this);
    return { values, indices };
  }
}
