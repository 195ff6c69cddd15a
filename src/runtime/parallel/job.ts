import { WasmgradError } from "../../errors.ts";
import { PAGE_BYTES } from "../address.ts";
import { IN_PLACE_KERNELS } from "../kernels.generated.ts";
import { isShared, linearMemory } from "../linear_memory.ts";
import { type Chunks, firstOf, nextOf, takeChunks } from "./chunks.ts";
import { CONTROL, MAX_ARGUMENTS } from "./control.ts";
import { defer } from "./pending.ts";
import { isInside, retire, type WorkerHandle, type WorkerPool, words } from "./worker_handle.ts";

// The life of a job from the calling thread's side: see README.md in this folder.

/**
 * Time for which the caller waits for a worker that is not known to be dead, before it gives up on the
 * worker.
 */
const MISSING_AFTER_MS = 15_000;
/**
 * Number of times that the caller checks for the workers' last chunks without a pause, before it yields its
 * core.
 */
const SPINS = 2000;
const NAP_MS = 0.05;
/**
 * Maximum part of a nap that counts as waiting, so that suspending the computer does not make a worker
 * missing.
 */
const LONGEST_NAP_MS = 10;
/** Interval at which a waiting caller checks whether a worker is dead. */
const CHECK_EVERY_MS = 2;

/** A kernel over the range [0, total), in chunks of `grain`. */
export interface Job extends Chunks {
  readonly name: string;
  /** The kernel's number among the module's exports. */
  readonly number: number;
}

const jobArguments = new Float64Array(
  linearMemory.buffer,
  isShared ? 8 * CONTROL.arguments : 0,
  isShared ? MAX_ARGUMENTS : 0,
);

/**
 * Opens a job for the workers of `pool` and leaves it pending. Without workers, runs the job at once. No
 * other job may be pending. An in-place kernel is completed at once: if its result is lost, the operation
 * that launched it must fail, not the next operation.
 */
export function beginJob(job: Job, pool: WorkerPool): void {
  const { name, kernel, total, grain, args } = job;
  if (pool.workers.length === 0 || args.length > MAX_ARGUMENTS) {
    kernel(0, total, ...args);
    return;
  }
  for (const worker of pool.workers) worker.observe?.();
  const chunks = Math.ceil(total / grain);
  publish(job, chunks, pool.shares);
  if (IN_PLACE_KERNELS.has(name)) completeJob(job, chunks, pool);
  else defer(() => completeJob(job, chunks, pool));
}

/** Publishes a job in the control block. */
function publish({ number, total, grain, args }: Job, chunks: number, shares: number): void {
  words[CONTROL.kernel] = number;
  words[CONTROL.total] = total;
  words[CONTROL.grain] = grain;
  words[CONTROL.shares] = shares;
  words[CONTROL.argumentCount] = args.length;
  words[CONTROL.pages] = linearMemory.buffer.byteLength / PAGE_BYTES;
  for (let i = 0; i < args.length; i++) jobArguments[i] = args[i];
  for (let share = 0; share < shares; share++) words[nextOf(share)] = firstOf(share, shares, chunks);
  Atomics.add(words, CONTROL.generation, 1);
  if (Atomics.load(words, CONTROL.sleepers) > 0) Atomics.notify(words, CONTROL.generation);
}

/**
 * Takes the remaining chunks, closes the job, and waits for the workers' last chunks. Runs a lost job again.
 */
function completeJob(job: Job, chunks: number, pool: WorkerPool): void {
  const { workers, shares } = pool;
  let lost: WorkerHandle[] = [];
  let failed = false;
  try {
    takeChunks(words, 0, shares, job);
  } finally {
    // after an error in the caller's own chunk, no thread takes the remaining chunks
    for (let share = 0; share < shares; share++) Atomics.store(words, nextOf(share), chunks);
    Atomics.add(words, CONTROL.generation, 1);
    if (workers.some(isInside)) lost = awaitWorkers(workers);
    failed = Atomics.exchange(words, CONTROL.failed, 0) !== 0;
  }
  if (failed) {
    retire(workers);
    pool.isBroken = true;
  }
  if (failed || lost.length > 0) redo(job, lost, failed);
}

/** Runs a job again if chunks may be missing or half done. Throws if the job cannot be repeated. */
function redo({ name, kernel, total, args }: Job, lost: readonly WorkerHandle[], failed: boolean): void {
  const isInPlace = IN_PLACE_KERNELS.has(name);
  if (failed && isInPlace) {
    throw new WasmgradError(
      `${name}: a kernel failed on a worker thread in the middle of its part, so this result is incomplete. ` +
        "Further operations start new workers.",
    );
  }
  // a worker that may be alive could still write, even after the memory belongs to another tensor
  if (isInPlace || !lost.every((worker) => worker.isDead())) {
    throw new WasmgradError(
      `${name}: a worker thread died or hung in the middle of its part, so this result is incomplete. ` +
        "Further operations do without it; setNumThreads() starts new workers.",
    );
  }
  kernel(0, total, ...args);
}

/**
 * Waits until no worker is inside the job. All chunks have been taken, so this takes at most the time of one
 * chunk. Workers that never leave the job, because they are dead or missing, are removed from `workers` and
 * returned.
 */
function awaitWorkers(workers: WorkerHandle[]): WorkerHandle[] {
  for (let spin = 0; spin < SPINS; spin++) if (!workers.some(isInside)) return [];
  const lost: WorkerHandle[] = [];
  let waited = 0;
  let checkedAt = 0;
  let now = performance.now();
  while (workers.some(isInside)) {
    if (waited - checkedAt > CHECK_EVERY_MS) {
      checkedAt = waited;
      for (const worker of workers.filter(isInside)) {
        if (waited < MISSING_AFTER_MS && !worker.isDead()) continue;
        worker.stop();
        workers.splice(workers.indexOf(worker), 1);
        lost.push(worker);
      }
    }
    nap();
    const before = now;
    now = performance.now();
    waited += Math.min(now - before, LONGEST_NAP_MS);
  }
  return lost;
}

let mayWait = true;

/** Sleeps for a moment if the thread is allowed to (a browser's main thread is not). */
function nap(): void {
  if (!mayWait) return;
  try {
    Atomics.wait(words, CONTROL.failed, 0, NAP_MS);
  } catch {
    mayWait = false;
  }
}
