/**
 * Where the control block begins: below is the kernels' own data, above, from HEAP_START in memory.ts, are the tensors. (The kernels'
 * data could have been moved behind the block, by asc's memoryBase; but then asc does not fold constant offsets into loads and stores.)
 */
export const CONTROL_START = 32768;
const FIRST = CONTROL_START / 4;

/**
 * The control block, through which threads find work: indices of int32 words in the linear memory. What several threads write has
 * a cache line of its own.
 */
export const CONTROL = {
  /** Odd while a job is open, even between jobs; grows by 1 at each opening and closing. */
  generation: FIRST + 16,
  /** Workers that sleep, or are about to: nobody needs to be woken while it is 0. (One that is killed asleep is counted for ever.) */
  sleepers: FIRST + 48,
  /** Set by a worker whose kernel trapped: it leaves its chunk undone, and takes no other. */
  failed: FIRST + 64,
  /** The job: number of the kernel, length of its range, length of a chunk, number of lanes and of arguments. */
  kernel: FIRST + 80,
  total: FIRST + 81,
  grain: FIRST + 82,
  lanes: FIRST + 83,
  argumentCount: FIRST + 84,
  /** The size of the memory that the caller sees, in pages. */
  pages: FIRST + 85,
  /** The arguments, float64 (index in float64 words). */
  arguments: FIRST / 2 + 48,
  /** A cache line for each lane, whose first word is its next chunk that nobody has taken. */
  next: FIRST + 256,
  /** Cache lines of workers, with the four words below. */
  lines: FIRST + 1280,
  /** 1 from before the worker looks whether a job is open until it has left the job. */
  inside: 0,
  /** Set by the caller: the worker takes no part in any later job. */
  dismissed: 1,
  /** 1 + a file descriptor that the worker opened, or 0. Node closes a dead worker's files: so a caller that waits can see that it is dead. */
  file: 2,
  /** 1 once the worker has its instance and looks for jobs. */
  started: 3,
} as const;

/** Int32 words of a cache line. */
export const LINE = 16;
/** Lines for workers; one is used again only after all others. */
export const LINES = 176;
export const MAX_WORKERS = 63;
/** Arguments of a kernel behind begin and end. */
export const MAX_ARGUMENTS = 32;

/**
 * How long a waiting worker spins before it sleeps. To wake it again takes 20 to 180 microseconds, and some milliseconds where
 * the system puts it on the caller's core; so it stays awake through what a training step does between its kernels.
 */
const SPIN_MS = 2;
/**
 * A worker that loses its core while it spins, time and again, shares it with somebody, maybe with the caller: to spin then takes
 * time away from work. If that was so for a third of SHARE_OF_MS of spinning, it spins but briefly for a while, then tries again.
 */
const LOST_CORE_MS = 1;
const SHARE_OF_MS = 20;
const BRIEF_SPIN_MS = 0.02;
const BRIEF_FOR_MS = 500;

/**
 * What a worker runs, as text: it starts from a string, so that bundlers need no configuration. It instantiates the same
 * module over the same memory, then takes chunks of whatever job is open.
 */
export const workerSource = `
"use strict";
const run = ({ module, memory, line, lane, file }) => {
  const C = ${JSON.stringify(CONTROL)};
  const words = new Int32Array(memory.buffer, 0, ${CONTROL.lines + LINES * LINE});
  const numbers = new Float64Array(memory.buffer, 8 * C.arguments, ${MAX_ARGUMENTS});
  const { exports } = new WebAssembly.Instance(module, { env: { memory, abort() { throw new Error("assert failed"); } } });
  const kernels = Object.values(exports);
  Atomics.store(words, line + C.file, file + 1);
  Atomics.store(words, line + C.started, 1);
  const args = [];
  let briefUntil = 0;
  let spun = 0;
  let lost = 0;
  /** Waits until the generation is not "seen": awake for a while, then asleep. */
  const awaitChange = (seen) => {
    const start = performance.now();
    const end = start + (start < briefUntil ? ${BRIEF_SPIN_MS} : ${SPIN_MS});
    let now = start;
    let changed = false;
    while (!changed && now < end) {
      for (let spin = 0; !changed && spin < 1000; spin++) changed = Atomics.load(words, C.generation) !== seen;
      const before = now;
      now = performance.now();
      if (now - before > ${LOST_CORE_MS}) lost += now - before;
    }
    spun += now - start;
    if (spun > ${SHARE_OF_MS}) {
      if (lost > spun / 3) briefUntil = now + ${BRIEF_FOR_MS};
      spun = lost = 0;
    }
    if (changed) return;
    Atomics.add(words, C.sleepers, 1);
    Atomics.wait(words, C.generation, seen);
    Atomics.sub(words, C.sleepers, 1);
  };
  /**
   * A worker that starts just while the memory grows may miss it (seen in V8): memory.fill and memory.copy beyond the old size then trap.
   * To grow by nothing brings its instance up to date.
   */
  const seeGrowth = () => {
    if (memory.buffer.byteLength < words[C.pages] * 65536) memory.grow(0);
  };
  const takeChunks = () => {
    seeGrowth();
    const kernel = kernels[words[C.kernel]];
    const total = words[C.total];
    const grain = words[C.grain];
    const chunks = Math.ceil(total / grain);
    const lanes = words[C.lanes];
    const count = words[C.argumentCount];
    args.length = 2 + count;
    for (let i = 0; i < count; i++) args[2 + i] = numbers[i];
    for (let turn = 0; turn < lanes; turn++) {
      const of = (lane + turn) % lanes;
      const next = C.next + of * ${LINE};
      const end = Math.floor(((of + 1) * chunks) / lanes);
      while (Atomics.load(words, next) < end) {
        const chunk = Atomics.add(words, next, 1);
        if (chunk >= end) break;
        args[0] = chunk * grain;
        args[1] = Math.min(total, args[0] + grain);
        try {
          kernel(...args);
        } catch {
          Atomics.store(words, C.failed, 1);
          return;
        }
      }
    }
  };
  let seen = Atomics.load(words, C.generation) & ~1;
  while (Atomics.load(words, line + C.dismissed) === 0) {
    awaitChange(seen);
    seen = Atomics.load(words, C.generation);
    if ((seen & 1) === 0) continue;
    Atomics.store(words, line + C.inside, 1);
    // the job may have closed in between: then its words may be those of the next one already
    const open = Atomics.load(words, C.generation) === seen;
    if (open && Atomics.load(words, line + C.dismissed) === 0) takeChunks();
    Atomics.store(words, line + C.inside, 0);
  }
};
if (typeof require === "function") {
  let file = -1;
  try {
    file = require("node:fs").openSync(require("node:os").devNull);
  } catch {
    // not allowed to: its death is noticed late
  }
  run({ ...require("node:worker_threads").workerData, file });
} else {
  onmessageerror = () => {
    throw new Error("the module or the memory cannot be sent to a worker");
  };
  onmessage = ({ data }) => {
    run({ ...data, file: -1 });
    close();
  };
}
`;
