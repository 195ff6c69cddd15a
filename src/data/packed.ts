import type { DType, TypedArray } from "../ops/core/array.ts";
import { tensor } from "../tensor/creation.ts";
import { Tensor } from "../tensor/tensor.ts";
import { isPlainObject } from "../typed_arrays.ts";

/** A tensor as plain data. */
interface PackedTensor {
  data: TypedArray;
  shape: readonly number[];
  dtype: DType;
}

/** A value that `postMessage` can send: each tensor in it is replaced by its place in `tensors`. */
export interface Packed {
  value: unknown;
  tensors: PackedTensor[];
}

/** Stands for tensor number `tensor`. */
const KEY = "wasmgrad tensor";

/** Takes the tensors out of a value: a tensor, or arrays and plain objects of them, at any depth. */
export function pack(root: unknown): Packed {
  const tensors: PackedTensor[] = [];
  const visit = (value: unknown): unknown => {
    if (value instanceof Tensor) {
      tensors.push({ data: value.data(), shape: [...value.shape], dtype: value.dtype });
      return { [KEY]: tensors.length - 1 };
    }
    if (Array.isArray(value)) return value.map(visit);
    return isPlainObject(value)
      ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, visit(item)]))
      : value;
  };
  return { value: visit(root), tensors };
}

/** Makes the value again, with new tensors. */
export function unpack({ value, tensors }: Packed): unknown {
  const visit = (item: unknown): unknown => {
    if (Array.isArray(item)) return item.map(visit);
    if (!isPlainObject(item)) return item;
    const at = item[KEY];
    if (typeof at === "number") {
      const { data, shape, dtype } = tensors[at];
      return tensor(data, { shape, dtype });
    }
    return Object.fromEntries(Object.entries(item).map(([key, inner]) => [key, visit(inner)]));
  };
  return visit(value);
}
