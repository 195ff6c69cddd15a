import { checkBoolean, checkInteger, readOptions } from "../../checks.ts";
import { formatShape, ShapeError } from "../../errors.ts";
import type { Address } from "../../runtime/address.ts";
import { SORT_COUNTERS_BYTES } from "../../runtime/kernels.generated.ts";
import { kernels, launch } from "../../runtime/kernels.ts";
import { empty, emptyLike, type NDArray, normalizeDim, replaceAt, scratch, zeros } from "../core/array.ts";
import { type AxisView, axisView, type ReduceOptions, readKeepdim } from "../core/axis.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { addAt, gatherAt } from "../movement/scatter.ts";
import { readRegion } from "../movement/strided.ts";
import { narrowed } from "../movement/view.ts";

/** Slices that a thread takes at a time. There are at most 16 chunks, because each needs scratch memory. */
function chunksOf({ outer, length, inner }: AxisView): { total: number; grain: number; chunks: number } {
  const total = outer * inner;
  const grain = Math.max(Math.ceil(4096 / Math.max(length, 1)), Math.ceil(total / 16), 1);
  return { total, grain, chunks: Math.ceil(total / grain) };
}

/** Sorts along an axis of at least one element; returns values and positions. */
function sortAlong(x: NDArray, axis: AxisView, descending: boolean): [values: NDArray, indices: NDArray] {
  const [values, indices] = [emptyLike(x), empty(x.shape, "int32")];
  const { total, grain, chunks } = chunksOf(axis);
  const bytes = 16 * axis.length + SORT_COUNTERS_BYTES;
  const addresses = [x.address, values.address, indices.address, scratch(chunks * bytes)] as const;
  const isInt = Number(x.dtype !== "float32");
  launch("sort", total, grain, ...addresses, bytes, grain, axis.length, axis.inner, Number(descending), isInt);
  return [values, indices];
}

/** The k first elements along an axis, sorted; returns values and positions. */
function selectAlong(x: NDArray, d: number, k: number, descending: boolean): [values: NDArray, indices: NDArray] {
  const shape = replaceAt(x.shape, d, k);
  const [values, indices] = [empty(shape, x.dtype), empty(shape, "int32")];
  const axis = axisView(x.shape, d);
  const { total, grain, chunks } = chunksOf(axis);
  const { length, inner } = axis;
  const capacity = Math.max(2 * k, 16);
  const bytes = 16 * (capacity + 4) + SORT_COUNTERS_BYTES;
  const addresses = [x.address, values.address, indices.address, scratch(chunks * bytes)] as const;
  const isInt = Number(x.dtype !== "float32");
  launch("topk", total, grain, ...addresses, bytes, grain, length, inner, k, capacity, Number(descending), isInt);
  return [values, indices];
}

/**
 * An op that chooses elements along a dimension. It returns values and their int32 positions; the gradient of
 * a value belongs to the element at its position.
 */
export abstract class Choice extends Op {
  protected axis: AxisView = { outer: 0, length: 0, inner: 0 };
  protected shape: readonly number[] = [];

  /** Notes shape and axis of the input, and returns the dimension. */
  protected begin(x: NDArray, dim: number): number {
    const d = normalizeDim(this.name, dim, x.shape.length);
    this.shape = x.shape;
    this.axis = axisView(x.shape, d);
    return d;
  }

  override backward(dy: NDArray): Gradients {
    const dx = zeros(this.shape);
    addAt(dx, this.axis, this.saved[0] as NDArray, dy);
    return [dx];
  }

  /** The elements of an array of the input's shape at the positions `indices`. */
  read(x: NDArray, indices: NDArray): NDArray {
    return gatherAt(x, this.axis, indices);
  }
}

export interface SortOptions {
  /** Whether the largest element comes first. Default false. */
  descending?: boolean;
  /** Accepted for PyTorch's sake: the order of equal elements is always kept. */
  stable?: boolean;
}

/** Sorts along a dimension. NaN counts as larger than every number; equal elements keep their order. */
export class Sort extends Choice {
  readonly name = "sort";
  readonly #dim: number;
  readonly #descending: boolean;

  constructor(dim: number, options?: SortOptions) {
    super();
    const { descending } = readOptions<Required<SortOptions>>("sort", options, { descending: false, stable: true });
    this.#dim = dim;
    this.#descending = checkBoolean("sort", "descending", descending);
  }

