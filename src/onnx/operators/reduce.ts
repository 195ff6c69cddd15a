import { DataError, formatShape } from "../../errors.ts";
import { pad } from "../../nn/functional/index.ts";
import { full } from "../../tensor/fill.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { multiply, wrap } from "../host/arithmetic.ts";
import { HostValue, isFloat, shapeOf, sizeOf, toHost, toTensor, type Value } from "../host_value.ts";
import type { Call, Operator, OperatorTable } from "../operator.ts";
import { fromFront, range } from "./operands.ts";

/**
 * The dimensions that a node reduces, in order. They are an attribute in older files and an input in newer
 * ones.
 */
function reducedDims(call: Call): number[] {
  const { length: rank } = shapeOf(call.inputs[0] as Value);
  const axes = call.attributes.ints("axes") ?? call.optionalInts(1) ?? [];
  if (axes.length === 0) return call.attributes.flag("noop_with_empty_axes", false) ? [] : range(rank);
  const dims = [...new Set(axes.map((axis) => fromFront(axis, rank)))].sort((a, b) => a - b);
  if (dims.some((d) => d < 0 || d >= rank)) {
    throw new DataError(
      `${call.opType} ${call.name}: axes [${axes}] are not all dimensions of a value of rank ${rank}`,
    );
  }
  return dims;
}

/** The shape of a result. */
function remaining(shape: readonly number[], dims: readonly number[], keepdim: boolean): number[] {
  return keepdim
    ? shape.map((length, d) => (dims.includes(d) ? 1 : length))
    : shape.filter((_, d) => !dims.includes(d));
}

/** The elements of a value in groups: those with the same index in all dimensions but `dims`. */
function groups(value: HostValue, dims: readonly number[]): number[][] {
  const kept = remaining(value.dims, dims, true);
  const all: number[][] = Array.from({ length: sizeOf(kept) }, () => []);
  for (let i = 0; i < value.data.length; i++) {
    let [rest, group, stride] = [i, 0, 1];
    for (let d = kept.length - 1; d >= 0; d--) {
      const index = rest % value.dims[d];
      rest = (rest - index) / value.dims[d];
      if (kept[d] !== 1) group += index * stride;
      stride *= kept[d];
    }
    all[group].push(value.data[i]);
  }
  return all;
}

type HostReduction = (elements: readonly number[], value: HostValue) => number;
type Over = { keepdim: boolean };
type TensorReduction = (x: Tensor, dims: readonly number[], over: Over) => Tensor;

const ATTRIBUTES = ["axes", "keepdims", "noop_with_empty_axes"];

/**
 * A reduction over dimensions. Without an `onHost`, values on the host become tensors; without `integers`,
 * integers are reduced as float32 and the result is truncated.
 */
const reduction = (
  onTensor: TensorReduction,
  { onHost, integers = false }: { onHost?: HostReduction; integers?: boolean } = {},
): Operator => ({
  attributes: ATTRIBUTES,
  run(call) {
    const [x] = call.inputs as Value[];
    const dims = reducedDims(call);
    const keepdim = call.attributes.flag("keepdims", true);
    if (x instanceof HostValue && onHost && !isFloat(x.type) && x.data.length > 0) {
      const data = groups(x, dims).map((elements) => wrap(x.type, onHost(elements, x)));
      return new HostValue(remaining(x.dims, dims, keepdim), data, x.type);
    }
    const given = toTensor(x);
    if (given.dtype === "float32" || integers) return onTensor(given, dims, { keepdim });
    return onTensor(given.float(), dims, { keepdim }).int();
  },
});

/** The library takes an empty list of dimensions for all of them; here it means none. */
const sumOver: TensorReduction = (x, dims, over) => (dims.length === 0 ? x : x.sum(dims, over));

function meanOver(x: Tensor, dims: readonly number[], over: Over): Tensor {
  if (dims.length === 0) return x;
  if (x.dtype === "float32") return x.mean(dims, over);
  const count = sizeOf(dims.map((d) => x.shape[d]));
  return x.sum(dims, over).div(count, { roundingMode: "trunc" });
}

/** The largest or smallest elements; of no elements the smallest or largest number. */
const extremeOver =
  (name: "amax" | "amin"): TensorReduction =>
  (x, dims, over) => {
    if (dims.length === 0) return x;
    if (x.numel() > 0) return x[name](dims, over);
    const sign = name === "amax" ? -1 : 1;
    const limits = { float32: sign * Infinity, int32: sign < 0 ? -(2 ** 31) : 2 ** 31 - 1, bool: sign > 0 };
    return full(remaining(x.shape, dims, over.keepdim), limits[x.dtype], { dtype: x.dtype });
  };

function productOver(x: Tensor, dims: readonly number[], { keepdim }: Over): Tensor {
  // from the last dimension, so that the earlier ones keep their places
  return [...dims].reverse().reduce((y, d) => y.prod(d, { keepdim }), x);
}

const normOver =
  (p: 1 | 2): TensorReduction =>
  (x, dims, over) => {
    if (dims.length === 0) return x.abs();
    return p === 1 ? x.abs().sum(dims, over) : x.norm(2, dims, over);
  };

