import { checkInteger, describe } from "../../checks.ts";
import { formatShape, OptionError, ShapeError } from "../../errors.ts";
import { type NDArray, normalizeDim, replaceAt, sizeOf } from "../core/array.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";

/**
 * Gives the same elements another shape; the result shares the block. `shapeFor` computes the new shape from
 * the old one.
 */
export class Reshape extends Op {
  readonly name: string;
  readonly attributes: Attributes;
  readonly #shapeFor: (shape: readonly number[]) => readonly number[];
  #before: readonly number[] = [];

  constructor(name: string, attributes: Attributes, shapeFor: (shape: readonly number[]) => readonly number[]) {
    super();
    this.name = name;
    this.attributes = attributes;
    this.#shapeFor = shapeFor;
  }

  forward(x: NDArray): NDArray {
    this.#before = x.shape;
    return x.withShape(this.#shapeFor(x.shape));
  }

  override backward(dy: NDArray): Gradients {
    return [dy.withShape(this.#before)];
  }
}

/** Resolves the shape `wanted`: a -1 in it is inferred from the number of elements. */
export function resolveShape(op: string, before: readonly number[], wanted: readonly number[]): number[] {
  const size = sizeOf(before);
  if (!Array.isArray(wanted) || wanted.some((n) => !Number.isSafeInteger(n) || n < -1)) {
    if (typeof wanted === "number") {
      throw new ShapeError(`${op}: a shape is an array, as in ${op}([2, -1]), got ${wanted}`);
    }
    throw new ShapeError(`${op}: a shape is an array of integers >= 0, or -1 once, got ${JSON.stringify(wanted)}`);
  }
  const free = wanted.indexOf(-1);
  if (wanted.lastIndexOf(-1) !== free)
    throw new ShapeError(`${op}: expected -1 once at most, got ${formatShape(wanted)}`);
  const known = sizeOf(wanted.filter((_, d) => d !== free));
  const shape = free < 0 ? [...wanted] : replaceAt(wanted, free, known === 0 ? 0 : size / known);
  if (sizeOf(shape) !== size || !shape.every(Number.isInteger) || (free >= 0 && known === 0)) {
    throw new ShapeError(
      `${op}: ${formatShape(before)} has ${size} elements, shape ${formatShape(wanted)} does not fit`,
    );
  }
  return shape;
}

/** The shape after joining dimensions `start` to `end` into one. A scalar becomes a vector. */
export function flattenedShape(op: string, before: readonly number[], start: number, end: number): number[] {
  const first = normalizeDim(op, start, before.length);
  const last = normalizeDim(op, end, before.length);
  if (first > last)
    throw new ShapeError(`${op}: startDim ${start} comes after endDim ${end} in ${formatShape(before)}`);
  return [...before.slice(0, first), sizeOf(before.slice(first, last + 1)), ...before.slice(last + 1)];
}

/** The shape after splitting dimension `dim` into several. */
export function unflattenedShape(
  op: string,
  before: readonly number[],
  dim: number,
  sizes: readonly number[],
): number[] {
  const d = normalizeDim(op, dim, before.length);
  return [...before.slice(0, d), ...resolveShape(op, [before[d] ?? 1], sizes), ...before.slice(d + 1)];
}

/** Removes all dimensions of length 1, or only those listed in `dims`. */
export function squeezedShape(op: string, before: readonly number[], dims?: number | readonly number[]): number[] {
  const list = dims === undefined ? before.map((_, d) => d) : typeof dims === "number" ? [dims] : dims;
  if (!Array.isArray(list))
    throw new OptionError(`${op}: dim expected an integer or an array of them, got ${describe(list)}`);
  const gone = list.map((dim) => normalizeDim(op, dim, before.length));
  return before.filter((length, d) => length !== 1 || !gone.includes(d));
}

/** Inserts a dimension of length 1 at `dim`. */
export function unsqueezedShape(op: string, before: readonly number[], dim: number): number[] {
  checkInteger(op, "dim", dim, -before.length - 1, before.length);
  const d = dim < 0 ? dim + before.length + 1 : dim;
  return [...before.slice(0, d), 1, ...before.slice(d)];
}
