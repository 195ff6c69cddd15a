import type { NDArray } from "../../ops/core/array.ts";
import { Choice } from "../../ops/order/sort.ts";
import { CumulativeExtremum } from "../../ops/reduce/scan.ts";
import { type GradientRule, linear, pullback, type RuleEntry } from "../rule.ts";

/** A gradient goes to the chosen elements, so the gradient of that is read at their positions. */
const chosen: GradientRule<Choice | CumulativeExtremum> = (op, dy, { arrays }) => {
  const [indices] = arrays as [NDArray];
  return [linear(op, dy, pullback(op, 0, arrays), (g) => op.read(g, indices).withShape(dy.shape), arrays)];
};

export const orderRules: RuleEntry[] = [
  [Choice, chosen],
  [CumulativeExtremum, chosen],
];
