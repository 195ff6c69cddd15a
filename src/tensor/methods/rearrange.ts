import { checkInteger, checkIntegers, composed } from "../../checks.ts";
import { DTypeError, formatShape, OptionError, ShapeError } from "../../errors.ts";
import { checkShape, expectInt32, normalizeDim } from "../../ops/core/array.ts";
import { DiagEmbed, diagonalRegion } from "../../ops/movement/diagonal.ts";
import { Positions } from "../../ops/movement/positions.ts";
import { Unfold } from "../../ops/movement/unfold.ts";
import { View } from "../../ops/movement/view.ts";
import { apply, expectTensor } from "../apply.ts";
import type { Tensor } from "../tensor.ts";
import { asTensor } from "./base.ts";
import { TensorMovement } from "./movement.ts";

const LEAST = -(2 ** 31);

/** Methods that reorder, repeat and take apart, made of the methods of `TensorMovement`. */
export abstract class TensorRearrange extends TensorMovement {
  /** The transposed matrix; a vector or a scalar is unchanged. Matches `Tensor.T`. */
  get T(): Tensor {
    if (this.dim() > 2) throw new ShapeError(`T: expected a matrix, got ${formatShape(this.shape)}; use mT or permute`);
    return this.t();
  }

  /** The last two dimensions exchanged. Matches `Tensor.mT`. */
  get mT(): Tensor {
    if (this.dim() < 2) throw new ShapeError(`mT: expected matrices, got ${formatShape(this.shape)}`);
    return this.transpose(-2, -1);
  }

  /** The shape, or the length of dimension `dim`. Matches `Tensor.size`. */
  size(): number[];
  size(dim: number): number;
  size(dim?: number): number | number[] {
    return dim === undefined ? [...this.shape] : this.shape[normalizeDim("size", dim, this.dim())];
  }

  /** The positions of a dimension, as a list of tensors without that dimension. Matches `torch.unbind`. */
  unbind(dim = 0): Tensor[] {
    if (this.dim() === 0) throw new ShapeError("unbind: expected one dimension or more, got a scalar");
    const d = normalizeDim("unbind", dim, this.dim());
    return Array.from({ length: this.shape[d] }, (_, i) => this.select(d, i));
  }

  /**
   * Moves dimensions `source` to the places `destination`; the others keep their order. Matches
   * `torch.movedim`.
   * @example
   * ```ts
   * import { zeros } from "wasmgrad";
   * console.log(zeros([2, 3, 4]).movedim(0, -1).shape); // [3, 4, 2]
   * ```
   */
  movedim(source: number | readonly number[], destination: number | readonly number[]): Tensor {
    const rank = this.dim();
    const dimsOf = (name: string, dims: unknown) =>
      checkIntegers("movedim", name, dims, LEAST).map((dim) => normalizeDim("movedim", dim, rank));
    const [from, to] = [dimsOf("source", source), dimsOf("destination", destination)];
    if (from.length !== to.length || new Set(from).size !== from.length || new Set(to).size !== to.length) {
      throw new OptionError(`movedim: expected as many different destinations as sources, got [${from}] and [${to}]`);
    }
    const rest = Array.from({ length: rank }, (_, d) => d).filter((d) => !from.includes(d));
    const order = Array.from({ length: rank }, (_, d) =>
      to.includes(d) ? from[to.indexOf(d)] : (rest.shift() as number),
    );
    return this.permute(order);
  }

  /** The same as `transpose`. Matches `torch.swapaxes`. */
  swapaxes(axis0: number, axis1: number): Tensor {
    return composed("swapaxes", () => this.transpose(axis0, axis1));
  }

  /** `repeat`, but missing repeats in front are 1. Matches `torch.tile`. */
  tile(dims: readonly number[]): Tensor {
    checkShape("tile", dims);
    const missing = Math.max(0, this.dim() - dims.length);
    return this.repeat([...new Array<number>(missing).fill(1), ...dims]);
  }

