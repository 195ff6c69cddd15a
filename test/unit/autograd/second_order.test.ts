/** Gradients of gradients of every op, against differences of its float64 reference. */
import { describe, expect, test } from "vitest";
import { findRule } from "../../../src/gradients/rules.ts";
import { allCases } from "../../cases/index.ts";
import { checkSecondOrder } from "../../support/check_case.ts";
import { watchOperations } from "../../support/coverage.ts";

/** Ops whose gradient cannot be differentiated again, and why. */
const WITHOUT_RULE: Record<string, string> = {};

describe.each(Object.entries(allCases))("%s", (_op, cases) => {
  test.each(cases.map((testCase) => [testCase.name, testCase] as const))("%s", (_name, testCase) => {
    checkSecondOrder(testCase);
  });
});

test("every op with a gradient has a rule, except those listed", () => {
  const missing = new Set<string>();
  for (const testCase of Object.values(allCases).flat()) {
    watchOperations(testCase, (op) => {
      if (op.differentiable && !findRule(op)) missing.add(op.constructor.name);
    });
  }
  expect([...missing].sort()).toEqual(Object.keys(WITHOUT_RULE).sort());
});
