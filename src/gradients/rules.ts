import { AutogradError } from "../errors.ts";
import { LinearMap } from "../ops/core/linear_map.ts";
import type { Op } from "../ops/core/op.ts";
import { boundRule, type GradientRule, linear, type RuleEntry } from "./rule.ts";
import { elementwiseRules } from "./rules/elementwise.ts";
import { softmaxRules } from "./rules/loss.ts";
import { mathRules } from "./rules/math.ts";
import { matmulRules } from "./rules/matmul.ts";
import { movementRules } from "./rules/movement.ts";
import { orderRules } from "./rules/order.ts";
import { reduceRules } from "./rules/reduce.ts";
import { scanRules } from "./rules/scan.ts";
import { scatterRules } from "./rules/scatter.ts";

const linearMap: GradientRule<LinearMap> = (op, dy) => [linear(op, dy, op.transpose, op.map, op.constants)];

/**
 * The rules of what the methods of Tensor apply. Those of other ops are bound to their classes: see
 * `withRule`.
 */
const rules = new Map<unknown, GradientRule>([
  [LinearMap, linearMap] satisfies RuleEntry,
  ...elementwiseRules,
  ...mathRules,
  ...movementRules,
  ...scatterRules,
  ...orderRules,
  ...reduceRules,
  ...scanRules,
  ...matmulRules,
  ...softmaxRules,
]);

/** The rule of an op's class, or of the class that it extends. */
export function findRule(op: Op): GradientRule | undefined {
  for (let type = op.constructor; type; type = Object.getPrototypeOf(type)) {
    const rule = rules.get(type) ?? boundRule(type);
    if (rule) return rule;
  }
  return undefined;
}

export function ruleOf(op: Op): GradientRule {
  const rule = findRule(op);
  if (rule) return rule;
  throw new AutogradError(
    `${op.name}: its gradient cannot be differentiated; leave out createGraph, or write it with customFunction`,
  );
}
