import { checkInteger } from "../../checks.ts";
import { formatShape, OptionError, ShapeError } from "../../errors.ts";
import { kernels, launch } from "../../runtime/kernels.ts";
import {
  ELEMENTWISE_GRAIN,
  empty,
  expectInt32,
  expectRank,
  type NDArray,
  normalizeDim,
  placeOf,
  replaceAt,
  stridesOf,
  zeros,
} from "../core/array.ts";
import { axisView } from "../core/axis.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { MOST_CLASSES, refuseLabel } from "./class_count.ts";
import { readRegion, scatterRegion } from "./strided.ts";

/** Checks that `index` is int32 and all its values are in [0, length). */
export function checkIndex(op: string, index: NDArray, length: number): void {
  expectInt32(op, "index", index);
  const bad = kernels().findIndexOutside(index.size, index.address, 0, length);
  if (Number.isNaN(bad)) return;
  throw new OptionError(
    `${op}: index ${bad} is out of range [0, ${length - 1}], at element ${placeOf(index, bad)} of index ${formatShape(index.shape)}`,
  );
}

/** `out[o, j, :] = x[o, index[j], :]`; `shape` is the shape of the result. */
export function gatherRows(x: NDArray, d: number, index: NDArray, shape: readonly number[]): NDArray {
  const { outer, length, inner } = axisView(x.shape, d);
  const out = empty(shape, x.dtype);
  const grain = Math.ceil(ELEMENTWISE_GRAIN / Math.max(inner, 1));
  launch("gatherRows", outer * index.size, grain, x.address, index.address, out.address, length, index.size, inner);
  return out;
}

const COLUMN_GRAIN = 64;

/**
 * The gradient of `gatherRows`: adds the rows of `dy` at the positions in `index`, in order; the row `skip`
 * gets no gradient.
 */
export function addRows(dy: NDArray, d: number, index: NDArray, shape: readonly number[], skip = -1): NDArray {
  const { outer, length, inner } = axisView(shape, d);
  const dx = zeros(shape);
  const sizes = [length, index.size, inner, skip] as const;
  launch("addToRows", outer * inner, COLUMN_GRAIN, dy.address, index.address, dx.address, ...sizes);
  return dx;
}

/** Selects the positions `index` (a vector) of a dimension. Gradients of repeated positions add up. */
export class IndexSelect extends Op {
  readonly name = "indexSelect";
  readonly #dim: number;
  #d = 0;
  #shape: readonly number[] = [];

  constructor(dim: number) {
    super();
    this.#dim = dim;
  }

