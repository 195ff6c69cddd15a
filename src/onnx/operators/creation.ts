import { DataError, formatShape, ShapeError } from "../../errors.ts";
import { checkShape } from "../../ops/core/array.ts";
import { arange, full, ones } from "../../tensor/fill.ts";
import { where } from "../../tensor/functions.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { rangeHost, wrap } from "../host/arithmetic.ts";
import {
  type HostType,
  HostValue,
  isFloat,
  MAX_HOST_ELEMENTS,
  shapeOf,
  sizeOf,
  toHost,
  toTensor,
  type Value,
} from "../host_value.ts";
import type { Call, Operator, OperatorTable } from "../operator.ts";
import { typeAttribute } from "./element_type.ts";
import { axisOf, dimsOf } from "./moved.ts";

/** Longest result of Range: files ask for positions, and a damaged one must not ask for all memory. */
const MAX_RANGE = 2 ** 24;

/** The kinds of Constant other than "value". */
const NUMBERS = ["value_float", "value_floats", "value_int", "value_ints"] as const;

const constant: Operator = {
  attributes: ["value", ...NUMBERS],
  refuse(node) {
    const known = ["value", ...NUMBERS].some((name) => node.attributes.has(name));
    return known ? null : "a constant of strings or a sparse one";
  },
  run({ attributes }) {
    const value = attributes.value("value");
    if (value) return value;
    const floats = attributes.floats("value_floats");
    if (floats) return new HostValue([floats.length], floats, "float");
    const ints = attributes.ints("value_ints");
    if (ints) return new HostValue([ints.length], ints, "int64");
    if (attributes.has("value_int")) return new HostValue([], [attributes.int("value_int", 0)], "int64");
    return new HostValue([], [attributes.float("value_float", 0)], "float");
  },
};

/** A value of equal elements: integers that fit stay on the host, all others become tensors. */
function filled(dims: readonly number[], element: number, type: HostType): Value {
  checkShape("the shape", dims);
  if (isFloat(type)) return full(dims, element);
  const size = sizeOf(dims);
  if (size <= MAX_HOST_ELEMENTS) return new HostValue(dims, new Array<number>(size).fill(element), type);
  return full(dims, element, { dtype: type === "bool" ? "bool" : "int32" });
}

const constantOfShape: Operator = {
  attributes: ["value"],
  run(call) {
    const value = call.attributes.value("value");
    const { data, type } = value ? toHost(value) : new HostValue([], [0], "float");
    if (data.length !== 1) throw new DataError(`value expected one element, got ${data.length}`);
    return filled(call.ints(0), data[0], type);
  },
};

const rangeOperator: Operator = {
  run(call) {
    const [start, limit, step] = [call.host(0), call.host(1), call.host(2)].map(({ data }) => data[0]);
    const { type } = call.host(0);
    const count = Math.max(0, Math.ceil((limit - start) / step));
    if (!(count <= MAX_RANGE)) {
      throw new DataError(`from ${start} to ${limit} by ${step}: expected at most ${MAX_RANGE} elements`);
    }
    if (!isFloat(type) && count <= MAX_HOST_ELEMENTS) return rangeHost(start, limit, step, type);
    if (count === 0) return full([0], 0);
    return arange(start, start + step * (count - 0.5), step, { dtype: isFloat(type) ? "float32" : "int32" });
  },
};

const eyeLike: Operator = {
  attributes: ["dtype", "k"],
  refuse: (node) => typeAttribute(node, "dtype").refused,
  run(call) {
    const [x] = call.inputs as [Value];
    const dims = shapeOf(x);
    if (dims.length !== 2) throw new ShapeError(`expected a matrix, got ${formatShape(dims)}`);
    const own: HostType = x instanceof HostValue ? x.type : x.dtype === "float32" ? "float" : x.dtype;
    const type = typeAttribute(call, "dtype").type ?? own;
    const k = call.attributes.int("k", 0);
    return asType(ones(dims).triu(k).tril(k), type);
  },
};

/**
 * A tensor of whole numbers as a value of the type: on the host, where integers of 64 bits are, if it fits.
 */
function asType(x: Tensor, type: HostType): Value {
  if (isFloat(type)) return x.float();
  if (type === "bool") return x.bool();
  if (type === "int32" || x.numel() > MAX_HOST_ELEMENTS) return x.int();
  return new HostValue(
    x.shape,
    Array.from(x.data(), (element) => wrap(type, element)),
    type,
  );
}

const oneHot: Operator = {
  attributes: ["axis"],
  run(call) {
    const given = call.tensor(0);
    const index = given.dtype === "int32" ? given : given.int();
    const depth = call.number(1);
    if (!Number.isInteger(depth) || depth < 1) throw new DataError(`depth ${depth}`);
    const axis = axisOf(call.attributes.int("axis", -1), index.dim() + 1);
    const positions = arange(depth).reshape(dimsOf(index.dim() + 1).map((d) => (d === axis ? depth : 1)));
    const fromStart = index.add(depth).where(index.lt(0), index).unsqueeze(axis);
    const [off, on] = [0, 1].map((i) => toTensor(call.inputs[2] as Value).select(0, i));
    return where(fromStart.eq(positions), on, off);
  },
};

/** The positions 0 to size - 1 of a window as angles: one period, or with the end included. */
function windowAngles(call: Call): Tensor {
  const size = call.number(0);
  const length = call.attributes.flag("periodic", true) ? size : size - 1;
  if (!Number.isInteger(size) || size < 0 || size > MAX_RANGE) throw new DataError(`a window of size ${size}`);
  return arange(0, size, 1, { dtype: "float32" }).mul((2 * Math.PI) / Math.max(1, length));
}

/** A window: `weights[0] + weights[1] cos(a) + weights[2] cos(2a)`. */
function windowOf(weights: readonly number[]): Operator {
  return {
    attributes: ["output_datatype", "periodic"],
    refuse: (node) => typeAttribute(node, "output_datatype").refused,
    run(call) {
      const angles = windowAngles(call);
      let y = angles.cos().mul(weights[1]).add(weights[0]);
      if (weights[2]) y = y.add(angles.mul(2).cos().mul(weights[2]));
      return asType(y, typeAttribute(call, "output_datatype").type ?? "float");
    },
  };
}

/** Operators that make values. */
export const CREATION: OperatorTable = {
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Range: rangeOperator,
  EyeLike: eyeLike,
  OneHot: oneHot,
  HannWindow: windowOf([0.5, -0.5]),
  HammingWindow: windowOf([25 / 46, -21 / 46]),
  BlackmanWindow: windowOf([0.42, -0.5, 0.08]),
};
