/**
 * With workers, a launch only starts a kernel. In this test the workers never do anything, so a kernel is
 * done when it is settled, and not earlier.
 */
import { afterAll, afterEach, beforeEach, expect, test, vi } from "vitest";
import { arange, ones, optim, setMemoryLimit, setNumThreads, type Tensor, tensor } from "wasmgrad";
import type { Address } from "../../../src/runtime/address.ts";
import { Block } from "../../../src/runtime/block.ts";
import { linearMemory } from "../../../src/runtime/linear_memory.ts";
import { allocate, free, HEAP_START, u8View, writeNew } from "../../../src/runtime/memory.ts";
import { defer, settle, whenSettled } from "../../../src/runtime/parallel/pending.ts";
import { IdleWorker } from "../../support/idle_worker.ts";

const workerThreads = process.getBuiltinModule("node:worker_threads");
const RealWorker = workerThreads.Worker;

const SIZE = 100_000;

beforeEach(() => {
  workerThreads.Worker = IdleWorker as never;
  setNumThreads(2);
});

afterEach(() => setNumThreads(1));

afterAll(() => {
  workerThreads.Worker = RealWorker;
});

/** The last element, read from memory without settling. */
function last(x: Tensor): number {
  return new Float32Array(linearMemory.buffer)[x.array.address / 4 + x.array.size - 1];
}

/** A pending sum, whose last element will be 3. */
function pendingSum(): Tensor {
  const x = ones([SIZE])
    .add(ones([SIZE]))
    .add(1);
  expect(last(x)).not.toBe(3);
  return x;
}

test("reading an element settles the pending kernel", () => {
  expect(pendingSum().data().at(-1)).toBe(3);
});

test("the next launch settles the pending kernel", () => {
  const x = pendingSum();
  const y = x.mul(5);
  expect(last(x)).toBe(3);
  expect(last(y)).not.toBe(15);
  expect(y.sum().item()).toBe(15 * SIZE);
});

test("a kernel that is called directly settles the pending kernel", () => {
  const x = pendingSum();
  x.clone();
  expect(last(x)).toBe(3);
});

test("a kernel that reads what it writes is never pending: to lose it is an error of the operation that wanted it", () => {
  const p = ones([SIZE], { requiresGrad: true });
  p.sum().backward();
  new optim.SGD([p], { lr: 1 }).step();
  expect(last(p)).toBe(0);
});

test("changing the number of threads settles the pending kernel", () => {
  const x = pendingSum();
  setNumThreads(1);
  expect(last(x)).toBe(3);
});

test("numbers of one element, and tables of shapes, are written while a kernel is pending", () => {
  const x = pendingSum();
  const two = tensor(2);
  expect(two.item()).toBe(2); // settles
  const wide = arange(SIZE)
    .reshape([2, SIZE / 2])
    .transpose(0, 1)
    .add(arange(2));
  const wider = wide.mul(
    x
      .reshape([SIZE / 2, 2])
      .transpose(0, 1)
      .transpose(0, 1),
  );
  expect(wider.data().subarray(0, 4)).toEqual(Float32Array.of(0, 3 * (SIZE / 2 + 1), 3, 3 * (SIZE / 2 + 2)));
});

test("a small block freed while a kernel is pending is not reused before that is settled", () => {
  const small = allocate(64);
  const large = allocate(1024);
  const x = pendingSum();
  free(small, 64);
  free(large, 1024);
  const others = [allocate(64), allocate(1024)];
  expect(others[0]).not.toBe(small);
  expect(others[1]).toBe(large);
  expect(last(x)).not.toBe(3);
  settle();
  expect(allocate(64)).toBe(small);
  for (const address of [small, others[0]]) free(address, 64);
  free(large, 1024);
});

test("writing to a new block does not settle, unless it is large", () => {
  const x = pendingSum();
  const blocks = [new Block(256), new Block(1024)];
  for (const block of blocks) block.retain();
  writeNew(blocks[0].address, Array(64).fill(7), "int32");
  expect(last(x)).not.toBe(3);
  expect(new Int32Array(linearMemory.buffer)[blocks[0].address / 4 + 63]).toBe(7);
  writeNew(blocks[1].address, Array(256).fill(0.5), "float32");
  expect(last(x)).toBe(3);
  expect(new Float32Array(linearMemory.buffer)[blocks[1].address / 4 + 255]).toBe(0.5);
  for (const block of blocks) block.release();
});

test("where the memory is full, a larger block is cut up for a smaller one: not before the pending kernel is settled", () => {
  const spare = Array.from({ length: 8 }, () => allocate(4 * SIZE));
  const others: Address[] = [];
  setMemoryLimit(linearMemory.buffer.byteLength);
  try {
    expect(() => {
      for (;;) others.push(allocate(1 << 16));
    }).toThrow("out of memory");
    for (const address of spare) free(address, 4 * SIZE);
    const x = pendingSum();
    others.push(allocate(1 << 16));
    expect(last(x)).toBe(3);
  } finally {
    setMemoryLimit(2 ** 32);
    for (const address of others) free(address, 1 << 16);
  }
});

test("data that a lost kernel should have derived from a block is recomputed at the next use", () => {
  const block = new Block(64);
  block.retain();
  const kernels = [() => {}, () => {}];
  const fill = vi.fn(() => defer(kernels.pop() as () => void));
  const ask = () => void block.cached(["packed"], 64, fill);
  kernels.push(() => {
    throw new Error("lost");
  });
  ask();
  expect(settle).toThrow("lost");
  ask();
  ask();
  settle();
  ask();
  expect(fill).toHaveBeenCalledTimes(2);
  block.release();
});

test("an error of the pending kernel is thrown once, where it is settled", () => {
  let after = false;
  defer(() => {
    throw new Error("lost");
  });
  whenSettled(() => {
    after = true;
  });
  expect(after).toBe(false);
  expect(() => u8View(HEAP_START, 1)).toThrow("lost");
  expect(after).toBe(true);
  settle();
  expect(pendingSum().sum().item()).toBe(3 * SIZE);
});
