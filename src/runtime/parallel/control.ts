import type { LinearMemory } from "../linear_memory.ts";

/**
 * The control block: the part of the linear memory through which the calling thread hands out work. Both
 * sides import this file, so it imports nothing at run time: the worker's bundle must stay small.
 */

/**
 * Address of the control block. Below it is the kernels' static data; above it, from HEAP_START in memory.ts,
 * are the tensors. (asc's option memoryBase could move the static data above the block, but then asc does not
 * fold constant offsets into loads and stores.)
 */
export const CONTROL_START = 32768;
const FIRST = CONTROL_START / 4;

/** Int32 words of a cache line. */
export const WORDS_PER_CACHE_LINE = 16;
/** Slots for workers. A slot is used again only after all others. */
export const MAX_SLOTS = 176;
export const MAX_WORKERS = 63;
/** Arguments of a kernel after begin and end. */
export const MAX_ARGUMENTS = 32;

/** Indices of int32 words in the linear memory. Words that several threads write have a cache line each. */
export const CONTROL = {
  /** Odd while a job is open, even between jobs. Grows by 1 at each opening and closing. */
  generation: FIRST + 16,
  /**
   * Workers that sleep, or are about to. While it is 0 the caller need not wake any. (A worker that is killed
   * while it sleeps stays counted.)
   */
  sleepers: FIRST + 48,
  /** Set by a worker whose kernel trapped. It leaves its chunk undone and takes no other. */
  failed: FIRST + 64,
  /** The job: number of the kernel, length of its range and of a chunk, number of shares and of arguments. */
  kernel: FIRST + 80,
  total: FIRST + 81,
  grain: FIRST + 82,
  shares: FIRST + 83,
  argumentCount: FIRST + 84,
  /** Size of the memory as the caller sees it, in pages. */
  pages: FIRST + 85,
  /** The arguments, float64 (an index of float64 words). */
  arguments: FIRST / 2 + 48,
  /** One cache line per share. Its first word is the share's next chunk that no thread has taken. */
  next: FIRST + 256,
  /** One cache line per slot, with the words of SLOT. */
  slots: FIRST + 1280,
} as const;

/** Words of a worker's slot, counted from the slot's first word. */
export const SLOT = {
  /** 1 from before the worker checks whether a job is open until it has left the job. */
  inside: 0,
  /** Set by the caller: the worker takes part in no later job. */
  retired: 1,
  /**
   * 1 + a file descriptor that the worker opened, or 0. Node closes the files of a worker that ends, so a
   * waiting caller can see that it is dead.
   */
  deathFile: 2,
  /** 1 once the worker has its instance and looks for jobs. */
  started: 3,
} as const;

/** Length of an int32 view that covers the control block, from address 0. */
export const CONTROL_END = CONTROL.slots + MAX_SLOTS * WORDS_PER_CACHE_LINE;

/** What the caller sends to a new worker. */
export interface WorkerData {
  /** The compiled kernels. */
  module: object;
  memory: LinearMemory;
  /** Index of the first word of the worker's slot. */
  slot: number;
  /** The share of each job that the worker begins with. */
  share: number;
}
