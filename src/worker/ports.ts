import { describe } from "../checks.ts";
import { OptionError, WasmgradError } from "../errors.ts";
import { nodeModule } from "../runtime/node_module.ts";
import { isMarked, mark, type ToPage, type ToWorker } from "./messages.ts";

/** A worker: that of browsers, Deno and Bun, or that of `node:worker_threads`. */
export interface WorkerLike {
  // biome-ignore lint/suspicious/noExplicitAny: browsers and Node have other types of what can be transferred
  postMessage(message: any, transfer?: any): void;
  terminate(): unknown;
}

/** The members of the two kinds of workers that are used here. */
interface AnyWorker extends WorkerLike {
  addEventListener?(
    type: string,
    listener: (event: { data?: unknown; message?: string; error?: unknown }) => void,
  ): void;
  on?(type: string, listener: (value: unknown) => void): void;
  ref?(): void;
  unref?(): void;
}

/** One end of the connection. */
export interface Port<Out> {
  post(message: Out, transfer?: readonly object[]): void;
}

/** The page's end. */
export interface WorkerPort extends Port<ToWorker> {
  /** Whether Node's process waits for the worker. */
  keepAlive(yes: boolean): void;
  terminate(): void;
}

/**
 * Listens to a worker.
 *
 * @param onFailure `isFatal`: whether the worker has ended
 */
export function portOfWorker(
  worker: WorkerLike,
  onMessage: (message: ToPage) => void,
  onFailure: (error: Error, isFatal: boolean) => void,
): WorkerPort {
  const any = worker as AnyWorker;
  if (typeof any?.postMessage !== "function" || typeof any.terminate !== "function") {
    throw new OptionError(
      `connect: expected a worker, such as new Worker(new URL("./train.ts", import.meta.url), { type: "module" }), got ` +
        describe(worker),
    );
  }
  const take = (data: unknown) => {
    if (isMarked(data)) onMessage(data as ToPage);
  };
  const unreadable = () => onFailure(new WasmgradError("the worker's message could not be read on this side"), false);
  if (any.addEventListener) {
    any.addEventListener("message", ({ data }) => take(data));
    any.addEventListener("messageerror", unreadable);
    any.addEventListener("error", ({ message, error }) => onFailure(failureOf(message, error), false));
  } else {
    any.on?.("message", take);
    any.on?.("messageerror", unreadable);
    any.on?.("error", (error) => onFailure(failureOf((error as Error)?.message, error), true));
    any.on?.("exit", (code) => onFailure(new WasmgradError(`the worker has ended (exit code ${code})`), true));
    any.unref?.();
  }
  return {
    post: (message, transfer = []) => worker.postMessage(mark(message), transfer),
    keepAlive: (yes) => (yes ? any.ref?.() : any.unref?.()),
    terminate: () => void worker.terminate(),
  };
}

function failureOf(message: string | undefined, cause: unknown): Error {
  const reason = message || "its script could not be loaded, or the page's Content-Security-Policy forbids it";
  return new WasmgradError(`the worker failed: ${reason}`, { cause });
}

/** The global object of a worker in a browser. */
interface WorkerGlobal {
  WorkerGlobalScope?: unknown;
  postMessage?(message: unknown, transfer: readonly object[]): void;
  addEventListener?(type: "message", listener: (event: { data: unknown }) => void): void;
}

/** In a worker: listens to the thread that started it. */
export function portOfParent(onMessage: (message: ToWorker) => void): Port<ToPage> {
  const take = (data: unknown) => {
    if (isMarked(data)) onMessage(data as ToWorker);
  };
  const own = globalThis as WorkerGlobal;
  if (own.WorkerGlobalScope && own.postMessage && own.addEventListener) {
    own.addEventListener("message", ({ data }) => take(data));
    return { post: (message, transfer = []) => own.postMessage?.(mark(message), transfer) };
  }
  const parent = nodeModule("node:worker_threads")?.parentPort;
  if (!parent) {
    throw new OptionError(
      "expose: expected to be called in a worker, whose module it makes available to the page; the page calls connect()",
    );
  }
  parent.on("message", take);
  return { post: (message, transfer = []) => parent.postMessage(mark(message), transfer as never) };
}
