/** Kernels of one's own, in a second module on the library's memory and threads: `wasmgrad/extend`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import asc from "assemblyscript/asc";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import {
  AutogradError,
  getNumThreads,
  grad,
  KernelsError,
  OptionError,
  ReleasedError,
  setNumThreads,
  type Tensor,
  tensor,
  traceOperations,
} from "wasmgrad";
import { addressOf, defineOperation, emptyResult, loadKernels, type UserKernels } from "wasmgrad/extend";
import { makeLeakySum } from "../../../examples/extend/leaky_sum.ts";
import { runningThreads } from "../../../src/runtime/parallel/pool.ts";
import { testRandom } from "../../support/random.ts";
import { root } from "../../support/source.ts";

const folder = join(root, "examples/extend");
const { options } = JSON.parse(readFileSync(join(folder, "asconfig.json"), "utf8")) as {
  options: Record<string, boolean | number | string>;
};

/** Compiles AssemblyScript with the example's options. */
async function compile(source: string, more: string[] = []): Promise<Uint8Array> {
  const given: [string, unknown][] = Object.entries({ ...options, outFile: "kernels.wasm" });
  const flags = given.flatMap(([name, value]) => (value === true ? [`--${name}`] : [`--${name}`, `${value}`]));
  let bytes: Uint8Array | undefined;
  const { error, stderr } = await asc.main(["kernels.ts", ...flags, ...more], {
    readFile: (name) => (name === "kernels.ts" ? source : null),
    writeFile: (name, contents) => {
      if (name === "kernels.wasm") bytes = contents as Uint8Array;
    },
    listFiles: () => [],
  });
  if (!bytes) throw new Error(`${error?.message}: ${stderr.toString()}`);
  return bytes;
}

const values = (size: number) => {
  const random = testRandom(3);
  return Float32Array.from({ length: size }, () => 2 * random() - 1);
};

let bytes: Uint8Array;
let kernels: UserKernels;
let leakySum: (x: Tensor, decay: number) => Tensor;

beforeAll(async () => {
  bytes = await compile(readFileSync(join(folder, "assembly/kernels.ts"), "utf8"));
  kernels = loadKernels(bytes, { name: "leaky" });
  leakySum = makeLeakySum(kernels);
});
afterAll(() => setNumThreads(2));

describe("the example", () => {
  test("computes y and its gradient, with the same bits for 1, 2 and 4 threads", async () => {
    const [rows, length, decay] = [2000, 500, 0.8]; // enough for all threads to take part
    const [x, dy] = [values(rows * length), values(rows * length).reverse()];
    const [y, dx] = [new Float64Array(x.length), new Float64Array(x.length)];
    for (let r = 0; r < rows; r++) {
      for (let [t, sum] = [0, 0]; t < length; t++) y[r * length + t] = sum = x[r * length + t] + decay * sum;
      for (let [t, sum] = [length - 1, 0]; t >= 0; t--) dx[r * length + t] = sum = dy[r * length + t] + decay * sum;
    }
    const seen: Float32Array[][] = [];
    for (const threads of [1, 2, 4]) {
      setNumThreads(threads);
      for (let repeat = 0; repeat < 5; repeat++) {
        tensor(values(1e5)).exp(); // starts the workers
        await vi.waitUntil(() => runningThreads() === threads, { timeout: 10_000 });
        const input = tensor(x, { shape: [rows, length], requiresGrad: true });
        const result = leakySum(input, decay);
        result.backward(tensor(dy, { shape: [rows, length] }));
        seen.push([result.data() as Float32Array, input.grad?.data() as Float32Array]);
      }
      // workers are given up after some of them failed
      expect(getNumThreads()).toBe(threads);
    }
    const [[first, slope]] = seen;
    const worst = (a: Float32Array, b: Float64Array) =>
      a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
    expect(worst(first, y)).toBeLessThan(2e-6);
    expect(worst(slope, dx)).toBeLessThan(2e-6);
    for (const [again, slopeAgain] of seen) {
      expect(Buffer.from(again.buffer).equals(Buffer.from(first.buffer))).toBe(true);
      expect(Buffer.from(slopeAgain.buffer).equals(Buffer.from(slope.buffer))).toBe(true);
    }
  });

  test("appears in traces with its kernel and its chunks", () => {
    const x = tensor(values(20_000), { shape: [200, 100] });
    const { entries } = traceOperations(() => leakySum(x, 0.5), { print: false });
    const launches = entries.flatMap(({ kernels: list }) => list);
    expect(JSON.stringify([entries, launches])).toContain("leaky.leakySum");
  });

  test("no rows and empty rows", () => {
    expect(leakySum(tensor(new Float32Array(0), { shape: [0, 5] }), 0.5).shape).toEqual([0, 5]);
    expect(leakySum(tensor(new Float32Array(0), { shape: [5, 0] }), 0.5).shape).toEqual([5, 0]);
  });

  test("refuses gradients of gradients, which its kernels cannot have", () => {
    const x = tensor([1, 2], { requiresGrad: true });
    expect(() => grad(leakySum(x, 0.5).sum(), x, { createGraph: true })).toThrow(AutogradError);
    expect(grad(leakySum(x, 0.5).sum(), x).toArray()).toEqual([1.5, 1]);
  });
});