  /**
   * Repeats each element `repeats` times: along `dim`, or of the flattened tensor. With an int32 tensor, each
   * position has its own number of repeats. Matches `torch.repeat_interleave`.
   * @example
   * ```ts
   * import { tensor } from "wasmgrad";
   * const x = tensor([[1, 2], [3, 4]]);
   * console.log(x.repeatInterleave(2).toArray()); // [1, 1, 2, 2, 3, 3, 4, 4]
   * console.log(x.repeatInterleave(tensor([1, 2], { dtype: "int32" }), 0).toArray()); // [[1, 2], [3, 4], [3, 4]]
   * ```
   */
  repeatInterleave(repeats: number | Tensor, dim?: number): Tensor {
    const op = "repeatInterleave";
    if (dim === undefined) return this.flatten().repeatInterleave(repeats, 0);
    if (this.dim() === 0) return this.reshape([1]).repeatInterleave(repeats, 0);
    const d = normalizeDim(op, dim, this.dim());
    const length = this.shape[d];
    if (typeof repeats === "number") {
      checkInteger(op, "repeats", repeats, 0);
      const lengths = [...this.shape.slice(0, d + 1), repeats, ...this.shape.slice(d + 1)];
      return this.unsqueeze(d + 1)
        .expand(lengths)
        .reshape(this.shape.map((size, i) => (i === d ? size * repeats : size)));
    }
    expectTensor(op, "repeats", repeats);
    expectInt32(op, "repeats", repeats.array);
    const counts = repeats.numel() === 1 ? new Int32Array(length).fill(repeats.item()) : repeats.data();
    if (repeats.dim() > 1 || counts.length !== length || counts.some((count) => count < 0)) {
      throw new ShapeError(
        `${op}: repeats expected ${length} numbers >= 0, got ${formatShape(repeats.shape)}: ${repeats}`,
      );
    }
    const positions = Array.from(counts as Int32Array, (count, i) => new Array<number>(count).fill(i)).flat();
    return apply(new Positions(op, { repeats: Array.from(counts), dim }, () => ({ dim: d, positions })), this);
  }

  /**
   * Shifts elements by `shifts` positions along `dims`; those that leave at the end come back in front.
   * Without `dims`, the flattened tensor is shifted. Matches `torch.roll`.
   * @example
   * ```ts
   * import { tensor } from "wasmgrad";
   * console.log(tensor([1, 2, 3, 4]).roll(1).toArray()); // [4, 1, 2, 3]
   * ```
   */
  roll(shifts: number | readonly number[], dims?: number | readonly number[]): Tensor {
    const by = checkIntegers("roll", "shifts", shifts, LEAST);
    const along = checkIntegers("roll", "dims", dims ?? [], LEAST);
    if (along.length === 0) {
      if (by.length !== 1) throw new OptionError(`roll: expected dims for the shifts [${by}]`);
      return this.flatten().roll(by, 0).reshape(this.shape);
    }
    if (by.length !== along.length) {
      throw new OptionError(`roll: expected as many shifts as dims, got [${by}] and [${along}]`);
    }
    const original = asTensor(this);
    let rolled = original;
    along.forEach((dim, i) => {
      const d = normalizeDim("roll", dim, this.dim());
      const length = this.shape[d] ?? 1;
      const shift = by[i];
      if (length === 0 || shift % length === 0) return;
      const positions = Array.from({ length }, (_, k) => (((k - shift) % length) + length) % length);
      rolled = apply(new Positions("roll", { shifts: shift, dims: dim }, () => ({ dim: d, positions })), rolled);
    });
    return rolled === original ? this.clone() : rolled;
  }

  /** Turns by `k` times 90 degrees from the first of `dims` to the second. Matches `torch.rot90`. */
  rot90(k = 1, dims: readonly [number, number] | readonly number[] = [0, 1]): Tensor {
    checkInteger("rot90", "k", k, LEAST);
    const [a, b, ...more] = checkIntegers("rot90", "dims", dims, LEAST).map((d) =>
      normalizeDim("rot90", d, this.dim()),
    );
    if (a === b || b === undefined || more.length > 0) {
      throw new OptionError(`rot90: expected two of the dimensions of ${formatShape(this.shape)}, got [${dims}]`);
    }
    const turns = ((k % 4) + 4) % 4;
    if (turns === 0) return this.clone();
    if (turns === 1) return this.flip(b).transpose(a, b);
    return turns === 2 ? this.flip([a, b]) : this.flip(a).transpose(a, b);
  }

