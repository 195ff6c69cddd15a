import { checkInteger, composed } from "../../checks.ts";
import { formatShape, ShapeError } from "../../errors.ts";
import { toJsonNumber } from "../../json_number.ts";
import { checkShape, normalizeDim } from "../../ops/core/array.ts";
import { broadcastShapes } from "../../ops/core/broadcast.ts";
import { checkElement } from "../../ops/elementwise/fill.ts";
import { Where } from "../../ops/elementwise/where.ts";
import { splitLengths } from "../../ops/movement/cat.ts";
import { Clone } from "../../ops/movement/copy.ts";
import { Expand } from "../../ops/movement/expand.ts";
import { Gather, IndexSelect } from "../../ops/movement/indexing.ts";
import { Reshape, resolveShape, squeezedShape, unflattenedShape } from "../../ops/movement/reshape.ts";
import { Triangle } from "../../ops/movement/triangle.ts";
import { flipped, selected, sliced, View } from "../../ops/movement/view.ts";
import { apply, expectTensor } from "../apply.ts";
import { flatten, narrow, permute, reshape, transpose, unsqueeze } from "../shapes.ts";
import type { Tensor } from "../tensor.ts";
import { asTensor } from "./base.ts";
import { TensorOrder } from "./order.ts";

function expectDimension(op: string, x: TensorOrder): void {
  if (x.dim() === 0) throw new ShapeError(`${op}: expected one dimension or more, got a scalar`);
}

/**
 * Methods that reshape, index, reorder and repeat elements.
 *
 * All of them copy the elements, except those that only reshape. Negative dimensions count from the end.
 */
export abstract class TensorMovement extends TensorOrder {
  /**
   * The same elements in another shape; one size may be -1 and is then inferred. Shares memory. Matches
   * `torch.reshape`.
   */
  reshape(shape: readonly number[]): Tensor {
    return reshape(asTensor(this), shape);
  }

  /** The same as `reshape`. Matches `Tensor.view`. */
  view(shape: readonly number[]): Tensor {
    return apply(new Reshape("view", { shape }, (before) => resolveShape("view", before, shape)), this);
  }

  /** `reshape` to the shape of `other`. */
  reshapeAs(other: Tensor): Tensor {
    expectTensor("reshapeAs", "other", other);
    return composed("reshapeAs", () => this.reshape(other.shape));
  }

  /** `view` with the shape of `other`. */
  viewAs(other: Tensor): Tensor {
    expectTensor("viewAs", "other", other);
    return composed("viewAs", () => this.view(other.shape));
  }

  /** Merges dimensions `startDim` to `endDim` into one. Matches `torch.flatten`. */
  flatten(startDim = 0, endDim = -1): Tensor {
    return flatten(asTensor(this), startDim, endDim);
  }

  /** Splits dimension `dim` into several; one of `sizes` may be -1. Matches `torch.unflatten`. */
  unflatten(dim: number, sizes: readonly number[]): Tensor {
    return apply(
      new Reshape("unflatten", { dim, sizes }, (before) => unflattenedShape("unflatten", before, dim, sizes)),
      this,
    );
  }

  /** Removes dimensions of length 1: all of them, or those listed in `dim`. Matches `torch.squeeze`. */
  squeeze(dim?: number | readonly number[]): Tensor {
    return apply(new Reshape("squeeze", { dim: dim ?? null }, (before) => squeezedShape("squeeze", before, dim)), this);
  }

  /** Inserts a dimension of length 1 at `dim`. Matches `torch.unsqueeze`. */
  unsqueeze(dim: number): Tensor {
    return unsqueeze(asTensor(this), dim);
  }

  /**
   * Reorders the dimensions: dimension i of the result is dimension `dims[i]` of the tensor. Matches
   * `torch.permute`.
   * @example
   * ```ts
   * import { zeros } from "wasmgrad";
   * console.log(zeros([2, 3, 4]).permute([2, 0, 1]).shape); // [4, 2, 3]
   * ```
   */
  permute(dims: readonly number[]): Tensor {
    return permute(asTensor(this), dims);
  }

  /** Exchanges two dimensions. Matches `torch.transpose`. */
  transpose(dim0: number, dim1: number): Tensor {
    return transpose(asTensor(this), dim0, dim1);
  }

  /** The transposed matrix; a vector or a scalar is unchanged. Matches `torch.t`. */
  t(): Tensor {
    if (this.dim() > 2) throw new ShapeError(`t: expected a matrix, got ${formatShape(this.shape)}; use transpose`);
    return this.dim() < 2 ? asTensor(this) : this.transpose(0, 1);
  }

  /**
   * Repeats dimensions of length 1 to the given lengths and adds new dimensions in front; -1 keeps a length.
   * Matches `Tensor.expand`.
   */
  expand(shape: readonly number[]): Tensor {
    return apply(new Expand(shape), this);
  }

  /** `expand` to the shape of `other`. */
  expandAs(other: Tensor): Tensor {
    expectTensor("expandAs", "other", other);
    return composed("expandAs", () => this.expand(other.shape));
  }

