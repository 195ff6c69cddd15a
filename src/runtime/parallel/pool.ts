import { OptionError } from "../../errors.ts";
import { affordableWorkers } from "../address_space.ts";
import { isShared, type LinearMemory, linearMemory } from "../memory.ts";
import { isNode, nodeModule } from "../node_module.ts";
import { hasCompiler, wordsOf } from "../support.ts";
import { beginJob, type Crew, dismiss, fileOf, type Hand, hasStarted, type Job, takeLine } from "./job.ts";
import { settle } from "./pending.ts";
import { MAX_WORKERS, workerSource } from "./worker_source.ts";

/** What starts one worker, in Node or in a browser; returns what looks after it. If the worker fails, `lose` is called with the reason. */
type StartWorker = (
  data: { module: object; memory: LinearMemory; line: number; lane: number },
  lose: (hand: Hand, reason: string) => void,
) => Hand;

/** What the user set, or the default once somebody asked. */
let threads: number | undefined;
/** The workers, from the first parallel job on. */
let crew: Crew | undefined;
/** Why no worker could be started, once none could: then no other is tried, in Node until setNumThreads(). */
let refusal: string | undefined;
/** Crews in a row that broke soon after they were started. */
let broken = 0;
/** Why no more workers are started after too many such crews, until setNumThreads(). */
let resignation: string | undefined;
/** After so many broken crews in a row one thread goes on alone: to start workers takes longer than they could save. */
const MOST_BROKEN = 3;
/** A crew that lasted longer than this was not started in vain. */
const LASTED_MS = 30_000;
/** What stands in the way of workers wherever this program runs; "" if nothing does, undefined before anybody asked. */
let hindrance: string | undefined;

const NO_ADDRESS_SPACE = "a worker takes more address space than there is left (`ulimit -v`)";

