import { checkNumber, readOptions } from "../../checks.ts";
import { DTypeError, formatShape, ShapeError } from "../../errors.ts";
import { launch } from "../../runtime/kernels.ts";
import {
  empty,
  expectRank,
  isSameShape,
  type NDArray,
  normalizeDim,
  replaceAt,
  stridesOf,
  zeros,
} from "../core/array.ts";
import { type AxisView, axisView } from "../core/axis.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { combine } from "../elementwise/binary.ts";
import { full } from "../elementwise/fill.ts";
import { toArray } from "../elementwise/promote.ts";
import { cloneArray } from "./copy.ts";
import { checkIndex, gatherRows } from "./indexing.ts";
import { type Region, readRegion, scatterRegion, writeRegion } from "./strided.ts";

/** Columns in one part of a kernel that scatters. */
export const COLUMN_GRAIN = 64;

function expectSameType(op: string, what: string, x: NDArray, source: NDArray): void {
  if (x.dtype !== source.dtype) throw new DTypeError(`${op}: ${what} expected ${x.dtype}, got ${source.dtype}`);
}

/** `out[o, index[o, j, i], i] += source[o, j, i]`, in the order of j. Nothing else may use `out`. */
export function addAt(out: NDArray, { outer, length, inner }: AxisView, index: NDArray, source: NDArray): void {
  if (index.size === 0) return;
  const sizes = [length, index.size / outer / inner, inner] as const;
  const kernel = out.dtype === "float32" ? "scatterAdd" : "scatterAddInt";
  launch(kernel, outer * inner, COLUMN_GRAIN, source.address, index.address, out.address, ...sizes);
}

/** `out[o, index[o, j, i], i] = source[o, j, i]`, in the order of j. */
function setAt(out: NDArray, { outer, length, inner }: AxisView, index: NDArray, source: NDArray): void {
  if (index.size === 0) return;
  const sizes = [length, index.size / outer / inner, inner] as const;
  launch("scatterElements", outer * inner, COLUMN_GRAIN, source.address, index.address, out.address, ...sizes);
}

/** `out[o, j, i] = x[o, index[o, j, i], i]`. */
export function gatherAt(x: NDArray, { outer, length, inner }: AxisView, index: NDArray): NDArray {
  const out = empty(index.shape, x.dtype);
  if (out.size === 0) return out;
  const count = out.size / outer / inner;
  launch("gather", out.size, 4096, x.address, index.address, out.address, length, count, inner);
  return out;
}

/** Checks the operands of a scatter, and returns its dimension, counted from the start. */
export function checkScatter(op: string, dim: number, x: NDArray, index: NDArray, source: NDArray): number {
  const rank = x.shape.length;
  const d = normalizeDim(op, dim, rank);
  const fits =
    index.shape.length === rank &&
    source.shape.length === rank &&
    index.shape.every((n, i) => n <= source.shape[i] && (i === d || n <= x.shape[i]));
  if (!fits) {
    throw new ShapeError(
      `${op}: index ${formatShape(index.shape)} does not fit ${formatShape(x.shape)} and the source ${formatShape(source.shape)}`,
    );
  }
  expectSameType(op, "the source", x, source);
  checkIndex(op, index, x.shape[d] ?? 1);
  return d;
}

/** The start of an array of `shape` that has the lengths of the index, in dimension d those of the array. */
export function partOf(shape: readonly number[], index: NDArray, d = -1): Region {
  const lengths = shape.map((length, i) => (i === d ? length : index.shape[i]));
  return { offset: 0, shape: lengths, strides: stridesOf(shape) };
}

/** A copy of x, changed by `write` at the positions `index` of dimension d. */
export function changedAt(x: NDArray, index: NDArray, d: number, source: NDArray, write: typeof addAt): NDArray {
  const out = cloneArray(x);
  const region = partOf(x.shape, index, d);
  if (isSameShape(region.shape, x.shape)) write(out, axisView(x.shape, d), index, source);
  else {
    const part = readRegion(out, region);
    write(part, axisView(part.shape, d), index, source);
    writeRegion(out, region, part);
  }
  return out;
}

/** The elements of x at the positions `index` of dimension d. */
export function readAt(x: NDArray, index: NDArray, d: number): NDArray {
  const part = partOf(x.shape, index, d);
  return gatherAt(readRegion(x, part), axisView(part.shape, d), index);
}

/**
 * Writes (scatter) or adds (scatterAdd) elements of `source` to the positions of x that `index` lists:
 * `out[i, index[i, j, k], k] = source[i, j, k]` for dimension 1. x is unchanged elsewhere. `index` may be
 * shorter than x and `source`. `dsource` is gathered from `dy`; `dx` is `dy`, and for scatter 0 where it was
 * overwritten.
 */
