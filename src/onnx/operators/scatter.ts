import { formatShape, ShapeError } from "../../errors.ts";
import { tensor } from "../../tensor/creation.ts";
import { zeros } from "../../tensor/fill.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { multiply, wrap } from "../host/arithmetic.ts";
import { type HostType, HostValue, shapeOf, sizeOf, toHost, toTensor, type Value } from "../host_value.ts";
import type { Call, NodeView, Operator, OperatorTable } from "../operator.ts";
import { indexTensor, positionLists } from "./gather.ts";
import { axisOf, dimsOf, positionsIn } from "./moved.ts";

const REDUCTIONS = { none: null, add: "sum", mul: "prod", max: "amax", min: "amin" } as const;

type Reduction = keyof typeof REDUCTIONS;

function reductionOf(node: NodeView): Reduction {
  return node.attributes.string("reduction", "none") as Reduction;
}

const refuseReduction = (node: NodeView) => (reductionOf(node) in REDUCTIONS ? null : `reduction ${reductionOf(node)}`);

/** Writes elements to places of a host value, or combines them with those there, one after the other. */
function scatterHost(x: HostValue, places: ArrayLike<number>, updates: HostValue, how: Reduction): HostValue {
  const data = [...x.data];
  const combine = combinations(x.type)[how];
  updates.data.forEach((update, i) => {
    data[places[i]] = combine(data[places[i]], update);
  });
  return new HostValue(x.dims, data, x.type);
}

function combinations(type: HostType): Record<Reduction, (a: number, b: number) => number> {
  return {
    none: (_, b) => b,
    add: (a, b) => wrap(type, a + b),
    mul: (a, b) => multiply(type, a, b),
    max: Math.max,
    min: Math.min,
  };
}

/** Whether gradients flow to a value: then it must not become numbers on the host. */
const isTrainable = (value: Value) => !(value instanceof HostValue) && value.dtype === "float32";

/** `scatter` along a dimension with a reduction. */
function scattered(x: Tensor, axis: number, index: Tensor, updates: Tensor, how: Reduction): Tensor {
  const reduce = REDUCTIONS[how];
  if (reduce === null) return x.scatter(axis, index, updates);
  if (x.dtype !== "bool") return x.scatterReduce(axis, index, updates, reduce);
  return x.int().scatterReduce(axis, index, updates.int(), reduce).bool();
}

const scatterElements: Operator = {
  attributes: ["axis", "reduction"],
  refuse: refuseReduction,
  run(call) {
    const [x, index, updates] = call.inputs as [Value, Value, Value];
    const dims = shapeOf(x);
    const axis = axisOf(call.attributes.int("axis", 0), dims.length);
    const positions = indexTensor(index, dims[axis]);
    if (x instanceof HostValue && !isTrainable(updates)) {
      const places = positionsIn(dims).gather(axis, positions).data();
      return scatterHost(x, places, toHost(updates), reductionOf(call));
    }
    return scattered(toTensor(x), axis, positions, toTensor(updates), reductionOf(call));
  },
};

const scatterND: Operator = {
  attributes: ["reduction"],
  refuse: refuseReduction,
  run(call) {
    const [x, index, updates] = call.inputs as [Value, Value, Value];
    const dims = shapeOf(x);
    const k = shapeOf(index)[shapeOf(index).length - 1];
    const lists = positionLists(dims, index, 0);
    const shape = [...shapeOf(index).slice(0, -1), ...dims.slice(k)];
    if (sizeOf(shape) !== sizeOf(shapeOf(updates))) {
      throw new ShapeError(`updates expected ${formatShape(shape)}, got ${formatShape(shapeOf(updates))}`);
    }
    const places = lists.length === 0 ? positionsIn(dims) : positionsIn(dims).at(...lists);
    if (x instanceof HostValue && !isTrainable(updates))
      return scatterHost(x, places.data(), toHost(updates), reductionOf(call));
    const flat = toTensor(updates).flatten();
    return scattered(toTensor(x).flatten(), 0, places.flatten(), flat, reductionOf(call)).reshape(dims);
  },
};

/** Writes an update into a cache at a position of each sequence, as in attention with a cache. */
const tensorScatter: Operator = {
  attributes: ["axis", "mode"],
  refuse(node) {
    const mode = node.attributes.string("mode", "linear");
    return mode === "linear" || mode === "circular" ? null : `mode ${mode}`;
  },
  run(call) {
    const [cache, update] = [call.tensor(0), call.tensor(1)];
    const axis = axisOf(call.attributes.int("axis", -2), cache.dim());
    const [length, steps] = [cache.shape[axis], update.shape[axis]];
    const starts = call.optionalInts(2) ?? new Array<number>(cache.shape[0]).fill(0);
    const circular = call.attributes.string("mode", "linear") === "circular";
    const positions = starts.flatMap((start) =>
      dimsOf(steps).map((step) => (circular ? (start + step) % length : start + step)),
    );
    const shape = cache.shape.map((_, d) => (d === 0 ? starts.length : d === axis ? steps : 1));
    const index = tensor(Int32Array.from(positions), { shape });
    return cache.scatter(axis, index.expand(update.shape), update);
  },
};

/** The windows of Col2Im along one dimension. */
interface Windows {
  count: number;
  /** The place in the image of position k of window i. */
  place: (i: number, k: number) => number;
}

function windowsAlong({ attributes }: Call, d: number, size: number, kernel: number, rank: number): Windows {
  const pads = attributes.ints("pads");
  const [before, after] = pads ? [pads[d], pads[rank + d]] : [0, 0];
  const stride = attributes.ints("strides")?.[d] ?? 1;
  const dilation = attributes.ints("dilations")?.[d] ?? 1;
  const count = Math.floor((size + before + after - dilation * (kernel - 1) - 1) / stride) + 1;
  return { count, place: (i, k) => i * stride + k * dilation - before };
}

/** Adds the columns of windows to the pixels where they lie, in any number of dimensions. */
const col2im: Operator = {
  attributes: ["dilations", "pads", "strides"],
  run(call) {
    const columns = call.float(0);
    const [image, kernel] = [call.ints(1), call.ints(2)];
    const windows = image.map((size, d) => windowsAlong(call, d, size, kernel[d], image.length));
    const [batch, rows, blocks] = columns.shape;
    const channels = rows / sizeOf(kernel);
    // checked before lists of these lengths are made
    if (!Number.isInteger(channels) || sizeOf(windows.map(({ count }) => count)) !== blocks) {
      throw new ShapeError(`columns ${formatShape(columns.shape)} do not fit the image ${formatShape(image)}`);
    }
    // places of all pairs of a position in the window and a window; outside the image: after its last pixel
    const outside = sizeOf(image);
    let places = [[0]];
    for (const [d, { count, place }] of windows.entries()) {
      places = places.flatMap((row) =>
        dimsOf(kernel[d]).map((k) =>
          row.flatMap((first) =>
            dimsOf(count).map((i) => {
              const at = place(i, k);
              return at < 0 || at >= image[d] || first < 0 ? -1 : first * image[d] + at;
            }),
          ),
        ),
      );
    }
    const index = Int32Array.from(places.flat(), (place) => (place < 0 ? outside : place));
    const values = columns.reshape([batch * channels, index.length]);
    const pixels = zeros([batch * channels, outside + 1]).indexAdd(1, tensor(index), values);
    return pixels.narrow(1, 0, outside).reshape([batch, channels, ...image]);
  },
};

/** Operators that write elements to positions. */
export const SCATTER: OperatorTable = {
  Scatter: scatterElements,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
  TensorScatter: tensorScatter,
  Col2Im: col2im,
};
