/**
 * The benchmarks are honest: wrong results are not timed, and the docs agree with the results. No test here
 * measures time.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { randn, scope, type Tensor } from "wasmgrad";
import { checkConv, checkSamples } from "../../bench/check.ts";
import { type ConvLayer, convLayers, shapesOf } from "../../bench/layers.ts";
import { Ceiling } from "../../bench/lib/ceiling.ts";
import { compileCeiling } from "../../bench/lib/compile_ceiling.ts";
import { resultsFolder, writeResults } from "../../bench/lib/results.ts";
import { median, quantile, ratioOfRounds } from "../../bench/lib/statistics.ts";
import { DOCS } from "../../bench/report/index.ts";
import { fillIn } from "../../bench/report/markdown.ts";
import { tablesOf } from "../../bench/report/tables.ts";
import { type Target, targets, verdict } from "../../bench/report/targets.ts";
import { timedOps } from "../../bench/suites/op_cases.ts";
import { trainStep } from "../../bench/train_step.ts";
import { root } from "../support/source.ts";

/** The part of the mocked convolution that is wrong. */
const fault = vi.hoisted(() => ({ in: "nothing" }));

vi.mock("../../bench/layers.ts", async (importOriginal) => {
  const original = await importOriginal<typeof import("../../bench/layers.ts")>();
  /** Returns the same value, with twice the gradient. */
  const twice = (x: Tensor) => x.mul(2).sub(x.detach());
  return {
    ...original,
    forward(layer: ConvLayer, input: Tensor, weight: Tensor, bias: Tensor) {
      const wrong = (name: string, x: Tensor) => (fault.in === `gradient of the ${name}` ? twice(x) : x);
      const output = original.forward(layer, wrong("input", input), wrong("weight", weight), wrong("bias", bias));
      return fault.in === "output" ? output.mul(1.001) : output;
    },
  };
});

afterEach(() => {
  fault.in = "nothing";
});

describe("statistics", () => {
  test("median and quantiles", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(quantile([0, 10, 20, 30, 40], 0.25)).toBe(10);
    expect(quantile([0, 10], 0.75)).toBe(7.5);
    expect(() => median([])).toThrow("no values");
  });

  test("ratios are taken within rounds: a machine that halves its speed changes none", () => {
    const theirs = [10, 20, 40, 30];
    const ours = [5, 10, 20, 10];
    expect(ratioOfRounds(theirs, ours)).toEqual({ median: 2, low: 2, high: 2.25 });
    expect(() => ratioOfRounds([1, 2], [1])).toThrow("2 rounds over 1");
  });
});

describe("what is wrong is not timed", () => {
  const layer = convLayers.at(-1)!;

  function check(): void {
    scope(() => {
      const operands = Object.values(shapesOf(layer, 2)).map((shape) => randn(shape));
      for (const operand of operands) operand.requiresGrad = true;
      checkConv(layer, ...(operands as [Tensor, Tensor, Tensor]));
    });
  }

  test("a convolution that is right passes", check);

  test.each(["output", "gradient of the input", "gradient of the weight", "gradient of the bias"])("%s", (part) => {
    fault.in = part;
    expect(check).toThrow(new RegExp(`${part}.*nothing is timed`));
  });

  test.each(timedOps.map((entry) => [`${entry.op} ${entry.shape}`, entry] as const))("%s", (_name, { make }) => {
    scope(() => make());
    expect(() => scope(() => make((result) => result.mul(1.01)))).toThrow("the error is");
  });

  test("a NaN is reported as a wrong value", () => {
    expect(() => checkSamples("op", [Number.NaN], () => ({ sum: 1, size: 1 }))).toThrow("expected 1, got NaN");
  });

  test("the training step goes through its own check", () => {
    expect(scope(() => trainStep(2)())).toBeLessThan(0.1);
  });
});

test("a clock as coarse as a browser's measures a short body", async () => {
  let time = 0; // of a clock that shows whole milliseconds; reading it takes 0.001
  vi.stubGlobal("performance", { now: () => Math.floor((time += 0.001)) });
  vi.resetModules(); // what measures binds the clock when it is loaded
  try {
    const { sample } = await import("../../bench/lib/measure.ts");
    const milliseconds = sample(() => (time += 0.03), 100);
    expect(milliseconds).toBeGreaterThan(0.028);
    expect(milliseconds).toBeLessThan(0.032);
  } finally {
    vi.unstubAllGlobals();
    vi.resetModules();
  }
});

