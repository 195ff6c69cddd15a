/**
 * The program of a DataLoader's worker: imports the user's module and loads batches of its data set. In the
 * package it is a separate file.
 */
import "../tensor/all_methods.ts";
import { DataError, OptionError } from "../errors.ts";
import { nodeModule } from "../runtime/node_module.ts";
import { setNumThreads } from "../runtime/parallel/pool.ts";
import { Scope } from "../tensor/lifetime/scope.ts";
import { type AsyncDataset, checkDataset } from "./dataset.ts";
import { fetchBatch, finishBatch } from "./fetch_batch.ts";
import { pack } from "./packed.ts";
import type { WorkerAnswer, WorkerStart, WorkerTask } from "./worker_messages.ts";

const { parentPort, workerData } = nodeModule("node:worker_threads")!;
const { module, length, random, samplesOnly } = workerData as WorkerStart;

/** The error of one sample. */
class SampleFailure {
  readonly index: number;
  readonly error: unknown;

  constructor(index: number, error: unknown) {
    this.index = index;
    this.error = error;
  }
}

async function loadDataset(): Promise<AsyncDataset<unknown, unknown>> {
  const { default: exported } = (await import(module)) as { default?: unknown };
  if (exported === undefined) {
    throw new OptionError(`DataLoader: workerModule ${module} expected a data set as default export, found none`);
  }
  const dataset = (await (typeof exported === "function" ? exported() : exported)) as AsyncDataset<unknown, unknown>;
  checkDataset(`DataLoader: workerModule ${module}`, dataset);
  if (dataset.length === length) return dataset;
  throw new DataError(
    `DataLoader: the data set of workerModule ${module} expected the length of the loader's, ${length}, got ` +
      dataset.length,
  );
}

async function load(dataset: AsyncDataset<unknown, unknown>, task: WorkerTask) {
  const own = new Scope("the loading of a batch", { enter: false });
  try {
    const onError = (index: number, error: unknown) => {
      throw new SampleFailure(index, error);
    };
    // with a collate, only samples may be returned, which the loader then collates
    const collate = samplesOnly ? (samples: unknown[]) => samples : undefined;
    const fetched = await own.run(() => fetchBatch(dataset, task, random, collate, onError));
    return own.run(() => pack(finishBatch(dataset, task.indices, fetched, collate)));
  } finally {
    own.close();
  }
}

function describeError(batch: number, thrown: unknown): WorkerAnswer {
  const { index, error } = thrown instanceof SampleFailure ? thrown : { index: undefined, error: thrown };
  const { name, message, stack } = error instanceof Error ? error : { name: "", message: String(error), stack: "" };
  return { batch, error: { name, message, stack: stack ?? "", index } };
}

function answer(task: WorkerTask, dataset: Promise<AsyncDataset<unknown, unknown>>): Promise<void> {
  return dataset
    .then((set) => load(set, task))
    .then((packed) => {
      const transfer = packed.tensors.map(({ data }) => data.buffer as ArrayBuffer);
      parentPort!.postMessage({ batch: task.batch, packed } satisfies WorkerAnswer, transfer);
    })
    .catch((error: unknown) => parentPort!.postMessage(describeError(task.batch, error)));
}

setNumThreads(1); // each worker uses one core
const dataset = loadDataset();
dataset.catch(() => {}); // the answer to each task reports it
let queue = Promise.resolve();
parentPort!.on("message", (task: WorkerTask) => {
  queue = queue.then(() => answer(task, dataset));
});
