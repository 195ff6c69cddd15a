import { describe } from "../../checks.ts";
import { OptionError } from "../../errors.ts";
import { affordableWorkers } from "../address_space.ts";
import { isShared, linearMemory } from "../linear_memory.ts";
import { nodeModule } from "../node_module.ts";
import { hasCompiler } from "../support.ts";
import { MAX_WORKERS } from "./control.ts";
import { beginJob, type Job } from "./job.ts";
import { settle } from "./pending.ts";
import { startRefused, workerStarter } from "./start_worker.ts";
import { allocateSlot, hasStarted, retire, type WorkerHandle, type WorkerPool } from "./worker_handle.ts";

/** The number of threads: set by the user, or the default, which is determined at its first use. */
let threads: number | undefined;
/** Number of processes among which the cores are divided. */
let sharers = 1;
/** Whether `threads` is the default. */
let isDefault = true;
/** The workers. They are started at the first parallel job. */
let pool: WorkerPool | undefined;
/** The modules that users loaded, which each worker instantiates too. */
const extensions: object[] = [];
/** The reason why no worker could be started. No more are then started (in Node, until setNumThreads()). */
let startFailure: string | undefined;
/** Number of successive pools that broke soon after they were started. */
let brokenPools = 0;
/** The reason why no more workers are started, until setNumThreads(): too many pools broke. */
let kernelFailure: string | undefined;
/**
 * After this many broken pools in a row, one thread computes alone: starting workers would cost more time.
 */
const MAX_BROKEN_POOLS = 3;
/** A pool that lasted longer than this was worth starting. */
const WORTHWHILE_MS = 30_000;
/** The reason why this environment has no workers; "" if it has workers, undefined until this is checked. */
let unsupported: string | undefined;

const NO_ADDRESS_SPACE = "a worker takes more address space than there is left (`ulimit -v`)";

/**
 * The reason why there can be only one thread. Undefined if there can be more: in Node, and in browsers on
 * cross-origin isolated pages.
 */
function whySingleThreaded(): string | undefined {
  const { crossOriginIsolated, self, top } = globalThis as {
    crossOriginIsolated?: boolean;
    self?: object;
    top?: object;
  };
  if (crossOriginIsolated === false) {
    return (
      "this page is not cross-origin isolated. To use all cores, serve it with the headers " +
      "Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp" +
      (top && top !== self ? '; this frame needs <iframe allow="cross-origin-isolated"> as well' : "")
    );
  }
  if (!isShared) return "WebAssembly memory cannot be shared here";
  return startFailure || kernelFailure || (unsupported ??= whyUnsupported()) || undefined;
}

function whyUnsupported(): string {
  if (!hasCompiler()) return "WebAssembly cannot be compiled here";
  const node = nodeModule("node:worker_threads");
  if (typeof node?.Worker === "function" && mayHaveWorkers()) {
    return affordableWorkers() > 0 ? "" : NO_ADDRESS_SPACE;
  }
  if (node) return "there are no worker threads here (with Node's permission model they take --allow-worker)";
  if (typeof Worker === "function") return "";
  return "there are no worker threads here (with Node they take 20.16, 22.3 or later)";
}

/**
 * Whether Node's permission model allows workers. Also false in runtimes that imitate Node (Cloudflare
 * Workers).
 */
function mayHaveWorkers(): boolean {
  const { process } = globalThis as { process?: { permission?: { has?(scope: string): boolean } } };
  try {
    return process?.permission?.has?.("worker") ?? true;
  } catch {
    return false;
  }
}

/**
 * The number of threads to use. It is determined late, because counting the cores takes half a millisecond.
 */
function wantedThreads(): number {
  return (threads ??= defaultThreads());
}

function defaultThreads(): number {
  const cores = nodeModule("node:os")?.availableParallelism?.() || globalThis.navigator?.hardwareConcurrency || 1;
  return Math.min(Math.max(1, Math.floor(cores / sharers)), MAX_WORKERS + 1);
}

/**
 * Sets the number of threads that compute, including the calling thread. Results do not depend on it.
 * Default: the number of cores, or 1 if memory cannot be shared (as on a browser page without cross-origin
 * isolation).
 *
 * With several threads an operation may return while its last kernel still runs. The next operation, or the
 * next read of elements, waits for the kernel. If the kernel fails, for example because a worker hangs, that
 * later operation or read throws an error that names the kernel. Discard results computed since the previous
 * read.
 *
 * @throws OptionError unless 1 <= n <= 64.
 * @example
 * ```ts
 * import { getNumThreads, setNumThreads } from "wasmgrad";
 * setNumThreads(1);
 * console.log(getNumThreads()); // 1
 * ```
 */
