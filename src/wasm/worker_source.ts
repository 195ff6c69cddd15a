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
 * What a worker runs, as text: it starts from a string, so that bundlers need no configuration. It instantiates the same
 * module over the same memory, then takes chunks of whatever job is open. Waiting, it spins for a while, since the next job
 * mostly follows within microseconds, and then sleeps.
 */
export const workerSource = `
"use strict";
const run = ({ module, memory, index }) => {
  const C = ${JSON.stringify(CONTROL)};
  const SPINS = 20000;
  const words = new Int32Array(memory.buffer, 0, 256);
  const numbers = new Float64Array(memory.buffer, 0, 128);
  const { exports } = new WebAssembly.Instance(module, { env: { memory, abort() { throw new Error("assert failed"); } } });
  const kernels = Object.values(exports);
  let seen = Atomics.load(words, C.generation) & ~1;
  for (;;) {
    let generation = Atomics.load(words, C.generation);
    for (let spin = 0; generation === seen && spin < SPINS; spin++) generation = Atomics.load(words, C.generation);
    if (generation === seen) {
      Atomics.wait(words, C.generation, seen);
      continue;
    }
    seen = generation;
    if ((generation & 1) === 0) continue;
    Atomics.add(words, C.active, 1);
    // the job may have closed in between: then its words may be those of the next one already
    if (Atomics.load(words, C.generation) === generation) {
      const kernel = kernels[words[C.kernel]];
      const total = words[C.total];
      const grain = words[C.grain];
      const first = C.arguments;
      const args = Array.from(numbers.subarray(first, first + words[C.argumentCount]));
      const chunks = Math.ceil(total / grain);
      for (let chunk = Atomics.add(words, C.next, 1); chunk < chunks; chunk = Atomics.add(words, C.next, 1)) {
        Atomics.store(words, C.claims + index, chunk + 1);
        const begin = chunk * grain;
        try {
          kernel(begin, Math.min(total, begin + grain), ...args);
        } catch {
          Atomics.store(words, C.failed, 1);
        }
        Atomics.store(words, C.claims + index, 0);
      }
    }
    Atomics.sub(words, C.active, 1);
  }
};
if (typeof require === "function") run(require("node:worker_threads").workerData);
else onmessage = (event) => run(event.data);
`;
