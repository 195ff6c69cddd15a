/**
 * All cases once more under suspicion: on the debug build of the kernels (asserts on, through the loader), with canary bytes
 * around every block, with all undefined memory full of NaN, and with every launch cut into its chunks, last one first.
 */
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test, vi } from "vitest";
import { scope } from "wasmgrad";
import { allocateBlock, withFrame } from "../src/wasm/block.ts";
import { kernels } from "../src/wasm/kernels.ts";
import { free, u8View } from "../src/wasm/memory.ts";
import { allCases } from "./cases/index.ts";
import { checkCase } from "./check_case.ts";
import { checkFixture } from "./check_fixture.ts";
import { fixtureFolders, readFixtures } from "./fixture.ts";

const guard = vi.hoisted(() => ({
  live: new Map<number, number>(),
  damage: [] as string[],
  check: (_address: number, _bytes: number): void => {},
  chunks: 0,
}));

vi.mock("../src/wasm/binary.generated.ts", () => ({
  kernelsBase64: readFileSync(new URL("../build/kernels.debug.wasm", import.meta.url)).toString("base64"),
}));

vi.mock("../src/wasm/memory.ts", async (importOriginal) => {
  const real = await importOriginal<typeof import("../src/wasm/memory.ts")>();
  /** Bytes of canaries on each side, at least. Seen as a float a canary is a NaN, so a result that depends on one shows. */
  const MARGIN = 64;
  const CANARY = 0x7fc0beef;
  const words = (bytes: number) => Math.ceil(bytes / 4);
  const intact = (address: number) => real.i32View(address, MARGIN / 4).every((word) => word === CANARY);
  guard.check = (address, bytes) => {
    if (!intact(address - MARGIN)) guard.damage.push(`a write before a block of ${bytes} bytes`);
    if (!intact(address + words(bytes) * 4)) guard.damage.push(`a write behind a block of ${bytes} bytes`);
  };
  return {
    ...real,
    allocate(bytes: number): number {
      const address = real.allocate(words(bytes) * 4 + 2 * MARGIN) + MARGIN;
      real.i32View(address - MARGIN, words(bytes) + MARGIN / 2).fill(CANARY);
      guard.live.set(address, bytes);
      return address;
    },
    free(address: number, bytes: number): void {
      if (guard.live.get(address) !== bytes) {
        guard.damage.push(`free of ${bytes} bytes that were not allocated`);
        return;
      }
      guard.check(address, bytes);
      guard.live.delete(address);
      real.i32View(address, words(bytes)).fill(CANARY);
      real.free(address - MARGIN, words(bytes) * 4 + 2 * MARGIN);
    },
  };
});

vi.mock("../src/wasm/kernels.ts", async (importOriginal) => {
  const real = await importOriginal<typeof import("../src/wasm/kernels.ts")>();
  const launch: typeof real.launch = (name, total, grain, ...args) => {
    const kernel = real.kernels()[name] as (...all: readonly number[]) => void;
    for (let begin = Math.floor((total - 1) / grain) * grain; begin >= 0 && total > 0; begin -= grain) {
      guard.chunks++;
      kernel(begin, Math.min(total, begin + grain), ...args);
    }
  };
  return { ...real, launch };
});

function undamaged(check: () => void): void {
  guard.damage.length = 0;
  scope(check);
  for (const [address, bytes] of guard.live) guard.check(address, bytes);
  expect(guard.damage).toEqual([]);
}

test("the guard sees a write before, behind, and a double free", () => {
  const damage = (harm: (address: number) => void) => {
    guard.damage.length = 0;
    withFrame(() => harm(allocateBlock(20).address));
    return guard.damage.splice(0);
  };
  expect(damage(() => {})).toEqual([]);
  expect(damage((address) => u8View(address + 20, 1).fill(0))).toEqual(["a write behind a block of 20 bytes"]);
  expect(damage((address) => u8View(address - 1, 1).fill(0))).toEqual(["a write before a block of 20 bytes"]);
  expect(damage((address) => free(address, 20))).toEqual(["free of 20 bytes that were not allocated"]);
});

test("the kernels' asserts are on, and say what was broken and where", () => {
  withFrame(() => {
    const block = allocateBlock(256).address;
    const product = () => kernels().gemm(0, 1, block, block, block, block, block, 1, 1, 0, 16, 32, 4, 0, 0, 0, block);
    expect(product).toThrow(/gemm: no size is 0.*assembly\/matmul\/gemm\.ts/);
  });
});

/** ops.test.ts compares more; here a NaN from undefined memory is looked for. */
const GRADIENT_SAMPLES = 4;

describe.each(Object.entries(allCases))("%s", (_op, cases) => {
  for (const testCase of cases) test(testCase.name, () => undamaged(() => checkCase(testCase, GRADIENT_SAMPLES)));
});

describe.each(fixtureFolders())("%s", (folder) => {
  for (const [name, fixture] of readFixtures(folder)) {
    test(name, () => undamaged(() => checkFixture(fixture)));
  }
});

afterAll(() => expect(guard.chunks).toBeGreaterThan(0));
