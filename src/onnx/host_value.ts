import { DataError } from "../errors.ts";
import { tensor } from "../tensor/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Element types of values that stay outside WebAssembly memory, with ONNX's names. */
export type HostType =
  | "bool"
  | "int8"
  | "uint8"
  | "int16"
  | "uint16"
  | "int32"
  | "uint32"
  | "int64"
  | "uint64"
  | "float"
  | "double";

/** Largest number of elements of a host value: enough for every shape, and bounded for damaged files. */
export const MAX_HOST_ELEMENTS = 2 ** 16;

const INT32_MIN = -(2 ** 31);
const INT32_MAX = 2 ** 31 - 1;

/**
 * A small array of numbers in JavaScript. Shapes, axes, indices and other int64 arithmetic is computed with
 * these: integers are exact up to 2^53, and no kernel runs. "float" elements are rounded to float32.
 */
export class HostValue {
  readonly dims: readonly number[];
  readonly data: readonly number[];
  readonly type: HostType;

  /**
   * @throws DataError for more than `MAX_HOST_ELEMENTS` elements or a count that differs from the shape's.
   */
  constructor(dims: readonly number[], data: readonly number[], type: HostType) {
    const size = sizeOf(dims);
    if (size > MAX_HOST_ELEMENTS) throw new DataError(`${type} value of ${size} elements: expected at most 65,536`);
    if (size !== data.length) throw new DataError(`${type} value: [${dims}] has ${size} elements, got ${data.length}`);
    this.dims = dims;
    this.data = data;
    this.type = type;
  }
}

/** A value of the graph: a tensor, or a host value. */
export type Value = Tensor | HostValue;

/** The number of elements of a shape. */
export function sizeOf(dims: readonly number[]): number {
  return dims.reduce((size, length) => size * length, 1);
}

/** Whether the elements are floating-point numbers. */
export function isFloat(type: HostType): boolean {
  return type === "float" || type === "double";
}

/**
 * The value as a tensor: float32, int32 or bool. Integers beyond int32 are clamped, as ONNX uses the largest
 * int64 for "to the end".
 */
export function toTensor(value: Value): Tensor {
  if (!(value instanceof HostValue)) return value;
  const shape = [...value.dims];
  if (isFloat(value.type)) return tensor(Float32Array.from(value.data), { shape });
  const integers = Int32Array.from(value.data, (x) => Math.min(Math.max(x, INT32_MIN), INT32_MAX));
  const x = tensor(integers, { shape });
  return value.type === "bool" ? x.bool() : x;
}

/** The value as a host value; waits for kernels if it is a tensor. @throws DataError if it is too large. */
export function toHost(value: Value): HostValue {
  if (value instanceof HostValue) return value;
  const size = value.numel();
  if (size > MAX_HOST_ELEMENTS) throw new DataError(`a value of ${size} elements where shapes or indices are expected`);
  const type = value.dtype === "float32" ? "float" : value.dtype;
  return new HostValue(value.shape, Array.from(value.detach().data(), Number), type);
}

/** The shape of a value. */
export function shapeOf(value: Value): readonly number[] {
  return value instanceof HostValue ? value.dims : value.shape;
}
