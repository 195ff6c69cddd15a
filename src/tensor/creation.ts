import { DTypeError, formatShape, ShapeError } from "../errors.ts";
import { checkShape, type DType, empty, sizeOf, type TypedArray, zeros as zerosArray } from "../ops/array.ts";
import { checkChoice, readOptions } from "../ops/options.ts";
import { leaf, type Tensor } from "./tensor.ts";

export interface TensorOptions {
  /** Default float32 (int32 for an Int32Array, bool where all values are booleans). */
  dtype?: DType;
  /** Whether `backward()` computes a gradient for it. Default false. */
  requiresGrad?: boolean;
}

/** Numbers or booleans nested to the shape of a tensor. */
export type NestedValues = number | boolean | readonly NestedValues[];

const DTYPES = ["float32", "int32", "bool"] as const;

/**
 * A tensor of the given values. Matches `torch.tensor`, but numbers make float32 unless `dtype` says otherwise.
 *
 * @param values nested arrays of equal lengths, a number, or a typed array (then `shape` gives the shape; default one dimension).
 * @throws ShapeError for ragged arrays or a shape that does not fit the number of values.
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * const a = tensor([[1, 2, 3], [4, 5, 6]]);
 * const b = tensor(new Float32Array(6), { shape: [2, 3], requiresGrad: true });
 * console.log(a.shape, b.shape); // [2, 3] [2, 3]
 * ```
 */
export function tensor(
  values: NestedValues | TypedArray,
  options?: TensorOptions & { shape?: readonly number[] },
): Tensor {
  const { shape, dtype, requiresGrad } = readOptions("tensor", options, {
    shape: undefined as readonly number[] | undefined,
    dtype: undefined as DType | undefined,
    requiresGrad: false,
  });
  if (dtype !== undefined) checkChoice("tensor", "dtype", dtype, DTYPES);
  if (shape !== undefined) checkShape("tensor", shape);
  if (values instanceof Float32Array || values instanceof Int32Array) {
    return fromFlat(
      values,
      shape ?? [values.length],
      dtype ?? (values instanceof Int32Array ? "int32" : "float32"),
      requiresGrad,
    );
  }
  if (ArrayBuffer.isView(values)) {
    throw new DTypeError(`tensor: expected Float32Array or Int32Array, got ${(values as object).constructor.name}`);
  }
  const flat: (number | boolean)[] = [];
  const found = flatten(values, flat);
  const inferred = flat.length > 0 && flat.every((value) => typeof value === "boolean") ? "bool" : "float32";
  return fromFlat(flat, shape ?? found, dtype ?? inferred, requiresGrad);
}

/** Appends the values in row-major order and returns the shape. */
function flatten(values: NestedValues, into: (number | boolean)[]): number[] {
  if (typeof values === "number" || typeof values === "boolean") {
    into.push(values);
    return [];
  }
  if (!Array.isArray(values)) throw new DTypeError(`tensor: expected numbers or nested arrays, got ${typeof values}`);
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
  return leaf(() => {
    const out = empty([...shape], dtype);
    if (dtype === "bool") out.view().set(Array.from(values, (value) => (value ? 1 : 0)));
    else out.view().set(values as ArrayLike<number>);
    return out;
  }, requiresGrad);
}

/** A tensor of zeros. Matches `torch.zeros`. */
export function zeros(shape: readonly number[], options?: TensorOptions): Tensor {
  const { dtype, requiresGrad } = readOptions("zeros", options, { dtype: "float32" as DType, requiresGrad: false });
  checkShape("zeros", shape);
  return leaf(() => zerosArray([...shape], checkChoice("zeros", "dtype", dtype, DTYPES)), requiresGrad);
}