  /** Reverses dimension 1. Matches `torch.fliplr`. */
  fliplr(): Tensor {
    if (this.dim() < 2) throw new ShapeError(`fliplr: expected a matrix or more, got ${formatShape(this.shape)}`);
    return this.flip(1);
  }

  /** Reverses dimension 0. Matches `torch.flipud`. */
  flipud(): Tensor {
    if (this.dim() < 1) throw new ShapeError("flipud: expected one dimension or more, got a scalar");
    return this.flip(0);
  }

  /**
   * The elements of dimensions `dim1` and `dim2` whose position in `dim2` is that in `dim1` plus `offset`, as
   * the last dimension. Matches `torch.diagonal`.
   */
  diagonal(offset = 0, dim1 = 0, dim2 = 1): Tensor {
    return apply(
      new View("diagonal", { offset, dim1, dim2 }, (shape) => diagonalRegion("diagonal", shape, offset, dim1, dim2)),
      this,
    );
  }

  /** Matrices with the last dimension as their diagonal, zeros elsewhere. Matches `torch.diag_embed`. */
  diagEmbed(offset = 0, dim1 = -2, dim2 = -1): Tensor {
    return apply(new DiagEmbed(offset, dim1, dim2), this);
  }

  /** The diagonal of a matrix, or a matrix with a vector as its diagonal. Matches `torch.diag`. */
  diag(diagonal = 0): Tensor {
    if (this.dim() === 1) return composed("diag", () => this.diagEmbed(diagonal));
    if (this.dim() === 2) return composed("diag", () => this.diagonal(diagonal));
    throw new ShapeError(`diag: expected a vector or a matrix, got ${formatShape(this.shape)}`);
  }

  /** The sum of the diagonal of a matrix. Matches `torch.trace`. */
  trace(): Tensor {
    if (this.dim() !== 2) throw new ShapeError(`trace: expected a matrix, got ${formatShape(this.shape)}`);
    return this.diagonal().sum();
  }

  /**
   * Windows of `size` positions of a dimension, `step` apart. The dimension becomes the windows, and the
   * positions inside a window are the last dimension. Matches `Tensor.unfold`.
   * @example
   * ```ts
   * import { arange } from "wasmgrad";
   * console.log(arange(5).unfold(0, 3, 2).toArray()); // [[0, 1, 2], [2, 3, 4]]
   * ```
   */
  unfold(dim: number, size: number, step: number): Tensor {
    return apply(new Unfold(dim, size, step), this);
  }

  /**
   * Splits a dimension into `indicesOrSections` parts of nearly equal length, or at the given positions.
   * Matches `torch.tensor_split`.
   */
  tensorSplit(indicesOrSections: number | readonly number[], dim = 0): Tensor[] {
    if (this.dim() === 0) throw new ShapeError("tensorSplit: expected one dimension or more, got a scalar");
    const length = this.shape[normalizeDim("tensorSplit", dim, this.dim())];
    if (typeof indicesOrSections !== "number") {
      const ends = checkIntegers("tensorSplit", "indices", indicesOrSections, LEAST);
      return [0, ...ends].map((start, i) => this.slice(dim, start, ends[i] ?? length));
    }
    const sections = checkInteger("tensorSplit", "sections", indicesOrSections, 1);
    const [least, longer] = [Math.floor(length / sections), length % sections];
    return this.split(
      Array.from({ length: sections }, (_, i) => least + Number(i < longer)),
      dim,
    );
  }

  /** The elements at positions `index` (int32) of the flattened tensor. Matches `torch.take`. */
  take(index: Tensor): Tensor {
    expectTensor("take", "index", index);
    if (index.dtype !== "int32") throw new DTypeError(`take: index expected int32, got ${index.dtype}; use .int()`);
    return this.flatten().indexSelect(0, index.flatten()).reshape(index.shape);
  }
}
