import { nodeModule } from "../node_module.ts";
import { wordsOf } from "../support.ts";
import type { WorkerData } from "./control.ts";
import { DeathWatch } from "./death_watch.ts";
import { workerSource } from "./worker.generated.ts";
import { deathFile, type WorkerHandle } from "./worker_handle.ts";

/** Starts one worker. If the worker fails, `onFailure` is called with the reason. */
export type StartWorker = (data: WorkerData, onFailure: (worker: WorkerHandle, reason: string) => void) => WorkerHandle;

/**
 * Returns the function that starts workers in this runtime. Throws if the browser refuses to create a URL for
 * the worker's script.
 */
export function workerStarter(): StartWorker {
  const node = nodeModule("node:worker_threads");
  return node ? startsInNode(node) : startsInBrowser();
}

function startsInNode(node: typeof import("node:worker_threads")): StartWorker {
  return (workerData, onFailure) => {
    const worker = new node.Worker(workerSource, { eval: true, workerData, execArgv: [], stdin: false });
    const { slot } = workerData;
    const death = new DeathWatch(() => deathFile(slot));
    const started = new Promise<void>((resolve) => {
      for (const event of ["message", "error", "exit"]) worker.on(event, () => resolve());
    });
    const handle: WorkerHandle = {
      slot,
      observe: () => death.observe(),
      isDead: () => death.isCertain(),
      stop: () => void worker.terminate(),
      started,
    };
    worker.unref(); // workers do not keep the process alive
    worker.on("error", (error) => onFailure(handle, noThread(error)));
    return handle;
  };
}

function startsInBrowser(): StartWorker {
  const url = URL.createObjectURL(new Blob([workerSource], { type: "text/javascript" }));
  return (data, onFailure) => {
    const worker = new Worker(url);
    let settle = () => {};
    const started = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const handle: WorkerHandle = { slot: data.slot, isDead: () => false, stop: () => worker.terminate(), started };
    worker.onmessage = settle;
    // if a Content-Security-Policy forbids the worker, the message is empty
    worker.onerror = ({ message }) => {
      onFailure(handle, refusedByBrowser(message));
      settle();
    };
    try {
      worker.postMessage(data);
    } catch (error) {
      worker.terminate();
      throw error;
    }
    return handle;
  };
}

/** The text that describes why starting a worker failed. */
export function startRefused(error: unknown): string {
  return nodeModule("node:worker_threads") ? noThread(error) : refusedByBrowser(wordsOf(error));
}

function noThread(error: unknown): string {
  return `no worker thread could be started (${wordsOf(error)})`;
}

function refusedByBrowser(words: string | undefined): string {
  return (
    `the browser started no worker${words ? ` (${words})` : ""}. On a page with a Content-Security-Policy, allow ` +
    "worker-src blob:"
  );
}
