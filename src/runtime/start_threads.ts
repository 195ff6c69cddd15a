import { kernelsModule } from "./kernels.ts";
import { startWorkers } from "./parallel/pool.ts";

/** A page waits no longer than this for threads once its data is there: they may start later. */
const LONGEST_WAIT_MS = 500;

/**
 * Starts the threads now and waits until they run. Browsers start workers only while the event loop runs, so
 * a page that computes without ever awaiting computes on one thread: await this once, before the first loop.
 * What the program awaits to get data does so too: data sets, `ImageFolder.load`, `readCsv`, `readImage`,
 * `decodeImage`, `fromPixelsAsync`, `importOnnx`, and `readSafetensors`, `loadSafetensors` and
 * `loadCheckpoint` where they give a promise. In Node it is not needed: threads start at any time.
 *
 * Call it after `setNumThreads`, `setPrecision` and `useKernels`.
 *
 * @returns the number of threads that run, the calling thread included: 1 if there can be no other.
 * @throws KernelsError where kernels cannot be compiled.
 * @example
 * ```ts
 * import { setNumThreads, startThreads } from "wasmgrad";
 * setNumThreads(2);
 * console.log((await startThreads()) <= 2); // true
 * ```
 */
export async function startThreads(): Promise<number> {
  return startWorkers(kernelsModule());
}

/** Runs `load`, which awaits files. Meanwhile starts the threads, if they need the event loop for that. */
export async function startingThreads<T>(load: () => Promise<T>): Promise<T> {
  const isIsolated = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated;
  if (!isIsolated) return load();
  const started = startThreads().catch(() => {}); // the first operation throws the error
  const result = await load();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, LONGEST_WAIT_MS);
  });
  await Promise.race([started, late]);
  clearTimeout(timer);
  return result;
}
