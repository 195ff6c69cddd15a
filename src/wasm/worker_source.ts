/**
 * The control block: int32 words at the start of the linear memory, through which threads find work. Each word that several
 * threads write has a cache line of its own.
 */
export const CONTROL = {
  /** Odd while a job is open, even between jobs; grows by 1 at each opening and closing. */
  generation: 16,
  /** The next chunk nobody has taken. */
  next: 32,
  /** Workers inside the open job. */
  active: 48,
  /** Set by a worker whose kernel trapped. */
  failed: 64,
  /** Workers that sleep, or are about to: the caller need not wake anybody while it is 0. */
  sleepers: 80,
  /** The job: number of the kernel, length of its range, length of a chunk, number of arguments. */
  kernel: 96,
  total: 97,
  grain: 98,
  argumentCount: 99,
  /** For each worker: 1 + the chunk it works on, or 0. */
  claims: 112,
  /** The arguments, float64 (index in float64 words). */
  arguments: 88,
} as const;

/** Words for `claims`. */
export const MAX_WORKERS = 63;
/** Arguments of a kernel behind begin and end. */
export const MAX_ARGUMENTS = 32;

/**
 * How long a waiting worker spins before it sleeps. To wake it again takes 20 to 180 microseconds, and some milliseconds where
 * the system puts it on the caller's core; so it stays awake through what a training step does between its kernels.
 */
const SPIN_MS = 2;
/**
 * A worker that lost its core for this long while it spun shares it with somebody, maybe with the caller: to spin then takes
 * time away from work. It spins but briefly for a while, and tries again.
 */
const LOST_CORE_MS = 1;
const BRIEF_SPIN_MS = 0.02;
const BRIEF_FOR_MS = 500;

/**
 * What a worker runs, as text: it starts from a string, so that bundlers need no configuration. It instantiates the same
 * module over the same memory, then takes chunks of whatever job is open.
 */
export const workerSource = `
"use strict";
const run = ({ module, memory, index }) => {
  const C = ${JSON.stringify(CONTROL)};
  const words = new Int32Array(memory.buffer, 0, 256);
  const numbers = new Float64Array(memory.buffer, 0, 128);
  const { exports } = new WebAssembly.Instance(module, { env: { memory, abort() { throw new Error("assert failed"); } } });
  const kernels = Object.values(exports);
  const args = [];
  let briefUntil = 0;
  /** Waits until the generation is not "seen": awake for a while, then asleep. */
  const awaitChange = (seen) => {
    let now = performance.now();
    const end = now + (now < briefUntil ? ${BRIEF_SPIN_MS} : ${SPIN_MS});
    while (now < end) {
      let changed = false;
      for (let spin = 0; !changed && spin < 1000; spin++) changed = Atomics.load(words, C.generation) !== seen;
      const before = now;
      now = performance.now();
      if (now - before > ${LOST_CORE_MS}) briefUntil = now + ${BRIEF_FOR_MS};
      if (changed) return;
    }
    Atomics.add(words, C.sleepers, 1);
    Atomics.wait(words, C.generation, seen);
    Atomics.sub(words, C.sleepers, 1);
  };
  const takeChunks = () => {
    const kernel = kernels[words[C.kernel]];
    const total = words[C.total];
    const grain = words[C.grain];
    const chunks = Math.ceil(total / grain);
    const count = words[C.argumentCount];
    args.length = 2 + count;
    for (let i = 0; i < count; i++) args[2 + i] = numbers[C.arguments + i];
    for (let chunk = Atomics.add(words, C.next, 1); chunk < chunks; chunk = Atomics.add(words, C.next, 1)) {
      Atomics.store(words, C.claims + index, chunk + 1);
      args[0] = chunk * grain;
      args[1] = Math.min(total, args[0] + grain);
      try {
        kernel(...args);
      } catch {
        Atomics.store(words, C.failed, 1);
      }
      Atomics.store(words, C.claims + index, 0);
    }
  };
  let seen = Atomics.load(words, C.generation) & ~1;
  for (;;) {
    awaitChange(seen);
    seen = Atomics.load(words, C.generation);
    if ((seen & 1) === 0) continue;
    Atomics.add(words, C.active, 1);
    // the job may have closed in between: then its words may be those of the next one already
    if (Atomics.load(words, C.generation) === seen) takeChunks();
    Atomics.sub(words, C.active, 1);
  }
};
if (typeof require === "function") run(require("node:worker_threads").workerData);
else onmessage = (event) => run(event.data);
`;
