/** The onnx package's tests of operators: see scripts/onnx/node_tests.py. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { REFUSED_TESTS, refusedTests, runAll, tableText } from "../../../scripts/onnx/operator_table.ts";
import { OPERATORS } from "../../../src/onnx/operators/index.ts";
import { type Place, readNodeTestFile, type TestTensor } from "../../support/onnx/node_tests.ts";
import { allOperators } from "../../support/onnx/operators.ts";
import { runNodeTest } from "../../support/onnx/run_node_test.ts";

const file = readNodeTestFile();
const rows = runAll(file, OPERATORS);
const refused = JSON.parse(readFileSync(REFUSED_TESTS, "utf8"));

const named = (result: string) => rows.filter((row) => row.result === result).map(({ name }) => name);

describe("operators compute what ONNX says", () => {
  const operators = [...new Set(file.tests.map(({ operator }) => operator))].sort();

  test.each(operators)("%s", (operator) => {
    const wrong = rows.filter((row) => row.operator === operator && row.result === "wrong");
    expect(wrong.map(({ name, reason }) => `${name}: ${reason}`)).toEqual([]);
  });

  // the same operators on the host and in WebAssembly memory
  test.each(["tensors", "host"] satisfies Place[])("with inputs as %s", (place) => {
    const passed = new Set(named("passed"));
    const outcomes = file.tests
      .filter(({ name }) => passed.has(name))
      .map((given) => ({ name: given.name, ...runNodeTest(given, OPERATORS, { place }) }));
    expect(outcomes.filter(({ result }) => result !== "passed")).toEqual([]);
  });
});

test("refused are the tests of the list, for its reasons", () => {
  expect(refusedTests(rows)).toEqual(refused);
});

test("at least 1,150 tests pass", () => {
  expect(file.tests.length).toBe(1371);
  expect(named("passed").length).toBeGreaterThanOrEqual(1150);
});

test("docs/onnx_operators.md has these results", () => {
  const text = readFileSync(new URL("../../../docs/onnx_operators.md", import.meta.url), "utf8");
  expect(text).toBe(tableText(file, OPERATORS, rows));
});

test("the comparison fails for other expectations", () => {
  const other = (x: TestTensor): TestTensor => ({
    ...x,
    data: x.data.map((v) =>
      x.dtype === "bool" ? 1 - v : x.dtype === "int64" && v > 1e9 ? 0 : v + 1 + Math.abs(v) / 8,
    ),
  });
  const passed = new Set(named("passed"));
  const comparable = file.tests.filter(
    ({ name, outputs }) => passed.has(name) && outputs.some(({ data }) => data.some(Number.isFinite)),
  );
  expect(comparable.length).toBeGreaterThan(1100);
  const unseen = comparable.filter((given) => runNodeTest(given, OPERATORS, { change: other }).result !== "wrong");
  expect(unseen.map(({ name }) => name)).toEqual([]);
});

test("the importer knows the operators of all tables, and no operator is in two of them", async () => {
  expect(Object.keys(OPERATORS).sort()).toEqual(Object.keys(await allOperators()).sort());
});
