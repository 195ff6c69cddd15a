import type { Operand } from "../../tensor/functions.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { HostValue, isFloat, toTensor, type Value } from "../host_value.ts";
import type { Call } from "../operator.ts";

/** The inputs that the node has, if all of them are on the host; otherwise null. */
export function hostInputs(call: Call): HostValue[] | null {
  const given = call.inputs.filter((value) => value !== undefined);
  return given.every((value) => value instanceof HostValue) ? given : null;
}

/** Whether the elements of a value are floating-point numbers. */
export function isFloatValue(value: Value | undefined): boolean {
  if (value === undefined) return false;
  return value instanceof HostValue ? isFloat(value.type) : value.dtype === "float32";
}

/**
 * A value as an operand beside `other`: one element on the host is a number, for which the library has faster
 * paths.
 */
export function asOperand(value: Value, other: Value): Operand {
  if (value instanceof Tensor) return value;
  const broadcasts = value.data.length === 1 && other instanceof Tensor && value.dims.length <= other.dim();
  if (!broadcasts || value.type === "bool") return toTensor(value);
  const [x] = value.data;
  return isFloat(value.type) || x === (x | 0) ? x : toTensor(value);
}

/** Both inputs for a function of two operands, at least one of which is a tensor. */
export function operands(a: Value, b: Value): [Operand, Operand] {
  return [asOperand(a, b), asOperand(b, a)];
}

/** A dimension counted from the front. */
export function fromFront(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

/** 0, 1, …, count - 1. */
export function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