function logSumExpOver(x: Tensor, dims: readonly number[], over: Over): Tensor {
  if (dims.length === 0) return x;
  return x.numel() === 0 ? x.sum(dims, over).log() : x.logsumexp(dims, over);
}

const total = (elements: readonly number[]) => elements.reduce((a, b) => a + b, 0);

/**
 * The position of the largest or smallest elements along a dimension: of equal ones the first, or the last.
 */
const position = (name: "argmax" | "argmin"): Operator => ({
  attributes: ["axis", "keepdims", "select_last_index"],
  run(call) {
    const [x] = call.inputs as Value[];
    const axis = fromFront(call.attributes.int("axis", 0), shapeOf(x).length);
    const keepdim = call.attributes.flag("keepdims", true);
    const last = call.attributes.flag("select_last_index", false);
    if (x instanceof HostValue && !isFloat(x.type)) {
      const data = groups(x, [axis]).map((elements) => {
        const best = elements.reduce((a, b) => (name === "argmax" ? Math.max(a, b) : Math.min(a, b)));
        return last ? elements.lastIndexOf(best) : elements.indexOf(best);
      });
      return new HostValue(remaining(x.dims, [axis], keepdim), data, "int64");
    }
    const given = toTensor(x);
    if (!last) return given[name](axis, { keepdim });
    const fromEnd = given.flip(axis)[name](axis, { keepdim });
    return fromEnd.neg().add(given.shape[axis] - 1);
  },
});

/** Sums or products up to each element along a dimension; `exclusive` leaves the element itself out. */
const scan = (name: "cumsum" | "cumprod"): Operator => ({
  attributes: ["exclusive", "reverse"],
  run(call) {
    const [given] = call.inputs as Value[];
    const axis = fromFront(call.number(1), shapeOf(given).length);
    if (axis < 0 || axis >= shapeOf(given).length) {
      throw new DataError(`${call.opType} ${call.name}: axis ${call.number(1)} of ${formatShape(shapeOf(given))}`);
    }
    const exclusive = call.attributes.flag("exclusive", false);
    const reverse = call.attributes.flag("reverse", false);
    const isInteger = given instanceof HostValue ? !isFloat(given.type) : given.dtype !== "float32";
    // the library's products of integers are float32, so that those of integers are computed here
    if (isInteger && (given instanceof HostValue || name === "cumprod")) {
      return scanHost(toHost(given), axis, name === "cumprod", exclusive, reverse);
    }
    const x = reverse ? toTensor(given).flip(axis) : toTensor(given);
    const all = x[name](axis);
    const moved = exclusive ? shiftAlong(all, axis, name === "cumprod" ? 1 : 0) : all;
    return reverse ? moved.flip(axis) : moved;
  },
});

/** Moves elements one place along a dimension; `value` comes first, and the last one goes. */
function shiftAlong(x: Tensor, axis: number, value: number): Tensor {
  const padding = Array(2 * (x.dim() - axis)).fill(0);
  padding.splice(-2, 2, 1, -1);
  return pad(x, padding, { value });
}

function scanHost(value: HostValue, axis: number, isProduct: boolean, exclusive: boolean, reverse: boolean): HostValue {
  const { dims, type } = value;
  const length = dims[axis];
  const inner = sizeOf(dims.slice(axis + 1));
  const data = [...value.data];
  for (let start = 0; start < data.length; start++) {
    // the first element of a row along the axis
    if (Math.floor(start / inner) % length !== 0) continue;
    let state = isProduct ? 1 : 0;
    for (let k = 0; k < length; k++) {
      const i = start + (reverse ? length - 1 - k : k) * inner;
      const next = isProduct ? multiply(type, state, value.data[i]) : wrap(type, state + value.data[i]);
      data[i] = exclusive ? state : next;
      state = next;
    }
  }
  return new HostValue(dims, data, type);
}

/** Reductions and scans. */
export const REDUCE: OperatorTable = {
  ReduceSum: reduction(sumOver, { onHost: total, integers: true }),
  ReduceMean: reduction(meanOver, {
    onHost: (elements) => Math.trunc(total(elements) / elements.length),
    integers: true,
  }),
  ReduceMax: reduction(extremeOver("amax"), {
    onHost: (elements) => elements.reduce((a, b) => Math.max(a, b), -Infinity),
    integers: true,
  }),
  ReduceMin: reduction(extremeOver("amin"), {
    onHost: (elements) => elements.reduce((a, b) => Math.min(a, b), Infinity),
    integers: true,
  }),
  ReduceProd: reduction(productOver, {
    onHost: (elements, { type }) => elements.reduce((a, b) => multiply(type, a, b), 1),
    integers: true,
  }),
  ReduceL1: reduction(normOver(1), { onHost: (elements) => total(elements.map(Math.abs)), integers: true }),
  ReduceL2: reduction(normOver(2)),
  ReduceLogSum: reduction((x, dims, over) => sumOver(x, dims, over).log()),
  ReduceLogSumExp: reduction(logSumExpOver),
  ReduceSumSquare: reduction((x, dims, over) => sumOver(x.square(), dims, over), {
    onHost: (elements) => total(elements.map((x) => x * x)),
    integers: true,
  }),
  ArgMax: position("argmax"),
  ArgMin: position("argmin"),
  CumSum: scan("cumsum"),
  CumProd: scan("cumprod"),
};
