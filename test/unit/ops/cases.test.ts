/** Every op against a float64 reference. */
import { describe, test } from "vitest";
import { allCases } from "../../cases/index.ts";
import { checkCase } from "../../support/check_case.ts";

describe.each(Object.entries(allCases))("%s", (_op, cases) => {
  test.each(cases.map((testCase) => [testCase.name, testCase] as const))("%s", (_name, testCase) => {
    checkCase(testCase);
  });
});
