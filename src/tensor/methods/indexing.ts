import { checkBoolean, checkChoice, composed, describe, readOptions } from "../../checks.ts";
import { DTypeError, OptionError } from "../../errors.ts";
import { normalizeDim, replaceAt } from "../../ops/core/array.ts";
import { broadcastShapes } from "../../ops/core/broadcast.ts";
import { full } from "../../ops/elementwise/fill.ts";
import { MaskedScatter, MaskedSelect, Nonzero } from "../../ops/movement/masked.ts";
import { IndexRows, Scatter } from "../../ops/movement/scatter.ts";
import { ScatterReduce } from "../../ops/movement/scatter_reduce.ts";
import { apply, constant, expectTensor } from "../apply.ts";
import { type IndexItem, readIndex, writeIndex } from "../index_expression.ts";
import type { Tensor } from "../tensor.ts";
import { asTensor } from "./base.ts";
import { overwrite } from "./overwrite.ts";
import { TensorRearrange } from "./rearrange.ts";

const SCATTER_REDUCE_MODES = ["sum", "prod", "mean", "amax", "amin"] as const;

/** How `scatterReduce` combines elements. */
export type ScatterReduceMode = (typeof SCATTER_REDUCE_MODES)[number];

function scatterReduced(
  x: Tensor,
  dim: number,
  index: Tensor,
  source: Tensor,
  reduce: ScatterReduceMode,
  includeSelf: boolean,
): Tensor {
  if (x.dtype === "bool") throw new DTypeError("scatterReduce: expected float32 or int32, got bool; use .int()");
  if (reduce === "mean" && x.dtype !== "float32") {
    throw new DTypeError(`scatterReduce: the mean expected float32, got ${x.dtype}; use .float()`);
  }
  const isInt = x.dtype === "int32";
  const largest = isInt ? 2 ** 31 - 1 : Infinity;
  const neutral = { sum: 0, mean: 0, prod: 1, amax: isInt ? -(2 ** 31) : -Infinity, amin: largest }[reduce];
  const start = includeSelf ? x : x.scatter(dim, index, neutral);
  if (reduce !== "sum" && reduce !== "mean") return apply(new ScatterReduce(dim, reduce), start, index, source);
  const sum = start.scatterAdd(dim, index, source);
  if (reduce === "sum") return sum;
  const onesLike = ({ shape }: Tensor) => constant(() => full(shape, 1, "float32"));
  const taken = includeSelf ? onesLike(x) : onesLike(x).scatter(dim, index, 0);
  const count = taken.scatterAdd(dim, index, onesLike(source));
  return sum.div(count);
}

/** Indexing: parts of a tensor by position, list and mask, and new values for them. */
export abstract class TensorIndexing extends TensorRearrange {
  /**
   * Python's `x[…]`: each part of the index is a position, a slice like "1:3" or "::-1", a list of positions
   * or an int32 tensor, a bool tensor (a mask), `null` (a new dimension) or "...". Several lists broadcast,
   * and choose single elements of their dimensions. Matches PyTorch's indexing.
   * @throws OptionError for positions out of range.
   * @example
   * ```ts
   * import { arange } from "wasmgrad";
   * const x = arange(12).reshape([3, 4]);
   * console.log(x.at(-1).toArray(), x.at("::2", 1).toArray()); // [8, 9, 10, 11] [1, 9]
   * console.log(x.at("...", [0, -1]).toArray()); // [[0, 3], [4, 7], [8, 11]]
   * console.log(x.at(x.gt(8)).toArray()); // [9, 10, 11]
   * ```
   */
  at(...index: IndexItem[]): Tensor {
    return composed("at", () => readIndex("at", asTensor(this), index));
  }

  /**
   * Python's `x[…] = value`: overwrites the part of `x` that `x.at(...index)` reads. `value` is a number, or
   * a tensor that broadcasts to that part. In place: see `add_`.
   * @example
   * ```ts
   * import { zeros } from "wasmgrad";
   * const x = zeros([2, 3]);
   * console.log(x.setAt(["...", "1:"], 5).toArray()); // [[0, 5, 5], [0, 5, 5]]
   * ```
   */
  setAt(index: readonly IndexItem[], value: Tensor | number): this {
    if (!Array.isArray(index)) throw new OptionError(`setAt: index expected an array of parts, got ${describe(index)}`);
    if (typeof value !== "number") expectTensor("setAt", "value", value);
    return overwrite("setAt", this, () => writeIndex("setAt", asTensor(this), index, value, false));
  }

  /**
   * A copy with `values` at the positions that the int32 or bool tensors `indices` list; with `accumulate`,
   * they are added. Matches `torch.index_put`.
   */
  indexPut(indices: readonly (Tensor | null)[], values: Tensor, options?: { accumulate?: boolean }): Tensor {
    const { accumulate } = readOptions("indexPut", options, { accumulate: false });
    checkBoolean("indexPut", "accumulate", accumulate);
    if (!Array.isArray(indices)) throw new OptionError(`indexPut: indices expected an array, got ${describe(indices)}`);
    expectTensor("indexPut", "values", values);
    const items = indices.map((index): IndexItem => index ?? ":");
    return writeIndex("indexPut", asTensor(this), items, values, accumulate);
  }