  get attributes(): Attributes {
    return { dim: this.#dim };
  }

  forward(x: NDArray, index: NDArray): NDArray {
    if (x.shape.length === 0) throw new ShapeError("indexSelect: expected at least one dimension, got a scalar");
    this.#d = normalizeDim(this.name, this.#dim, x.shape.length);
    expectRank(this.name, "index", index, 1, "[N]");
    checkIndex(this.name, index, x.shape[this.#d]);
    this.#shape = x.shape;
    this.save(index);
    return gatherRows(x, this.#d, index, replaceAt(x.shape, this.#d, index.size));
  }

  override backward(dy: NDArray): Gradients {
    return [addRows(dy, this.#d, this.saved[0] as NDArray, this.#shape), null];
  }
}

/** Looks up rows of `weight` `[V,D]`, giving `[...index, D]`. The row `paddingIdx` gets no gradient. */
export class Embedding extends Op {
  readonly name = "embedding";
  readonly #paddingIdx: number | null;
  #shape: readonly number[] = [];
  #skip = -1;

  constructor(paddingIdx: number | null) {
    super();
    this.#paddingIdx = paddingIdx;
  }

  get attributes(): Attributes {
    return { paddingIdx: this.#paddingIdx };
  }

  forward(index: NDArray, weight: NDArray): NDArray {
    expectRank(this.name, "weight", weight, 2, "[V,D]");
    const [rows, width] = weight.shape;
    const paddingIdx = this.#paddingIdx;
    if (paddingIdx !== null) {
      checkInteger(this.name, "paddingIdx", paddingIdx, -rows, rows - 1);
      this.#skip = paddingIdx < 0 ? paddingIdx + rows : paddingIdx;
    }
    checkIndex(this.name, index, rows);
    this.#shape = weight.shape;
    this.save(index);
    return gatherRows(weight, 0, index, [...index.shape, width]);
  }

  override backward(dy: NDArray): Gradients {
    return [null, addRows(dy, 0, this.saved[0] as NDArray, this.#shape, this.#skip)];
  }
}

/**
 * `out[i, j, k] = x[i, index[i, j, k], k]` for dimension 1, and so on. In `dx`, gradients of elements that
 * were read several times add up.
 */
export class Gather extends Op {
  readonly name = "gather";
  readonly #dim: number;
  #d = 0;
  #shape: readonly number[] = [];

  constructor(dim: number) {
    super();
    this.#dim = dim;
  }

  get attributes(): Attributes {
    return { dim: this.#dim };
  }

  forward(x: NDArray, index: NDArray): NDArray {
    const d = normalizeDim(this.name, this.#dim, x.shape.length);
    const fits = index.shape.length === x.shape.length && index.shape.every((n, i) => i === d || n <= x.shape[i]);
    if (!fits) {
      throw new ShapeError(
        `gather: index ${formatShape(index.shape)} does not fit ${formatShape(x.shape)}: expected as many dimensions, none longer but dim ${d}`,
      );
    }
    checkIndex(this.name, index, x.shape[d] ?? 1);
    this.#d = d;
    this.#shape = x.shape;
    this.save(index);
    const out = empty(index.shape, x.dtype);
    if (out.size === 0) return out;
    const part = readRegion(x, this.#part(index));
    const { outer, length, inner } = axisView(part.shape, d);
    const count = out.size / outer / inner;
    launch("gather", out.size, ELEMENTWISE_GRAIN, part.address, index.address, out.address, length, count, inner);
    return out;
  }

  override backward(dy: NDArray): Gradients {
    const [index] = this.saved as [NDArray];
    if (dy.size === 0) return [zeros(this.#shape)];
    const part = this.#part(index);
    const { outer, length, inner } = axisView(part.shape, this.#d);
    const dx = zeros(part.shape);
    const sizes = [length, dy.size / outer / inner, inner] as const;
    launch("scatterAdd", outer * inner, COLUMN_GRAIN, dy.address, index.address, dx.address, ...sizes);
    return [scatterRegion(this.#shape, part, dx), null];
  }

  /** The part of x that is read: if `index` is shorter than x, the rest of x is ignored. */
  #part(index: NDArray) {
    const shape = this.#shape.map((length, i) => (i === this.#d ? length : index.shape[i]));
    return { offset: 0, shape, strides: stridesOf(this.#shape) };
  }
}

/**
 * `[..., classes]` int32: 1 at the position given by the index, else 0. If `classes` is -1, it is replaced by
 * the largest index plus one.
 */
export class OneHot extends Op {
  readonly name = "oneHot";
  readonly #classes: number;

  constructor(classes: number) {
    super();
    this.#classes = checkInteger("oneHot", "numClasses", classes, -1);
  }

  get attributes(): Attributes {
    return { numClasses: this.#classes };
  }

  forward(index: NDArray): NDArray {
    if (this.#classes === -1 && index.size === 0)
      throw new OptionError("oneHot: numClasses must be given for no indices");
    const classes = this.#classes === -1 ? this.#countClasses(index) : this.#classes;
    checkIndex(this.name, index, classes);
    const out = empty([...index.shape, classes], "int32");
    launch(
      "oneHot",
      index.size,
      Math.ceil(ELEMENTWISE_GRAIN / Math.max(classes, 1)),
      index.address,
      out.address,
      classes,
    );
    return out;
  }

  #countClasses(index: NDArray): number {
    expectInt32(this.name, "index", index);
    const largest = kernels().largestIndex(index.size, index.address);
    if (largest >= MOST_CLASSES) {
      refuseLabel(this.name, largest, `element ${placeOf(index, largest)}`, "pass numClasses if that is meant");
    }
    return Math.max(largest + 1, 1); // at least 1, because the error for a negative index shows the range
  }
}
