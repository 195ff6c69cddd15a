import { checkChoice, checkNumber, composed, readOptions } from "../../checks.ts";
import { OptionError } from "../../errors.ts";
import { normalizeDim, replaceAt } from "../../ops/core/array.ts";
import type { ReduceOptions } from "../../ops/core/axis.ts";
import { Cat } from "../../ops/movement/cat.ts";
import { Reshape } from "../../ops/movement/reshape.ts";
import { narrowed, View } from "../../ops/movement/view.ts";
import { Bincount, Histc, type HistcOptions, type SearchOptions, SearchSorted } from "../../ops/order/bins.ts";
import { Mode } from "../../ops/order/mode.ts";
import { KthValue, Median, Sort, type SortOptions, Topk, type TopkOptions, Unique } from "../../ops/order/sort.ts";
import { apply, applyMany } from "../apply.ts";
import type { Tensor } from "../tensor.ts";
import { asTensor } from "./base.ts";
import type { Extrema } from "./reduce.ts";
import { TensorScan } from "./scan.ts";

/** Result of `unique` with options. */
export interface UniqueValues {
  values: Tensor;
  /** For each element of the tensor, the position of its value among `values` (int32). */
  inverse: Tensor;
  /** How often each value occurs (int32). */
  counts: Tensor;
}

export interface QuantileOptions extends ReduceOptions {
  /** The result between two elements: "linear" (the default), or one of them, or their mean ("midpoint"). */
  interpolation?: "linear" | "lower" | "higher" | "nearest" | "midpoint";
}

/** One dimension of all elements. */
const flat = (x: TensorScan) => apply(new Reshape("flatten", {}, (shape) => [shape.reduce((a, b) => a * b, 1)]), x);

/** The weight of the element after `low` where a quantile lies `rest` past it. */
function weightBetween(interpolation: QuantileOptions["interpolation"], low: number, rest: number): number {
  if (interpolation === "lower" || rest === 0) return 0;
  if (interpolation === "higher") return 1;
  if (interpolation === "midpoint") return 0.5;
  if (interpolation === "linear") return rest;
  return rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? 1 : 0; // of two equally near positions the even one
}

function median(name: "median" | "nanmedian", x: TensorScan, dim?: number, options?: ReduceOptions): Tensor | Extrema {
  const [values, indices] = applyMany(new Median(name, dim ?? 0, options), dim === undefined ? flat(x) : x);
  return dim === undefined ? values : { values, indices };
}

/** Sorting, selection, and counting of values. */
export abstract class TensorOrder extends TensorScan {
  /**
   * The elements in ascending order along `dim` (the last one by default), and their int32 positions. Equal
   * elements keep their order, and NaN counts as larger than every number. Matches `torch.sort`.
   * @example
   * ```ts
   * import { tensor } from "wasmgrad";
   * const { values, indices } = tensor([3, 1, 2]).sort(0, { descending: true });
   * console.log(values.toArray(), indices.toArray()); // [3, 2, 1] [0, 2, 1]
   * ```
   */
  sort(dim?: number | SortOptions, options?: SortOptions): Extrema {
    const [axis, choice] = typeof dim === "object" && dim !== null ? [-1, dim] : [dim ?? -1, options];
    const [values, indices] = applyMany(new Sort(axis, choice), this);
    return { values, indices };
  }

  /** The positions that sort `dim`; see `sort`. Matches `torch.argsort`. */
  argsort(dim?: number | SortOptions, options?: SortOptions): Tensor {
    return composed("argsort", () => this.sort(dim, options)).indices;
  }

  /**
   * The k largest elements along `dim` in descending order (with `{ largest: false }` the smallest in
   * ascending order), and their int32 positions. Of equal elements, those that come first are chosen. Matches
   * `torch.topk`.
   * @example
   * ```ts
   * import { tensor } from "wasmgrad";
   * const { values, indices } = tensor([[3, 1, 2], [4, 6, 5]]).topk(2);
   * console.log(values.toArray(), indices.toArray()); // [[3, 2], [6, 5]] [[0, 2], [1, 2]]
   * ```
   */
  topk(k: number, dim = -1, options?: TopkOptions): Extrema {
    const [values, indices] = applyMany(new Topk(k, dim, options), this);
    return { values, indices };
  }

  /** The k-th smallest element along `dim`, counted from 1, and its position. Matches `torch.kthvalue`. */
  kthvalue(k: number, dim = -1, options?: ReduceOptions): Extrema {
    const [values, indices] = applyMany(new KthValue(k, dim, options), this);
    return { values, indices };
  }

  /**
   * The median of all elements or, with `dim`, the medians along that dimension and their positions: the
   * lower one of two, and NaN if there is a NaN. Matches `torch.median`.
   */
  median(): Tensor;
  median(dim: number, options?: ReduceOptions): Extrema;
  median(dim?: number, options?: ReduceOptions): Tensor | Extrema {
    return median("median", this, dim, options);
  }

  /** The median of the elements that are not NaN; see `median`. Matches `torch.nanmedian`. */
  nanmedian(): Tensor;
  nanmedian(dim: number, options?: ReduceOptions): Extrema;
  nanmedian(dim?: number, options?: ReduceOptions): Tensor | Extrema {
    return median("nanmedian", this, dim, options);
  }

