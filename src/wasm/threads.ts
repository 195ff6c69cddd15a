import { OptionError, WasmgradError } from "../errors.ts";
import { memory } from "./memory.ts";
import { CONTROL, MAX_ARGUMENTS, MAX_WORKERS, workerSource } from "./worker_source.ts";

/**
 * Elastic threads: a parallel job is published in shared memory, and whoever is there takes chunks of it from an atomic
 * counter, the calling thread included. A worker that has not started yet, or never does, is simply not there; nothing
 * awaits it. What a kernel writes does not depend on the partition of its range, so results do not depend on the threads.
 *
 * A job closes before the next is written, and a worker counts itself in (`active`) before it looks whether the job is still
 * open: so nobody can take the words of the next job for those of the last.
 */

/** How long the caller waits for a worker that took a chunk and does not come back, before it gives the worker up. */
const LOST_AFTER_MS = 15_000;
/** Rounds that the caller spins for the workers' last chunks, before it lets the other threads have its core. */
const SPINS = 2000;

type StopWorker = () => void;

/** What starts one worker: in Node and in browsers. Undefined where there are no threads. */
type StartWorker = (data: { module: WebAssembly.Module; memory: WebAssembly.Memory; index: number }) => StopWorker;

let threads = defaultThreads();
let stops: StopWorker[] | undefined;

/** The control block. Made once: growth leaves views of a shared memory as they are. */
const control = new Int32Array(memory.buffer as unknown as SharedArrayBuffer, 0, 256);
const jobArguments = new Float64Array(memory.buffer, 8 * CONTROL.arguments, MAX_ARGUMENTS);

/** True where threads can share the memory: always in Node, in browsers when the page is cross-origin isolated. */
function canShare(): boolean {
  if (!(typeof SharedArrayBuffer === "function" && memory.buffer instanceof SharedArrayBuffer)) return false;
  return (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated !== false;
}

function defaultThreads(): number {
  const cores = nodeModule("node:os")?.availableParallelism() ?? globalThis.navigator?.hardwareConcurrency ?? 1;
  return Math.min(Math.max(1, cores), MAX_WORKERS + 1);
}

/** A built-in module of Node, found without an import, which a bundler for browsers would stumble over. */
function nodeModule<Name extends "node:os" | "node:worker_threads">(name: Name) {
  const process = (globalThis as { process?: { getBuiltinModule?(id: Name): unknown } }).process;
  return process?.getBuiltinModule?.(name) as
    | (Name extends "node:os" ? typeof import("node:os") : typeof import("node:worker_threads"))
    | undefined;
}

function workerStarter(): StartWorker | undefined {
  const node = nodeModule("node:worker_threads");
  if (node) {
    return (workerData) => {
      const worker = new node.Worker(workerSource, { eval: true, workerData, execArgv: [], stdin: false });
      worker.unref(); // the process exits by itself
      worker.on("error", () => {}); // it is no longer there: that costs speed only
      return () => void worker.terminate();
    };
  }
  if (typeof Worker !== "function") return undefined;
  return (data) => {
    const url = URL.createObjectURL(new Blob([workerSource], { type: "text/javascript" }));
    const worker = new Worker(url);
    worker.postMessage(data);
    return () => worker.terminate();
  };
}

/**
 * Sets how many threads compute, the calling one included. Results do not depend on it. Default: the number of cores, or 1 where
 * memory cannot be shared (a browser page without cross-origin isolation).
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
    throw new OptionError(`setNumThreads: expected an integer in [1, ${MAX_WORKERS + 1}], got ${n}`);
  }
  stopWorkers();
  threads = n;
}

/** How many threads compute at most: what `setNumThreads` set, or 1 where memory cannot be shared. */
export function getNumThreads(): number {
  return canShare() ? threads : 1;
}

function stopWorkers(): void {
  for (const stop of stops ?? []) stop();
  stops = undefined;
}

function startWorkers(module: WebAssembly.Module): void {
  stops = [];
  const start = threads > 1 ? workerStarter() : undefined;
  if (!start) return;
  if (!canShare()) {
    threads = 1;
    console.warn(
      "wasmgrad: one thread, since this page is not cross-origin isolated. To use all cores, serve it with the headers " +
        "Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp",
    );
    return;
  }
  try {
    for (let index = 0; index < threads - 1; index++) stops.push(start({ module, memory, index }));
  } catch {
    // no worker can be started here: the calling thread computes alone
  }
}

/**
 * Runs `kernel`, number `number` among the module's exports, over `[0, total)` in chunks of `grain`, on all threads there are.
 */
export function runParallel(
  module: WebAssembly.Module,
  name: string,
  number: number,
  kernel: (...args: readonly number[]) => void,
  total: number,
  grain: number,
  args: readonly number[],
): void {
  if (!stops) startWorkers(module);
  if (!stops?.length || args.length > MAX_ARGUMENTS) {
    kernel(0, total, ...args);
    return;
  }
  control[CONTROL.kernel] = number;
  control[CONTROL.total] = total;
  control[CONTROL.grain] = grain;
  control[CONTROL.argumentCount] = args.length;
  for (let i = 0; i < args.length; i++) jobArguments[i] = args[i];
  Atomics.store(control, CONTROL.next, 0);
  Atomics.add(control, CONTROL.generation, 1);
  if (Atomics.load(control, CONTROL.sleepers) > 0) Atomics.notify(control, CONTROL.generation);
  try {
    const chunks = Math.ceil(total / grain);
    for (
      let chunk = Atomics.add(control, CONTROL.next, 1);
      chunk < chunks;
      chunk = Atomics.add(control, CONTROL.next, 1)
    ) {
      const begin = chunk * grain;
      kernel(begin, Math.min(total, begin + grain), ...args);
    }
  } finally {
    Atomics.store(control, CONTROL.next, total); // after an error there is nothing more to take
    Atomics.add(control, CONTROL.generation, 1);
    awaitWorkers(name);
  }
  if (Atomics.exchange(control, CONTROL.failed, 0) !== 0)
    throw new WasmgradError(`${name}: a kernel failed on a worker thread`);
}

/** Waits until no worker is inside the job. All chunks are taken by now, so this is at most one chunk's time. */
function awaitWorkers(name: string): void {
  for (let spin = 0; spin < SPINS; spin++) if (Atomics.load(control, CONTROL.active) === 0) return;
  const start = performance.now();
  while (Atomics.load(control, CONTROL.active) !== 0) {
    if (performance.now() - start > LOST_AFTER_MS) {
      giveUp(name);
      break;
    }
    yieldCore();
  }
}

let mayWait = true;

/** Sleeps for a moment where the thread may (a browser's main thread may not). */
function yieldCore(): void {
  if (!mayWait) return;
  try {
    Atomics.wait(control, CONTROL.failed, 0, 0.05);
  } catch {
    mayWait = false;
  }
}

/** A worker died inside the job, or is stuck there: from now on there are no others, and what it was to compute is missing. */
function giveUp(name: string): void {
  stopWorkers();
  const lost = control.subarray(CONTROL.claims, CONTROL.claims + MAX_WORKERS).some((claim) => claim !== 0);
  control.fill(0, CONTROL.claims, CONTROL.claims + MAX_WORKERS);
  Atomics.store(control, CONTROL.active, 0);
  threads = 1;
  if (lost) {
    throw new WasmgradError(
      `${name}: a worker thread died or hung in the middle of its part, so this result is incomplete. ` +
        "Further operations run on the calling thread; setNumThreads() starts new workers.",
    );
  }
}
