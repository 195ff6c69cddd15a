import { WasmgradError } from "../../errors.ts";
import { IN_PLACE_KERNELS } from "../kernels.generated.ts";
import { isShared, linearMemory } from "../memory.ts";
import { defer } from "./pending.ts";
import { CONTROL, LINE, LINES, MAX_ARGUMENTS } from "./worker_source.ts";

/**
 * A parallel job is published in shared memory, and whoever is there takes chunks of it. The workers do so at once, the calling thread
 * when it needs the result (see pending.ts). A worker that has not started yet, or never does, is simply not there; nothing awaits it.
 *
 * Each thread has a lane, an equal part of the range, and takes its chunks from an atomic counter; then it helps in the
 * other lanes. So from kernel to kernel a thread mostly finds in its cache what it wrote before, and threads seldom meet at
 * a counter: a training step on two threads takes 6 % less time than with one counter for all.
 *
 * A job closes before the next is written, and a worker says that it is `inside` before it looks whether the job is still
 * open: so nobody can take the words of the next job for those of the last. The caller leaves only when no worker is inside.
 *
 * A worker that died inside a job has left a part of it undone, maybe half done, and nobody knows which. The caller then does
 * the whole job again by itself, which gives the same bits, unless the kernel reads what it writes: then there is an error.
 * That a worker is dead is certain, never a guess from the time it takes: a slow one would later write into memory that
 * may have become something else's. So a slow worker is awaited. Where a kernel fails on a worker, the job is done again likewise, and
 * all workers are replaced; where that happens time and again, one thread computes alone (see pool.ts). A worker that does not
 * come back for a long time hangs, or its death cannot be seen (in browsers, where nothing kills workers but the browser): it is
 * stopped, and the result is an error.
 */

/** How long the caller waits for a worker that is not seen to be dead, before it gives it up. */
const MISSING_AFTER_MS = 15_000;
/** Rounds that the caller spins for the workers' last chunks, before it lets other threads have its core. */
const SPINS = 2000;
const NAP_MS = 0.05;
/** Counted as waiting at most, of one nap: a computer that was suspended does not make a worker missing. */
const LONGEST_NAP_MS = 10;
/** How often a waiting caller looks whether a worker is dead. */
const LOOK_EVERY_MS = 2;

export interface Job {
  name: string;
  /** The kernel, and its number among the module's exports. */
  kernel: (...args: readonly number[]) => void;
  number: number;
  /** Its range is [0, total), in chunks of `grain`. */
  total: number;
  grain: number;
  args: readonly number[];
}

/** The workers of a caller, and its lanes: one a worker there was at first, and the caller's, number 0. */
export interface Crew {
  hands: Hand[];
  lanes: number;
  /** A kernel failed on one of the workers: they were dismissed, and others are to be started. */
  isBroken?: boolean;
  /** When they were started, by performance.now(). */
  startedAt?: number;
}

/** A worker as the caller sees it. */
export interface Hand {
  /** Where its words in the control block begin. */
  line: number;
  /** Called at each job, when the worker is alive as far as anybody knows. */
  greet?(): void;
  /** True only if it certainly runs no more. */
  isDead(): boolean;
  stop(): void;
}

// Made once: growth leaves views of a shared memory as they are.
const words = new Int32Array(
  linearMemory.buffer,
  0,
  isShared ? CONTROL.lines + LINES * LINE : 0,
) as unknown as Int32Array<SharedArrayBuffer>;
const jobArguments = new Float64Array(
  linearMemory.buffer,
  isShared ? 8 * CONTROL.arguments : 0,
  isShared ? MAX_ARGUMENTS : 0,
);

let lastLine = -1;

/** Words of the control block for one more worker. */
export function takeLine(): number {
  lastLine = (lastLine + 1) % LINES;
  const line = CONTROL.lines + lastLine * LINE;
  for (const word of [CONTROL.inside, CONTROL.dismissed, CONTROL.file, CONTROL.started])
    Atomics.store(words, line + word, 0);
  return line;
}

/** The descriptor of the file that a worker holds open as long as it lives, or -1. */
export function fileOf(line: number): number {
  return Atomics.load(words, line + CONTROL.file) - 1;
}

/** Whether a worker has come as far as to look for jobs. */
export function hasStarted(hand: Hand): boolean {
  return Atomics.load(words, hand.line + CONTROL.started) !== 0;
}

/** Between jobs: from now on these workers take no part. */
export function dismiss(hands: readonly Hand[]): void {
  for (const hand of hands) Atomics.store(words, hand.line + CONTROL.dismissed, 1);
  Atomics.add(words, CONTROL.generation, 2);
  Atomics.notify(words, CONTROL.generation);
  for (const hand of hands) hand.stop();
}