  /**
   * The most frequent element along `dim`, of several the smallest one, and the last position where it
   * occurs. Matches `torch.mode`.
   * @example
   * ```ts
   * import { tensor } from "wasmgrad";
   * const { values, indices } = tensor([2, 1, 2, 3]).mode();
   * console.log(values.item(), indices.item()); // 2 2
   * ```
   */
  mode(dim = -1, options?: ReduceOptions): Extrema {
    const [values, indices] = applyMany(new Mode(dim, options), this);
    return { values, indices };
  }

  /**
   * The quantiles `q` (numbers in [0, 1]) of all elements or along `dim`; NaN if there is a NaN. For a list
   * of numbers, the result has a first dimension for them. Matches `torch.quantile`.
   * @example
   * ```ts
   * import { tensor } from "wasmgrad";
   * console.log(tensor([1, 2, 3, 4]).quantile([0.25, 0.5]).toArray()); // [1.75, 2.5]
   * ```
   */
  quantile(q: number | readonly number[], dim?: number | null, options?: QuantileOptions): Tensor {
    const op = "quantile";
    const { keepdim, interpolation } = readOptions<Required<QuantileOptions>>(op, options, {
      keepdim: false,
      interpolation: "linear",
    });
    checkChoice(op, "interpolation", interpolation, ["linear", "lower", "higher", "nearest", "midpoint"]);
    const rank = this.shape.length;
    const d = dim === undefined || dim === null ? 0 : normalizeDim(op, dim, rank);
    const x = dim === undefined || dim === null || rank === 0 ? flat(this) : asTensor(this);
    const length = x.shape[d];
    if (length === 0) throw new OptionError(`${op}: expected at least one element, got none`);
    const kept = dim === undefined || dim === null ? this.shape.map(() => 1) : replaceAt(this.shape, d, 1);
    const shape = keepdim ? kept : dim === undefined || dim === null ? [] : replaceAt(this.shape, d);
    const { values } = x.sort(d);
    const at = (i: number) => apply(new View("narrow", {}, (of) => narrowed(op, of, d, i, 1)), values);
    const hasNaN = at(length - 1).isNaN();
    const results = (Array.isArray(q) ? q : [q]).map((one: number) => {
      const place = checkNumber(op, "q", one, 0, 1) * (length - 1);
      const low = Math.floor(place);
      const w = weightBetween(interpolation, low, place - low);
      const between = w === 0 ? at(low) : w === 1 ? at(low + 1) : at(low).lerp(at(low + 1), w);
      return between.maskedFill(hasNaN, NaN).reshape(shape);
    });
    return Array.isArray(q) ? apply(new Cat(0), ...results.map((y) => y.unsqueeze(0))) : results[0];
  }

  /**
   * The different elements in ascending order. With `returnInverse` or `returnCounts`, an object that also
   * has the position of each element's value among them, and how often each occurs. No gradient. Matches
   * `torch.unique`.
   * @example
   * ```ts
   * import { tensor } from "wasmgrad";
   * const { values, counts } = tensor([3, 1, 3]).unique({ returnCounts: true });
   * console.log(values.toArray(), counts.toArray()); // [1, 3] [1, 2]
   * ```
   */
  unique(): Tensor;
  unique(options: { returnInverse?: boolean; returnCounts?: boolean; sorted?: boolean }): UniqueValues;
  unique(options?: { returnInverse?: boolean; returnCounts?: boolean; sorted?: boolean }): Tensor | UniqueValues {
    readOptions("unique", options, { returnInverse: false, returnCounts: false, sorted: true });
    const [values, inverse, counts] = applyMany(new Unique(), this);
    return options === undefined ? values : { values, inverse, counts };
  }

  /**
   * Where each of `values` belongs in this sorted vector, or in its row at the same place: the position
   * (int32) of the first element that is not smaller or, with `{ right: true }`, of the first that is larger.
   * Matches `torch.searchsorted`.
   * @example
   * ```ts
   * import { tensor } from "wasmgrad";
   * console.log(tensor([1, 3, 5]).searchsorted(tensor([3, 4])).toArray()); // [1, 2]
   * ```
   */
  searchsorted(values: Tensor, options?: SearchOptions): Tensor {
    return apply(new SearchSorted("searchsorted", options), this, values);
  }

  /** The position of each element in the sorted vector `boundaries`; see `searchsorted`. */
  bucketize(boundaries: Tensor, options?: SearchOptions): Tensor {
    return apply(new SearchSorted("bucketize", options), boundaries, this);
  }

  /**
   * How often each integer from 0 occurs in an int32 vector, or the sums of its `weights` (float32). The
   * result has at least `minlength` elements. Matches `torch.bincount`.
   */
  bincount(options?: { weights?: Tensor | null; minlength?: number }): Tensor {
    const { weights, minlength } = readOptions("bincount", options, { weights: null as Tensor | null, minlength: 0 });
    return apply(new Bincount(minlength), this, weights);
  }

  /**
   * How many elements are in each of `bins` bins of equal width from `min` to `max` (float32). If both are
   * equal, the bins go from the smallest to the largest element. Matches `torch.histc`.
   */
  histc(bins = 100, options?: HistcOptions): Tensor {
    return apply(new Histc(bins, options), this);
  }
}