describe("ceilings", () => {
  test("the kernels compute the documented sums, and a wrong sum is noticed", { timeout: 60_000 }, async () => {
    const bytes = await compileCeiling("baseline");
    const ceiling = new Ceiling(bytes);
    expect(ceiling.flops).toBeGreaterThan(1e6);
    expect(ceiling.copier(1000)).not.toThrow();
    // without relaxed SIMD nothing is fused, and the kernel returns NaN
    expect(() => new Ceiling(bytes, "relaxed")).toThrow("nothing is timed");
  });

  test("the relaxed build is a separate module", { timeout: 60_000 }, async () => {
    const bytes = await compileCeiling("relaxed");
    if (WebAssembly.validate(bytes)) expect(new Ceiling(bytes, "relaxed").flops).toBeGreaterThan(1e6);
    else expect(WebAssembly.validate(await compileCeiling("baseline"))).toBe(true);
  });
});

describe("report", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "wasmgrad-report-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test("writes only between the markers", () => {
    const text = "a\n<!-- bench: ops -->\nold\n<!-- /bench -->\nb\n<!-- bench: size -->\n<!-- /bench -->\n";
    const filled = fillIn(text, { ops: "| new |", size: "$1" });
    expect(filled).toBe(
      "a\n<!-- bench: ops -->\n\n| new |\n\n<!-- /bench -->\nb\n<!-- bench: size -->\n\n$1\n\n<!-- /bench -->\n",
    );
    expect(fillIn(filled, { ops: "| new |", size: "$1" })).toBe(filled);
  });

  test("a table that does not exist or does not end is an error", () => {
    expect(() => fillIn("<!-- bench: nonsense -->\n<!-- /bench -->", { ops: "" })).toThrow('no table "nonsense"');
    expect(() => fillIn("<!-- bench: ops -->\n", { ops: "" })).toThrow("1 tables begin, 0 end");
  });

  test("tables say which figures were not measured", () => {
    const tables = tablesOf(join(folder, "nothing"));
    expect(tables.ops).toBe("_not measured yet_");
    expect(tables.headline).toBe("_not measured yet_");
    expect(tables.targets.match(/not measured/g)).toHaveLength(targets(() => undefined).length);
  });

  test("figures come from the results", () => {
    const faster = { median: 2.5, low: 2, high: 3 };
    const contest = { kind: "train", batch: 4, threads: 1 };
    const row = { ...contest, ours: 4, theirs: 10, faster, difference: 1e-6 };
    const twoThreads = { ...row, threads: 2, waitPolicy: "passive" };
    const docs = { ...contest, variant: "as its docs say", failed: "no such kernel" };
    writeResults(folder, "versus_pytorch", { version: "1.2.3" }, [row, twoThreads]);
    writeResults(folder, "versus_tfjs-wasm", { version: "4.5.6" }, [docs]);
    const tables = tablesOf(folder);
    const line = "| PyTorch (native) 1.2.3 | 4 | 1 | 4.00 | 10.0 | **2.50 x** | 2.00 to 3.00 |";
    expect(tables["versus-train"].split("\n")).toContain(line);
    expect(tables["versus-train"]).toContain("| PyTorch (native) 1.2.3, wait policy passive | 4 | 2 | 4.00 |");
    expect(tables["versus-train"]).toMatch(/as its docs say \| 4 \| 1 .* cannot: no such kernel/);
    expect(tables.headline).toMatch(/batch 4, .* one thread each: \*\*2\.50 x\*\* as fast on .* \(PyTorch 1\.2\.3, /);
    expect(tables.targets).toMatch(
      /PyTorch, batch 4, 1 thread each \| ≥ 1\.60 x \| 2\.00 x \| 2\.50 x \| met, with stretch/,
    );
  });

  test("a target is met or missed", () => {
    const target: Target = { ...targets(() => undefined)[0], target: 2, stretch: 3, atLeast: true };
    const verdicts = [1.99, 2, 3, undefined].map((measured) => verdict({ ...target, measured }));
    expect(verdicts).toEqual(["missed", "met", "met, with stretch", "not measured"]);
    expect(
      [1, 2, 3.1].map((measured) => verdict({ ...target, target: 3, stretch: 1, atLeast: false, measured })),
    ).toEqual(["met, with stretch", "met", "missed"]);
  });

  test.each(DOCS)("the tables of %s are those of bench/results (else: npm run bench:report)", (name) => {
    const text = readFileSync(join(root, name), "utf8");
    expect(text).toBe(fillIn(text, tablesOf(resultsFolder)));
  });

  test("results name no machine and no folder", () => {
    const names = readdirSync(resultsFolder, { recursive: true }).map(String);
    for (const name of names.filter((name) => name.endsWith(".json"))) {
      const text = readFileSync(join(resultsFolder, name), "utf8");
      expect(text).not.toContain(hostname());
      expect(text).not.toMatch(/"[^"]*(\/|\\\\)(home|root|tmp|usr|work|Users)(\/|\\\\)/);
      expect(JSON.parse(text).machine).toMatchObject({ cpu: expect.any(String), node: expect.any(String) });
    }
  });
});
