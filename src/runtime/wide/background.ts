import { compileWorkerSource } from "../code/plain.ts";
import { nodeModule } from "../node_module.ts";
import { wordsOf } from "../support.ts";
import { COMPILE_STATE, type CompileOrder } from "./compile_order.ts";
import type { FlagSwitch } from "./engine.ts";
import { flagLock } from "./flag_lock.ts";
import { repairFlags } from "./flags.ts";

/** A wide build that is compiled and checked in a worker thread. */
export interface BackgroundCompile {
  /** Whether there is no result yet. This needs no event loop, which a training loop may never reach. */
  isRunning(): boolean;
  /** Waits for the result, up to some milliseconds. */
  wait(ms: number): void;
  /** The compiled module, or the text that says why there is none. Only when it does not run any more. */
  result(): WebAssembly.Module | string;
}

/**
 * Starts to compile `bytes`, the wide build, and to compare it with the build `narrow`. The worker does not
 * keep the process alive. A process that ends meanwhile waits until V8 has compiled, a few tenths of a second
 * at most.
 *
 * @throws Error if no worker can be started, for example under Node's permission model.
 */
export function compileInBackground(v8: FlagSwitch, bytes: Uint8Array, narrow: WebAssembly.Module): BackgroundCompile {
  const node = nodeModule("node:worker_threads");
  if (!node) throw new Error("no node:worker_threads");
  const { port1, port2 } = new node.MessageChannel();
  const state = new Int32Array(new SharedArrayBuffer(4));
  const lock = flagLock(v8);
  const workerData: CompileOrder = { bytes, narrow, state, lock, port: port2 };
  const worker = new node.Worker(compileWorkerSource, {
    eval: true,
    workerData,
    transferList: [port2],
    execArgv: [],
    stdin: false,
  });
  worker.unref();
  const thread = worker.threadId + 1;
  let failure = "the worker ended without a result";
  worker.on("error", (error) => {
    failure = wordsOf(error);
  });
  worker.on("exit", () => {
    repairFlags(v8, lock, thread);
    Atomics.compareExchange(state, 0, COMPILE_STATE.running, COMPILE_STATE.failed);
  });
  let result: WebAssembly.Module | string | undefined;
  return {
    isRunning: () => Atomics.load(state, 0) === COMPILE_STATE.running,
    wait: (ms) => void Atomics.wait(state, 0, COMPILE_STATE.running, ms),
    result: () => (result ??= node.receiveMessageOnPort(port1)?.message ?? failure),
  };
}
