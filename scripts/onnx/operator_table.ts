/**
 * Runs the operator tests of the onnx package and writes docs/onnx_operators.md, a table by operator, and the
 * list of tests that are refused, test/fixtures/onnx/node_tests_refused.json.
 *
 *     npx tsx scripts/onnx/operator_table.ts
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { AttributeReader, OperatorTable } from "../../src/onnx/operator.ts";
import { OPERATORS } from "../../src/onnx/operators/index.ts";
import { type NodeTests, readNodeTestFile } from "../../test/support/onnx/node_tests.ts";
import { type Outcome, runNodeTest } from "../../test/support/onnx/run_node_test.ts";

const TABLE = new URL("../../docs/onnx_operators.md", import.meta.url);
export const REFUSED_TESTS = new URL("../../test/fixtures/onnx/node_tests_refused.json", import.meta.url);

/** A test of an operator, with its outcome. */
export interface Row extends Outcome {
  name: string;
  operator: string;
}

/** Imports and runs all tests. */
export async function runAll({ tests }: NodeTests): Promise<Row[]> {
  const rows: Row[] = [];
  for (const test of tests) rows.push({ name: test.name, operator: test.operator, ...(await runNodeTest(test)) });
  return rows;
}

/** The names of refused tests, by reason. */
export function refusedTests(rows: readonly Row[]): Record<string, string[]> {
  const byReason: Record<string, string[]> = {};
  for (const { name, result, reason } of rows) {
    if (result === "refused") (byReason[reason] ??= []).push(name);
  }
  return Object.fromEntries(Object.entries(byReason).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A node without attributes, to ask operators that are always refused for the reason. */
const PLAIN = {
  opType: "",
  name: "",
  opset: 26,
  attributes: {
    has: () => false,
    int: (_, fallback) => fallback,
    flag: (_, fallback) => fallback,
    float: (_, fallback) => fallback,
    string: (_, fallback) => fallback,
    ints: () => undefined,
    floats: () => undefined,
    strings: () => undefined,
    value: () => undefined,
  } satisfies AttributeReader,
  hasInput: () => false,
  constantInput: () => undefined,
  hasOutput: () => false,
};

/** Notes on operators that work and that differ from others in something a user sees. */
const NOTES: Readonly<Record<string, string>> = {
  BatchNormalization: "follows `module.training`; running statistics are buffers",
  Bernoulli: "draws from the library's generator",
  BitShift: "on the host: at most 65,536 elements",
  BitwiseAnd: "on the host: at most 65,536 elements",
  BitwiseNot: "on the host: at most 65,536 elements",
  BitwiseOr: "on the host: at most 65,536 elements",
  BitwiseXor: "on the host: at most 65,536 elements",
  Cast: "float16, bfloat16 and double are computed in float32; no strings, no 8-bit floats",
  Det: "matrices of at most 4 rows",
  Dropout: "follows `module.training`; draws from the library's generator",
};

/** The table as Markdown. */
export function tableText({ onnx, versions }: NodeTests, table: OperatorTable, rows: readonly Row[]): string {
  const count = (result: Outcome["result"], of: readonly Row[] = rows) => of.filter((r) => r.result === result).length;
  const shown = (n: number) => n.toLocaleString("en-US");
  const names = [...new Set([...Object.keys(versions), ...rows.map(({ operator }) => operator)])].sort();
  const lines = names.map((name) => {
    const own = rows.filter(({ operator }) => operator === name);
    const operator = Object.hasOwn(table, name) ? table[name] : undefined;
    const works =
      operator !== undefined && (own.some(({ result }) => result !== "refused") || name in NOTES || !refuses(name));
    const reasons = [...new Set(own.flatMap(({ result, reason }) => (result === "refused" ? reason.split("; ") : [])))];
    const inside = reasons.map((reason) => (reason.startsWith(`${name}: `) ? reason.slice(name.length + 2) : reason));
    const note = works ? [NOTES[name], ...inside.map((reason) => `refused: ${reason}`)] : [refuses(name) ?? "no"];
    const changed = versions[name]?.join(", ") ?? "another domain";
    const tests = own.length === 0 ? "–" : `${own.length - count("refused", own)} of ${own.length}`;
    return `| ${name} | ${works ? "yes" : "no"} | ${changed} | ${tests} | ${note.filter(Boolean).join("; ")} |`;
  });

  function refuses(name: string): string | null {
    if (!Object.hasOwn(table, name)) return "not implemented";
    return table[name].refuse?.(PLAIN) ?? null;
  }

  const supported = lines.filter((line) => line.includes("| yes |")).length;
  return `# Operators of ONNX

<!-- Written by \`npx tsx scripts/onnx/operator_table.ts\`. -->

\`wasmgrad/onnx\` computes ${supported} of these ${names.length} operators. A file with another one is refused
when it is read, with the name of the operator.

"Versions" are those in which ONNX changed the operator; the version in a file decides which rules hold. "Tests" are
those of the onnx package (${onnx}) with float32, int32, int64 and bool, ${shown(rows.length)} models for \`importOnnx\`.

| outcome | tests | |
|---|---:|---|
| passed | ${shown(count("passed"))} | the results are ONNX's to 1e-5, relatively |
| drawn | ${count("drawn")} | numbers are drawn by another generator: types and shapes are compared |
| refused | ${count("refused")} | the last column of the next table says why |
| wrong | ${count("wrong")} | |

| operator | supported | versions | tests | notes |
|---|---|---|---|---|
${lines.join("\n")}
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = readNodeTestFile();
  const rows = await runAll(file);
  writeFileSync(REFUSED_TESTS, `${JSON.stringify(refusedTests(rows), null, 1)}\n`);
  writeFileSync(TABLE, tableText(file, OPERATORS, rows));
  for (const { name, result, reason } of rows) if (result === "wrong") console.log(`${name}: ${reason}`);
  const counts = ["passed", "drawn", "refused", "wrong"].map((kind) => rows.filter((r) => r.result === kind).length);
  console.log(`${counts[0]} passed, ${counts[1]} drawn, ${counts[2]} refused, ${counts[3]} wrong`);
}
