import { formatShape, ShapeError } from "../../errors.ts";
import { pad as padTensor } from "../../nn/functional/pad.ts";
import type { PadOptions } from "../../ops/movement/pad.ts";
import { tensor } from "../../tensor/creation.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { shapeOf, type Value } from "../host_value.ts";
import type { Call, NodeView, Operator, OperatorTable } from "../operator.ts";
import { axesOf, axisOf, dimsOf, moved } from "./moved.ts";

const INT32 = 2 ** 31;

/** Elements added before and after each dimension; negative numbers remove elements. */
interface Margins {
  before: readonly number[];
  after: readonly number[];
}

/** Adds and removes elements at the ends of the dimensions; first removes, as onnxruntime does. */
function padded(x: Tensor, { before, after }: Margins, mode: PadOptions["mode"], value: number): Tensor {
  let y = x;
  for (const [d, length] of x.shape.entries()) {
    if (before[d] >= 0 && after[d] >= 0) continue;
    y = y.slice(d, Math.max(0, -before[d]), Math.max(0, length + Math.min(0, after[d])));
  }
  const added = dimsOf(x.dim()).flatMap((d) => [Math.max(0, before[d]), Math.max(0, after[d])]);
  if (added.every((n) => n === 0)) return y;
  const pairs = dimsOf(x.dim()).reverse();
  const padding = pairs.flatMap((d) => added.slice(2 * d, 2 * d + 2));
  return padTensor(y, padding, mode === "constant" ? { mode, value } : { mode });
}

const PAD_MODES = { constant: "constant", reflect: "reflect", edge: "replicate", wrap: "circular" } as const;

function padMode(node: NodeView): PadOptions["mode"] | undefined {
  return PAD_MODES[node.attributes.string("mode", "constant") as keyof typeof PAD_MODES];
}

/** The value of added elements: from an attribute (older operator sets) or from input 2. */
function padValue(call: Call): number {
  const fallback = call.attributes.float("value", 0);
  return call.inputs[2] === undefined ? fallback : call.number(2);
}

const pad: Operator = {
  attributes: ["mode", "pads", "value"],
  refuse: (node) => (padMode(node) ? null : `mode ${node.attributes.string("mode", "")}`),
  run(call) {
    const [x] = call.inputs as [Value];
    const rank = shapeOf(x).length;
    const pads = call.attributes.ints("pads") ?? call.ints(1);
    const axes = axesOf(call.optionalInts(3) ?? dimsOf(rank), rank);
    if (pads.length !== 2 * axes.length) throw new ShapeError(`pads ${formatShape(pads)} of ${axes.length} axes`);
    const margins = { before: new Array<number>(rank).fill(0), after: new Array<number>(rank).fill(0) };
    for (const [i, axis] of axes.entries()) {
      margins.before[axis] = pads[i];
      margins.after[axis] = pads[axes.length + i];
    }
    return moved(x, (t, fill) => padded(t, margins, padMode(call), fill), padValue(call));
  },
};

const centerCropPad: Operator = {
  attributes: ["axes"],
  run(call) {
    const [x] = call.inputs as [Value];
    const dims = shapeOf(x);
    const wanted = call.ints(1);
    const axes = axesOf(call.attributes.ints("axes") ?? dimsOf(wanted.length), dims.length);
    const margins = { before: dims.map(() => 0), after: dims.map(() => 0) };
    for (const [i, axis] of axes.entries()) {
      const difference = wanted[i] - dims[axis];
      // the odd element is added or removed at the end
      const before = Math.sign(difference) * Math.floor(Math.abs(difference) / 2);
      margins.before[axis] = before;
      margins.after[axis] = difference - before;
    }
    return moved(x, (t, fill) => padded(t, margins, "constant", fill));
  },
};

/** Blocks of channels and pixels: the block size, and whether the channels of a block come first or last. */
function readBlocks(call: Call, channels: number): { block: number; columnFirst: boolean } {
  const block = call.attributes.int("blocksize", 1);
  if (shapeOf(call.inputs[0] as Value).length !== 4 || block < 1 || !Number.isInteger(channels / block)) {
    throw new ShapeError(`blocksize ${block} of ${formatShape(shapeOf(call.inputs[0] as Value))}`);
  }
  return { block, columnFirst: call.attributes.string("mode", "DCR") === "CRD" };
}

