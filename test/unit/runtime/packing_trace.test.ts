/** The report of packed kernels (scripts/vector_width): what two versions of V8 printed of some kernels. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readFunctions } from "../../../scripts/vector_width/functions.ts";
import { packedKernelsPage } from "../../../scripts/vector_width/page.ts";
import { details, readRows, summary } from "../../../scripts/vector_width/rows.ts";
import { readTrace } from "../../../scripts/vector_width/trace.ts";
import { root } from "../../support/source.ts";

const read = (version: number) => readFileSync(join(root, `test/fixtures/packing/node${version}.txt`), "utf8");

describe("V8's trace", () => {
  test.each([24, 26])("Node %i: what is packed, and what it saves and costs", (version) => {
    const trace = readTrace(read(version));
    expect(trace.get(157)).toEqual({
      stores: { found: 1, packed: 1 },
      operands: { found: 0, packed: 0 },
      decision: { saved: 2, cost: 1 },
      isPacked: true,
      pairs: 2,
      obstacles: new Map(),
    });
    expect(trace.get(118)).toMatchObject({
      operands: { found: 1, packed: 1 },
      decision: { saved: 2, cost: 1 },
      isPacked: true,
      pairs: 2,
    });
    expect(trace.get(241)).toMatchObject({
      stores: { found: 4, packed: 2 },
      decision: { saved: 2, cost: 2 },
      isPacked: false,
      pairs: 0,
    });
  });

  test("why the rest is not", () => {
    const obstacles = (version: number) =>
      Object.fromEntries(
        Array.from(readTrace(read(version)), ([index, packing]) => [index, Object.fromEntries(packing.obstacles)]),
      );
    expect(obstacles(24)).toEqual({
      90: { "halves in different blocks": 4 },
      94: { "shuffle or lane operation that cannot be packed": 2 },
      103: { "no pair of stores or operands": 1 },
      118: {},
      157: {},
      168: { "no 256-bit f32x4.floor": 1 },
      231: { "two different operations": 1 },
      241: { "side effect between the halves": 2, "costs as much as it saves": 1 },
    });
    expect(obstacles(26)).toEqual({
      94: { "shuffle that cannot be packed": 2 },
      103: { "no pair of stores or operands": 1 },
      118: {},
      157: {},
      231: { "f32x4.sub beside shuffle": 1 },
      241: { "side effect between the halves": 2, "costs as much as it saves": 1 },
    });
  });

  test("traces of two threads in one text are an error", () => {
    const [first, second] = ["Begin revec function wasm-function#1\n", "Begin revec function wasm-function#2\n"];
    const ends = "Finished revec function wasm-function#2\nFinished revec function wasm-function#1\n";
    expect(() => readTrace(first + second + ends)).toThrow("functions 1 and 2 overlap");
  });
});

const TEXT = `(module
 (type $0 (func))
 (import "env" "memory" (memory $0 4 65536 shared))
 (import "env" "log" (func $log (param i32)))
 (export "kernel" (func $assembly/a/b/kernel))
 (export "twin" (func $assembly/a/b/kernel))
 (export "plain" (func $assembly/a/c/plain))
 (func $assembly/a/b/helper (param $0 i32)
  local.get $0
  v128.load
  v128.const i32x4 0 0 0 0
  f32x4.add
  call $log
 )
 (func $assembly/a/c/plain (param $0 i32)
  local.get $0
  call $log
 )
 (func $assembly/a/b/kernel (param $0 i32)
  loop $loop
   local.get $0
   call $assembly/a/b/helper
   f64x2.mul
  end
 )
)`;

describe("kernels", () => {
  const functions = readFunctions(TEXT);
  const packing = (isPacked: boolean, packed: number) => ({
    stores: { found: 2, packed },
    operands: { found: 0, packed: 0 },
    decision: { saved: 3, cost: 1 },
    isPacked,
    pairs: isPacked ? 1 : 0,
    obstacles: new Map([["side effect between the halves", 2 - packed]]),
  });
  const traces = [
    new Map([[3, packing(false, 1)]]),
    new Map([
      [1, packing(true, 2)],
      [3, packing(true, 1)],
    ]),
  ];
  const rows = readRows(functions, traces);

  test("functions, with imported ones counted, what they call, and their 128-bit instructions", () => {
    expect(functions.map(({ name, exports, calls, vectors }) => [name, exports, [...calls], vectors])).toEqual([
      ["log", [], [], 0],
      ["assembly/a/b/helper", [], ["log"], 2],
      ["assembly/a/c/plain", ["plain"], ["log"], 0],
      ["assembly/a/b/kernel", ["kernel", "twin"], ["assembly/a/b/helper"], 1],
    ]);
  });

  test("each kernel, then what it calls, with its state in each version", () => {
    expect(rows.map(({ name, file, isCalled, states }) => [name, file, isCalled, states])).toEqual([
      ["kernel", "assembly/a/b.ts", false, ["not", "partly"]],
      ["helper", "assembly/a/b.ts", true, ["no vectors", "packed"]],
      ["twin", "assembly/a/b.ts", false, ["not", "partly"]],
      ["helper", "assembly/a/b.ts", true, ["no vectors", "packed"]],
      ["plain", "assembly/a/c.ts", false, ["no vectors", "no vectors"]],
    ]);
    expect(details(rows[0])).toEqual(["1/2", "", "2/1", "3/1", "side effect between the halves"]);
    expect(summary(rows)).toBe("3 kernels: 0 packed, 2 partly, 0 not, 1 without vectors");
  });

  test("the page", () => {
    const page = packedKernelsPage(rows, ["24.1.0", "26.2.0"]);
    expect(page).toContain("in Node 24.1.0 and 26.2.0. 3 kernels: ");
    expect(page).toContain("| kernel | Node 24 | Node 26 | stores |");
    expect(page).toContain(
      "| `kernel` | not | partly | 1/2 |  | 2/1 | 3/1 | side effect between the halves |\n| … calls `helper` |",
    );
    expect(page).toContain("No vectors: `plain`.");
  });
});
