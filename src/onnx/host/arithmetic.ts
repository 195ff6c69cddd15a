import { DataError, formatShape } from "../../errors.ts";
import { type HostType, HostValue, isFloat, MAX_HOST_ELEMENTS, sizeOf } from "../host_value.ts";

/** 2^63: the largest int64 in a file is read as this number, and results beyond it stay there. */
const INT64_END = 2 ** 63;

/**
 * The number that a value of the type holds for the result of an operation: integers of up to 32 bits wrap
 * around, those of 64 bits stop at the ends of their range (they are exact up to 2^53), bool is 0 or 1,
 * "float" is rounded to float32.
 */
export function wrap(type: HostType, x: number): number {
  switch (type) {
    case "float":
      return Math.fround(x);
    case "double":
      return x;
    case "bool":
      return x === 0 ? 0 : 1;
    case "int8":
      return (x << 24) >> 24;
    case "uint8":
      return x & 0xff;
    case "int16":
      return (x << 16) >> 16;
    case "uint16":
      return x & 0xffff;
    case "int32":
      return x | 0;
    case "uint32":
      return x >>> 0;
    case "int64":
      return Math.min(Math.max(x, -INT64_END), INT64_END);
    case "uint64":
      return Math.min(Math.max(x, 0), 2 * INT64_END);
  }
}

/** The product in the type's arithmetic. */
export function multiply(type: HostType, a: number, b: number): number {
  if (type === "int32") return Math.imul(a, b);
  if (type === "uint32") return Math.imul(a, b) >>> 0;
  return wrap(type, a * b);
}

/** The quotient: integers are rounded towards zero. @throws DataError when an integer is divided by 0. */
export function divide(type: HostType, a: number, b: number): number {
  if (isFloat(type)) return wrap(type, a / b);
  if (b === 0) throw new DataError("an integer is divided by 0");
  return wrap(type, Math.trunc(a / b));
}

/**
 * The remainder of a division that rounds down (its sign is the divisor's), or with `truncated` towards zero
 * (its sign is the dividend's), as in C. @throws DataError when an integer is divided by 0.
 */
export function remainder(type: HostType, a: number, b: number, truncated = false): number {
  if (b === 0 && !isFloat(type)) throw new DataError("an integer is divided by 0");
  const rest = a % b;
  return wrap(type, truncated || rest === 0 || rest < 0 === b < 0 ? rest : rest + b);
}

/** The shape that the shapes broadcast to. @throws DataError if they do not fit, or for too many elements. */
export function broadcastHost(...shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  const result: number[] = Array(rank).fill(1);
  for (const shape of shapes) {
    for (let d = 1; d <= shape.length; d++) {
      const length = shape[shape.length - d];
      if (length === 1) continue;
      if (result[rank - d] !== 1 && result[rank - d] !== length) {
        throw new DataError(`shapes ${shapes.map(formatShape).join(" and ")} do not broadcast`);
      }
      result[rank - d] = length;
    }
  }
  return result;
}

/**
 * Applies `f` to the elements of values, which broadcast. The results are wrapped to the type.
 *
 * @throws DataError for more than 65,536 elements, or for shapes that do not broadcast.
 */
export function mapHost(f: (...elements: number[]) => number, type: HostType, ...values: HostValue[]): HostValue {
  const dims = broadcastHost(...values.map((value) => value.dims));
  const size = checkedSize(type, dims);
  if (values.every((value) => value.data.length === size)) {
    return new HostValue(
      dims,
      Array.from({ length: size }, (_, i) => wrap(type, f(...values.map((v) => v.data[i])))),
      type,
    );
  }
  const places = values.map((value) => broadcastPlaces(value.dims, dims));
  const data = Array.from({ length: size }, (_, i) => wrap(type, f(...values.map((v, k) => v.data[places[k][i]]))));
  return new HostValue(dims, data, type);
}

/**
 * For each element of the shape `to`, the index of the element of a value of the shape `from` that it
 * repeats.
 */
export function broadcastPlaces(from: readonly number[], to: readonly number[]): number[] {
  let places = [0];
  let stride = sizeOf(from);
  for (let d = 0; d < to.length; d++) {
    const length = from[from.length - to.length + d] ?? 1;
    stride = length === 0 ? 0 : stride / length;
    const step = length === 1 ? 0 : stride;
    places = places.flatMap((place) => Array.from({ length: to[d] }, (_, i) => place + i * step));
  }
  return places;
}

/** The number of elements of a host value that is about to be made. @throws DataError if it is too large. */
export function checkedSize(type: HostType, dims: readonly number[]): number {
  const size = sizeOf(dims);
  if (size > MAX_HOST_ELEMENTS) throw new DataError(`${type} value of ${size} elements: expected at most 65,536`);
  return size;
}

/** The value in another type: floats are rounded towards zero to integers, as in C. */
export function castHost(value: HostValue, type: HostType): HostValue {
  const truncates = !isFloat(type) && type !== "bool" && isFloat(value.type);
  const convert = (x: number) => wrap(type, truncates ? Math.trunc(x) : x);
  return new HostValue(value.dims, value.data.map(convert), type);
}

/**
 * `start`, `start + step`, … before `limit`. @throws DataError for more than 65,536 elements or a step of 0.
 */
export function rangeHost(start: number, limit: number, step: number, type: HostType): HostValue {
  if (step === 0) throw new DataError("Range with a step of 0");
  const size = Math.max(0, Math.ceil((limit - start) / step));
  checkedSize(type, [size]);
  return new HostValue(
    [size],
    Array.from({ length: size }, (_, i) => wrap(type, start + i * step)),
    type,
  );
}