  /**
   * A copy with elements of `source` at the positions `index` (int32) of `dim`: `out[i][index[i][j]] =
   * source[i][j]` for `dim` 1. `source` may be a number. Of several elements for one place, the last one
   * stays. Matches `torch.scatter`.
   */
  scatter(dim: number, index: Tensor, source: Tensor | number): Tensor {
    expectTensor("scatter", "index", index);
    return apply(new Scatter("scatter", dim), this, index, source);
  }

  /**
   * `scatter`, but the elements are added, in the order of their positions. Matches `torch.scatter_add`.
   * @example
   * ```ts
   * import { tensor, zeros } from "wasmgrad";
   * const index = tensor([0, 2, 0], { dtype: "int32" });
   * console.log(zeros([3]).scatterAdd(0, index, tensor([1, 2, 3])).toArray()); // [4, 0, 2]
   * ```
   */
  scatterAdd(dim: number, index: Tensor, source: Tensor): Tensor {
    expectTensor("scatterAdd", "index", index);
    return apply(new Scatter("scatterAdd", dim), this, index, source);
  }

  /**
   * A copy in which each element is combined with those elements of `source` whose place it is, as in
   * `scatterAdd`: by their sum, product, mean, maximum ("amax") or minimum ("amin"), in the order of their
   * positions. With `{ includeSelf: false }`, elements of x do not take part where `source` has elements.
   * Elements equal to an extremum share the gradient. Matches `Tensor.scatter_reduce`.
   *
   * @throws DTypeError for "mean" of int32, and for bool.
   * @example
   * ```ts
   * import { ones, tensor } from "wasmgrad";
   * const index = tensor([0, 2, 0], { dtype: "int32" });
   * const source = tensor([2, 3, 5]);
   * console.log(ones([3]).scatterReduce(0, index, source, "prod").toArray()); // [10, 1, 3]
   * console.log(ones([3]).scatterReduce(0, index, source, "mean", { includeSelf: false }).toArray()); // [3.5, 1, 3]
   * ```
   */
  scatterReduce(
    dim: number,
    index: Tensor,
    source: Tensor,
    reduce: ScatterReduceMode,
    options?: { includeSelf?: boolean },
  ): Tensor {
    const op = "scatterReduce";
    expectTensor(op, "index", index);
    expectTensor(op, "source", source);
    checkChoice(op, "reduce", reduce, SCATTER_REDUCE_MODES);
    const { includeSelf } = readOptions(op, options, { includeSelf: true });
    checkBoolean(op, "includeSelf", includeSelf);
    return composed(op, () => scatterReduced(asTensor(this), dim, index, source, reduce, includeSelf));
  }

  /**
   * A copy to which the rows of `source`, times `alpha`, are added at the positions `index` (int32, a vector)
   * of `dim`. Matches `torch.index_add`.
   */
  indexAdd(dim: number, index: Tensor, source: Tensor, options?: { alpha?: number }): Tensor {
    return apply(new IndexRows("indexAdd", dim, options), this, index, source);
  }

  /** A copy with the rows of `source` at the positions `index` of `dim`. Matches `torch.index_copy`. */
  indexCopy(dim: number, index: Tensor, source: Tensor): Tensor {
    return apply(new IndexRows("indexCopy", dim), this, index, source);
  }

  /** The elements where `mask` (bool) is true, as a vector; both broadcast. Matches `torch.masked_select`. */
  maskedSelect(mask: Tensor): Tensor {
    expectTensor("maskedSelect", "mask", mask);
    const shape = broadcastShapes("maskedSelect", this.shape, mask.shape);
    return apply(new MaskedSelect(), this.expand(shape), mask.expand(shape));
  }

  /**
   * A copy in which the elements where `mask` (bool, broadcast) is true are replaced by those of `source`,
   * one after the other. Matches `torch.masked_scatter`.
   */
  maskedScatter(mask: Tensor, source: Tensor): Tensor {
    expectTensor("maskedScatter", "mask", mask);
    return composed("maskedScatter", () => apply(new MaskedScatter(), this, mask.expand(this.shape), source));
  }

  /** The positions of the elements that are not 0: `[count, rank]`, int32. Matches `torch.nonzero`. */
  nonzero(): Tensor {
    return apply(new Nonzero(), this.ne(0));
  }

  /**
   * `gather`, where the other dimensions of x and `index` broadcast; without `dim`, from the flattened
   * tensor. Matches `torch.take_along_dim`.
   */
  takeAlongDim(index: Tensor, dim?: number): Tensor {
    expectTensor("takeAlongDim", "index", index);
    if (index.dtype !== "int32")
      throw new DTypeError(`takeAlongDim: index expected int32, got ${index.dtype}; use .int()`);
    if (dim === undefined) return this.flatten().gather(0, index.flatten());
    const d = normalizeDim("takeAlongDim", dim, this.dim());
    const shape = broadcastShapes("takeAlongDim", replaceAt(this.shape, d, 1), replaceAt(index.shape, d, 1));
    return this.expand(replaceAt(shape, d, this.shape[d])).gather(d, index.expand(replaceAt(shape, d, index.shape[d])));
  }
}
