/**
 * Programs that scripts/stress_wide.ts starts in many processes. Each prints its results in one line.
 * usage: node stress_wide_program.mjs <URL of the library> <program> <round>
 */
import v8 from "node:v8";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

const [library, program, round] = isMainThread ? process.argv.slice(2) : workerData;
const w = await import(library);
const turn = Number(round);
const flags = w.flagsTag(v8);

const nap = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

/** Trains a small network; `at` is called before each step. Returns a hash of the weights' bits. */
function train(threads, steps = 16, at = () => {}) {
  w.setNumThreads(threads);
  w.manualSeed(1);
  const model = new w.nn.Sequential(
    new w.nn.Conv2d(3, 32, { kernelSize: 3, padding: 1 }),
    new w.nn.BatchNorm2d(32),
    new w.nn.ReLU(),
    new w.nn.MaxPool2d(2),
    new w.nn.Conv2d(32, 32, { kernelSize: 3, padding: 1 }),
    new w.nn.GELU(),
    new w.nn.ConvTranspose2d(32, 3, { kernelSize: 2, stride: 2 }),
    new w.nn.Sigmoid(),
  );
  const optimizer = new w.optim.Adam(model.parameters(), { lr: 1e-3 });
  for (let step = 0; step < steps; step++) {
    at(step);
    w.scope(() => {
      const images = w.rand([4, 3, 32, 32]);
      const loss = w.nn.functional.mseLoss(model.forward(images), images);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
    });
  }
  let hash = 0;
  for (const parameter of model.parameters()) {
    for (const bits of new Int32Array(parameter.data().buffer)) hash = (Math.imul(hash, 31) + bits) | 0;
    parameter.release();
  }
  return hash;
}

/** Trains again and again until the wide build has taken over. Returns all hashes that differ. */
function trainUntilWide(threads) {
  const hashes = new Set();
  do hashes.add(train(threads));
  while (w.getVectorWidth() !== 256);
  return hashes.add(train(threads));
}

/** Worker threads of the program that import the library as well. */
function startWorkers(count, task) {
  return Array.from({ length: count }, () => {
    const worker = new Worker(new URL(import.meta.url), { workerData: [library, task, round] });
    return new Promise((resolve, reject) => worker.on("message", resolve).on("error", reject));
  });
}

/** Compiles modules that V8 has not seen, and calls their functions until they are optimised. */
function compileOthers(ms) {
  const memory = new WebAssembly.Memory({ initial: 64, maximum: 64, shared: true });
  const kernels = w.kernelBytes("reproducible");
  const end = performance.now() + ms;
  for (let module = 0; performance.now() < end; module++) {
    const name = [...`${Math.floor(performance.timeOrigin)}-${module}`].map((letter) => letter.charCodeAt(0));
    const bytes = Uint8Array.of(...kernels, 0, 1 + name.length, name.length, ...name);
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory, abort() {} } });
    const calls = Object.values(exports).filter((kernel) => {
      try {
        kernel(0, 0); // the other arguments are 0 too
        return true;
      } catch {
        return false;
      }
    });
    const until = performance.now() + 500;
    while (performance.now() < until) for (const kernel of calls) kernel(0, 0);
  }
}

const programs = {
  /** The bits of the narrow build. */
  narrow: () => [w.setVectorWidth(128), train(2)],

  /** The wide build is compiled after a second of work, as in any program. */
  late: () => [...trainUntilWide(1 + (turn % 4)), w.getVectorWidth()],

  /** The wide build is compiled from some step on. */
  during: () => {
    train(4, 4, (step) => step === turn % 4 && w.beginSwap());
    return [...trainUntilWide(4), w.getVectorWidth()];
  },

  /** Both builds are compiled at the start. */
  start: () => [w.setVectorWidth(256), w.setPrecision("fast"), w.setPrecision("reproducible"), train(2)],

  /** The width is set while the compilation runs. */
  set: () => {
    const hashes = new Set();
    w.beginSwap();
    nap(20 * turn);
    for (const width of [128, 256, 128, 256]) {
      w.setVectorWidth(width);
      hashes.add(train(3, 16, (step) => step === 8 && w.setVectorWidth(384 - width)));
    }
    return [...hashes, w.flagsTag(v8) === flags];
  },

  /** The process ends while the worker compiles. */
  exit: () => {
    w.beginSwap();
    nap((17 * turn) % 400);
    if (turn % 3 === 0) process.exit(0);
    if (turn % 3 === 1) train(4, 2);
    return [];
  },

  /** Threads of the program train too, on the narrow build. */
  threads: async () => {
    const others = startWorkers(4, "trainAlone");
    w.beginSwap();
    const hashes = trainUntilWide(2);
    for (const other of await Promise.all(others)) hashes.add(other);
    return [...hashes, w.getVectorWidth()];
  },
  trainAlone: () => train(1),

  /** Threads of the program compile other modules while the flags change all the time. */
  flags: async () => {
    w.setVectorWidth(128); // nothing else changes the flags
    const others = startWorkers(3, "compileOthers");
    const end = performance.now() + 3000;
    while (performance.now() < end) {
      for (let i = 0; i < 20; i++) {
        w.withWideFlags(v8, w.flagLock(v8), w.MAIN_THREAD, () => nap(1));
        nap(1);
      }
      await new Promise(setImmediate);
    }
    await Promise.all(others);
    return [train(2), w.flagsTag(v8) === flags];
  },
  compileOthers: () => compileOthers(3000),
};

const result = await programs[program]();
if (isMainThread) console.log(result.join(" "));
else parentPort.postMessage(result);