export class Scatter extends Op {
  override readonly takesNumbers = true;
  readonly name: "scatter" | "scatterAdd";
  readonly #dim: number;
  #d = 0;
  #sourceShape: readonly number[] = [];

  constructor(name: "scatter" | "scatterAdd", dim: number) {
    super();
    this.name = name;
    this.#dim = dim;
  }

  get attributes(): Attributes {
    return { dim: this.#dim };
  }

  forward(x: NDArray, index: NDArray, value: NDArray | number): NDArray {
    const source = typeof value === "number" ? full(index.shape, value, x.dtype) : value;
    this.#d = checkScatter(this.name, this.#dim, x, index, source);
    this.#sourceShape = source.shape;
    this.save(index);
    const given = readRegion(source, partOf(source.shape, index));
    return changedAt(x, index, this.#d, given, this.name === "scatterAdd" ? addAt : setAt);
  }

  override backward(dy: NDArray): Gradients {
    const [index] = this.saved as [NDArray];
    let dx: NDArray | null = null;
    if (this.needs[0]) {
      dx = this.name === "scatterAdd" ? dy : changedAt(dy, index, this.#d, zeros(index.shape), setAt);
    }
    if (!this.needs[2]) return [dx, null, null];
    const own = readAt(dy, index, this.#d);
    return [dx, null, scatterRegion(this.#sourceShape, partOf(this.#sourceShape, index), own)];
  }
}

/**
 * Adds (indexAdd) or copies (indexCopy) the rows of `source` to the positions `index` of a dimension of x.
 * `dsource` are the rows of `dy`; `dx` is `dy`, and for indexCopy 0 where it was overwritten.
 */
export class IndexRows extends Op {
  readonly name: "indexAdd" | "indexCopy";
  readonly #dim: number;
  readonly #alpha: number;
  #d = 0;

  constructor(name: "indexAdd" | "indexCopy", dim: number, options?: { alpha?: number }) {
    super();
    this.name = name;
    this.#dim = dim;
    this.#alpha = checkNumber(name, "alpha", readOptions(name, options, { alpha: 1 }).alpha);
  }

  get attributes(): Attributes {
    return { dim: this.#dim, alpha: this.#alpha };
  }

  forward(x: NDArray, index: NDArray, source: NDArray): NDArray {
    const d = normalizeDim(this.name, this.#dim, x.shape.length);
    expectRank(this.name, "index", index, 1, "[N]");
    if (x.shape.length === 0 || !isSameShape(source.shape, replaceAt(x.shape, d, index.size))) {
      throw new ShapeError(
        `${this.name}: the source expected ${index.size} positions in dim ${this.#dim} of ${formatShape(x.shape)}, got ${formatShape(source.shape)}`,
      );
    }
    expectSameType(this.name, "the source", x, source);
    checkIndex(this.name, index, x.shape[d]);
    this.#d = d;
    this.save(index);
    return this.name === "indexAdd" ? this.#add(x, index, this.#scaled(source)) : this.#copy(x, index, source);
  }

  override backward(dy: NDArray): Gradients {
    const [index] = this.saved as [NDArray];
    const shape = replaceAt(dy.shape, this.#d, index.size);
    let dx: NDArray | null = null;
    if (this.needs[0]) dx = this.name === "indexAdd" ? dy : this.#copy(dy, index, zeros(shape));
    return [dx, null, this.needs[2] ? this.#scaled(gatherRows(dy, this.#d, index, shape)) : null];
  }

  #scaled(x: NDArray): NDArray {
    if (this.#alpha === 1) return x;
    const kernel = x.dtype === "float32" ? "mulFloat" : "mulInt";
    return combine(this.name, kernel, x, toArray(this.#alpha, x.dtype), x.dtype);
  }

  #add(x: NDArray, index: NDArray, source: NDArray): NDArray {
    const out = cloneArray(x);
    const { outer, length, inner } = axisView(x.shape, this.#d);
    const addresses = [source.address, index.address, out.address] as const;
    if (x.dtype === "float32") {
      launch("addToRows", outer * inner, COLUMN_GRAIN, ...addresses, length, index.size, inner, -1);
    } else launch("addRowsInt", outer * inner, COLUMN_GRAIN, ...addresses, length, index.size, inner);
    return out;
  }

  #copy(x: NDArray, index: NDArray, source: NDArray): NDArray {
    const out = cloneArray(x);
    const { outer, length, inner } = axisView(x.shape, this.#d);
    const addresses = [source.address, index.address, out.address] as const;
    launch("setRows", outer * inner, COLUMN_GRAIN, ...addresses, length, index.size, inner);
    return out;
  }
}