const blockModes = (node: NodeView) =>
  ["DCR", "CRD"].includes(node.attributes.string("mode", "DCR")) ? null : `mode ${node.attributes.string("mode", "")}`;

const depthToSpace: Operator = {
  attributes: ["blocksize", "mode"],
  refuse: blockModes,
  run(call) {
    const [x] = call.inputs as [Value];
    const [n, c, h, w] = shapeOf(x);
    const { block: b, columnFirst } = readBlocks(call, c);
    const depth = c / b / b;
    if (!Number.isInteger(depth)) throw new ShapeError(`blocksize ${b} of ${formatShape(shapeOf(x))}`);
    const parts = (t: Tensor) =>
      columnFirst
        ? t.reshape([n, depth, b, b, h, w]).permute([0, 1, 4, 2, 5, 3])
        : t.reshape([n, b, b, depth, h, w]).permute([0, 3, 4, 1, 5, 2]);
    return moved(x, (t) => parts(t).reshape([n, depth, h * b, w * b]));
  },
};

const spaceToDepth: Operator = {
  attributes: ["blocksize", "mode"],
  refuse: blockModes,
  run(call) {
    const [x] = call.inputs as [Value];
    const [n, c, h, w] = shapeOf(x);
    const { block: b, columnFirst } = readBlocks(call, h);
    if (!Number.isInteger(w / b)) throw new ShapeError(`blocksize ${b} of ${formatShape(shapeOf(x))}`);
    const order = columnFirst ? [0, 1, 3, 5, 2, 4] : [0, 3, 5, 1, 2, 4];
    const parts = (t: Tensor) => t.reshape([n, c, h / b, b, w / b, b]).permute(order);
    return moved(x, (t) => parts(t).reshape([n, c * b * b, h / b, w / b]));
  },
};

const trilu: Operator = {
  attributes: ["upper"],
  run(call) {
    const diagonal = Math.min(Math.max(call.optionalInts(1)?.[0] ?? 0, 1 - INT32), INT32 - 1);
    const upper = call.attributes.flag("upper", true);
    // the triangle sets other elements to 0: positions are counted from 1 meanwhile
    const part = (t: Tensor) => (upper ? t.triu(diagonal) : t.tril(diagonal));
    return moved(call.inputs[0] as Value, (t, fill) => (fill === 0 ? part(t) : part(t.add(1)).sub(1)));
  },
};

/** Reverses the first `lengths[i]` steps of each sequence i. */
const reverseSequence: Operator = {
  attributes: ["batch_axis", "time_axis"],
  run(call) {
    const [x] = call.inputs as [Value];
    const dims = shapeOf(x);
    const time = axisOf(call.attributes.int("time_axis", 0), dims.length);
    const batch = axisOf(call.attributes.int("batch_axis", 1), dims.length);
    const lengths = call.ints(1);
    if (time > 1 || batch > 1 || time === batch) throw new ShapeError(`time axis ${time}, batch axis ${batch}`);
    const steps = dims[time];
    if (lengths.length !== dims[batch] || lengths.some((n) => n < 0 || n > steps)) {
      throw new ShapeError(`sequence lengths ${formatShape(lengths)} do not fit ${formatShape(dims)}`);
    }
    const positions = lengths.flatMap((length, i) =>
      Array.from({ length: steps }, (_, t) => i * steps + (t < length ? length - 1 - t : t)),
    );
    const order = [batch, time, ...dimsOf(dims.length).slice(2)]; // exchanges two dimensions: its own inverse
    return moved(x, (t) => {
      const sequences = t.permute(order);
      const rows = sequences.reshape([positions.length, ...dims.slice(2)]);
      return rows
        .indexSelect(0, tensor(positions, { dtype: "int32" }))
        .reshape(sequences.shape)
        .permute(order);
    });
  },
};

/** Operators that add and remove elements at the ends of dimensions, or exchange blocks of them. */
export const REARRANGEMENT: OperatorTable = {
  Pad: pad,
  CenterCropPad: centerCropPad,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  Trilu: trilu,
  ReverseSequence: reverseSequence,
};
