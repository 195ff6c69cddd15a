/** setPrecision(): the relaxed-SIMD build of the kernels, where the engine has it. */
import { createHash } from "node:crypto";
import { setFlagsFromString } from "node:v8";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { getPrecision, manualSeed, OptionError, randn, scope, setNumThreads, setPrecision } from "wasmgrad";
import { kernelBytes, setRelaxedPart } from "../../../src/runtime/binary.ts";
import { relaxed } from "../../../src/runtime/code/plain.ts";
import { allCases } from "../../cases/index.ts";
import { checkCase } from "../../support/check_case.ts";

afterAll(() => {
  setNumThreads(1);
  setPrecision("reproducible");
});

setRelaxedPart(relaxed);
const available = WebAssembly.validate(kernelBytes("fast"));

test("setPrecision returns the precision in use: fast only with relaxed SIMD", () => {
  expect(getPrecision()).toBe("reproducible");
  expect(setPrecision("fast")).toBe(available ? "fast" : "reproducible");
  expect(getPrecision()).toBe(available ? "fast" : "reproducible");
  expect(setPrecision("reproducible")).toBe("reproducible");
  expect(getPrecision()).toBe("reproducible");
});

test.each(["exact", "", undefined, true])("%s is refused", (choice) => {
  expect(() => setPrecision(choice as never)).toThrow(OptionError);
});

describe("fast", () => {
  beforeAll(() => setFlagsFromString("--experimental-wasm-relaxed-simd")); // Node 20 needs this flag

  /** The sum of squared errors of a product, and a digest of its bits. */
  const product = () =>
    scope(() => {
      manualSeed(3);
      const [a, b] = [randn([70, 500]), randn([500, 90])];
      const [left, right, result] = [a, b, a.matmul(b)].map((t) => Float64Array.from(t.data()));
      const error = result.reduce((sum, value, at) => {
        let exact = 0;
        for (let k = 0; k < 500; k++) exact += left[Math.floor(at / 90) * 500 + k] * right[k * 90 + (at % 90)];
        return sum + (value - exact) ** 2;
      }, 0);
      return { error, digest: createHash("sha256").update(result).digest("hex") };
    });

  test("the precision can change and change back in the middle of a program", () => {
    const before = product();
    expect(setPrecision("fast")).toBe("fast");
    const fast = product();
    expect(fast.error).toBeLessThanOrEqual(1.1 * before.error);
    setPrecision("reproducible");
    expect(product().digest).toBe(before.digest);
  });

  test("gives the same bits with 1, 2 and 3 threads, whose workers have the same build", async () => {
    setPrecision("fast");
    const expected = product().digest;
    for (const threads of [2, 3]) {
      setNumThreads(threads);
      product();
      await new Promise((resolve) => setTimeout(resolve, 200));
      for (let i = 0; i < 5; i++) expect(product().digest).toBe(expected);
    }
  });

  // the operations that use the micro-kernel, in which the two builds differ
  describe.each(["matmul", "linear", "conv2d", "convTranspose2d"])("%s", (op) => {
    test.each(allCases[op].map((testCase) => [testCase.name, testCase] as const))("%s", (_name, testCase) => {
      setPrecision("fast");
      scope(() => checkCase(testCase, 4));
    });
  });
});
