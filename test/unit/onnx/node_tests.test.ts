/** The onnx package's tests of operators: see scripts/onnx/node_tests.py. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { REFUSED_TESTS, refusedTests, runAll, tableText } from "../../../scripts/onnx/operator_table.ts";
import { OPERATORS } from "../../../src/onnx/operators/index.ts";
import { type Place, readNodeTestFile, type TestTensor } from "../../support/onnx/node_tests.ts";
import { allOperators } from "../../support/onnx/operators.ts";
import { runNodeTest } from "../../support/onnx/run_node_test.ts";

const file = readNodeTestFile();
const rows = await runAll(file);
const refused = JSON.parse(readFileSync(REFUSED_TESTS, "utf8"));

const named = (result: string) => rows.filter((row) => row.result === result).map(({ name }) => name);

describe("operators compute what ONNX says", () => {
  const operators = [...new Set(file.tests.map(({ operator }) => operator))].sort();

  test.each(operators)("%s", (operator) => {
    const wrong = rows.filter((row) => row.operator === operator && row.result === "wrong");
    expect(wrong.map(({ name, reason }) => `${name}: ${reason}`)).toEqual([]);
  });

  // values that the importer itself computes are on the host
  test.each(["int64 on the host", "host"] satisfies Place[])("with inputs: %s", async (place) => {
    const passed = new Set(named("passed"));
    for (const given of file.tests.filter(({ name }) => passed.has(name))) {
      expect({ name: given.name, ...(await runNodeTest(given, { place })) }).toMatchObject({ result: "passed" });
    }
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

test("the comparison fails for other expectations", async () => {
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
  for (const given of comparable) {
    expect({ name: given.name, ...(await runNodeTest(given, { change: other })) }).toMatchObject({ result: "wrong" });
  }
});

test("the importer knows the operators of all tables, and no operator is in two of them", async () => {
  expect(Object.keys(OPERATORS).sort()).toEqual(Object.keys(await allOperators()).sort());
});
