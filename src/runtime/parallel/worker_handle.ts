import { isShared, linearMemory } from "../linear_memory.ts";
import { CONTROL, CONTROL_END, MAX_SLOTS, SLOT, WORDS_PER_CACHE_LINE } from "./control.ts";

/** The caller's handle of a worker. */
export interface WorkerHandle {
  /** Index of the first word of the worker's slot. */
  slot: number;
  /** Called at each job, while the worker is not known to be dead. */
  observe?(): void;
  /** True only if the worker is certainly no longer running. */
  isDead(): boolean;
  stop(): void;
  /** Resolves when the worker has started, or could not. It does so only while the event loop runs. */
  readonly started: Promise<void>;
}

/** The workers of a caller. */
export interface WorkerPool {
  workers: WorkerHandle[];
  /**
   * Number of shares of a job: one per worker that the pool began with, and share 0, which is the caller's.
   */
  shares: number;
  /**
   * True if a kernel failed on one of the workers. The workers are then retired, to be replaced by new ones.
   */
  isBroken?: boolean;
  /** The time when the workers were started, by performance.now(). */
  startedAt?: number;
}

/**
 * The int32 words of the memory up to the end of the control block; empty if memory is not shared. The view
 * is created only once, because a view of a shared memory survives growth.
 */
export const words: Int32Array = new Int32Array(linearMemory.buffer, 0, isShared ? CONTROL_END : 0);

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

/** Whether a worker is inside a job now. */
export function isInside({ slot }: WorkerHandle): boolean {
  return Atomics.load(words, slot + SLOT.inside) !== 0;
}

/** Stops workers. Must be called between jobs; the workers take part in no later job. */
export function retire(workers: readonly WorkerHandle[]): void {
  for (const { slot } of workers) Atomics.store(words, slot + SLOT.retired, 1);
  Atomics.add(words, CONTROL.generation, 2); // stays even (no job is open), but wakes sleeping workers
  Atomics.notify(words, CONTROL.generation);
  for (const worker of workers) worker.stop();
}