/**
 * Begins a job with the workers there are, and leaves it pending; without workers, does it. None may be pending before. A kernel that reads
 * what it writes is completed at once: if its result is lost, the operation that wanted it must fail, not the one after it.
 */
export function beginJob(job: Job, crew: Crew): void {
  const { name, kernel, total, grain, args } = job;
  if (crew.hands.length === 0 || args.length > MAX_ARGUMENTS) {
    kernel(0, total, ...args);
    return;
  }
  for (const hand of crew.hands) hand.greet?.();
  const chunks = Math.ceil(total / grain);
  open(job, chunks, crew.lanes);
  if (IN_PLACE_KERNELS.has(name)) completeJob(job, chunks, crew);
  else defer(() => completeJob(job, chunks, crew));
}

/** Takes what chunks are left, and waits for the workers' last ones. Workers that are lost leave the crew. */
function completeJob({ name, kernel, total, grain, args }: Job, chunks: number, crew: Crew): void {
  const { hands, lanes } = crew;
  let lost: Hand[] = [];
  let failed = false;
  try {
    for (let lane = 0; lane < lanes; lane++) {
      const next = CONTROL.next + lane * LINE;
      const end = Math.floor(((lane + 1) * chunks) / lanes);
      while (Atomics.load(words, next) < end) {
        const chunk = Atomics.add(words, next, 1);
        if (chunk >= end) break;
        const begin = chunk * grain;
        kernel(begin, Math.min(total, begin + grain), ...args);
      }
    }
  } finally {
    // after an error there is nothing more to take
    for (let lane = 0; lane < lanes; lane++) Atomics.store(words, CONTROL.next + lane * LINE, chunks);
    Atomics.add(words, CONTROL.generation, 1);
    if (hands.some(isInside)) lost = awaitHands(hands);
    failed = Atomics.exchange(words, CONTROL.failed, 0) !== 0;
  }
  if (failed) {
    dismiss(hands);
    crew.isBroken = true;
    if (IN_PLACE_KERNELS.has(name)) {
      throw new WasmgradError(
        `${name}: a kernel failed on a worker thread in the middle of its part, so this result is incomplete. ` +
          "Further operations start new workers.",
      );
    }
  } else if (lost.length === 0) return;
  if (IN_PLACE_KERNELS.has(name) || !lost.every((hand) => hand.isDead())) {
    throw new WasmgradError(
      `${name}: a worker thread died or hung in the middle of its part, so this result is incomplete. ` +
        "Further operations do without it; setNumThreads() starts new workers.",
    );
  }
  kernel(0, total, ...args);
}

/** Publishes a job. */
function open({ number, total, grain, args }: Job, chunks: number, lanes: number): void {
  words[CONTROL.kernel] = number;
  words[CONTROL.total] = total;
  words[CONTROL.grain] = grain;
  words[CONTROL.lanes] = lanes;
  words[CONTROL.argumentCount] = args.length;
  words[CONTROL.pages] = linearMemory.buffer.byteLength / 65536;
  for (let i = 0; i < args.length; i++) jobArguments[i] = args[i];
  for (let lane = 0; lane < lanes; lane++) words[CONTROL.next + lane * LINE] = Math.floor((lane * chunks) / lanes);
  Atomics.add(words, CONTROL.generation, 1);
  if (Atomics.load(words, CONTROL.sleepers) > 0) Atomics.notify(words, CONTROL.generation);
}

function isInside(hand: Hand): boolean {
  return Atomics.load(words, hand.line + CONTROL.inside) !== 0;
}

/**
 * Waits until no worker is inside. All chunks are taken by now, so this is at most one chunk's time. Those that never come out,
 * since they are dead or missing, leave `hands` and are returned.
 */
function awaitHands(hands: Hand[]): Hand[] {
  for (let spin = 0; spin < SPINS; spin++) if (!hands.some(isInside)) return [];
  const lost: Hand[] = [];
  let waited = 0;
  let looked = 0;
  let now = performance.now();
  while (hands.some(isInside)) {
    if (waited - looked > LOOK_EVERY_MS) {
      looked = waited;
      for (const hand of hands.filter(isInside)) {
        if (waited < MISSING_AFTER_MS && !hand.isDead()) continue;
        hand.stop();
        hands.splice(hands.indexOf(hand), 1);
        lost.push(hand);
      }
    }
    nap();
    const before = now;
    now = performance.now();
    waited += Math.min(now - before, LONGEST_NAP_MS);
  }
  return lost;
}

let mayWait = true;

/** Sleeps for a moment where the thread may (a browser's main thread may not). */
function nap(): void {
  if (!mayWait) return;
  try {
    Atomics.wait(words, CONTROL.failed, 0, NAP_MS);
  } catch {
    mayWait = false;
  }
}
