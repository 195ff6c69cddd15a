import { describe } from "../checks.ts";
import * as errors from "../errors.ts";
import { nodeModule } from "../runtime/node_module.ts";
import type { BatchSource } from "./batches.ts";
import { checkBatch, collateSamples } from "./dataset.ts";
import { mapShards } from "./fetch_batch.ts";
import type { EpochPlan } from "./own_source.ts";
import { unpack } from "./packed.ts";
import type { ShardedBatch } from "./shards.ts";
import type { WorkerAnswer, WorkerError, WorkerStart, WorkerTask } from "./worker_messages.ts";

const { OptionError, WasmgradError } = errors;

type NodeWorker = import("node:worker_threads").Worker;

interface LoaderWorker {
  thread: NodeWorker;
  /** Batches that it has not answered. */
  open: Set<number>;
}

/** The worker's program: beside this file in src, and in a folder beside this file's in dist. */
function programUrl(): URL {
  const here = import.meta.url;
  return new URL(`../data/worker${here.endsWith(".ts") ? ".ts" : ".js"}`, here);
}

/** Loads batches in worker threads, each of which imports the module `module`. */
export class WorkerSource<S, B> implements BatchSource<B> {
  readonly #plan: EpochPlan<S, B>;
  readonly #workers: LoaderWorker[] = [];
  /** The workers that have not failed. */
  readonly #alive = new Set<LoaderWorker>();
  readonly #answers = new Map<number, WorkerAnswer | { failure: Error }>();
  /** The next batch to give to a worker. */
  #next: number;
  /** Wakes up the loop that waits for `#awaited`. */
  #wake: (() => void) | null = null;
  #awaited = -1;
  /** The reason why the last worker failed. */
  #failure: Error | null = null;
  #ended = false;

  constructor(plan: EpochPlan<S, B>, first: number, numWorkers: number, module: string) {
    this.#plan = plan;
    this.#next = first;
    const node = nodeModule("node:worker_threads");
    if (!node) {
      throw new OptionError(
        "DataLoader: numWorkers expected 0 in this runtime, which has no worker threads of Node; get may return a " +
          "promise instead",
      );
    }
    const { dataset, random, collate } = plan;
    const workerData: WorkerStart = { module, length: dataset.length, random, samplesOnly: collate !== undefined };
    for (let i = 0; i < numWorkers; i++) {
      const worker = { thread: this.#startThread(node, workerData), open: new Set<number>() };
      this.#watch(worker);
      this.#workers.push(worker);
      this.#alive.add(worker);
    }
  }

  #startThread(node: typeof import("node:worker_threads"), workerData: WorkerStart): NodeWorker {
    try {
      return new node.Worker(programUrl(), { workerData });
    } catch (cause) {
      void this.end();
      const reason = (cause as Error)?.message ?? cause;
      throw new WasmgradError(`DataLoader: no worker thread could be started (${reason})`, { cause });
    }
  }

  ready(batch: number): Promise<void> | null {
    this.#assign(batch);
    if (this.#answers.has(batch)) return null;
    this.#awaited = batch;
    for (const { thread } of this.#workers) thread.ref(); // the process lives as long as the loop waits
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = null;
        for (const { thread } of this.#workers) thread.unref();
        resolve();
      };
    });
  }

  take(batch: number): B {
    const answer = this.#answers.get(batch)!;
    this.#answers.delete(batch);
    this.#assign(batch + 1);
    if ("failure" in answer) throw answer.failure;
    if ("error" in answer) throw errorOf(answer.error);
    const value = unpack(answer.packed);
    const { dataset, collate, indicesOf, part } = this.#plan;
    if (!collate) return checkBatch("DataLoader: a worker", value as B);
    const join = (samples: S[], indices: readonly number[]) => collateSamples(dataset, indices, samples, collate);
    if (!part) return join(value as S[], indicesOf(batch));
    return mapShards(indicesOf(batch), part, (value as ShardedBatch<S[]>).parts, join) as B;
  }

  async end(): Promise<void> {
    this.#ended = true;
    this.#answers.clear();
    this.#wake?.();
    await Promise.all(this.#workers.map(({ thread }) => thread.terminate()));
  }

  /** Gives batches to the workers, up to `prefetchFactor` for each from `batch` on. */
  #assign(batch: number): void {
    const { length, prefetchFactor, indicesOf, part } = this.#plan;
    const end = Math.min(length, batch + prefetchFactor * this.#workers.length);
    for (; this.#next < end; this.#next++) {
      if (this.#failure && this.#alive.size === 0) {
        this.#answers.set(this.#next, { failure: this.#failure });
        continue;
      }
      const worker = [...this.#alive].reduce((least, one) => (one.open.size < least.open.size ? one : least));
      worker.open.add(this.#next);
      worker.thread.postMessage({ batch: this.#next, indices: indicesOf(this.#next), part } satisfies WorkerTask);
    }
  }

  #watch(worker: LoaderWorker): void {
    const { thread } = worker;
    const answerWith = (batch: number, answer: WorkerAnswer | { failure: Error }) => {
      worker.open.delete(batch);
      this.#answers.set(batch, answer);
      if (batch === this.#awaited) this.#wake?.();
    };
    const fail = (reason: string, cause?: unknown) => {
      if (this.#ended || !this.#alive.delete(worker)) return;
      const failure = new WasmgradError(`DataLoader: a worker ended: ${reason}`, { cause });
      this.#failure = failure;
      for (const batch of worker.open) answerWith(batch, { failure });
    };
    thread.unref();
    thread.on("message", (answer: WorkerAnswer) => {
      if (!this.#ended && this.#alive.has(worker)) answerWith(answer.batch, answer);
    });
    thread.on("messageerror", (cause) => fail("its answer could not be read", cause));
    thread.on("error", (cause: Error & { code?: string }) => {
      // the program of the worker; what the user's module lacks is in an answer
      const isMissing = /MODULE_NOT_FOUND/.test(cause?.code ?? "");
      const advice = isMissing ? "; if this program is bundled, leave wasmgrad out of the bundle" : "";
      fail(`${cause?.message ?? cause}${advice}`, cause);
    });
    thread.on("exit", (code) => fail(`exit code ${code}`));
  }
}

/** The worker's error, as an error of the same class. */
function errorOf({ name, message, stack, index }: WorkerError): Error {
  const known = Object.hasOwn(errors, name) && name.endsWith("Error");
  const Kind = known ? (errors as unknown as Record<string, typeof WasmgradError>)[name] : WasmgradError;
  const where =
    index === undefined ? "in a worker of the DataLoader" : `sample ${index}, in a worker of the DataLoader`;
  return new Kind(`${known || name === "" ? "" : `${name}: `}${message} (${where})`, { cause: stack });
}

/** Checks the option `workerModule`. Returns the address, or "" if there are no workers. */
export function checkWorkerModule(given: string | { readonly href: string } | undefined, numWorkers: number): string {
  const advice = 'new URL("./photos.js", import.meta.url), a module whose default export is the data set';
  if (given === undefined) {
    if (numWorkers === 0) return "";
    throw new OptionError(
      `DataLoader: numWorkers ${numWorkers} expected a workerModule as well, such as ${advice}: a data set and its ` +
        "functions cannot be sent to a worker",
    );
  }
  try {
    return new URL(typeof given === "string" ? given : given.href).href;
  } catch {
    throw new OptionError(`DataLoader: workerModule expected a URL, such as ${advice}, got ${describe(given)}`);
  }
}
