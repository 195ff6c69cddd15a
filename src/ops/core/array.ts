import { describe } from "../../checks.ts";
import { DTypeError, formatShape, OptionError, ShapeError } from "../../errors.ts";
import type { Address } from "../../runtime/address.ts";
import type { Block } from "../../runtime/block.ts";
import { allocateBlock } from "../../runtime/frame.ts";
import { kernels } from "../../runtime/kernels.ts";
import { f32View, i32View, writeNew } from "../../runtime/memory.ts";

/** `bool` is stored as int32 with values 0 and 1, so all elements have four bytes. */
export type DType = "float32" | "int32" | "bool";
export type TypedArray = Float32Array | Int32Array;

/** Number of elements that a thread takes at a time in elementwise kernels: 16 KiB of each array. */
export const ELEMENTWISE_GRAIN = 4096;

/** Maximum number of elements that are shown. */
const MOST_SHOWN = 1000;

/**
 * A dense, row-major array in WebAssembly memory: the type that ops take and return. It does not own its
 * memory: see `Block`.
 */
export class NDArray {
  readonly block: Block;
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** Number of elements. */
  readonly size: number;

  constructor(block: Block, shape: readonly number[], dtype: DType) {
    this.block = block;
    this.shape = shape;
    this.dtype = dtype;
    this.size = sizeOf(shape);
  }

  /** Address of the first element. */
  get address(): Address {
    return this.block.address;
  }

  /** An array with the same elements and block, but another shape of the same size (or another dtype). */
  withShape(shape: readonly number[], dtype: DType = this.dtype): NDArray {
    return new NDArray(this.block, shape, dtype);
  }

  /** The text that Node's `assert` shows for a tensor when a comparison fails. */
  get [Symbol.toStringTag](): string {
    const shown = this.block.owners > 0 ? this.view().subarray(0, MOST_SHOWN).join(", ") : "released";
    return `${this.dtype} ${formatShape(this.shape)}: ${shown}${this.size > MOST_SHOWN ? ", ..." : ""}`;
  }

  /** A view of the elements. It is valid only until the next allocation. */
  view(): TypedArray {
    return this.dtype === "float32" ? f32View(this.address, this.size) : i32View(this.address, this.size);
  }
}

/** The number of elements of a shape: the product of its sizes. */
export function sizeOf(shape: readonly number[]): number {
  let size = 1;
  for (const length of shape) size *= length;
  return size;
}

/** A copy of a list with the element at `index` replaced by `values`, or removed if there are none. */
export function replaceAt(list: readonly number[], index: number, ...values: number[]): number[] {
  return [...list.slice(0, index), ...values, ...list.slice(index + 1)];
}

/** Row-major strides of a shape, in elements. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= shape[i];
  }
  return strides;
}

/** A new array with undefined contents. */
export function empty(shape: readonly number[], dtype: DType = "float32"): NDArray {
  return new NDArray(allocateBlock(sizeOf(shape) * 4), shape, dtype);
}

export function emptyLike(x: NDArray): NDArray {
  return empty(x.shape, x.dtype);
}

export function zeros(shape: readonly number[], dtype: DType = "float32"): NDArray {
  const out = empty(shape, dtype);
  kernels().fillZero(out.address, out.size * 4);
  return out;
}

/** An array without dimensions that holds `value`. */
export function scalar(value: number, dtype: DType = "float32"): NDArray {
  const out = empty([], dtype);
  writeNew(out.address, [value], dtype === "float32" ? "float32" : "int32");
  return out;
}

/** Address of `bytes` of scratch memory, freed with the running frame. */
export function scratch(bytes: number): Address {
  return allocateBlock(bytes).address;
}

/** Address of a table of integers (shapes, strides) for a kernel, freed with the running frame. */
export function intTable(values: readonly number[]): Address {
  const address = scratch(values.length * 4);
  writeNew(address, values, "int32");
  return address;
}

/** An int32 vector. */
export function intArray(values: readonly number[]): NDArray {
  const out = empty([values.length], "int32");
  writeNew(out.address, values, "int32");
  return out;
}

/** Reads one element, for an error message. */
export function elementAt(x: NDArray, index: number): number {
  return x.view()[index];
}

/** The first position of a value, for an error message. */
export function placeOf(x: NDArray, value: number): number {
  return x.view().indexOf(value);
}

/** Address of a table of float32 numbers for a kernel, freed with the running frame. */
export function floatTable(values: readonly number[]): Address {
  const address = scratch(values.length * 4);
  writeNew(address, values, "float32");
  return address;
}

export function isSameShape(a: readonly number[], b: readonly number[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Checks that two shapes are equal. */
export function expectSameShape(
  op: string,
  what: string,
  expected: readonly number[],
  actual: readonly number[],
): void {
  if (!isSameShape(expected, actual)) {
    throw new ShapeError(`${op}: ${what} expected shape ${formatShape(expected)}, got ${formatShape(actual)}`);
  }
}

export function expectFloat(op: string, ...arrays: (NDArray | null)[]): void {
  for (const x of arrays) {
    if (x && x.dtype !== "float32") {
      throw new DTypeError(`${op}: expected float32, got ${x.dtype} of shape ${formatShape(x.shape)}; use .float()`);
    }
  }
}

/** Checks that an array of indices, labels or similar integers is int32. */
export function expectInt32(op: string, what: string, x: NDArray): void {
  if (x.dtype === "int32") return;
  throw new DTypeError(
    `${op}: ${what} expected int32, got ${x.dtype} of shape ${formatShape(x.shape)}; use .int(), or make it with ` +
      'tensor(values, { dtype: "int32" })',
  );
}

export function expectRank(op: string, what: string, x: NDArray, rank: number, axes: string): void {
  if (x.shape.length !== rank) {
    throw new ShapeError(`${op}: ${what} expected ${rank} dimensions ${axes}, got ${formatShape(x.shape)}`);
  }
}

/**
 * Converts a dimension, which may be negative, to an index. A scalar is treated as having one dimension, as
 * in PyTorch.
 */
export function normalizeDim(op: string, dim: number, rank: number): number {
  const n = Math.max(rank, 1);
  if (!Number.isInteger(dim) || dim < -n || dim >= n) {
    throw new OptionError(`${op}: dim expected an integer in [${-n}, ${n - 1}], got ${describe(dim)}`);
  }
  return dim < 0 ? dim + n : dim;
}

/** Checks a shape given by the user. */
export function checkShape(op: string, shape: readonly number[]): void {
  if (typeof shape === "number") throw new ShapeError(`${op}: a shape is an array, as in ${op}([2, 3]), got ${shape}`);
  if (!Array.isArray(shape) || shape.some((length) => !Number.isSafeInteger(length) || length < 0)) {
    throw new ShapeError(`${op}: a shape is an array of integers >= 0 (below 2^53), got ${JSON.stringify(shape)}`);
  }
}
