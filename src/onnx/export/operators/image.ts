import { interpolate as interpolate4d } from "../../../nn/functional/interpolate.ts";
import type { InterpolateOptions } from "../../../ops/image/interpolate.ts";
import { eye } from "../../../tensor/fill.ts";
import { scope } from "../../../tensor/lifetime/scoped.ts";
import type { OperatorWriter, StepWriter } from "../operator_writer.ts";
import { writeAdaptivePool } from "./layers.ts";

type Pair = readonly [number, number];

const interpolate: OperatorWriter = (s) => {
  const mode = s.attribute<"nearest" | "nearest-exact" | "bilinear" | "bicubic" | "area">("mode");
  if (mode === "area") return writeAdaptivePool(s);
  const scaleFactor = s.attribute<Pair | null>("scaleFactor");
  const [alignCorners, antialias] = [s.attribute<boolean>("alignCorners"), s.attribute<boolean>("antialias")];
  const size = s.fixed(s.shape(0).slice(2), "height and width");
  const out = s.fixed(s.result.slice(2), "height and width");
  if (antialias) return writeWeighted(s, [size, out]);
  // where wasmgrad uses the ratio of the sizes, and not the given factor
  const isRatio = (d: number) => {
    if (scaleFactor === null || alignCorners) return true;
    if (mode === "nearest") return out[d] === size[d] || out[d] === 2 * size[d];
    return out[d] === size[d] && (mode === "bilinear" || antialias);
  };
  const byRatio = [0, 1].every(isRatio);
  const sizes = byRatio ? s.nodes.lengths([...s.shape(0).slice(0, 2), ...out]) : "";
  const factors = [1, 1, ...[0, 1].map((d) => (isRatio(d) ? out[d] / size[d] : (scaleFactor as Pair)[d]))];
  const scales = byRatio ? "" : s.nodes.constant(factors, [4], "float32");
  const centers = alignCorners ? "align_corners" : "half_pixel";
  const options = {
    nearest: { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" },
    "nearest-exact": {
      mode: "nearest",
      coordinate_transformation_mode: "half_pixel",
      nearest_mode: "round_prefer_ceil",
    },
    bilinear: { mode: "linear", coordinate_transformation_mode: centers },
    bicubic: { mode: "cubic", coordinate_transformation_mode: centers, cubic_coeff_a: { float: -0.75 } },
  };
  return s.nodes.node("Resize", [s.x(0), "", scales, sizes], options[mode]);
};

/**
 * Rows and columns as products with matrices, because onnxruntime's antialiasing has other weights. A matrix
 * is what the operation makes of the identity.
 */
function writeWeighted(s: StepWriter, [size, out]: readonly [readonly number[], readonly number[]]): string {
  const { scaleFactor, ...options } = s.step.attributes as unknown as InterpolateOptions;
  const factors = scaleFactor as Pair | null;
  const matrixOf = (d: 0 | 1): string => {
    const to = factors ? { scaleFactor: d === 0 ? [factors[0], 1] : [1, factors[1]] } : null;
    const lengths: [number, number] = d === 0 ? [out[0], size[0]] : [size[1], out[1]];
    using y = scope(() =>
      interpolate4d(eye(size[d]).unsqueeze(0).unsqueeze(0), { ...options, size: null, ...(to ?? { size: lengths }) }),
    );
    return s.nodes.constant(y.data(), lengths, "float32");
  };
  return s.nodes.node("MatMul", [matrixOf(0), s.nodes.node("MatMul", [s.x(0), matrixOf(1)])]);
}

const gridSample: OperatorWriter = (s) => {
  const { opset } = s.nodes;
  if (opset < 16) s.refuse("needs opset 16");
  if (s.shape(0).length > 4 && opset < 20) s.refuse("of volumes needs opset 20");
  const mode = s.attribute<"bilinear" | "nearest" | "bicubic">("mode");
  const names = { bilinear: "linear", nearest: "nearest", bicubic: "cubic" };
  return s.nodes.node("GridSample", [s.x(0), s.x(1)], {
    mode: opset >= 20 ? names[mode] : mode,
    padding_mode: s.attribute<string>("paddingMode"),
    align_corners: Number(s.attribute<boolean>("alignCorners")),
  });
};

export const IMAGE: Readonly<Record<string, OperatorWriter>> = { interpolate, gridSample };
