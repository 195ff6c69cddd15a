import { DataError, formatShape, ShapeError } from "../../errors.ts";
import { cat } from "../../tensor/functions.ts";
import { concatHost, expandHost, permuteHost, reshapeHost, sliceHost, tileHost } from "../host/movement.ts";
import { HostValue, shapeOf, sizeOf, toTensor, type Value } from "../host_value.ts";
import type { Call, Operator, OperatorTable } from "../operator.ts";
import { axesOf, axisOf, dimsOf, staysOnHost } from "./moved.ts";

function reshaped(x: Value, dims: readonly number[]): Value {
  return x instanceof HostValue ? reshapeHost(x, dims) : x.reshape(dims);
}

/** The shape of a Reshape: a 0 copies a length of the input (unless `allowzero`), and a -1 is inferred. */
function resolvedShape(from: readonly number[], wanted: readonly number[], allowzero: boolean): number[] {
  const dims = wanted.map((length, d) => (length === 0 && !allowzero ? (from[d] ?? 0) : length));
  const free = dims.indexOf(-1);
  if (free >= 0) {
    const known = sizeOf(dims.filter((_, d) => d !== free));
    dims[free] = known === 0 ? 0 : sizeOf(from) / known;
  }
  if (dims.some((length) => !Number.isInteger(length) || length < 0) || sizeOf(dims) !== sizeOf(from)) {
    throw new ShapeError(`${formatShape(from)} does not fit the shape ${formatShape(wanted)}`);
  }
  return dims;
}

/** Axes from an attribute (older operator sets) or from input 1. */
function readAxes(call: Call): readonly number[] | undefined {
  return call.attributes.ints("axes") ?? call.optionalInts(1);
}

const reshape: Operator = {
  attributes: ["allowzero"],
  run(call) {
    const [x] = call.inputs as [Value];
    return reshaped(x, resolvedShape(shapeOf(x), call.ints(1), call.attributes.flag("allowzero", false)));
  },
};

const flatten: Operator = {
  attributes: ["axis"],
  run(call) {
    const [x] = call.inputs as [Value];
    const dims = shapeOf(x);
    const given = call.attributes.int("axis", 1);
    const axis = given === dims.length ? given : axisOf(given, dims.length); // or after the last
    return reshaped(x, [sizeOf(dims.slice(0, axis)), sizeOf(dims.slice(axis))]);
  },
};

const squeeze: Operator = {
  attributes: ["axes"],
  run(call) {
    const [x] = call.inputs as [Value];
    const dims = shapeOf(x);
    const given = readAxes(call);
    const axes = given ? axesOf(given, dims.length) : dimsOf(dims.length).filter((d) => dims[d] === 1);
    const long = axes.find((d) => dims[d] !== 1);
    if (long !== undefined) throw new ShapeError(`dimension ${long} of ${formatShape(dims)} expected length 1`);
    return reshaped(
      x,
      dims.filter((_, d) => !axes.includes(d)),
    );
  },
};

const unsqueeze: Operator = {
  attributes: ["axes"],
  run(call) {
    const [x] = call.inputs as [Value];
    const given = readAxes(call) ?? [];
    const dims = [...shapeOf(x)];
    const axes = axesOf(given, dims.length + given.length).sort((a, b) => a - b);
    for (const axis of axes) dims.splice(axis, 0, 1);
    return reshaped(x, dims);
  },
};

const transpose: Operator = {
  attributes: ["perm"],
  run(call) {
    const [x] = call.inputs as [Value];
    const rank = shapeOf(x).length;
    const perm = call.attributes.ints("perm") ?? dimsOf(rank).reverse();
    if (perm.length !== rank) throw new ShapeError(`perm ${formatShape(perm)} of ${formatShape(shapeOf(x))}`);
    if (axesOf(perm, rank).every((d, i) => d === i)) return x;
    return x instanceof HostValue ? permuteHost(x, perm) : x.permute(perm);
  },
};

const concat: Operator = {
  attributes: ["axis"],
  refuse: (node) => (node.attributes.has("axis") ? null : "no axis"),
  run(call) {
    const values = call.inputs.filter((value) => value !== undefined);
    const axis = axisOf(call.attributes.int("axis", 0), shapeOf(values[0]).length);
    const total = values.reduce((sum, value) => sum + sizeOf(shapeOf(value)), 0);
    if (values.every((value) => staysOnHost(value, [total]))) return concatHost(values as HostValue[], axis);
    return cat(values.map(toTensor), axis);
  },
};

const split: Operator = {
  attributes: ["axis", "split", "num_outputs"],
  run(call) {
    const [x] = call.inputs as [Value];
    const dims = shapeOf(x);
    const axis = axisOf(call.attributes.int("axis", 0), dims.length);
    const lengths = call.attributes.ints("split") ?? call.optionalInts(1) ?? equalParts(dims[axis], call);
    if (lengths.some((n) => n < 0) || lengths.reduce((sum, n) => sum + n, 0) !== dims[axis]) {
      throw new ShapeError(
        `lengths ${formatShape(lengths)} expected to add up to dimension ${axis} of ${formatShape(dims)}`,
      );
    }
    let end = 0;
    return lengths.map((length) => {
      const start = end;
      end += length;
      return x instanceof HostValue ? sliceHost(x, axis, start, 1, length) : x.narrow(axis, start, length);
    });
  },
};

