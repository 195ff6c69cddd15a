/** Gradients of gradients of every op, against differences of its float64 reference. */
import { describe, expect, test } from "vitest";
import { AutogradError } from "../../../src/errors.ts";
import { findRule } from "../../../src/gradients/rules.ts";
import type { OpCase } from "../../cases/case.ts";
import { allCases } from "../../cases/index.ts";
import { checkSecondOrder, hasGradient } from "../../support/check_case.ts";
import { watchOperations } from "../../support/coverage.ts";

/** Ops whose gradient cannot be differentiated again yet: they have no rule, and an error says so. */
const WITHOUT_RULE: readonly string[] = [
  "AddProduct",
  "Atan2",
  "CausalSoftmax",
  "CumulativeExtremum",
  "Gru",
  "IndexRows",
  "KthValue",
  "Lerp",
  "Lstm",
  "MaskedScatter",
  "MaskedSelect",
  "MathFunction",
  "Median",
  "NanToNum",
  "Product",
  "Remainder",
  "Rnn",
  "Scan",
  "Scatter",
  "Sort",
  "Topk",
  "WholeOrFraction",
];

describe.each(Object.entries(allCases))("%s", (_op, cases) => {
  test.each(cases.map((testCase) => [testCase.name, testCase] as const))("%s", (_name, testCase) => {
    if (withoutRule(testCase).length === 0) checkSecondOrder(testCase);
    else if (hasGradient(testCase)) expect(() => checkSecondOrder(testCase)).toThrow(AutogradError);
  });
});

test("every op with a gradient has a rule, except those listed", () => {
  const missing = new Set(Object.values(allCases).flat().flatMap(withoutRule));
  expect([...missing].sort()).toEqual(WITHOUT_RULE);
});

/** The ops of a case that have a gradient but no rule. */
function withoutRule(testCase: OpCase): string[] {
  const missing: string[] = [];
  watchOperations(testCase, (op) => {
    if (op.differentiable && !findRule(op)) missing.push(op.constructor.name);
  });
  return missing;
}
