/** Jobs whose workers are slow, dead or missing: the same bits or a clear error, but no hang. */
import { closeSync, openSync } from "node:fs";
import { devNull } from "node:os";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";
import { afterEach, expect, type Mock, test, vi } from "vitest";
import { ones, optim, setNumThreads } from "wasmgrad";
import { kernelBytes } from "../../../src/runtime/binary.ts";
import { Block } from "../../../src/runtime/block.ts";
import { linearMemory } from "../../../src/runtime/linear_memory.ts";
import { f32View } from "../../../src/runtime/memory.ts";
import { nextOf } from "../../../src/runtime/parallel/chunks.ts";
import { CONTROL, SLOT } from "../../../src/runtime/parallel/control.ts";
import { DeathWatch } from "../../../src/runtime/parallel/death_watch.ts";
import { beginJob, type Job } from "../../../src/runtime/parallel/job.ts";
import { settle } from "../../../src/runtime/parallel/pending.ts";
import { beginParallel } from "../../../src/runtime/parallel/pool.ts";
import { workerSource } from "../../../src/runtime/parallel/worker.generated.ts";
import { allocateSlot, type WorkerHandle, type WorkerPool } from "../../../src/runtime/parallel/worker_handle.ts";
import { IdleWorker } from "../../support/idle_worker.ts";

const module = new WebAssembly.Module(kernelBytes("reproducible"));
const { exports } = new WebAssembly.Instance(module, { env: { memory: linearMemory } });
const words = new Int32Array(linearMemory.buffer);

/** Two chunks, each of some milliseconds. */
const GRAIN = 1 << 22;
const TOTAL = 2 * GRAIN;

const blocks = [new Block(4 * TOTAL), new Block(4 * TOTAL)];
for (const block of blocks) block.retain();
const [x, y] = blocks.map((block) => f32View(block.address, TOTAL));

const workerThreads = process.getBuiltinModule("node:worker_threads");

afterEach(() => {
  workerThreads.Worker = Worker;
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  setNumThreads(1);
});

/** A job that calls `before` ahead of the caller's own chunks; `ranges` are what the caller computed. */
function jobOf(name: "exp" | "rmspropStep", before: () => void) {
  const [from, to] = blocks.map((block) => block.address);
  const args = name === "exp" ? [from, to] : [from, to, to, 0, 0, 0.1, 0.9, 0.1, 1e-8, 0, 0];
  const ranges: number[][] = [];
  const kernel: Job["kernel"] = (begin, end, ...rest) => {
    if (ranges.length === 0) before();
    ranges.push([begin, end]);
    (exports[name] as Job["kernel"])(begin, end, ...rest);
  };
  x.fill(0);
  y.fill(0);
  const job: Job = { name, kernel, number: Object.keys(exports).indexOf(name), total: TOTAL, grain: GRAIN, args };
  return { job, ranges };
}

function runJob(job: Job, pool: WorkerPool): void {
  beginJob(job, pool);
  settle();
}

function runParallel(job: Job): void {
  beginParallel(module, job);
  settle();
}

const allOnes = () => y.every((value) => value === 1);

/** Runs a job with a real worker that is killed while it computes the other chunk. */
async function killWithin(name: "exp" | "rmspropStep") {
  const workers: Worker[] = [];
  workerThreads.Worker = class extends Worker {
    constructor(...args: ConstructorParameters<typeof Worker>) {
      super(...args);
      workers.push(this);
    }
  };
  setNumThreads(2);
  let arm = false;
  const kill = () => {
    if (!arm) return;
    const start = Date.now();
    // the worker takes the other chunk
    while (Atomics.load(words, nextOf(1)) < 2) if (Date.now() - start > 20_000) throw new Error("no worker");
    for (const worker of workers) void worker.terminate();
  };
  runParallel(jobOf(name, kill).job);
  await new Promise((resolve) => setTimeout(resolve, 300)); // the worker starts
  arm = true;
  const { job, ranges } = jobOf(name, kill);
  return { run: () => runParallel(job), ranges };
}

