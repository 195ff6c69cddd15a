/**
 * The program of a worker thread: it instantiates the same kernels over the same memory, then computes chunks
 * of each job that opens. scripts/inline_worker.ts bundles this file into a string (worker.generated.ts),
 * because a worker that starts from a string needs no configuration of bundlers. After an edit:
 * `npm run build:worker`.
 */
import { PAGE_BYTES } from "../address.ts";
import { takeChunks } from "./chunks.ts";
import { CONTROL, CONTROL_END, MAX_ARGUMENTS, SLOT, type WorkerData } from "./control.ts";

type Kernel = (...args: readonly number[]) => void;

/**
 * How long a waiting worker spins before it sleeps. Waking it takes 20 to 180 microseconds, and some
 * milliseconds where the system puts it on the caller's core. So it stays awake during what a training step
 * does between kernels.
 */
const SPIN_MS = 2;
/**
 * A worker that repeatedly loses its core while it spins shares it with another thread, perhaps with the
 * caller. Spinning then takes time away from work. If more than a third of SHARED_CORE_SAMPLE_MS of spinning
 * was lost, it spins only briefly for a while, then tries again.
 */
const LOST_CORE_MS = 1;
const SHARED_CORE_SAMPLE_MS = 20;
const BRIEF_SPIN_MS = 0.02;
const BRIEF_FOR_MS = 500;

/** @param deathFile descriptor of a file that is open as long as the worker lives, or -1 */
function runWorker({ module, memory, slot, share }: WorkerData, deathFile: number): void {
  const words = new Int32Array(memory.buffer, 0, CONTROL_END);
  const jobArguments = new Float64Array(memory.buffer, 8 * CONTROL.arguments, MAX_ARGUMENTS);
  const abort = () => {
    throw new Error("assert failed");
  };
  const { exports } = new WebAssembly.Instance(module as WebAssembly.Module, { env: { memory, abort } });
  const kernels = Object.values(exports) as Kernel[];
  Atomics.store(words, slot + SLOT.deathFile, deathFile + 1);
  Atomics.store(words, slot + SLOT.started, 1);

  let spinBrieflyUntil = 0;
  let spunMs = 0;
  let lostMs = 0;
  /** Waits until the generation is no longer `seen`: awake for a while, then asleep. */
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
    // A worker that starts while the memory grows may miss the growth (seen in V8): memory.fill and
    // memory.copy beyond the old size then trap. Growing by 0 pages brings its instance up to date.
    if (memory.buffer.byteLength < words[CONTROL.pages] * PAGE_BYTES) memory.grow(0);
    args.length = words[CONTROL.argumentCount];
    for (let i = 0; i < args.length; i++) args[i] = jobArguments[i];
    const job = {
      kernel: kernels[words[CONTROL.kernel]],
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
    // The job may have closed in between. Then the words may already describe the next one.
    const isOpen = Atomics.load(words, CONTROL.generation) === seen;
    if (isOpen && Atomics.load(words, slot + SLOT.retired) === 0) takePart();
    Atomics.store(words, slot + SLOT.inside, 0);
  }
}

/** In Node, Deno and Bun, where the text is evaluated as a CommonJS script. */
function runInNode(): void {
  let deathFile = -1;
  try {
    const fs = require("node:fs") as typeof import("node:fs");
    const os = require("node:os") as typeof import("node:os");
    deathFile = fs.openSync(os.devNull, "r");
  } catch {
    // The worker may not open files. The caller then notices its death late.
  }
  const threads = require("node:worker_threads") as typeof import("node:worker_threads");
  runWorker(threads.workerData, deathFile);
}

function runInBrowser(): void {
  globalThis.onmessageerror = () => {
    throw new Error("the module or the memory cannot be sent to a worker");
  };
  globalThis.onmessage = ({ data }) => {
    runWorker(data, -1);
    globalThis.close();
  };
}

if (typeof require === "function") runInNode();
else runInBrowser();
