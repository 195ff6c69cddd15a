/**
 * All cases again under strict conditions: with the debug build of the kernels (asserts on), with canary
 * bytes around every block, with all undefined memory full of NaN, and with every launch cut into its chunks,
 * the last one first.
 */

import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test, vi } from "vitest";
import { scope } from "wasmgrad";
import { type Address, NULL, offset } from "../../src/runtime/address.ts";
import { allocateBlock, withFrame } from "../../src/runtime/frame.ts";
import { type Kernels, kernels } from "../../src/runtime/kernels.ts";
import { free, u8View } from "../../src/runtime/memory.ts";
import { allCases } from "../cases/index.ts";
import { checkCase } from "../support/check_case.ts";
import { checkFixture } from "../support/check_fixture.ts";
import { fixtureFolders, readFixtures } from "../support/fixture.ts";
import { damageSoFar, undamaged } from "../support/guard.ts";

const cut = vi.hoisted(() => ({ chunks: 0 }));

// the debug build is whole: it needs no parts
vi.mock("../../src/runtime/code/plain.generated.ts", async (importOriginal) => {
  const parts = await importOriginal<typeof import("../../src/runtime/code/plain.generated.ts")>();
  const base = readFileSync(new URL("../../build/kernels.debug.wasm", import.meta.url)).toString("base64");
  return { ...Object.fromEntries(Object.keys(parts).map((name) => [name, ""])), base };
});

vi.mock("../../src/runtime/memory.ts", async (importOriginal) => {
  const { guardMemory } = await import("../support/guard.ts");
  return guardMemory(await importOriginal());
});

vi.mock("../../src/runtime/kernels.ts", async (importOriginal) => {
  const { replaceLaunch } = await import("../support/replace_launch.ts");
  return replaceLaunch(await importOriginal(), (_, kernels) => (name, total, grain, ...args) => {
    const kernel = (kernels() as Kernels)[name] as (...all: readonly number[]) => void;
    for (let begin = Math.floor((total - 1) / grain) * grain; begin >= 0 && total > 0; begin -= grain) {
      cut.chunks++;
      kernel(begin, Math.min(total, begin + grain), ...args);
    }
  });
});

test("the guard notices a write before or after a block, and a double free", () => {
  const damage = (harm: (address: Address) => void) => {
    damageSoFar.length = 0;
    withFrame(() => harm(allocateBlock(20).address));
    return damageSoFar.splice(0);
  };
  expect(damage(() => {})).toEqual([]);
  expect(damage((address) => u8View(offset(address, 20), 1).fill(0))).toEqual(["a write past a block of 20 bytes"]);
  expect(damage((address) => u8View(offset(address, -1), 1).fill(0))).toEqual(["a write before a block of 20 bytes"]);
  expect(damage((address) => free(address, 20))).toEqual(["free of 20 bytes that were not allocated"]);
});

test("the kernels' asserts are on, and report what failed and where", () => {
  withFrame(() => {
    const block = allocateBlock(256).address;
    const product = () =>
      kernels().gemm(0, 1, block, block, block, block, block, 1, 1, 0, 1, 8, 16, 32, 4, 8, 0, NULL, 0, block);
    expect(product).toThrow(/gemm: no size is 0.*assembly\/matmul\/gemm\.ts/);
  });
});

/** cases.test.ts compares more elements; this test looks for NaN from undefined memory. */
const GRADIENT_SAMPLES = 4;

describe.each(Object.entries(allCases))("%s", (_op, cases) => {
  for (const testCase of cases)
    test(testCase.name, () => undamaged(() => scope(() => checkCase(testCase, GRADIENT_SAMPLES))));
});

describe.each(fixtureFolders())("%s", (folder) => {
  for (const [name, fixture] of readFixtures(folder)) {
    test(name, () => undamaged(() => scope(() => checkFixture(fixture))));
  }
});

afterAll(() => expect(cut.chunks).toBeGreaterThan(0));