/** Equal parts; the last one is shorter if the length is no multiple of their number. */
function equalParts(length: number, call: Call): number[] {
  const count = call.attributes.int("num_outputs", call.outputCount);
  if (count !== call.outputCount) throw new DataError(`num_outputs ${count}, but ${call.outputCount} outputs`);
  const part = Math.ceil(length / count);
  return Array.from({ length: count }, (_, i) => Math.max(0, Math.min(part, length - i * part)));
}

/** One dimension of a Slice: the first position, the step, and the number of positions. */
function readSlice(length: number, start: number, end: number, step: number): [number, number, number] {
  if (step === 0) throw new ShapeError("a step of 0");
  const [low, high] = step > 0 ? [0, length] : [-1, length - 1];
  const clamp = (bound: number, from: number) => Math.min(Math.max(bound < 0 ? bound + length : bound, from), high);
  const first = clamp(start, step > 0 ? 0 : Math.min(0, high));
  const count = Math.ceil((clamp(end, low) - first) / step);
  return [first, step, Math.max(0, count)];
}

const slice: Operator = {
  attributes: ["starts", "ends", "axes"],
  run(call) {
    let [x] = call.inputs as [Value];
    const dims = shapeOf(x);
    const starts = call.attributes.ints("starts") ?? call.ints(1);
    const ends = call.attributes.ints("ends") ?? call.ints(2);
    const axes = axesOf(call.attributes.ints("axes") ?? call.optionalInts(3) ?? dimsOf(starts.length), dims.length);
    const steps = call.optionalInts(4);
    if (starts.length !== axes.length || ends.length !== axes.length || (steps && steps.length !== axes.length)) {
      throw new ShapeError(`starts ${formatShape(starts)}, ends ${formatShape(ends)} and axes ${formatShape(axes)}`);
    }
    for (const [i, axis] of axes.entries()) {
      const [first, step, count] = readSlice(dims[axis], starts[i], ends[i], steps?.[i] ?? 1);
      if (first === 0 && step === 1 && count === dims[axis]) continue;
      if (x instanceof HostValue) x = sliceHost(x, axis, first, step, count);
      else if (step > 0 || count < 2) x = x.slice(axis, first, first + count * Math.abs(step), Math.abs(step));
      else x = x.slice(axis, first + (count - 1) * step, first + 1, -step).flip(axis);
    }
    return x;
  },
};

const expand: Operator = {
  run(call) {
    const [x] = call.inputs as [Value];
    const dims = shapeOf(x);
    const wanted = call.ints(1);
    const rank = Math.max(dims.length, wanted.length);
    const shape = Array.from({ length: rank }, (_, d) => {
      const [own, other] = [dims[d - rank + dims.length] ?? 1, wanted[d - rank + wanted.length] ?? 1];
      return own === 1 ? other : own;
    });
    return staysOnHost(x, shape) ? expandHost(x, wanted) : expandTensor(x, dims, wanted, shape);
  },
};

function expandTensor(x: Value, dims: readonly number[], wanted: readonly number[], shape: readonly number[]): Value {
  const fits = wanted.every((length, i) => length === 1 || length === shape[shape.length - wanted.length + i]);
  if (!fits) throw new ShapeError(`${formatShape(dims)} does not broadcast with ${formatShape(wanted)}`);
  return toTensor(x).expand(shape);
}

const tile: Operator = {
  run(call) {
    const [x] = call.inputs as [Value];
    const dims = shapeOf(x);
    const repeats = call.ints(1);
    if (repeats.length !== dims.length || repeats.some((n) => n < 0)) {
      throw new ShapeError(`repeats ${formatShape(repeats)} do not fit ${formatShape(dims)}`);
    }
    const shape = dims.map((length, d) => length * repeats[d]);
    return staysOnHost(x, shape) ? tileHost(x, repeats) : toTensor(x).repeat(repeats);
  },
};

const shape: Operator = {
  attributes: ["start", "end"],
  run(call) {
    const dims = shapeOf(call.inputs[0] as Value);
    const [start, end] = [call.attributes.int("start", 0), call.attributes.int("end", dims.length)];
    const part = dims.slice(start, end);
    return new HostValue([part.length], part, "int64");
  },
};

/** Operators that give the elements another shape or order, join or repeat them. */
export const MOVEMENT: OperatorTable = {
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transpose,
  Concat: concat,
  Split: split,
  Slice: slice,
  Expand: expand,
  Tile: tile,
  Shape: shape,
  Size: { run: (call) => new HostValue([], [sizeOf(shapeOf(call.inputs[0] as Value))], "int64") },
  Identity: { run: (call) => call.inputs[0] as Value },
  OptionalGetElement: { run: (call) => call.inputs[0] as Value },
  OptionalHasElement: { run: (call) => new HostValue([], [call.inputs[0] === undefined ? 0 : 1], "bool") },
};
