/**
 * The program of a worker thread. It instantiates the same kernels with the same memory, then computes chunks
 * of each job that opens. scripts/inline_worker.ts bundles this file into a string (worker.generated.ts),
 * because bundlers then need no configuration for the worker. After an edit, run
 * `npm run build:worker`.
 */
import { PAGE_BYTES } from "../address.ts";
import { takeChunks } from "./chunks.ts";
import { CONTROL, CONTROL_END, FIRST_EXTENSION, MAX_ARGUMENTS, SLOT, type WorkerData } from "./control.ts";

type Kernel = (...args: readonly number[]) => void;

/**
 * Time for which a waiting worker spins before it sleeps. Waking a worker takes 20 to 180 microseconds, or
 * some milliseconds if the system puts it on the caller's core. The time is long enough for a worker to stay
 * awake between the kernels of a training step.
 */
const SPIN_MS = 2;
/**
 * A worker that repeatedly loses its core while it spins shares the core with another thread, perhaps the
 * caller. Spinning then takes time from that thread. If a worker loses more than a third of
 * SHARED_CORE_SAMPLE_MS of spinning, it spins only briefly for a while, then tries again.
 */
const LOST_CORE_MS = 1;
const SHARED_CORE_SAMPLE_MS = 20;
const BRIEF_SPIN_MS = 0.02;
const BRIEF_FOR_MS = 500;

/**
 * @param deathFile descriptor of a file that stays open as long as the worker lives, or -1
 * @param report called once the worker has started
 */
function runWorker(
  { module, extensions, memory, slot, share }: WorkerData,
  deathFile: number,
  report: () => void,
): void {
  const words = new Int32Array(memory.buffer, 0, CONTROL_END);
  const jobArguments = new Float64Array(memory.buffer, 8 * CONTROL.arguments, MAX_ARGUMENTS);
  const abort = () => {
    throw new Error("assert failed");
  };
  const kernelsOf = (compiled: object) =>
    Object.values(new WebAssembly.Instance(compiled as WebAssembly.Module, { env: { memory, abort } }).exports);
  const kernels = kernelsOf(module) as Kernel[];
  const added = extensions.flatMap(kernelsOf) as Kernel[];
  Atomics.store(words, slot + SLOT.deathFile, deathFile + 1);
  Atomics.store(words, slot + SLOT.started, 1);
  report();

  let spinBrieflyUntil = 0;
  let spunMs = 0;
  let lostMs = 0;
  /** Waits until the generation is no longer `seen`. Spins for a while, then sleeps. */
  const awaitChange = (seen: number) => {
    const start = performance.now();
    const end = start + (start < spinBrieflyUntil ? BRIEF_SPIN_MS : SPIN_MS);
    let now = start;
    let changed = false;
    while (!changed && now < end) {
      for (let spin = 0; !changed && spin < 1000; spin++) changed = Atomics.load(words, CONTROL.generation) !== seen;
      const before = now;
      now = performance.now();
      if (now - before > LOST_CORE_MS) lostMs += now - before;
    }
    spunMs += now - start;
    if (spunMs > SHARED_CORE_SAMPLE_MS) {
      if (lostMs > spunMs / 3) spinBrieflyUntil = now + BRIEF_FOR_MS;
      spunMs = lostMs = 0;
    }
    if (changed) return;
    Atomics.add(words, CONTROL.sleepers, 1);
    Atomics.wait(words, CONTROL.generation, seen);
    Atomics.sub(words, CONTROL.sleepers, 1);
  };

  const args: number[] = [];
  const takePart = () => {
    // A worker that starts while the memory grows may miss the growth (observed in V8). memory.fill and
    // memory.copy then trap beyond the old size. Growing by 0 pages updates the worker's instance.
    if (memory.buffer.byteLength < words[CONTROL.pages] * PAGE_BYTES) memory.grow(0);
    args.length = words[CONTROL.argumentCount];
    for (let i = 0; i < args.length; i++) args[i] = jobArguments[i];
    const job = {
      kernel: kernels[words[CONTROL.kernel]] ?? added[words[CONTROL.kernel] - FIRST_EXTENSION],
      total: words[CONTROL.total],
      grain: words[CONTROL.grain],
      args,
    };
    try {
      takeChunks(words, share, words[CONTROL.shares], job);
    } catch {
      Atomics.store(words, CONTROL.failed, 1);
    }
  };

  let seen = Atomics.load(words, CONTROL.generation) & ~1;
  while (Atomics.load(words, slot + SLOT.retired) === 0) {
    awaitChange(seen);
    seen = Atomics.load(words, CONTROL.generation);
    if ((seen & 1) === 0) continue;
    Atomics.store(words, slot + SLOT.inside, 1);
    // The job may have closed in the meantime. The words may then already describe the next job.
    const isOpen = Atomics.load(words, CONTROL.generation) === seen;
    if (isOpen && Atomics.load(words, slot + SLOT.retired) === 0) takePart();
    Atomics.store(words, slot + SLOT.inside, 0);
  }
}

/** Runs the worker in Node, Deno and Bun, which evaluate the text as a CommonJS script. */
function runInNode(): void {
  let deathFile = -1;
  try {
    const fs = require("node:fs") as typeof import("node:fs");
    const os = require("node:os") as typeof import("node:os");
    deathFile = fs.openSync(os.devNull, "r");
  } catch {
    // The worker is not allowed to open files. The caller then notices the worker's death late.
  }
  const threads = require("node:worker_threads") as typeof import("node:worker_threads");
  runWorker(threads.workerData, deathFile, () => threads.parentPort?.postMessage(null));
}

function runInBrowser(): void {
  globalThis.onmessageerror = () => {
    throw new Error("the module or the memory cannot be sent to a worker");
  };
  globalThis.onmessage = ({ data }) => {
    runWorker(data, -1, () => globalThis.postMessage(null));
    globalThis.close();
  };
}

if (typeof require === "function") runInNode();
else runInBrowser();