describe("kernels", () => {
  test("are known by name, and take their arguments", () => {
    const x = tensor([1, 2]);
    expect(kernels.names).toEqual(["leakySum", "leakySumGrad"]);
    expect(() => kernels.parallel("leaky", 1, 1)).toThrow(/leaky: no kernel "leaky" \(known: leakySum, leakySumGrad\)/);
    expect(() => kernels.parallel("leakySum", 1, 1, x, x)).toThrow(/expected 6 arguments .*, got 4/);
    for (const wrong of [null, "1", [1], undefined]) {
      expect(() => kernels.parallel("leakySum", 1, 1, x, x, 1, wrong as never)).toThrow(OptionError);
    }
    for (const [total, grain] of [
      [-1, 1],
      [1.5, 1],
      [1, 0],
      [2 ** 31, 1],
    ]) {
      expect(() => kernels.parallel("leakySum", total, grain, x, x, 1, 1)).toThrow(OptionError);
    }
    const gone = tensor([1]);
    gone.release();
    expect(() => kernels.parallel("leakySum", 1, 1, gone, x, 1, 1)).toThrow(ReleasedError);
  });

  test("return a number when they are called once", async () => {
    const more = loadKernels(
      await compile(
        "export function total(x: usize, n: i32): f64 { let s: f64 = 0; for (let i = 0; i < n; i++) s += load<f32>(x + (<usize>i << 2)); return s; }",
      ),
    );
    const x = tensor([1, 2, 3.5]);
    expect(more.call("total", x.mul(2), 3)).toBe(13);
    const rest = defineOperation({
      name: "rest",
      forward: (_, y: Tensor) => tensor(more.call("total", addressOf(y, 1), 2) as number),
      backward: () => null,
    });
    expect(rest(x).item()).toBe(5.5);
  });

  test("that fail throw an error, and the next operations work", async () => {
    const failing = loadKernels(await compile("export function fail(begin: i32, end: i32): void { unreachable(); }"));
    for (const threads of [1, 2]) {
      setNumThreads(threads);
      expect(() => {
        failing.parallel("fail", 8, 1);
        tensor([1]).add(1).item();
      }).toThrow(KernelsError);
      expect(tensor([1]).add(1).item()).toBe(2);
      expect(leakySum(tensor([1, 1]), 0.5).toArray()).toEqual([1, 1.5]);
    }
  });
});

describe("modules that do not fit", () => {
  const load = (given: unknown) => () => loadKernels(given as Uint8Array);

  test.each([
    [
      "data",
      "const table = memory.data<f32>([1, 2]); export function f(i: i32): f32 { return load<f32>(table + (i << 2)); }",
    ],
    ["a global variable", "let count = 0; export function f(): i32 { return ++count; }"],
    ["env.log", "declare function log(x: i32): void; export function f(): void { log(1); }"],
    [
      "a start function",
      "@external('env', 'abort') declare function stop(a: i32, b: i32, c: i32, d: i32): void; stop(0, 0, 0, 0); export function f(): void {}",
    ],
  ])("%s", async (part, source) => {
    const refused = load(await compile(source, part === "env.log" ? ["--disableWarning"] : []));
    expect(refused).toThrow(KernelsError);
    expect(refused).toThrow(part === "env.log" ? /kernels\.log|env\.log/ : part);
  });

  test("constants of all kinds are no state", async () => {
    const source =
      "export const a: f32 = 1; export const b: f64 = 2; export const c: i64 = -5000000000; export const d: i32 = -1; export function f(): i32 { return d; }";
    expect(loadKernels(await compile(source)).call("f")).toBe(-1);
  });

  test("other values, bytes, and memory that is not shared", async () => {
    for (const given of [null, undefined, "kernels.wasm", {}]) expect(load(given)).toThrow(OptionError);
    expect(load(new Uint8Array([1, 2, 3]))).toThrow(KernelsError);
    expect(load(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))).toThrow(OptionError); // exports nothing
    expect(() => loadKernels(bytes, { name: "" })).toThrow(OptionError);
    expect(() => loadKernels(bytes, { nam: "x" } as never)).toThrow(OptionError);
  });

  test("a compiled module and an ArrayBuffer are accepted", () => {
    expect(loadKernels(new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>)).names).toEqual(kernels.names);
    expect(loadKernels(new Uint8Array(bytes).buffer).names).toEqual(kernels.names);
  });
});

test("addresses and results for kernels exist inside an operation only", () => {
  expect(() => addressOf(tensor([1]))).toThrow(AutogradError);
  expect(() => emptyResult([1])).toThrow(AutogradError);
  const at = defineOperation({
    name: "at",
    forward: (_, x: Tensor, index: number) => tensor(addressOf(x, index) - addressOf(x)),
    backward: () => null,
  });
  expect(at(tensor([1, 2, 3]), 2).item()).toBe(8);
  expect(() => at(tensor([1, 2, 3]), 3)).toThrow(OptionError);
  expect(() => addressOf(tensor([1]))).toThrow(AutogradError); // also after an error inside
});

test("a definition must be complete", () => {
  const forward = (_: unknown, x: Tensor) => x.clone();
  for (const definition of [null, {}, { name: "" }, { name: "a", forward }, { name: "a", backward: () => null }]) {
    expect(() => defineOperation(definition as never)).toThrow(OptionError);
  }
});
