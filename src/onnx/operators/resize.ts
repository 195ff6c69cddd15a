import { DataError, formatShape } from "../../errors.ts";
import { interpolate } from "../../nn/functional/interpolate.ts";
import { tensor } from "../../tensor/creation.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { shapeOf, toTensor, type Value } from "../host_value.ts";
import type { Call, NodeView, Operator, OperatorTable } from "../operator.ts";
import { axesOf, dimsOf } from "./moved.ts";
import { type Placement, type ResizeFilter, resizeTaps, sourcePosition } from "./resize_taps.ts";

/** Longest axis of a result, and the most weights of one: tables of this size are made in JavaScript. */
const MAX_LENGTH = 2 ** 20;
const MAX_WEIGHTS = 2 ** 26;

const MODES = ["nearest", "linear", "cubic"];
const COORDINATES = [
  "half_pixel",
  "half_pixel_symmetric",
  "pytorch_half_pixel",
  "align_corners",
  "asymmetric",
  "tf_crop_and_resize",
];
const NEAREST_MODES = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"];

/** How positions between two pixels are rounded. */
const round: Record<string, (position: number) => number> = {
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

function refuse({ attributes }: NodeView): string | null {
  const policy = attributes.string("keep_aspect_ratio_policy", "stretch");
  const given: [string, string, readonly string[]][] = [
    ["mode", attributes.string("mode", "nearest"), MODES],
    ["coordinate_transformation_mode", attributes.string("coordinate_transformation_mode", "half_pixel"), COORDINATES],
    ["nearest_mode", attributes.string("nearest_mode", "round_prefer_floor"), NEAREST_MODES],
    ["keep_aspect_ratio_policy", policy, ["stretch", "not_larger", "not_smaller"]],
  ];
  const unknown = given.find(([, value, known]) => !known.includes(value));
  return unknown ? `${unknown[0]} ${unknown[1]}` : null;
}

/** How the axes of an array are resized: for each, its new length and how positions are found. */
interface Plan {
  axis: number;
  length: number;
  placement: Placement;
}

/** Reads sizes or scales (input 1 or 2 in older operator sets). Axes that stay as they are have no plan. */
function readPlans(call: Call, dims: readonly number[]): Plan[] {
  const { attributes } = call;
  const isOld = call.opType === "Upsample" || call.opset < 11;
  const axes = axesOf(attributes.ints("axes") ?? dimsOf(dims.length), dims.length);
  const sizes = isOld ? undefined : given(call, 3);
  let scales = attributes.floats("scales") ?? given(call, isOld ? 1 : 2);
  if (!sizes && !scales) throw new DataError("expected sizes or scales");
  if ((sizes ?? scales)?.length !== axes.length) {
    throw new DataError(`${(sizes ?? scales)?.length} sizes or scales for ${axes.length} axes`);
  }
  let lengths = sizes;
  if (sizes) {
    scales = sizes.map((size, i) => size / dims[axes[i]]);
    const policy = attributes.string("keep_aspect_ratio_policy", "stretch");
    if (policy !== "stretch") {
      const scale = policy === "not_larger" ? Math.min(...scales) : Math.max(...scales);
      scales = scales.map(() => scale);
      lengths = axes.map((axis) => Math.floor(scale * dims[axis] + 0.5));
    }
  }
  const factors = scales as readonly number[];
  const mode = isOld ? "asymmetric" : attributes.string("coordinate_transformation_mode", "half_pixel");
  const roi = mode === "tf_crop_and_resize" ? call.host(1).data : [];
  return axes.flatMap((axis, i) => {
    const length = lengths?.[i] ?? Math.floor(factors[i] * dims[axis]);
    if (!(length >= 0 && length <= MAX_LENGTH && length * dims[axis] <= MAX_WEIGHTS))
      throw new DataError(`length ${length} of axis ${axis}`);
    const range = roi.length > 0 ? ([roi[i], roi[axes.length + i]] as const) : ([0, 1] as const);
    const isSame = factors[i] === 1 && length === dims[axis] && range[0] === 0 && range[1] === 1;
    return isSame
      ? []
      : [{ axis, length, placement: { mode, scale: factors[i], from: dims[axis], to: length, range } }];
  });
}

/** The elements of input i, undefined if it is missing or empty. */
function given(call: Call, i: number): readonly number[] | undefined {
  const value = call.inputs[i];
  return value === undefined || shapeOf(value)[0] === 0 ? undefined : call.host(i).data;
}

/** The mode of the library's own operation that computes the same, for the rows and columns of images. */
function imageResize(call: Call, x: Tensor, plans: readonly Plan[], rounding: string): Tensor | null {
  const { attributes } = call;
  if (x.dim() !== 4 || plans.length === 0 || plans.some(({ axis }) => axis < 2)) return null;
  if (attributes.flag("antialias", false) || plans.some(({ length }) => length === 0)) return null;
  const [mode, coordinates] = [attributes.string("mode", "nearest"), plans[0].placement.mode];
  const size = [2, 3].map((axis) => plans.find((plan) => plan.axis === axis)?.length ?? x.shape[axis]);
  const isExact = plans.every(({ placement: { scale, from, to } }) => Math.abs(scale * from - to) < 1e-6 * to);
  if (!isExact || x.shape.includes(0)) return null;
  const pair = [size[0], size[1]] as [number, number];
  if (mode === "nearest") {
    return coordinates === "asymmetric" && rounding === "floor" ? interpolate(x, { size: pair }) : null;
  }
  const isPixelCentre = coordinates === "half_pixel" || (coordinates === "pytorch_half_pixel" && !size.includes(1));
  const alignCorners = coordinates === "align_corners";
  if (!isPixelCentre && !alignCorners) return null;
  if (mode === "linear") return interpolate(x, { size: pair, mode: "bilinear", alignCorners });
  const isUsual = attributes.float("cubic_coeff_a", -0.75) === -0.75 && !attributes.flag("exclude_outside", false);
  return isUsual ? interpolate(x, { size: pair, mode: "bicubic", alignCorners }) : null;
}

/** The nearest positions along an axis. */
function nearest(x: Tensor, { axis, length, placement }: Plan, rounding: string): Tensor {
  const positions = Int32Array.from({ length }, (_, o) => {
    const position = round[rounding](sourcePosition(placement, o));
    return Math.min(Math.max(position, 0), placement.from - 1);
  });
  return x.indexSelect(axis, tensor(positions));
}

/** Weighted sums along an axis, as a matrix product. */
function weighted(x: Tensor, { axis, length, placement }: Plan, filter: ResizeFilter): Tensor {
  const matrix = tensor(resizeTaps(placement, filter), { shape: [placement.from, length] });
  const last = x.dim() - 1;
  const rows = x.transpose(axis, last);
  const sums = rows.reshape([-1, placement.from]).matmul(matrix);
  return sums.reshape([...rows.shape.slice(0, -1), length]).transpose(axis, last);
}

/** 1 where a position of tf_crop_and_resize lies inside the image, else 0; null if all do. */
function insideMask(plans: readonly Plan[], rank: number): Tensor | null {
  const masks = plans.flatMap(({ axis, length, placement }) => {
    if (placement.mode !== "tf_crop_and_resize") return [];
    const inside = Int32Array.from({ length }, (_, o) => {
      const position = sourcePosition(placement, o);
      return Number(position >= 0 && position <= placement.from - 1);
    });
    return inside.includes(0) ? [tensor(inside, { shape: dimsOf(rank).map((d) => (d === axis ? length : 1)) })] : [];
  });
  return masks.length === 0 ? null : masks.reduce((a, b) => a.mul(b));
}

const resize: Operator = {
  attributes: [
    "antialias",
    "axes",
    "coordinate_transformation_mode",
    "cubic_coeff_a",
    "exclude_outside",
    "extrapolation_value",
    "keep_aspect_ratio_policy",
    "mode",
    "nearest_mode",
    "scales",
  ],
  refuse,
  run(call) {
    const { attributes } = call;
    const x = toTensor(call.inputs[0] as Value);
    const mode = attributes.string("mode", "nearest");
    const plans = readPlans(call, x.shape);
    const empty = plans.find(({ axis, length }) => x.shape[axis] === 0 && length > 0);
    if (empty) throw new DataError(`axis ${empty.axis} of ${formatShape(x.shape)} is empty`);
    if (mode !== "nearest" && x.dtype !== "float32") throw new DataError(`mode ${mode} of ${x.dtype}`);
    const rounding = call.opset < 11 ? "floor" : attributes.string("nearest_mode", "round_prefer_floor");
    const image = x.dtype === "float32" ? imageResize(call, x, plans, rounding) : null;
    if (image) return image;
    const filter: ResizeFilter = {
      cubic: mode === "cubic",
      slope: attributes.float("cubic_coeff_a", -0.75),
      antialias: attributes.flag("antialias", false),
      excludeOutside: attributes.flag("exclude_outside", false),
    };
    const resized = (y: Tensor, plan: Plan) =>
      mode === "nearest" ? nearest(y, plan, rounding) : weighted(y, plan, filter);
    const y = plans.reduce(resized, x);
    const inside = insideMask(plans, x.dim());
    return inside ? y.where(inside.bool(), attributes.float("extrapolation_value", 0)) : y;
  },
};

/** Operators that resize images, volumes and sequences. */
export const RESIZE: OperatorTable = { Resize: resize, Upsample: resize };