/** On a busy machine the worker may finish before it is killed: then the test tries again. */
const ATTEMPTS = 100;

test("a worker is killed in the middle of its part: the caller does the job again", async () => {
  const whole = [0, TOTAL];
  let redone = false;
  for (let attempt = 0; !redone && attempt < ATTEMPTS; attempt++) {
    const { run, ranges } = await killWithin("exp");
    run();
    expect(allOnes()).toBe(true);
    redone = ranges.length === 2 && String(ranges[1]) === String(whole);
  }
  expect(redone).toBe(true);
});

test("… but a kernel that reads what it writes cannot be run again: a clear error", async () => {
  let message: string | undefined;
  for (let attempt = 0; !message && attempt < ATTEMPTS; attempt++) {
    const { run } = await killWithin("rmspropStep");
    try {
      run();
    } catch (error) {
      message = String(error);
    }
  }
  expect(message).toMatch(
    /WasmgradError: rmspropStep: a worker thread died or hung in the middle of its part, so this result is incomplete/,
  );
  runParallel(jobOf("exp", () => {}).job);
  expect(allOnes()).toBe(true);
});

/** A worker that is inside the job, and does nothing. */
function stuckWorker(): WorkerHandle & { stop: Mock<() => void> } {
  const slot = allocateSlot();
  Atomics.store(words, slot + SLOT.inside, 1);
  return { slot, isDead: () => false, started: Promise.resolve(), stop: vi.fn<() => void>() };
}

test("a slow worker is awaited", async () => {
  const stuck = stuckWorker();
  const leave = `
    const { workerData } = require("node:worker_threads");
    const { memory, word, done } = workerData;
    setTimeout(() => { Atomics.store(done, 0, 1); Atomics.store(new Int32Array(memory.buffer), word, 0); }, 300);
  `;
  const done = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(leave, {
    eval: true,
    workerData: { memory: linearMemory, word: stuck.slot + SLOT.inside, done },
  });
  const { job, ranges } = jobOf("exp", () => {});
  const workers = [stuck as WorkerHandle];
  runJob(job, { workers, shares: 2 });
  expect(Atomics.load(done, 0)).toBe(1);
  expect(ranges).toHaveLength(2);
  expect(workers).toEqual([stuck]);
  expect(stuck.stop).not.toHaveBeenCalled();
  await worker.terminate();
});

test("an optimizer's step that is lost half-way is a change of its parameters", () => {
  const slots: number[] = [];
  workerThreads.Worker = class extends IdleWorker {
    constructor(_source: string, { workerData }: { workerData: { slot: number } }) {
      super();
      slots.push(workerData.slot);
    }
  } as never;
  setNumThreads(2);
  const weight = ones([64, 256], { requiresGrad: true });
  weight.sum().backward();
  const [values, { version }] = [weight.data(), weight.array.block];
  hurryClock();
  for (const slot of slots) Atomics.store(words, slot + SLOT.inside, 1);
  expect(() => new optim.Adam([weight], { lr: 1 }).step()).toThrow(/adamStep: a worker thread died or hung/);
  expect(weight.data()).not.toEqual(values);
  expect(weight.array.block.version).toBeGreaterThan(version);
});

/** Makes the clock fast: a minute goes by in a second or so. */
function hurryClock(): void {
  let now = performance.now();
  vi.spyOn(performance, "now").mockImplementation(() => (now += 100));
}

test("a worker that is missing for long, and may be alive, is stopped: a clear error", () => {
  hurryClock();
  const stuck = stuckWorker();
  const workers = [stuck as WorkerHandle];
  const { job } = jobOf("exp", () => {});
  expect(() => runJob(job, { workers, shares: 2 })).toThrow(
    /exp: a worker thread died or hung in the middle of its part/,
  );
  expect(stuck.stop).toHaveBeenCalledOnce();
  expect(workers).toEqual([]);
  runJob(job, { workers, shares: 2 });
  expect(allOnes()).toBe(true);
});

