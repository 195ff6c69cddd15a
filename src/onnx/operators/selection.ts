import { formatShape, ShapeError } from "../../errors.ts";
import { tensor } from "../../tensor/creation.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { takeHost } from "../host/movement.ts";
import { HostValue, shapeOf, sizeOf, toHost, toTensor, type Value } from "../host_value.ts";
import type { Operator, OperatorTable } from "../operator.ts";
import { aroundAxis, axisOf, dimsOf, numbersOf } from "./moved.ts";

/** The value as a vector. */
function flat(x: Value): Value {
  const size = sizeOf(shapeOf(x));
  return x instanceof HostValue ? new HostValue([size], x.data, x.type) : x.reshape([size]);
}

/** Positions of a dimension, which are in range. */
function taken(x: Value, axis: number, positions: readonly number[]): Value {
  if (x instanceof HostValue) return takeHost(x, axis, positions, [positions.length]);
  return x.indexSelect(axis, tensor([...positions], { dtype: "int32" }));
}

const int64 = (data: readonly number[]) => new HostValue([data.length], data, "int64");

const compress: Operator = {
  attributes: ["axis"],
  run(call) {
    const x = call.attributes.has("axis") ? (call.inputs[0] as Value) : flat(call.inputs[0] as Value);
    const axis = axisOf(call.attributes.int("axis", 0), shapeOf(x).length);
    const condition = call.ints(1);
    if (condition.length > shapeOf(x)[axis]) {
      throw new ShapeError(`a condition of ${condition.length} for dimension ${axis} of ${formatShape(shapeOf(x))}`);
    }
    return taken(
      x,
      axis,
      condition.flatMap((keeps, i) => (keeps ? [i] : [])),
    );
  },
};

const nonZero: Operator = {
  run(call) {
    const [x] = call.inputs as [Value];
    if (!(x instanceof HostValue)) return nonZeroOf(x);
    const places = x.data.flatMap((element, i) => (element === 0 ? [] : [i]));
    const rows = x.dims.map((length, d) => {
      const inner = sizeOf(x.dims.slice(d + 1));
      return places.map((place) => Math.floor(place / inner) % length);
    });
    return new HostValue([x.dims.length, places.length], rows.flat(), "int64");
  },
};

function nonZeroOf(x: Tensor): Tensor {
  return numbersOf(x).nonzero().transpose(0, 1);
}

/** Compares numbers or lists of them; NaN comes last. */
function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) {
    if (a[i] === b[i]) continue;
    if (Number.isNaN(a[i]) || Number.isNaN(b[i])) {
      if (Number.isNaN(a[i]) && Number.isNaN(b[i])) continue;
      return Number.isNaN(a[i]) ? 1 : -1;
    }
    return a[i] - b[i];
  }
  return 0;
}

/** Unique elements, or unique parts of an axis. Their values, but not their number, have a gradient. */
const unique: Operator = {
  attributes: ["axis", "sorted"],
  run(call) {
    const x = call.attributes.has("axis") ? (call.inputs[0] as Value) : flat(call.inputs[0] as Value);
    const dims = shapeOf(x);
    const axis = axisOf(call.attributes.int("axis", 0), dims.length);
    const { data } = toHost(x);
    const [outer, length, inner] = aroundAxis(dims, axis);
    const parts = dimsOf(length).map((i) => {
      const part: number[] = [];
      for (let o = 0; o < outer; o++) {
        const first = (o * length + i) * inner;
        for (let j = first; j < first + inner; j++) part.push(data[j]);
      }
      return part;
    });
    const order = dimsOf(length).sort((a, b) => compare(parts[a], parts[b]) || a - b);
    // groups of equal parts, each in the order of positions
    const groups: number[][] = [];
    for (const i of order) {
      const last = groups.at(-1);
      if (last && compare(parts[last[0]], parts[i]) === 0) last.push(i);
      else groups.push([i]);
    }
    if (!call.attributes.flag("sorted", true)) groups.sort((a, b) => a[0] - b[0]);
    const inverse = new Array<number>(length);
    for (const [k, group] of groups.entries()) for (const i of group) inverse[i] = k;
    const first = groups.map((group) => group[0]);
    return [taken(x, axis, first), int64(first), int64(inverse), int64(groups.map((group) => group.length))];
  },
};

/** Gives the elements of sorted order: values and positions of the k largest or smallest. */
const topK: Operator = {
  attributes: ["axis", "largest", "sorted", "k"],
  run(call) {
    const x = toTensor(call.inputs[0] as Value);
    const axis = axisOf(call.attributes.int("axis", -1), x.dim());
    const k = call.attributes.has("k") ? call.attributes.int("k", 0) : call.number(1);
    const { values, indices } = x.topk(k, axis, { largest: call.attributes.flag("largest", true) });
    return [values, indices];
  },
};

/** Operators that choose elements by their values. */
export const SELECTION: OperatorTable = {
  Compress: compress,
  NonZero: nonZero,
  Unique: unique,
  TopK: topK,
};
