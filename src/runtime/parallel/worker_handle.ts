import { isShared, linearMemory } from "../linear_memory.ts";
import { CONTROL, CONTROL_END, MAX_SLOTS, SLOT, WORDS_PER_CACHE_LINE } from "./control.ts";

/** A worker as the caller sees it. */
export interface WorkerHandle {
  /** Index of the first word of its slot. */
  slot: number;
  /** Called at each job, while the worker is not known to be dead. */
  observe?(): void;
  /** True only if it certainly no longer runs. */
  isDead(): boolean;
  stop(): void;
}

/** The workers of a caller. */
export interface WorkerPool {
  workers: WorkerHandle[];
  /** Shares of a job: one per worker there was at first, and the caller's, number 0. */
  shares: number;
  /** A kernel failed on one of the workers: they were retired, and others are to be started. */
  isBroken?: boolean;
  /** When they were started, by performance.now(). */
  startedAt?: number;
}

/**
 * Int32 words of the memory up to the end of the control block; none where threads share no memory. It is
 * made once: a view of a shared memory survives growth.
 */
export const words = new Int32Array(
  linearMemory.buffer,
  0,
  isShared ? CONTROL_END : 0,
) as unknown as Int32Array<SharedArrayBuffer>;

let lastSlot = -1;

/** Reserves and clears a slot of the control block for one more worker. */
export function allocateSlot(): number {
  lastSlot = (lastSlot + 1) % MAX_SLOTS;
  const slot = CONTROL.slots + lastSlot * WORDS_PER_CACHE_LINE;
  for (const word of Object.values(SLOT)) Atomics.store(words, slot + word, 0);
  return slot;
}

/** Descriptor of the file that a worker holds open as long as it lives, or -1. */
export function deathFile(slot: number): number {
  return Atomics.load(words, slot + SLOT.deathFile) - 1;
}

/** Whether a worker has started to look for jobs. */
export function hasStarted({ slot }: WorkerHandle): boolean {
  return Atomics.load(words, slot + SLOT.started) !== 0;
}

/** Whether a worker takes part in a job now. */
export function isInside({ slot }: WorkerHandle): boolean {
  return Atomics.load(words, slot + SLOT.inside) !== 0;
}

/** Stops workers, between jobs. From now on they take part in none. */
export function retire(workers: readonly WorkerHandle[]): void {
  for (const { slot } of workers) Atomics.store(words, slot + SLOT.retired, 1);
  Atomics.add(words, CONTROL.generation, 2); // still even: no job is open, but sleeping workers wake up
  Atomics.notify(words, CONTROL.generation);
  for (const worker of workers) worker.stop();
}
