/** Gradients of gradients of every op, against differences of its float64 reference. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findRule } from "../../../src/gradients/rules.ts";
import { Op } from "../../../src/ops/core/op.ts";
import { allCases } from "../../cases/index.ts";
import { checkSecondOrder } from "../../support/check_case.ts";
import { readSources, root } from "../../support/source.ts";

describe.each(Object.entries(allCases))("%s", (_op, cases) => {
  test.each(cases.map((testCase) => [testCase.name, testCase] as const))("%s", (_name, testCase) => {
    checkSecondOrder(testCase);
  });
});

test("every op with a gradient has a rule", async () => {
  const modules = await Promise.all(
    readSources("src/ops").map(({ path }) => import(/* @vite-ignore */ join(root, path))),
  );
  const classes = modules
    .flatMap((module) => Object.values(module) as ({ prototype?: unknown; name: string } | undefined)[])
    .flatMap((value) => (value?.prototype instanceof Op ? [{ name: value.name, op: value.prototype }] : []))
    .filter(({ op }) => op.backward !== Op.prototype.backward);
  expect(classes.length).toBeGreaterThan(60);
  const abstract = ["Binary", "SoftmaxOp", "VarianceOp"];
  const missing = classes.filter(({ name, op }) => !abstract.includes(name) && !findRule(op));
  expect(missing.map(({ name }) => name)).toEqual([]);
});
