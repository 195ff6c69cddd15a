/**
 * The program of the thread that compiles the wide build in the background and compares it with the narrow
 * one. scripts/inline_worker.ts bundles it into a string, as it does for ../parallel/worker.ts. After an
 * edit, run `npm run build:worker`.
 */
import { differingKernel } from "./check.ts";
import { compileWith } from "./compile.ts";
import { COMPILE_STATE, type CompileOrder } from "./compile_order.ts";

const v8 = require("node:v8") as typeof import("node:v8");
const vm = require("node:vm") as typeof import("node:vm");
const { threadId, workerData } = require("node:worker_threads") as typeof import("node:worker_threads");
const { bytes, narrow, state, lock, port } = workerData as CompileOrder;

/** Pages of memory with which the kernels can be instantiated. */
const PAGES = 16;

let result: WebAssembly.Module | string;
try {
  const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES, shared: true });
  const wide = compileWith(v8, vm, lock, threadId + 1, bytes, { env: { memory, abort() {} } });
  const different = differingKernel(narrow as WebAssembly.Module, wide);
  result = different === undefined ? wide : `${different} gives other bits`;
} catch (error) {
  result = String(error);
}
port.postMessage(result);
Atomics.store(state, 0, typeof result === "string" ? COMPILE_STATE.failed : COMPILE_STATE.ready);
Atomics.notify(state, 0);