/** Why there can be one thread only; undefined where there can be more: in Node, and in browsers on cross-origin isolated pages. */
function obstacle(): string | undefined {
  if ((globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated === false) {
    return (
      "this page is not cross-origin isolated. To use all cores, serve it with the headers " +
      "Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp"
    );
  }
  if (!isShared) return "WebAssembly memory cannot be shared here";
  return refusal || resignation || (hindrance ??= findHindrance()) || undefined;
}

function findHindrance(): string {
  if (!hasCompiler()) return "WebAssembly cannot be compiled here";
  const node = nodeModule("node:worker_threads");
  if (typeof node?.Worker === "function" && mayHaveWorkers()) {
    return affordableWorkers() > 0 ? "" : NO_ADDRESS_SPACE;
  }
  if (node) return "there are no worker threads here (with Node's permission model they take --allow-worker)";
  if (typeof Worker === "function") return "";
  return "there are no worker threads here (with Node they take 20.16, 22.3 or later)";
}

/** What Node's permission model says; false also where the runtime only imitates it, as Cloudflare Workers do. */
function mayHaveWorkers(): boolean {
  const { process } = globalThis as { process?: { permission?: { has?(scope: string): boolean } } };
  try {
    return process?.permission?.has?.("worker") ?? true;
  } catch {
    return false;
  }
}

/** Not at the import: to ask for the number of cores takes half a millisecond of a program's start. */
function wantedThreads(): number {
  return (threads ??= defaultThreads());
}

function defaultThreads(): number {
  const cores = nodeModule("node:os")?.availableParallelism?.() || globalThis.navigator?.hardwareConcurrency || 1;
  return Math.min(Math.max(1, cores), MAX_WORKERS + 1);
}

function workerStarter(): StartWorker {
  const node = nodeModule("node:worker_threads");
  if (node) {
    return (workerData, lose) => {
      const worker = new node.Worker(workerSource, { eval: true, workerData, execArgv: [], stdin: false });
      const { line } = workerData;
      const death = new DeathWatch(() => fileOf(line));
      const hand: Hand = {
        line,
        greet: () => death.look(),
        isDead: () => death.isCertain(),
        stop: () => void worker.terminate(),
      };
      worker.unref(); // the process exits by itself
      worker.on("error", (error) => lose(hand, `no worker thread could be started (${wordsOf(error)})`));
      return hand;
    };
  }
  const url = URL.createObjectURL(new Blob([workerSource], { type: "text/javascript" }));
  return (data, lose) => {
    const worker = new Worker(url);
    const hand: Hand = { line: data.line, isDead: () => false, stop: () => worker.terminate() };
    // a Content-Security-Policy that forbids the worker says no word
    worker.onerror = ({ message }) => lose(hand, refusedByBrowser(message));
    try {
      worker.postMessage(data);
    } catch (error) {
      worker.terminate();
      throw error;
    }
    return hand;
  };
}

function refusedByBrowser(words: string | undefined): string {
  return (
    `the browser started no worker${words ? ` (${words})` : ""}. On a page with a Content-Security-Policy, allow ` +
    "worker-src blob:"
  );
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
  broken = 0;
  resignation = undefined;
  if (nodeModule("node:worker_threads")) refusal = undefined; // the system may give some now; a page's policy stays as it is
}

/**
 * How many threads compute at most: what `setNumThreads` set, or 1 where memory cannot be shared or there are no workers. A browser says only
 * after the first large operation, when the page is idle, that a Content-Security-Policy forbids workers: from then on it is 1.
 */
export function getNumThreads(): number {
  return threads === 1 || obstacle() ? 1 : wantedThreads();
}

/** How many threads take chunks now: the calling one, and the workers that have started. */
export function runningThreads(): number {
  return 1 + (crew?.hands.filter(hasStarted).length ?? 0);
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
  const startedAt = performance.now();
  const reason = obstacle();
  if (reason && threads !== 1) {
    threads = 1;
    console.warn(`wasmgrad: one thread, since ${reason}`);
  }
  if (wantedThreads() === 1) return { hands, lanes: 1, startedAt };
  const affordable = affordableWorkers();
  if (affordable < wantedThreads() - 1) goOnWith(affordable, NO_ADDRESS_SPACE);
  const wanted = wantedThreads();
  const lose = (hand: Hand, why: string) => {
    const at = hands.indexOf(hand);
    if (at < 0 || hasStarted(hand)) return; // one that dies later costs speed only
    hands.splice(at, 1);
    hand.stop();
    goOnWith(hands.length, why);
  };
  try {
    const start = workerStarter();
    while (hands.length < wanted - 1) {
      hands.push(start({ module, memory: linearMemory, line: takeLine(), lane: hands.length + 1 }, lose));
    }
  } catch (error) {
    const inNode = nodeModule("node:worker_threads") !== undefined;
    goOnWith(
      hands.length,
      inNode ? `no worker thread could be started (${wordsOf(error)})` : refusedByBrowser(wordsOf(error)),
    );
  }
  return { hands, lanes: hands.length + 1, startedAt };
}

/** Not all workers could be started: what there are of them do the work, or the calling thread alone. */
function goOnWith(workers: number, why: string): void {
  threads = workers + 1;
  if (workers > 0 || refusal) return;
  refusal = why;
  console.warn(`wasmgrad: one thread, since ${why}`);
}

/** Counts broken crews, and gives workers up where one after the other breaks. */
function noteBroken({ startedAt = 0 }: Crew): void {
  broken = performance.now() - startedAt > LASTED_MS ? 1 : broken + 1;
  if (broken < MOST_BROKEN) return;
  resignation = `kernels failed on worker threads ${broken} times in a row`;
}

/** Begins a job on all threads there are; `settle` completes it. */
export function beginParallel(module: object, job: Job): void {
  if (crew?.isBroken) noteBroken(crew);
  if (!crew || crew.isBroken) crew = startWorkers(module);
  beginJob(job, crew);
}