  /**
   * Repeats the whole tensor `repeats[d]` times along dimension d; extra repeats add dimensions in front.
   * Matches `Tensor.repeat`.
   */
  repeat(repeats: readonly number[]): Tensor {
    checkShape("repeat", repeats);
    const added = repeats.length - this.dim();
    if (added < 0) throw new ShapeError(`repeat: expected at least ${this.dim()} repeats, got ${formatShape(repeats)}`);
    const lengths = repeats.map((_, d) => (d < added ? 1 : this.shape[d - added]));
    const pairs = this.reshape(lengths.flatMap((length) => [1, length]));
    return pairs
      .expand(lengths.flatMap((length, d) => [repeats[d], length]))
      .reshape(lengths.map((length, d) => length * repeats[d]));
  }

  /** Positions `start` to `start + length - 1` of a dimension. Matches `torch.narrow`. */
  narrow(dim: number, start: number, length: number): Tensor {
    return narrow(asTensor(this), dim, start, length);
  }

  /**
   * Positions `start, start + step, …` below `end` of a dimension, like Python's `x[start:end:step]`: bounds
   * are clamped.
   */
  slice(dim: number, start = 0, end = Infinity, step = 1): Tensor {
    return apply(
      new View("slice", { dim, start, end: toJsonNumber(end), step }, (shape) =>
        sliced("slice", shape, dim, start, end, step),
      ),
      this,
    );
  }

  /** Position `index` of a dimension. The result does not have this dimension. Matches `torch.select`. */
  select(dim: number, index: number): Tensor {
    return apply(new View("select", { dim, index }, (shape) => selected("select", shape, dim, index)), this);
  }

  /** Position i of the first dimension, like Python's `x[i]`. */
  index(i: number): Tensor {
    return composed("index", () => this.select(0, i));
  }

  /**
   * Splits a dimension into parts of `sizes` positions each (the last may be shorter), or of the given
   * lengths. Matches `torch.split`.
   */
  split(sizes: number | readonly number[], dim = 0): Tensor[] {
    expectDimension("split", this);
    const length = this.shape[normalizeDim("split", dim, this.dim())];
    let end = 0;
    return splitLengths("split", length, sizes).map((part) => this.narrow(dim, (end += part) - part, part));
  }

  /**
   * Splits a dimension into at most `chunks` parts of equal length (the last may be shorter). Matches
   * `torch.chunk`.
   */
  chunk(chunks: number, dim = 0): Tensor[] {
    checkInteger("chunk", "chunks", chunks, 1);
    expectDimension("chunk", this);
    const length = this.shape[normalizeDim("chunk", dim, this.dim())];
    return this.split(length === 0 ? new Array<number>(chunks).fill(0) : Math.ceil(length / chunks), dim);
  }

  /** Reverses the order along dimensions: `flip(0, 1)` or `flip([0, 1])`. Matches `torch.flip`. */
  flip(dim: number | readonly number[], ...more: number[]): Tensor {
    const dims = more.length > 0 ? [dim as number, ...more] : dim;
    return apply(new View("flip", { dims }, (shape) => flipped("flip", shape, dims)), this);
  }

  /** Positions `index` (int32, a vector) of a dimension. Matches `torch.index_select`. */
  indexSelect(dim: number, index: Tensor): Tensor {
    return apply(new IndexSelect(dim), this, index);
  }

  /**
   * `out[i][j] = x[index[i][j]][j]` for `dim` 0, `x[i][index[i][j]]` for 1, and so on.
   * Matches `torch.gather`.
   * @throws OptionError for an index out of range, DTypeError if `index` is not int32.
   */
  gather(dim: number, index: Tensor): Tensor {
    return apply(new Gather(dim), this, index);
  }

  /**
   * The lower triangle of each matrix, up to and including the given diagonal (0: the main diagonal, 1: the
   * diagonal above it); zeros elsewhere.
   */
  tril(diagonal = 0): Tensor {
    return apply(new Triangle("tril", diagonal), this);
  }

  /**
   * The upper triangle of each matrix, starting at the given diagonal; zeros elsewhere. Matches `torch.triu`.
   */
  triu(diagonal = 0): Tensor {
    return apply(new Triangle("triu", diagonal), this);
  }

  /**
   * `value` where `mask` (bool, broadcast to the shape of `x`) is true, `x` elsewhere. Matches
   * `torch.masked_fill`.
   */
  maskedFill(mask: Tensor, value: number): Tensor {
    expectTensor("maskedFill", "mask", mask);
    checkElement("maskedFill", "value", value, this.dtype);
    if (formatShape(broadcastShapes("maskedFill", this.shape, mask.shape)) !== formatShape(this.shape)) {
      throw new ShapeError(
        `maskedFill: mask ${formatShape(mask.shape)} does not broadcast to ${formatShape(this.shape)}`,
      );
    }
    return apply(new Where(), mask, value, this);
  }

  /** A differentiable copy. Matches `torch.clone`. */
  clone(): Tensor {
    return apply(new Clone(), this);
  }

  /** The tensor itself: all tensors are dense and row-major. */
  contiguous(): Tensor {
    return asTensor(this);
  }
}
