import { createRequire } from "node:module";
import type { Worker } from "node:worker_threads";
import { manualSeed, nn, optim, rand, setNumThreads, WasmgradError } from "wasmgrad";
import { Random } from "../fuzz/random.ts";
import type { Report } from "./runs.ts";

const threads = createRequire(import.meta.url)("node:worker_threads") as typeof import("node:worker_threads");

/** The weights after some steps; `before` may disturb the workers before each step. */
function train(steps: number, before: (step: number) => void): Buffer {
  manualSeed(3);
  const model = new nn.Sequential(
    new nn.Conv2d(3, 32, { kernelSize: 3, padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
  );
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
  const x = rand([8, 3, 32, 32]);
  for (let step = 0; step < steps; step++) {
    before(step);
    optimizer.zeroGrad();
    model.forward(x).square().mean().backward();
    optimizer.step();
  }
  return Buffer.concat(model.parameters().map((parameter) => Buffer.from(parameter.data().buffer)));
}

const quiet = () => {};

/**
 * Calls `run` with workers whose program is the library's, changed by `source`; `onWorker` is called with
 * each worker.
 */
async function withWorkers<T>(
  source: (text: string) => string,
  onWorker: (worker: Worker) => void,
  run: () => Promise<T> | T,
): Promise<T> {
  const RealWorker = threads.Worker;
  const made: Worker[] = [];
  class Watched extends RealWorker {
    constructor(...args: ConstructorParameters<typeof Worker>) {
      args[0] = source(String(args[0]));
      super(...args);
      made.push(this);
      onWorker(this);
    }
  }
  threads.Worker = Watched;
  try {
    return await run();
  } finally {
    setNumThreads(1);
    threads.Worker = RealWorker;
    for (const worker of made) await worker.terminate();
  }
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

let undisturbed: Buffer | undefined;

/** The weights after training on one thread. */
function oneThread(): Buffer {
  if (undisturbed) return undisturbed;
  setNumThreads(1);
  return (undisturbed = train(30, quiet));
}

const isLost = (error: unknown) => error instanceof WasmgradError && /worker thread/.test(error.message);

/**
 * Workers that are ended at random moments of training, or never start. The result has the bits of one
 * thread; if a kernel cannot be run again, an error says that a worker died.
 */
export async function workers(count: number, seed: number): Promise<Report> {
  const report: Report = {
    counts: { "workers killed": 0, "workers that never start": 0, "clear errors": 0 },
    failures: [],
  };
  const expected = oneThread();
  for (let i = 0; i < count; i++) {
    const random = new Random(seed, i, "worker");
    const alive: Worker[] = [];
    const idle = random.chance(0.2);
    const source = (text: string) => (idle ? "setInterval(() => {}, 1e6)" : text);
    const run = async () => {
      setNumThreads(random.integer(2, 3));
      train(1, quiet);
      await pause(random.integer(0, 150));
      return train(30, () => {
        if (idle || !random.chance(0.3) || alive.length === 0) return;
        void alive.splice(random.integer(0, alive.length - 1), 1)[0].terminate();
        report.counts["workers killed"]++;
      });
    };
    try {
      const weights = await withWorkers(source, (worker) => alive.push(worker), run);
      if (idle) report.counts["workers that never start"]++;
      if (!weights.equals(expected)) report.failures.push(`workers, seed ${seed}, case ${i}: other weights`);
    } catch (error) {
      if (isLost(error)) report.counts["clear errors"]++;
      else report.failures.push(`workers, seed ${seed}, case ${i}: ${(error as Error).stack}`);
    }
  }
  return report;
}

/** The worker's program, with a statement that runs before each call of a kernel. */
function beforeChunk(text: string, statement: string): string {
  return `
    const { Instance } = WebAssembly;
    WebAssembly.Instance = function (module, imports) {
      const wrap = ([name, kernel]) => [name, (...args) => { ${statement} kernel(...args); }];
      return { exports: Object.fromEntries(Object.entries(new Instance(module, imports).exports).map(wrap)) };
    };
    ${text}`;
}

/**
 * Workers that stall in the middle of a job, asleep or busy. A short stall costs time only; an endless one
 * gives an error that says so after 15 seconds. Later results are correct again.
 */
export async function stalls(count: number, forever: number, seed: number): Promise<Report> {
  const counts = { "workers that stall": 0, "stalled training runs": 0, "clear errors": 0, "workers that hang": 0 };
  const report: Report = { counts, failures: [] };
  const expected = oneThread();
  for (let i = 0; i < count + forever; i++) {
    const random = new Random(seed, i, "stall");
    const hangs = i >= count;
    const milliseconds = hangs ? 1e9 : random.integer(1, 400);
    const from = random.integer(0, 60);
    const chunks = new Int32Array(new SharedArrayBuffer(8));
    const wait = random.chance(0.5)
      ? `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${milliseconds})`
      : `for (const end = performance.now() + ${milliseconds}; performance.now() < end; );`;
    const statement = `if (++globalThis.chunks === ${from}) { globalThis.stalled.postMessage(0); ${wait} }`;
    const source = (text: string) =>
      `globalThis.chunks = 0; globalThis.stalled = require("node:worker_threads").parentPort; ${beforeChunk(text, statement)}`;
    const onWorker = (worker: Worker) => {
      worker.on("message", () => Atomics.add(chunks, 0, 1));
      worker.unref();
    };
    const what = `stalls, seed ${seed}, case ${i} (${milliseconds} ms from chunk ${from}, ${wait.slice(0, 3)})`;
    const start = performance.now();
    try {
      await withWorkers(source, onWorker, async () => {
        const threads = random.integer(2, 3);
        setNumThreads(threads);
        train(1, quiet);
        await pause(150);
        // each worker may hang once, in a job of this training run or of the next
        for (let errors = 0; ; ) {
          try {
            if (!train(30, quiet).equals(expected)) report.failures.push(`${what}: other weights, ${errors} errors`);
            break;
          } catch (error) {
            if (!hangs || !isLost(error) || ++errors >= threads) throw error;
            counts["clear errors"]++;
          }
        }
        await pause(10);
      });
    } catch (error) {
      report.failures.push(`${what}: ${(error as Error).stack}`);
    }
    counts[hangs ? "workers that hang" : "workers that stall"] += Atomics.load(chunks, 0);
    counts["stalled training runs"]++;
    const took = performance.now() - start;
    if (took > 60_000) report.failures.push(`${what}: took ${(took / 1000).toFixed(1)} s`);
  }
  return report;
}

/**
 * Workers whose kernels trap, in all chunks or from some chunk on: correct bits or clear errors, few workers,
 * and one line on the console.
 */
export async function traps(count: number, seed: number): Promise<Report> {
  const counts = { "workers that trap": 0, "clear errors": 0 };
  const report: Report = { counts, failures: [] };
  const expected = oneThread();
  const { warn } = console;
  for (let i = 0; i < count; i++) {
    const random = new Random(seed, i, "trap");
    const from = random.pick([1, 1, 5]);
    const source = (text: string) =>
      `globalThis.chunks = 0; ${beforeChunk(text, `if (++globalThis.chunks >= ${from}) throw new Error("trap");`)}`;
    const workers = random.integer(1, 2);
    const warnings: string[] = [];
    let made = 0;
    console.warn = (text: string) => void warnings.push(text);
    const what = `traps, seed ${seed}, case ${i}`;
    try {
      await withWorkers(
        source,
        () => void made++,
        async () => {
          setNumThreads(workers + 1);
          const end = performance.now() + 10_000;
          while (warnings.length === 0 && performance.now() < end) {
            try {
              train(2, quiet);
            } catch (error) {
              if (!isLost(error)) throw error;
              counts["clear errors"]++;
            }
            await pause(50);
          }
          if (!train(30, quiet).equals(expected)) report.failures.push(`${what}: other weights`);
          await pause(50);
        },
      );
    } catch (error) {
      report.failures.push(`${what}: ${(error as Error).stack}`);
    } finally {
      console.warn = warn;
    }
    counts["workers that trap"] += made;
    if (warnings.length !== 1 || !/one thread, since kernels failed on worker threads/.test(warnings[0])) {
      report.failures.push(`${what}: ${made} workers, said ${JSON.stringify(warnings)}, expected one line`);
    }
    if (made > 3 * workers) report.failures.push(`${what}: ${made} workers were started, expected ${3 * workers}`);
  }
  return report;
}
