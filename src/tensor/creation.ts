import { checkBoolean, checkChoice, readOptions } from "../checks.ts";
import { DTypeError, formatShape, ShapeError } from "../errors.ts";
import { checkShape, type DType, empty, sizeOf } from "../ops/core/array.ts";
import { checkElement } from "../ops/elementwise/fill.ts";
import { isBuffer, kindOfTypedArray, nameKind } from "../typed_arrays.ts";
import { leaf } from "./leaf.ts";
import type { Tensor } from "./tensor.ts";

export interface TensorOptions {
  /** Default float32 (int32 for an Int32Array, bool if all values are booleans). */
  dtype?: DType;
  /** Whether `backward()` computes a gradient for the tensor. Default false. */
  requiresGrad?: boolean;
}

/** The members of Float16Array, which some versions of TypeScript do not declare. */
export interface Float16Values {
  readonly [Symbol.toStringTag]: "Float16Array";
  readonly length: number;
  [index: number]: number;
  [Symbol.iterator](): IterableIterator<number>;
}

/** A typed array of numbers. */
export type NumericArray =
  | Float16Values
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint8ClampedArray
  | Uint16Array
  | Uint32Array;

/** Numbers or booleans, nested in the shape of a tensor. */
export type NestedValues = number | boolean | NumericArray | readonly NestedValues[];

/** Checks an option `dtype`. */
export function checkDType(op: string, dtype: unknown): DType {
  return checkChoice(op, "dtype", dtype, ["float32", "int32", "bool"] as const);
}

/**
 * A tensor of the given values. Matches `torch.tensor`, but numbers become float32 unless `dtype` is given.
 *
 * @param values nested arrays of equal lengths, a number, or a typed array (of any realm). For a typed array,
 *   `shape` gives the shape (default: one dimension), and arrays of integers become int32. Float64 values are
 *   rounded to float32.
 * @param options `shape`, `dtype` and `requiresGrad`.
 * @throws ShapeError for ragged arrays or a shape that does not fit the number of values, DTypeError for
 * values that are not numbers, OptionError for a value that int32 cannot hold.
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * const a = tensor([[1, 2, 3], [4, 5, 6]]);
 * const b = tensor(new Float32Array(6), { shape: [2, 3], requiresGrad: true });
 * console.log(a.shape, b.shape); // [2, 3] [2, 3]
 * ```
 */
export function tensor(values: NestedValues, options?: TensorOptions & { shape?: readonly number[] }): Tensor {
  const { shape, dtype, requiresGrad } = readOptions("tensor", options, {
    shape: undefined as readonly number[] | undefined,
    dtype: undefined as DType | undefined,
    requiresGrad: false,
  });
  if (dtype !== undefined) checkDType("tensor", dtype);
  if (shape !== undefined) checkShape("tensor", shape);
  checkBoolean("tensor", "requiresGrad", requiresGrad);
  const kept = inferDType(values);
  if (kept) {
    const { length } = values as NumericArray;
    return fromFlat(values as NumericArray, shape ?? [length], dtype ?? kept, requiresGrad);
  }
  const flat: (number | boolean)[] = [];
  const found = flatten(values, flat);
  const inferred = flat.length > 0 && flat.every((value) => typeof value === "boolean") ? "bool" : "float32";
  return fromFlat(flat, shape ?? found, dtype ?? inferred, requiresGrad);
}

/**
 * The default dtype for each kind of typed array. Other arrays contain no numbers, or numbers of an unknown
 * kind.
 */
const INFERRED: Readonly<Record<string, DType>> = {
  Float16Array: "float32",
  Float32Array: "float32",
  Float64Array: "float32",
  Int8Array: "int32",
  Int16Array: "int32",
  Int32Array: "int32",
  Uint8Array: "int32",
  Uint8ClampedArray: "int32",
  Uint16Array: "int32",
  Uint32Array: "int32",
};

/** The dtype of a typed array of numbers, of any realm; undefined for anything else. */
function inferDType(values: unknown): DType | undefined {
  return INFERRED[kindOfTypedArray(values) ?? ""];
}

function isNumericArray(values: unknown): values is NumericArray {
  return inferDType(values) !== undefined;
}

/** Describes `values`, and what to pass instead. */
function describeKind(values: unknown): string {
  const kind = nameKind(values);
  if (/^Big(Int|Uint)64Array$/.test(kind)) return `${kind}; use Int32Array.from(values, Number)`;
  return isBuffer(values) || kind === "DataView"
    ? `${kind}; use new Float32Array(buffer), which says what it holds`
    : kind;
}

/** Appends the values in row-major order and returns the shape. */
function flatten(values: NestedValues, into: (number | boolean)[]): number[] {
  if (typeof values === "number" || typeof values === "boolean") {
    into.push(values);
    return [];
  }
  if (!Array.isArray(values) && !isNumericArray(values)) {
    throw new DTypeError(`tensor: expected numbers, booleans or arrays of them, got ${describeKind(values)}`);
  }
  let inner: number[] | undefined;
  for (const value of values) {
    const shape = flatten(value, into);
    if (inner && formatShape(inner) !== formatShape(shape)) {
      throw new ShapeError(
        `tensor: nested arrays must have equal lengths, got ${formatShape(inner)} beside ${formatShape(shape)}`,
      );
    }
    inner = shape;
  }
  return [values.length, ...(inner ?? [])];
}

function fromFlat(
  values: ArrayLike<number | boolean>,
  shape: readonly number[],
  dtype: DType,
  requiresGrad: boolean,
): Tensor {
  if (sizeOf(shape) !== values.length) {
    throw new ShapeError(`tensor: shape ${formatShape(shape)} takes ${sizeOf(shape)} values, got ${values.length}`);
  }
  if (dtype === "int32" && kindOfTypedArray(values) !== "Int32Array") {
    for (let i = 0; i < values.length; i++) checkElement("tensor", `value ${i}`, values[i], dtype);
  }
  return leaf(() => {
    const out = empty([...shape], dtype);
    // as in PyTorch, every number except 0 is true, including NaN
    if (dtype === "bool") out.view().set(Array.from(values, (value) => (value === 0 || value === false ? 0 : 1)));
    else out.view().set(values as ArrayLike<number>);
    return out;
  }, requiresGrad);
}
