import { AutogradError } from "../errors.ts";
import { LinearMap } from "../ops/core/linear_map.ts";
import type { Op } from "../ops/core/op.ts";
import { customRules } from "./custom_function.ts";
import { type GradientRule, linear, type RuleEntry } from "./rule.ts";
import { convRules } from "./rules/conv.ts";
import { elementwiseRules } from "./rules/elementwise.ts";
import { gridSampleRules } from "./rules/grid_sample.ts";
import { lossRules } from "./rules/loss.ts";
import { mathRules } from "./rules/math.ts";
import { matmulRules } from "./rules/matmul.ts";
import { movementRules } from "./rules/movement.ts";
import { normRules } from "./rules/norm.ts";
import { orderRules } from "./rules/order.ts";
import { poolRules } from "./rules/pool.ts";
import { recurrentRules } from "./rules/recurrent.ts";
import { reduceRules } from "./rules/reduce.ts";
import { scanRules } from "./rules/scan.ts";
import { scatterRules } from "./rules/scatter.ts";

const linearMap: GradientRule<LinearMap> = (op, dy) => [linear(op, dy, op.transpose, op.map, op.constants)];

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
  ...convRules,
  ...poolRules,
  ...gridSampleRules,
  ...normRules,
  ...lossRules,
  ...recurrentRules,
  ...customRules,
]);

/** The rule of an op's class, or of the class that it extends. */
export function findRule(op: Op): GradientRule | undefined {
  for (let type = op.constructor; type; type = Object.getPrototypeOf(type)) {
    const rule = rules.get(type);
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
