/** Canary bytes around every block of memory. A test file puts them there with vi.mock("../src/wasm/memory.ts", …). */
import { expect } from "vitest";

type Memory = typeof import("../src/wasm/memory.ts");

/** Bytes of canaries on each side, at least. Seen as a float a canary is a NaN, so a result that depends on one shows. */
const MARGIN = 64;
const CANARY = 0x7fc0beef;

const live = new Map<number, number>();

/** What was found so far: writes outside a block, blocks freed twice. */
export const damageSoFar: string[] = [];

let check = (_address: number, _bytes: number): void => {
  throw new Error("guard: the memory is not guarded");
};

/** The memory module with an allocator that surrounds each block, and fills it, with canaries. */
export function guardMemory(real: Memory): Memory {
  const words = (bytes: number) => Math.ceil(bytes / 4);
  const intact = (address: number) => real.i32View(address, MARGIN / 4).every((word) => word === CANARY);
  check = (address, bytes) => {
    if (!intact(address - MARGIN)) damageSoFar.push(`a write before a block of ${bytes} bytes`);
    if (!intact(address + words(bytes) * 4)) damageSoFar.push(`a write behind a block of ${bytes} bytes`);
  };
  return {
    ...real,
    allocate(bytes: number): number {
      const address = real.allocate(words(bytes) * 4 + 2 * MARGIN) + MARGIN;
      real.i32View(address - MARGIN, words(bytes) + MARGIN / 2).fill(CANARY);
      live.set(address, bytes);
      return address;
    },
    free(address: number, bytes: number): void {
      if (live.get(address) !== bytes) {
        damageSoFar.push(`free of ${bytes} bytes that were not allocated`);
        return;
      }
      check(address, bytes);
      live.delete(address);
      real.i32View(address, words(bytes)).fill(CANARY);
      real.free(address - MARGIN, words(bytes) * 4 + 2 * MARGIN);
    },
  };
}

/** Runs `body`, which keeps nothing, and fails when it wrote outside its blocks. */
export function undamaged(body: () => void): void {
  damageSoFar.length = 0;
  body();
  for (const [address, bytes] of live) check(address, bytes);
  expect(damageSoFar).toEqual([]);
}
