import { DataError, formatShape } from "../../errors.ts";
import { affineGrid, type GridSampleOptions, gridSample } from "../../nn/functional/grid_sample.ts";
import { tensor } from "../../tensor/creation.ts";
import { zeros } from "../../tensor/fill.ts";
import { stack } from "../../tensor/functions.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { NodeView, Operator, OperatorTable } from "../operator.ts";

/** Names of the modes, those of operator set 16 among them. */
const SAMPLE_MODES: Readonly<Record<string, GridSampleOptions["mode"]>> = {
  linear: "bilinear",
  bilinear: "bilinear",
  nearest: "nearest",
  cubic: "bicubic",
  bicubic: "bicubic",
};
const PADDING_MODES = ["zeros", "border", "reflection"];

const sampleMode = ({ attributes }: NodeView) => SAMPLE_MODES[attributes.string("mode", "linear")];
const paddingMode = ({ attributes }: NodeView) =>
  attributes.string("padding_mode", "zeros") as NonNullable<GridSampleOptions["paddingMode"]>;

const sample: Operator = {
  attributes: ["align_corners", "mode", "padding_mode"],
  refuse(node) {
    if (!sampleMode(node)) return `mode ${node.attributes.string("mode", "linear")}`;
    return PADDING_MODES.includes(paddingMode(node)) ? null : `padding_mode ${paddingMode(node)}`;
  },
  run(call) {
    const [x, grid] = [call.float(0), call.float(1)];
    const mode = sampleMode(call);
    if (mode === "bicubic" && x.dim() !== 4) throw new DataError(`mode cubic of volumes ${formatShape(x.shape)}`);
    const alignCorners = call.attributes.flag("align_corners", false);
    return gridSample(x, grid, { mode, paddingMode: paddingMode(call), alignCorners });
  },
};

const affine: Operator = {
  attributes: ["align_corners"],
  run(call) {
    return affineGrid(call.float(0), call.ints(1), { alignCorners: call.attributes.flag("align_corners", false) });
  },
};

/** A part of an axis of the image, cut into bins. */
interface Bins {
  start: number;
  /** The length of a bin in pixels. */
  length: number;
  count: number;
  /** Number of samples in a bin. */
  samples: number;
}

/**
 * The pixels that an axis of a region reads, from `first` on, and their weights in each bin: [bins][pixels].
 */
function binWeights({ start, length, count, samples }: Bins, size: number): { first: number; weights: number[][] } {
  const taps: [bin: number, pixel: number, weight: number][] = [];
  for (let bin = 0; bin < count; bin++) {
    for (let s = 0; s < samples; s++) {
      const given = start + (bin + (s + 0.5) / samples) * length;
      if (given < -1 || given > size) continue; // too far outside: 0
      const position = Math.min(Math.max(given, 0), size - 1);
      const low = Math.floor(position);
      const rest = position - low;
      taps.push([bin, low, (1 - rest) / samples]);
      if (rest > 0) taps.push([bin, low + 1, rest / samples]);
    }
  }
  const pixels = taps.map(([, pixel]) => pixel);
  const first = pixels.reduce((a, b) => Math.min(a, b), size - 1);
  const width = pixels.reduce((a, b) => Math.max(a, b), first) - first + 1;
  const weights = Array.from({ length: count }, () => new Array<number>(width).fill(0));
  for (const [bin, pixel, weight] of taps) weights[bin][pixel - first] += weight;
  return { first, weights };
}

/** The most samples along an axis of a region, so that a damaged file does not ask for all memory. */
const MAX_SAMPLES = 2 ** 16;

/**
 * The means of samples in the bins of regions. The weights of an axis do not depend on the other one, so that
 * a region is two matrix products. The image gets a gradient, the regions get none, as in torchvision.
 */
const roiAlign: Operator = {
  attributes: [
    "coordinate_transformation_mode",
    "mode",
    "output_height",
    "output_width",
    "sampling_ratio",
    "spatial_scale",
  ],
  refuse({ attributes }) {
    const mode = attributes.string("mode", "avg");
    if (mode !== "avg") return `mode ${mode}`;
    const coordinates = attributes.string("coordinate_transformation_mode", "half_pixel");
    return ["half_pixel", "output_half_pixel"].includes(coordinates) ? null : `coordinates ${coordinates}`;
  },
  run(call) {
    const { attributes } = call;
    const x = call.float(0);
    const [, channels, height, width] = x.shape;
    const usual = call.opset < 16 ? "output_half_pixel" : "half_pixel";
    const isHalfPixel = attributes.string("coordinate_transformation_mode", usual) === "half_pixel";
    const scale = attributes.float("spatial_scale", 1);
    const ratio = attributes.int("sampling_ratio", 0);
    const counts = [attributes.int("output_height", 1), attributes.int("output_width", 1)];
    const regions = call.host(1).data;
    const bins = (start: number, end: number, count: number): Bins => {
      const from = start * scale - (isHalfPixel ? 0.5 : 0);
      const length = Math.max((end - start) * scale, isHalfPixel ? -Infinity : 1) / count;
      const samples = ratio > 0 ? ratio : Math.max(1, Math.ceil(length));
      if (!(samples * count <= MAX_SAMPLES)) throw new DataError(`a region of ${count} times ${samples} samples`);
      return { start: from, length, count, samples };
    };
    const pooled = call.ints(2).map((image, i) => {
      const [left, top, right, bottom] = regions.slice(4 * i, 4 * i + 4);
      const rows = binWeights(bins(top, bottom, counts[0]), height);
      const columns = binWeights(bins(left, right, counts[1]), width);
      const part = x
        .select(0, image)
        .narrow(1, rows.first, rows.weights[0].length)
        .narrow(2, columns.first, columns.weights[0].length);
      return matrix(rows.weights).matmul(part).matmul(matrix(columns.weights).t());
    });
    return pooled.length === 0 ? zeros([0, channels, ...counts]) : stack(pooled);
  },
};

function matrix(rows: readonly number[][]): Tensor {
  return tensor(Float32Array.from(rows.flat()), { shape: [rows.length, rows[0].length] });
}

/** Operators that read images at positions between pixels. */
export const GRID: OperatorTable = {
  GridSample: sample,
  AffineGrid: affine,
  RoiAlign: roiAlign,
};
