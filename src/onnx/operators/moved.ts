import { noGrad } from "../../autograd/grad_mode.ts";
import { formatShape, ShapeError } from "../../errors.ts";
import { arange } from "../../tensor/fill.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { HostValue, MAX_HOST_ELEMENTS, sizeOf, toTensor, type Value } from "../host_value.ts";

/** The axis counted from the start. @throws ShapeError if it is out of range. */
export function axisOf(axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    throw new ShapeError(`axis ${axis} is out of range for ${rank} dimensions`);
  }
  return axis < 0 ? axis + rank : axis;
}

/** Axes counted from the start. @throws ShapeError if one is out of range or appears twice. */
export function axesOf(axes: readonly number[], rank: number): number[] {
  const list = axes.map((axis) => axisOf(axis, rank));
  if (new Set(list).size !== list.length) throw new ShapeError(`axes ${formatShape(axes)}: one appears twice`);
  return list;
}

/** The dimensions 0 to rank - 1. */
export function dimsOf(rank: number): number[] {
  return Array.from({ length: rank }, (_, d) => d);
}

/** Whether a value of this shape, made of `x`, stays on the host. */
export function staysOnHost(x: Value, dims: readonly number[]): x is HostValue {
  return x instanceof HostValue && sizeOf(dims) <= MAX_HOST_ELEMENTS;
}

/** The value as a tensor that kernels for float32 and int32 take. */
export function numbersOf(x: Value): Tensor {
  const t = toTensor(x);
  return t.dtype === "bool" ? t.int() : t;
}

/** The positions of the elements of an array of this shape: 0, 1, 2, … */
export function positionsIn(dims: readonly number[]): Tensor {
  return arange(sizeOf(dims)).reshape(dims);
}

/**
 * Applies an operation that only moves elements, or adds elements equal to `fill`. Of a host value, the
 * positions of the elements are moved, so that its elements stay what they are.
 */
export function moved(x: Value, move: (x: Tensor, fill: number) => Tensor, fill = 0): Value {
  if (!(x instanceof HostValue)) return move(x, fill);
  const places = noGrad(() => move(positionsIn(x.dims), -1));
  if (places.numel() > MAX_HOST_ELEMENTS) return move(toTensor(x), fill);
  const data = Array.from(places.data(), (place) => (place < 0 ? fill : x.data[place]));
  return new HostValue(places.shape, data, x.type);
}

/** Merges dimensions into one by their products: the shape of a view in which `axis` is in the middle. */
export function aroundAxis(dims: readonly number[], axis: number): [outer: number, length: number, inner: number] {
  return [sizeOf(dims.slice(0, axis)), dims[axis], sizeOf(dims.slice(axis + 1))];
}
