/**
 * Canary bytes around every block of memory. A test file enables them with
 * vi.mock("../../src/runtime/memory.ts", …).
 */
import { expect } from "vitest";
import { type Address, offset } from "../../src/runtime/address.ts";

type Memory = typeof import("../../src/runtime/memory.ts");

/** The smallest number of canary bytes on each side. */
const MARGIN = 64;

/**
 * As a float, a canary is a NaN, so that a result that depends on it shows. It is a signalling NaN: an
 * addition that loads it and stores it again makes it quiet, which can be seen. Each address has a different
 * canary, so that a copy to another address can be seen.
 */
const canaryAt = (address: number) => 0x7f800001 | ((address >> 1) & 0x3ffffe);
/** The contents of memory that has not been written. */
const UNDEFINED = 0x7f80beef;

const live = new Map<Address, number>();

/** The damage found so far: writes outside a block, blocks freed twice. */
export const damageSoFar: string[] = [];

let check = (_address: Address, _bytes: number): void => {
  throw new Error("guard: the memory is not guarded");
};

/** The memory module with an allocator that surrounds each block, and fills it, with canaries. */
export function guardMemory(real: Memory): Memory {
  const words = (bytes: number) => Math.ceil(bytes / 4);
  const margin = (address: Address) => real.i32View(address, MARGIN / 4);
  const intact = (address: Address) => margin(address).every((word, i) => word === canaryAt(address + 4 * i));
  const surround = (address: Address) =>
    margin(address).forEach((_, i, words) => {
      words[i] = canaryAt(address + 4 * i);
    });
  check = (address, bytes) => {
    if (!intact(offset(address, -MARGIN))) damageSoFar.push(`a write before a block of ${bytes} bytes`);
    if (!intact(offset(address, words(bytes) * 4))) damageSoFar.push(`a write past a block of ${bytes} bytes`);
  };
  return {
    ...real,
    allocate(bytes: number): Address {
      const address = offset(real.allocate(words(bytes) * 4 + 2 * MARGIN), MARGIN);
      real.i32View(address, words(bytes)).fill(UNDEFINED);
      surround(offset(address, -MARGIN));
      surround(offset(address, words(bytes) * 4));
      live.set(address, bytes);
      return address;
    },
    free(address: Address, bytes: number): void {
      if (live.get(address) !== bytes) {
        damageSoFar.push(`free of ${bytes} bytes that were not allocated`);
        return;
      }
      check(address, bytes);
      live.delete(address);
      real.i32View(address, words(bytes)).fill(UNDEFINED);
      real.free(offset(address, -MARGIN), words(bytes) * 4 + 2 * MARGIN);
    },
  };
}

/** Runs `body`, which must not keep tensors, and fails if it writes outside its blocks. */
export function undamaged(body: () => void): void {
  damageSoFar.length = 0;
  body();
  for (const [address, bytes] of live) check(address, bytes);
  expect(damageSoFar).toEqual([]);
}