test("an error of the caller's own kernel passes, when the workers are out", () => {
  const { job } = jobOf("exp", () => {
    throw new Error("trapped");
  });
  const slot = allocateSlot();
  const pool: WorkerPool = {
    workers: [{ slot, isDead: () => false, started: Promise.resolve(), stop() {} }],
    shares: 2,
  };
  Atomics.store(words, CONTROL.failed, 1); // a worker's part trapped as well
  expect(() => runJob(job, pool)).toThrow("trapped");
  expect(Atomics.load(words, CONTROL.generation) % 2).toBe(0);
  runJob(jobOf("exp", () => {}).job, pool);
  expect(allOnes()).toBe(true);
});

test("a kernel that fails on a worker is computed again by the caller, and the workers are replaced", () => {
  const slot = allocateSlot();
  const stop = vi.fn<() => void>();
  const pool: WorkerPool = { workers: [{ slot, isDead: () => false, started: Promise.resolve(), stop }], shares: 2 };
  const { job, ranges } = jobOf("exp", () => {
    Atomics.store(words, CONTROL.failed, 1); // as a worker does whose part trapped
  });
  runJob(job, pool);
  expect(allOnes()).toBe(true);
  expect(ranges.at(-1)).toEqual([0, TOTAL]);
  expect(stop).toHaveBeenCalledOnce();
  expect(pool.isBroken).toBe(true);
});

test("… but not one that reads what it writes: a clear error", () => {
  const pool: WorkerPool = {
    workers: [{ slot: allocateSlot(), isDead: () => false, started: Promise.resolve(), stop() {} }],
    shares: 2,
  };
  const { job } = jobOf("rmspropStep", () => {
    Atomics.store(words, CONTROL.failed, 1);
  });
  expect(() => runJob(job, pool)).toThrow(/rmspropStep: a kernel failed on a worker thread in the middle of its part/);
  expect(pool.isBroken).toBe(true);
});

test("a worker that missed the memory's growth is brought up to date before it computes", () => {
  const shared = new SharedArrayBuffer(2 * 65536);
  const control = new Int32Array(shared);
  const calls: string[] = [];
  const slot = CONTROL.slots;
  control[CONTROL.generation] = 1;
  control[CONTROL.total] = control[CONTROL.grain] = control[CONTROL.shares] = 1;
  control[CONTROL.pages] = 4;
  const kernel = (begin: number, end: number) => {
    calls.push(`kernel ${begin} ${end}`);
    control[slot + SLOT.retired] = 1;
  };
  const stale = { buffer: shared, grow: (pages: number) => calls.push(`grow ${pages}`) };
  class Instance {
    exports = { kernel };
  }
  const workerData = { module: {}, extensions: [], memory: stale, slot, share: 0 };
  runInNewContext(workerSource, {
    require: (name: string) => (name === "node:worker_threads" ? { workerData } : process.getBuiltinModule(name)),
    WebAssembly: { Instance },
    performance,
    SharedArrayBuffer,
  });
  expect(calls).toEqual(["grow 0", "kernel 0 1"]);
});

test("only a file that the caller saw open proves a death, and only in Node", () => {
  const file = openSync(devNull, "r");
  const [seen, unseen, elsewhere] = [1, 2, 3].map(() => new DeathWatch(() => file));
  seen.observe();
  expect(seen.isCertain()).toBe(false);
  vi.stubGlobal("Deno", {});
  elsewhere.observe();
  closeSync(file);
  expect([elsewhere.isCertain(), elsewhere.isCertain()]).toEqual([false, false]);
  vi.unstubAllGlobals();
  expect([unseen.isCertain(), unseen.isCertain()]).toEqual([false, false]);
  expect(seen.isCertain()).toBe(true);
  expect(new DeathWatch(() => -1).isCertain()).toBe(false);
});
