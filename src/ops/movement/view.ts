import { checkInteger } from "../../checks.ts";
import { formatShape, OptionError, ShapeError } from "../../errors.ts";
import { type NDArray, normalizeDim, replaceAt, stridesOf } from "../core/array.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { type Region, readRegion, scatterRegion } from "./strided.ts";

/**
 * Copies a region of x to a new array: permute, slice, select, flip. `regionOf` returns the region, in which
 * no element occurs twice. `dx` is zero outside the region.
 */
export class View extends Op {
  readonly name: string;
  readonly attributes: Attributes;
  readonly #regionOf: (shape: readonly number[]) => Region;
  #shape: readonly number[] = [];
  /** The part of x that the result is; set by `forward`. */
  region: Region = { offset: 0, shape: [], strides: [] };

  constructor(name: string, attributes: Attributes, regionOf: (shape: readonly number[]) => Region) {
    super();
    this.name = name;
    this.attributes = attributes;
    this.#regionOf = regionOf;
  }

  forward(x: NDArray): NDArray {
    this.#shape = x.shape;
    this.region = this.#regionOf(x.shape);
    return readRegion(x, this.region);
  }

  override backward(dy: NDArray): Gradients {
    return [scatterRegion(this.#shape, this.region, dy)];
  }
}

/** The region whose dimension d is dimension `dims[d]` of the array. */
export function permuted(op: string, shape: readonly number[], dims: readonly number[]): Region {
  if (typeof dims === "number")
    throw new OptionError(`${op}: dims expected an array, as in ${op}([1, 0]), got ${dims}`);
  const order = Array.isArray(dims) ? dims.map((dim) => normalizeDim(op, dim, shape.length)) : [];
  if (order.length !== shape.length || new Set(order).size !== order.length) {
    const actual = JSON.stringify(dims);
    throw new OptionError(`${op}: dims expected each dimension of ${formatShape(shape)} once, got ${actual}`);
  }
  const strides = stridesOf(shape);
  return { offset: 0, shape: order.map((d) => shape[d]), strides: order.map((d) => strides[d]) };
}

/** The order of the dimensions after exchanging two of them. */
export function exchanged(op: string, rank: number, dim0: number, dim1: number): number[] {
  const order = Array.from({ length: rank }, (_, d) => d);
  if (rank === 0) return order;
  const [a, b] = [normalizeDim(op, dim0, rank), normalizeDim(op, dim1, rank)];
  return replaceAt(replaceAt(order, a, b), b, a);
}

function expectDimensions(op: string, shape: readonly number[]): void {
  if (shape.length === 0) throw new ShapeError(`${op}: expected at least one dimension, got a scalar`);
}

/** `length` positions of `dim`, starting at `start`, `step` apart. */
function strip(shape: readonly number[], dim: number, start: number, length: number, step: number): Region {
  const strides = stridesOf(shape);
  const offset = length > 0 ? start * strides[dim] : 0;
  return { offset, shape: replaceAt(shape, dim, length), strides: replaceAt(strides, dim, strides[dim] * step) };
}

/** Positions `start` to `start + length - 1` of a dimension. */
export function narrowed(op: string, shape: readonly number[], dim: number, start: number, length: number): Region {
  expectDimensions(op, shape);
  const d = normalizeDim(op, dim, shape.length);
  checkInteger(op, "start", start, -shape[d], shape[d]);
  const first = start < 0 ? start + shape[d] : start;
  checkInteger(op, "length", length, 0, shape[d] - first);
  return strip(shape, d, first, length, 1);
}

/** Positions `start, start + step, …` below `end`, like Python's `x[start:end:step]`: bounds are clamped. */
export function sliced(
  op: string,
  shape: readonly number[],
  dim: number,
  start: number,
  end: number,
  step: number,
): Region {
  expectDimensions(op, shape);
  const d = normalizeDim(op, dim, shape.length);
  checkInteger(op, "step", step, 1);
  const clamp = (name: string, bound: number) => {
    if (bound === Infinity) return shape[d];
    checkInteger(op, name, bound, -(2 ** 31));
    return Math.min(Math.max(bound < 0 ? bound + shape[d] : bound, 0), shape[d]);
  };
  const first = clamp("start", start);
  return strip(shape, d, first, Math.max(0, Math.ceil((clamp("end", end) - first) / step)), step);
}

/** Position `index` of a dimension. The result does not have this dimension. */
export function selected(op: string, shape: readonly number[], dim: number, index: number): Region {
  expectDimensions(op, shape);
  const d = normalizeDim(op, dim, shape.length);
  checkInteger(op, "index", index, -shape[d], shape[d] - 1);
  const region = strip(shape, d, index < 0 ? index + shape[d] : index, 1, 1);
  return { ...region, shape: replaceAt(shape, d), strides: replaceAt(region.strides, d) };
}

/** Reverses the dimensions `dims`. */
export function flipped(op: string, shape: readonly number[], dims: number | readonly number[]): Region {
  const list = typeof dims === "number" ? [dims] : dims;
  if (!Array.isArray(list)) throw new OptionError(`${op}: dims expected an array of dimensions`);
  const region = { offset: 0, shape, strides: stridesOf(shape) };
  const backward = new Set(list.map((dim) => normalizeDim(op, dim, shape.length)));
  if (backward.size !== list.length) throw new OptionError(`${op}: a dim appears twice in [${list.join(", ")}]`);
  for (const d of backward) {
    if (shape.length === 0) continue;
    region.offset += Math.max(shape[d] - 1, 0) * region.strides[d];
    region.strides[d] = -region.strides[d];
  }
  return region;
}
