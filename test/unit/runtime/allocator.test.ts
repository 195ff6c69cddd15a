/**
 * The allocator alone: blocks never overlap, whatever is allocated and freed, and full memory is merged and
 * used again.
 */

import { afterEach, expect, test } from "vitest";
import { OutOfMemoryError, setMemoryLimit } from "wasmgrad";
import type { Address } from "../../../src/runtime/address.ts";
import { linearMemory } from "../../../src/runtime/linear_memory.ts";
import { allocate, allocatorStatistics, free, resetPeak, u8View } from "../../../src/runtime/memory.ts";
import { testRandom } from "../../support/random.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

afterEach(() => setMemoryLimit(2 ** 32));

interface Held {
  address: Address;
  bytes: number;
  canary: number;
}

function fill({ address, bytes, canary }: Held): void {
  u8View(address, bytes).fill(canary);
}

function expectIntact({ address, bytes, canary }: Held): void {
  expect(u8View(address, bytes).findIndex((byte) => byte !== canary)).toBe(-1);
}

/** Allocates and frees at random; each block is filled to its last byte, and checked before it is freed. */
function simulate(rounds: number, live: number, mostBytes: number, seed: number): void {
  const random = testRandom(seed);
  const held: Held[] = [];
  for (let round = 0; round < rounds; round++) {
    if (held.length > 0 && random() < held.length / (2 * live)) {
      const [block] = held.splice(Math.floor(random() * held.length), 1);
      expectIntact(block);
      free(block.address, block.bytes);
      continue;
    }
    const bytes = Math.floor(mostBytes ** random()) - 1; // every order of magnitude equally often
    const block = { address: allocate(bytes), bytes, canary: round % 251 };
    expect(block.address % 64).toBe(0);
    expect(block.address + bytes + 64).toBeLessThanOrEqual(linearMemory.buffer.byteLength);
    fill(block);
    held.push(block);
  }
  for (const block of held) {
    expectIntact(block);
    free(block.address, block.bytes);
  }
}

test("blocks of all sizes never overlap", () => {
  const before = allocatorStatistics();
  simulate(4000, 200, 200 * KIB, 1);
  const after = allocatorStatistics();
  expect([after.liveBytes, after.liveBlocks]).toEqual([before.liveBytes, before.liveBlocks]);
});

test("blocks do not overlap when memory is full and blocks are cut and merged", () => {
  setMemoryLimit(allocatorStatistics().reservedBytes);
  const holes: Address[] = [];
  expect(() => {
    for (;;) holes.push(allocate(64 * KIB));
  }).toThrow(OutOfMemoryError);
  for (const address of holes.filter((_, i) => i % 3 !== 0)) free(address, 64 * KIB);
  simulate(3000, 100, 100 * KIB, 2);
  for (const address of holes.filter((_, i) => i % 3 === 0)) free(address, 64 * KIB);
});

test.each([0, 1, 63, 64, 65, 255, 256, 257, 320, 321, 511, 512, 513, 640, 1023, 1024, 1025, 65536, 1e6, 2 ** 24 + 1])(
  "a block of %i bytes holds them and wastes at most a fifth (64 bytes for small ones)",
  (bytes) => {
    const before = allocatorStatistics().liveBytes;
    const address = allocate(bytes);
    const taken = allocatorStatistics().liveBytes - before - 64; // the slack that kernels may read
    expect(taken).toBeGreaterThanOrEqual(bytes);
    expect(taken - bytes).toBeLessThanOrEqual(Math.max(64, taken / 5));
    free(address, bytes);
    expect(allocatorStatistics().liveBytes).toBe(before);
  },
);

test("a freed block is the next one of its size", () => {
  const a = allocate(5000);
  const b = allocate(5000);
  free(a, 5000);
  expect(allocate(5000)).toBe(a);
  free(a, 5000);
  free(b, 5000);
});

test("full memory: free neighbours are merged for a larger block", () => {
  setMemoryLimit(allocatorStatistics().reservedBytes + 4 * MIB);
  const blocks: Address[] = [];
  expect(() => {
    for (;;) blocks.push(allocate(100 * KIB));
  }).toThrow(OutOfMemoryError);
  expect(() => allocate(2 * MIB)).toThrow(OutOfMemoryError);
  blocks.sort((a, b) => a - b);
  for (const address of blocks) free(address, 100 * KIB);
  const big = allocate(2 * MIB);
  u8View(big, 2 * MIB).fill(1);
  free(big, 2 * MIB);
});

test("memory never grows past the limit, even if that is not a whole number of pages", () => {
  const limit = allocatorStatistics().reservedBytes + 3 * 65536 + 1000;
  setMemoryLimit(limit);
  const blocks: Address[] = [];
  expect(() => {
    for (;;) {
      const address = allocate(10_000);
      blocks.push(address);
      if (address + 10_000 > linearMemory.buffer.byteLength) throw new Error("a block ends past the memory");
    }
  }).toThrow(OutOfMemoryError);
  expect(linearMemory.buffer.byteLength).toBeLessThanOrEqual(limit);
  for (const address of blocks) free(address, 10_000);
});

test("the peak is the most that was live since it was reset", () => {
  resetPeak();
  const { liveBytes } = allocatorStatistics();
  const a = allocate(1000);
  const b = allocate(2000);
  const most = allocatorStatistics().liveBytes;
  free(a, 1000);
  const c = allocate(100);
  expect(allocatorStatistics().peakBytes).toBe(most);
  free(b, 2000);
  free(c, 100);
  expect(allocatorStatistics().peakBytes).toBe(most);
  resetPeak();
  expect(allocatorStatistics().peakBytes).toBe(liveBytes);
});
