import { formatShape, ShapeError } from "../../errors.ts";
import { tensor } from "../../tensor/creation.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { takeHost } from "../host/movement.ts";
import { HostValue, MAX_HOST_ELEMENTS, shapeOf, sizeOf, toHost, toTensor, type Value } from "../host_value.ts";
import type { Operator, OperatorTable } from "../operator.ts";
import { axisOf, dimsOf, moved, staysOnHost } from "./moved.ts";

/** Positions as an int32 tensor in which all count from the start. */
export function indexTensor(index: Value, length: number): Tensor {
  if (index instanceof HostValue) {
    const positions = Int32Array.from(index.data, (i) => (i < 0 ? i + length : i));
    return tensor(positions, { shape: [...index.dims] });
  }
  const positions = index.detach();
  const whole = positions.dtype === "int32" ? positions : positions.int();
  return whole.add(length).where(whole.lt(0), whole);
}

const gather: Operator = {
  attributes: ["axis"],
  weights: { all: [0] },
  run(call) {
    const [x, index] = call.inputs as [Value, Value];
    const dims = shapeOf(x);
    const axis = axisOf(call.attributes.int("axis", 0), dims.length);
    const shape = [...dims.slice(0, axis), ...shapeOf(index), ...dims.slice(axis + 1)];
    if (staysOnHost(x, shape) && sizeOf(shapeOf(index)) <= MAX_HOST_ELEMENTS) {
      return takeHost(x, axis, toHost(index).data, shapeOf(index));
    }
    const t = toTensor(x);
    if (index instanceof HostValue && index.dims.length === 0) return t.select(axis, index.data[0]);
    return t.indexSelect(axis, indexTensor(index, dims[axis]).flatten()).reshape(shape);
  },
};

const gatherElements: Operator = {
  attributes: ["axis"],
  run(call) {
    const [x, index] = call.inputs as [Value, Value];
    const axis = axisOf(call.attributes.int("axis", 0), shapeOf(x).length);
    const positions = indexTensor(index, shapeOf(x)[axis]);
    return moved(x, (t) => t.gather(axis, positions));
  },
};

/**
 * The lists of positions that `index` [...batch, ..., k] holds in its last dimension: one for each of the
 * `batch` first dimensions, and for k dimensions after them. `x.at(...lists)` reads the elements.
 */
export function positionLists(dims: readonly number[], index: Value, batch: number): Tensor[] {
  const shape = shapeOf(index);
  const k = shape[shape.length - 1];
  const places = shape.slice(0, -1);
  if (shape.length < 1 || batch > places.length || batch + k > dims.length) {
    throw new ShapeError(`indices ${formatShape(shape)} do not fit ${formatShape(dims)}`);
  }
  const own = dimsOf(batch).map((d) => {
    const positions = Int32Array.from({ length: places[d] }, (_, i) => i);
    return tensor(positions, { shape: places.map((length, i) => (i === d ? length : 1)) });
  });
  const given = toTensor(index).detach().int();
  return [...own, ...dimsOf(k).map((i) => given.select(-1, i))];
}

const gatherND: Operator = {
  attributes: ["batch_dims"],
  run(call) {
    const [x, index] = call.inputs as [Value, Value];
    const lists = positionLists(shapeOf(x), index, call.attributes.int("batch_dims", 0));
    return moved(x, (t) =>
      lists.length === 0 ? t.expand([...shapeOf(index).slice(0, -1), ...t.shape]) : t.at(...lists),
    );
  },
};

/** Operators that read elements at positions. */
export const GATHER: OperatorTable = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
};
