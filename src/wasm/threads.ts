import { OptionError } from "../errors.ts";
import { beginJob, type Crew, dismiss, fileOf, type Hand, type Job, takeLine } from "./job.ts";
import { isShared, type LinearMemory, memory } from "./memory.ts";
import { nodeModule } from "./node_module.ts";
import { settle } from "./pending.ts";
import { MAX_WORKERS, workerSource } from "./worker_source.ts";

/** What starts one worker, in Node or in a browser; returns what looks after it. */
type StartWorker = (data: { module: object; memory: LinearMemory; line: number; lane: number }) => Hand;

/** What the user set, or the default once somebody asked. */
let threads: number | undefined;
/** The workers, from the first parallel job on. */
let crew: Crew | undefined;

/** Why there can be one thread only; undefined where there can be more: in Node, and in browsers on cross-origin isolated pages. */
function obstacle(): string | undefined {
  if ((globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated === false) {
    return (
      "this page is not cross-origin isolated. To use all cores, serve it with the headers " +
      "Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp"
    );
  }
  if (!isShared) return "WebAssembly memory cannot be shared here";
  const hasWorkers = findsNodeModules() || typeof Worker === "function";
  return hasWorkers ? undefined : "there are no worker threads here (with Node they take 20.16, 22.3 or later)";
}

/** Not at the import: to ask for the number of cores takes half a millisecond of a program's start. */
function wantedThreads(): number {
  return (threads ??= defaultThreads());
}

function defaultThreads(): number {
  const cores = nodeModule("node:os")?.availableParallelism() ?? globalThis.navigator?.hardwareConcurrency ?? 1;
  return Math.min(Math.max(1, cores), MAX_WORKERS + 1);
}

function findsNodeModules(): boolean {
  return typeof (globalThis as { process?: { getBuiltinModule?: unknown } }).process?.getBuiltinModule === "function";
}

function workerStarter(): StartWorker {
  const node = nodeModule("node:worker_threads");
  if (node) {
    return (workerData) => {
      const worker = new node.Worker(workerSource, { eval: true, workerData, execArgv: [], stdin: false });
      worker.unref(); // the process exits by itself
      worker.on("error", () => {}); // it is no longer there: that costs speed only
      const { line } = workerData;
      const death = new DeathWatch(() => fileOf(line));
      return { line, greet: () => death.look(), isDead: () => death.isCertain(), stop: () => void worker.terminate() };
    };
  }
  const url = URL.createObjectURL(new Blob([workerSource], { type: "text/javascript" }));
  return (data) => {
    const worker = new Worker(url);
    worker.postMessage(data);
    return { line: data.line, isDead: () => false, stop: () => worker.terminate() };
  };
}

/**
 * Tells whether a worker is dead, by the file that it holds open as long as it lives. This is a proof only where descriptors are the whole
 * process's and a worker's are closed at its end: in Node, not in other runtimes that have Node's modules (in Deno a worker's descriptors
 * are unknown to the caller, dead or alive). So the caller must have seen the file open first, while the worker was alive.
 */
export class DeathWatch {
  readonly #file: () => number;
  #seenOpen = false;

  /** @param file gives the descriptor, or -1 as long as there is none. */
  constructor(file: () => number) {
    this.#file = file;
  }

  /** To be called now and then while the worker is alive. */
  look(): void {
    if (!this.#seenOpen && isNode()) this.#seenOpen = isOpen(this.#file()) === true;
  }

  isCertain(): boolean {
    if (!this.#seenOpen) {
      this.look();
      return false;
    }
    return isOpen(this.#file()) === false;
  }
}

/** Node itself, not a runtime that has its modules. */
function isNode(): boolean {
  const { process, Deno, Bun } = globalThis as {
    process?: { versions?: Record<string, string | undefined> };
    Deno?: unknown;
    Bun?: unknown;
  };
  const versions = process?.versions;
  return Boolean(versions?.node && !versions.deno && !versions.bun && !Deno && !Bun);
}

/** Whether a file descriptor of this process is open; undefined where that cannot be told. */
function isOpen(file: number): boolean | undefined {
  const fs = nodeModule("node:fs");
  if (file < 0 || !fs) return undefined;
  try {
    fs.fstatSync(file);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === "EBADF" ? false : undefined;
  }
}

/**
 * Sets how many threads compute, the calling one included. Results do not depend on it. Default: the number of cores, or 1 where
 * memory cannot be shared (as on a browser page without cross-origin isolation).
 *
 * With several threads an operation may return while its last kernel still runs; the next operation, and whatever reads elements,
 * waits for it. An error of that kernel, of a worker that hangs above all, is thrown there; it names the kernel, and what was computed
 * before it is not to be trusted.
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
  restartWorkers();
  threads = n;
}

/** How many threads compute at most: what `setNumThreads` set, or 1 where memory cannot be shared. */
export function getNumThreads(): number {
  return obstacle() ? 1 : wantedThreads();
}

/** Ends the workers there are; the next parallel job starts others. */
export function restartWorkers(): void {
  try {
    settle();
  } finally {
    if (crew?.hands.length) dismiss(crew.hands);
    crew = undefined;
  }
}

function startWorkers(module: object): Crew {
  const hands: Hand[] = [];
  const reason = obstacle();
  if (reason && threads !== 1) {
    threads = 1;
    console.warn(`wasmgrad: one thread, since ${reason}`);
  }
  const wanted = wantedThreads();
  if (wanted === 1) return { hands, lanes: 1 };
  try {
    const start = workerStarter();
    while (hands.length < wanted - 1) hands.push(start({ module, memory, line: takeLine(), lane: hands.length + 1 }));
  } catch {
    // no worker can be started here: the calling thread computes alone
  }
  return { hands, lanes: hands.length + 1 };
}

/** Begins a job on all threads there are; `settle` completes it. */
export function beginParallel(module: object, job: Job): void {
  if (!crew || crew.isBroken) crew = startWorkers(module);
  beginJob(job, crew);
}
