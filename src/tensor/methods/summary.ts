import { checkNumber, composed, readOptions } from "../../checks.ts";
import { OptionError } from "../../errors.ts";
import { normalizeDim } from "../../ops/core/array.ts";
import { checkDims, type Dims, type ReduceOptions, reducedShape } from "../../ops/core/axis.ts";
import { ExtremumOver } from "../../ops/reduce/extremum_over.ts";
import { apply } from "../apply.ts";
import type { Tensor } from "../tensor.ts";
import { asTensor } from "./base.ts";
import { TensorReduce } from "./reduce.ts";

/** The square root of `x`, with gradient 0 where x is 0. */
function rootOrZero(x: Tensor, root: (x: Tensor) => Tensor): Tensor {
  const zero = x.eq(0);
  return root(x.maskedFill(zero, 1)).maskedFill(zero, 0);
}

function normOver(x: Tensor, p: number | "fro", dim?: Dims, options?: ReduceOptions): Tensor {
  const magnitude = x.abs();
  if (p === Infinity) return magnitude.amax(dim, options);
  if (p === -Infinity) return magnitude.amin(dim, options);
  if (p === 0) return x.ne(0).float().sum(dim, options);
  if (p === 1) return magnitude.sum(dim, options);
  if (p === 2 || p === "fro") return rootOrZero(x.square().sum(dim, options), (sum) => sum.sqrt());
  checkNumber("norm", "p", p);
  return rootOrZero(magnitude.pow(p).sum(dim, options), (sum) => sum.pow(1 / p));
}

/** Norms, counts and extrema over dimensions. */
export abstract class TensorSummary extends TensorReduce {
  /**
   * The largest elements over all dimensions, or over `dim` (a number or several). Elements equal to the
   * result share the gradient evenly. Matches `torch.amax`.
   */
  amax(dim?: Dims, options?: ReduceOptions): Tensor {
    return apply(new ExtremumOver("amax", dim, options), this);
  }

  /** The smallest elements; see `amax`. Matches `torch.amin`. */
  amin(dim?: Dims, options?: ReduceOptions): Tensor {
    return apply(new ExtremumOver("amin", dim, options), this);
  }

  /** The smallest and the largest elements. Matches `torch.aminmax`. */
  aminmax(options?: ReduceOptions & { dim?: Dims }): { min: Tensor; max: Tensor } {
    const { dim, keepdim } = readOptions("aminmax", options, { dim: null as Dims, keepdim: false });
    return { min: this.amin(dim, { keepdim }), max: this.amax(dim, { keepdim }) };
  }

  /**
   * `log Σ e^x` over `dim` (a number or several), without overflow. Matches `torch.logsumexp`.
   * @example
   * ```ts
   * import { tensor } from "wasmgrad";
   * console.log(tensor([1000, 1000]).logsumexp(0).item()); // 1000.6931762695312
   * ```
   */
  logsumexp(dim: Dims, options?: ReduceOptions): Tensor {
    const reduced = checkDims("logsumexp", dim, this.shape.length);
    const { keepdim } = readOptions("logsumexp", options, { keepdim: false });
    const largest = asTensor(this.float()).detach().amax(dim, { keepdim: true });
    const shift = largest.where(largest.isFinite(), 0);
    const sum = this.sub(shift).exp().sum(dim, { keepdim: true }).log().add(shift);
    return sum.reshape(reducedShape(this.shape, reduced, keepdim));
  }

  /**
   * The norm `(Σ |x|^p)^(1/p)` of all elements, or over `dim` (a number or several). `p` is a number, also
   * Infinity or -Infinity (the largest or smallest `|x|`) or 0 (the number of nonzero elements), or "fro",
   * which is 2. The gradient is 0 where the norm is 0. Matches `torch.norm`.
   * @example
   * ```ts
   * import { tensor } from "wasmgrad";
   * const x = tensor([[3, 4], [0, -2]]);
   * console.log(x.norm(2, 1).toArray(), x.norm(1).item()); // [5, 2] 9
   * ```
   */
  norm(p: number | "fro" = 2, dim?: Dims, options?: ReduceOptions): Tensor {
    if (p !== "fro" && (typeof p !== "number" || Number.isNaN(p))) {
      throw new OptionError(`norm: p expected a number or "fro", got ${String(p)}`);
    }
    return composed("norm", () => normOver(asTensor(this), p, dim, options));
  }

  /** The number of nonzero elements (int32), or of those along `dim`. Matches `torch.count_nonzero`. */
  countNonzero(dim?: Dims): Tensor {
    return composed("countNonzero", () => this.ne(0).sum(dim));
  }

  /** `sum`, with NaN as 0. Matches `torch.nansum`. */
  nansum(dim?: Dims, options?: ReduceOptions): Tensor {
    return composed("nansum", () => asTensor(this).maskedFill(this.isNaN(), 0).sum(dim, options));
  }

  /** Differences of neighbours along `dim`, `n` times. Matches `torch.diff`. */
  diff(n = 1, dim = -1): Tensor {
    checkNumber("diff", "n", n, 0);
    let x = asTensor(this);
    const d = normalizeDim("diff", dim, this.dim());
    for (let i = 0; i < n; i++) {
      const length = x.shape[d];
      x = length < 2 ? x.narrow(d, 0, 0) : x.narrow(d, 1, length - 1).sub(x.narrow(d, 0, length - 1));
    }
    return x;
  }
}