export function setNumThreads(n: number): void {
  if (!Number.isInteger(n) || n < 1 || n > MAX_WORKERS + 1) {
    throw new OptionError(`setNumThreads: expected an integer in [1, ${MAX_WORKERS + 1}], got ${describe(n)}`);
  }
  restartWorkers();
  threads = n;
  isDefault = false;
  brokenPools = 0;
  kernelFailure = undefined;
  // in Node the system may allow workers now; a page's policy does not change
  if (nodeModule("node:worker_threads")) startFailure = undefined;
}

/** Divides the default number of threads among several processes that run on the same cores. */
export function shareCores(processes: number): void {
  sharers = processes;
  if (!isDefault) return;
  restartWorkers();
  threads = undefined;
}

/**
 * Maximum number of threads that compute: the number given to `setNumThreads`, or 1 if memory cannot be
 * shared or there are no workers. If a Content-Security-Policy forbids workers, the browser reports this only
 * after the first large operation, when the page is idle. The result is 1 from then on.
 */
export function getNumThreads(): number {
  return threads === 1 || whySingleThreaded() ? 1 : wantedThreads();
}

/** Number of threads that take chunks now: the calling thread and the workers that have started. */
export function runningThreads(): number {
  return 1 + (pool?.workers.filter(hasStarted).length ?? 0);
}

/** Ends the workers. The next parallel job starts new ones. */
export function restartWorkers(): void {
  try {
    settle();
  } finally {
    if (pool?.workers.length) retire(pool.workers);
    pool = undefined;
  }
}

/** Adds a user's module. The next parallel job starts new workers, which have it. */
export function addToWorkers(module: object): void {
  restartWorkers();
  extensions.push(module);
}

function startPool(module: object): WorkerPool {
  const workers: WorkerHandle[] = [];
  const startedAt = performance.now();
  const reason = whySingleThreaded();
  if (reason && threads !== 1) {
    threads = 1;
    console.warn(`wasmgrad: one thread, since ${reason}`);
  }
  if (wantedThreads() === 1) return { workers, shares: 1, startedAt };
  const affordable = affordableWorkers();
  if (affordable < wantedThreads() - 1) limitWorkers(affordable, NO_ADDRESS_SPACE);
  const wanted = wantedThreads() - 1;
  const onFailure = (worker: WorkerHandle, why: string) => {
    const at = workers.indexOf(worker);
    if (at < 0 || hasStarted(worker)) return; // a worker that dies later costs only speed
    workers.splice(at, 1);
    worker.stop();
    limitWorkers(workers.length, why);
  };
  try {
    const start = workerStarter();
    while (workers.length < wanted) {
      const share = workers.length + 1;
      workers.push(start({ module, extensions, memory: linearMemory, slot: allocateSlot(), share }, onFailure));
    }
  } catch (error) {
    limitWorkers(workers.length, startRefused(error));
  }
  return { workers, shares: workers.length + 1, startedAt };
}

/** Continues with the workers that could be started. */
function limitWorkers(workers: number, why: string): void {
  threads = workers + 1;
  if (workers > 0 || startFailure) return;
  startFailure = why;
  console.warn(`wasmgrad: one thread, since ${why}`);
}

/** Counts broken pools. After too many broken pools in a row, no more workers are started. */
function countBroken({ startedAt = 0 }: WorkerPool): void {
  brokenPools = performance.now() - startedAt > WORTHWHILE_MS ? 1 : brokenPools + 1;
  if (brokenPools < MAX_BROKEN_POOLS) return;
  kernelFailure = `kernels failed on worker threads ${brokenPools} times in a row`;
}

function currentPool(module: object): WorkerPool {
  if (pool?.isBroken) countBroken(pool);
  if (!pool || pool.isBroken) pool = startPool(module);
  return pool;
}

/** Begins a job on all threads. `settle` completes it. */
export function beginParallel(module: object, job: Job): void {
  beginJob(job, currentPool(module));
}

/** Starts the workers, unless they run. Resolves to the number of threads once each has started or failed. */
export async function startWorkers(module: object): Promise<number> {
  await Promise.all(currentPool(module).workers.map(({ started }) => started));
  return runningThreads();
}