  get attributes(): Attributes {
    return { dim: this.#dim, descending: this.#descending };
  }

  forward(x: NDArray): NDArray[] {
    this.begin(x, this.#dim);
    const [values, indices] = sortAlong(x, this.axis, this.#descending);
    this.save(indices);
    return [values, indices];
  }
}

export interface TopkOptions {
  /** Whether the largest elements are chosen (the default) or the smallest. */
  largest?: boolean;
  /** Accepted for PyTorch's sake: the result is always sorted. */
  sorted?: boolean;
}

/**
 * The k largest or smallest elements along a dimension, sorted; of equal elements, those that come first. NaN
 * counts as larger than every number.
 */
export class Topk extends Choice {
  readonly name = "topk";
  readonly #k: number;
  readonly #dim: number;
  readonly #largest: boolean;

  constructor(k: number, dim: number, options?: TopkOptions) {
    super();
    const { largest } = readOptions<Required<TopkOptions>>("topk", options, { largest: true, sorted: true });
    this.#k = checkInteger("topk", "k", k, 0);
    this.#dim = dim;
    this.#largest = checkBoolean("topk", "largest", largest);
  }

  get attributes(): Attributes {
    return { k: this.#k, dim: this.#dim, largest: this.#largest };
  }

  forward(x: NDArray): NDArray[] {
    const d = this.begin(x, this.#dim);
    checkInteger(this.name, "k", this.#k, 0, this.axis.length);
    const isScalar = x.shape.length === 0;
    const shape = isScalar ? [this.#k] : replaceAt(x.shape, d, this.#k);
    const [values, indices] =
      this.#k === 0 ? [empty(shape, x.dtype), empty(shape, "int32")] : selectAlong(x, d, this.#k, this.#largest);
    this.save(indices);
    return isScalar && this.#k === 1 ? [values.withShape([]), indices.withShape([])] : [values, indices];
  }
}

/** The k-th smallest element along a dimension, counted from 1. */
export class KthValue extends Choice {
  readonly name = "kthvalue";
  readonly #k: number;
  readonly #dim: number;
  readonly #options: ReduceOptions | undefined;

  constructor(k: number, dim: number, options?: ReduceOptions) {
    super();
    this.#k = checkInteger("kthvalue", "k", k, 1);
    this.#dim = dim;
    this.#options = options;
  }

  get attributes(): Attributes {
    return { k: this.#k, dim: this.#dim, keepdim: this.#options?.keepdim ?? false };
  }

  forward(x: NDArray): NDArray[] {
    const d = this.begin(x, this.#dim);
    checkInteger(this.name, "k", this.#k, 1, this.axis.length);
    const kept = readKeepdim(this.name, this.#options);
    const shape = x.shape.length === 0 ? [] : replaceAt(x.shape, d, ...(kept ? [1] : []));
    const [values, indices] = selectAlong(x, d, this.#k, false).map((y) =>
      readRegion(y, narrowed(this.name, y.shape, d, this.#k - 1, 1)).withShape(shape),
    );
    this.save(indices);
    return [values, indices];
  }
}

/** Chooses one of the sorted elements along a dimension. */
export abstract class OneOfSorted extends Choice {
  readonly #dim: number;
  readonly #options: ReduceOptions | undefined;

  constructor(dim: number, options?: ReduceOptions) {
    super();
    this.#dim = dim;
    this.#options = options;
  }

  /** Runs the kernel on sorted elements, their positions, and the results, with length, inner and isInt. */
  protected abstract choose(total: number, addresses: SortedAddresses, ...sizes: [number, number, number]): void;

  get attributes(): Attributes {
    return { dim: this.#dim, keepdim: this.#options?.keepdim ?? false };
  }

  forward(x: NDArray): NDArray[] {
    const d = this.begin(x, this.#dim);
    const { length, inner } = this.axis;
    if (length === 0) throw new ShapeError(`${this.name}: expected at least one element, got ${formatShape(x.shape)}`);
    const kept = readKeepdim(this.name, this.#options);
    const shape = x.shape.length === 0 ? [] : replaceAt(x.shape, d, ...(kept ? [1] : []));
    const [values, indices] = [empty(shape, x.dtype), empty(shape, "int32")];
    const [sorted, positions] = sortAlong(x, this.axis, false);
    const addresses = [sorted.address, positions.address, values.address, indices.address] as const;
    this.choose(values.size, addresses, length, inner, Number(x.dtype !== "float32"));
    this.save(indices);
    return [values, indices];
  }
}

/** Of the sorted elements, their positions, the chosen values and their positions. */
export type SortedAddresses = readonly [Address, Address, Address, Address];

/**
 * The median along a dimension, the lower one of two: NaN if there is a NaN (median), or that of the other
 * elements (nanmedian).
 */
export class Median extends OneOfSorted {
  readonly name: "median" | "nanmedian";

  constructor(name: "median" | "nanmedian", dim: number, options?: ReduceOptions) {
    super(dim, options);
    this.name = name;
  }

  protected choose(total: number, addresses: SortedAddresses, ...sizes: [number, number, number]): void {
    launch("middleOfSorted", total, 4096, ...addresses, ...sizes, Number(this.name === "nanmedian"));
  }
}

/** The different elements in ascending order, the number of each element's value among them, and counts. */
export class Unique extends Op {
  readonly name = "unique";
  readonly attributes: Attributes = {};

  forward(x: NDArray): NDArray[] {
    const axis = { outer: 1, length: x.size, inner: 1 };
    const [sorted, positions] = sortAlong(x.withShape([x.size]), axis, false);
    const [values, inverse, counts] = [emptyLike(sorted), empty(x.shape, "int32"), empty([x.size], "int32")];
    const addresses = [sorted.address, positions.address, values.address, inverse.address, counts.address] as const;
    const isInt = Number(x.dtype !== "float32");
    const count = kernels().uniqueOfSorted(x.size, ...addresses, isInt);
    const first = (y: NDArray) => readRegion(y, { offset: 0, shape: [count], strides: [1] });
    return [first(values), inverse, first(counts)];
  }
}
