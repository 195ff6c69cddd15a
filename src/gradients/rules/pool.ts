import type { NDArray } from "../../ops/core/array.ts";
import { Interpolate } from "../../ops/image/interpolate.ts";
import { Gather } from "../../ops/movement/indexing.ts";
import { AdaptiveAvgPool2d, AvgPool2d } from "../../ops/pool/avg_pool2d.ts";
import { MaxPool2d } from "../../ops/pool/max_pool2d.ts";
import { type GradientRule, linear, linearOp, pullback, withRule } from "../rule.ts";

/** A gradient goes to the maxima, so the gradient of that is read at the maxima. */
const maxPool: GradientRule<MaxPool2d> = (op, dy, { arrays }) => {
  const [index] = arrays as [NDArray];
  const { shape } = index;
  const rank = shape.length;
  const planes = (x: NDArray) => [
    x.size / (x.shape[rank - 1] * x.shape[rank - 2] || 1),
    x.shape[rank - 1] * x.shape[rank - 2],
  ];
  const read = (g: NDArray) =>
    new Gather(1).forward(g.withShape(planes(g)), index.withShape(planes(index))).withShape(shape);
  return [linear(op, dy, pullback(op, 0, arrays), read, arrays)];
};

export const MaxPool2dOp = /* @__PURE__ */ withRule(MaxPool2d, maxPool);
export const AvgPool2dOp = /* @__PURE__ */ withRule(AvgPool2d, linearOp);
export const AdaptiveAvgPool2dOp = /* @__PURE__ */ withRule(AdaptiveAvgPool2d, linearOp);
export const InterpolateOp = /* @__PURE__ */ withRule(Interpolate, linearOp);
