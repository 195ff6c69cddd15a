import { DataError, formatShape } from "../../errors.ts";
import { HostValue, sizeOf } from "../host_value.ts";
import { broadcastHost, broadcastPlaces, checkedSize } from "./arithmetic.ts";

/** The value whose elements are those of `x` at `places`, in order. */
function pick(x: HostValue, dims: readonly number[], places: readonly number[]): HostValue {
  return new HostValue(
    dims,
    places.map((place) => x.data[place]),
    x.type,
  );
}

/** For each element of a result of shape `dims`, `offset` plus the sum of its indices times `strides`. */
function placesOf(dims: readonly number[], strides: readonly number[], offset = 0): number[] {
  let places = [offset];
  for (const [d, length] of dims.entries()) {
    places = places.flatMap((place) => Array.from({ length }, (_, i) => place + i * strides[d]));
  }
  return places;
}

function stridesOf(dims: readonly number[]): number[] {
  return dims.map((_, d) => sizeOf(dims.slice(d + 1)));
}

/** The same elements in another shape. */
export function reshapeHost(x: HostValue, dims: readonly number[]): HostValue {
  return new HostValue(dims, x.data, x.type);
}

/** Dimension i of the result is dimension `perm[i]` of the value. */
export function permuteHost(x: HostValue, perm: readonly number[]): HostValue {
  const strides = stridesOf(x.dims);
  const dims = perm.map((d) => x.dims[d]);
  return pick(
    x,
    dims,
    placesOf(
      dims,
      perm.map((d) => strides[d]),
    ),
  );
}

/** Positions `start`, `start + step`, … of a dimension, `count` of them. The step may be negative. */
export function sliceHost(x: HostValue, axis: number, start: number, step: number, count: number): HostValue {
  const positions = Array.from({ length: count }, (_, i) => start + i * step);
  return takeHost(x, axis, positions, [count]);
}

/** The value broadcast with the shape `dims`. */
export function expandHost(x: HostValue, dims: readonly number[]): HostValue {
  const shape = broadcastHost(x.dims, dims);
  checkedSize(x.type, shape);
  return pick(x, shape, broadcastPlaces(x.dims, shape));
}

/** Repeats the value `repeats[d]` times along dimension d. */
export function tileHost(x: HostValue, repeats: readonly number[]): HostValue {
  const dims = x.dims.map((length, d) => length * repeats[d]);
  checkedSize(x.type, dims);
  const strides = stridesOf(x.dims);
  const pairs = x.dims.flatMap((length, d) => [repeats[d], length]);
  const steps = strides.flatMap((stride) => [0, stride]);
  return pick(x, dims, placesOf(pairs, steps));
}

/**
 * The positions `index` of a dimension, which `dims` replaces in the shape. Negative positions count from the
 * end.
 *
 * @throws DataError for a position out of range.
 */
export function takeHost(x: HostValue, axis: number, index: readonly number[], dims: readonly number[]): HostValue {
  const length = x.dims[axis];
  const positions = index.map((i) => {
    if (i < -length || i >= length) throw new DataError(`index ${i} is out of range in ${formatShape(x.dims)}`);
    return i < 0 ? i + length : i;
  });
  const shape = [...x.dims.slice(0, axis), ...dims, ...x.dims.slice(axis + 1)];
  checkedSize(x.type, shape);
  const inner = sizeOf(x.dims.slice(axis + 1));
  const places: number[] = [];
  for (let outer = 0; outer < sizeOf(x.dims.slice(0, axis)); outer++) {
    for (const position of positions) {
      const first = (outer * length + position) * inner;
      for (let i = 0; i < inner; i++) places.push(first + i);
    }
  }
  return pick(x, shape, places);
}

/** Joins values along a dimension. @throws DataError if the other dimensions differ. */
export function concatHost(values: readonly HostValue[], axis: number): HostValue {
  const [{ dims, type }] = values;
  const other = (shape: readonly number[]) => formatShape([...shape.slice(0, axis), ...shape.slice(axis + 1)]);
  for (const value of values) {
    if (value.dims.length !== dims.length || other(value.dims) !== other(dims)) {
      throw new DataError(`${formatShape(value.dims)} does not fit ${formatShape(dims)} in dimension ${axis}`);
    }
  }
  const length = values.reduce((sum, value) => sum + value.dims[axis], 0);
  const shape = [...dims.slice(0, axis), length, ...dims.slice(axis + 1)];
  checkedSize(type, shape);
  const data: number[] = [];
  for (let outer = 0; outer < sizeOf(dims.slice(0, axis)); outer++) {
    for (const value of values) {
      const count = value.data.length / sizeOf(dims.slice(0, axis));
      for (let i = outer * count; i < (outer + 1) * count; i++) data.push(value.data[i]);
    }
  }
  return new HostValue(shape, data, type);
}
