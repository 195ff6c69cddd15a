import type { LinearMemory } from "../linear_memory.ts";

/**
 * The control block: the part of the linear memory through which the calling thread hands out work. The
 * calling thread and the workers import this file. It imports nothing at run time, because the worker's
 * bundle must stay small.
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
/** Number of slots for workers. A slot is reused only after all other slots have been used. */
export const MAX_SLOTS = 176;
export const MAX_WORKERS = 63;
/** Maximum number of arguments of a kernel after begin and end. */
export const MAX_ARGUMENTS = 32;

/** Indices of int32 words in the linear memory. Words that several threads write have a cache line each. */
export const CONTROL = {
  /** Odd while a job is open, even between jobs. Incremented whenever a job opens or closes. */
  generation: FIRST + 16,
  /**
   * Number of workers that sleep or are about to sleep. If it is 0, the caller need not wake any worker. (A
   * worker that is killed while it sleeps is still counted.)
   */
  sleepers: FIRST + 48,
  /**
   * Set by a worker whose kernel trapped. The worker leaves its chunk unfinished and takes no other chunk.
   */
  failed: FIRST + 64,
  /**
   * The job: the kernel's number, the length of its range, the length of a chunk, and the numbers of shares
   * and arguments.
   */
  kernel: FIRST + 80,
  total: FIRST + 81,
  grain: FIRST + 82,
  shares: FIRST + 83,
  argumentCount: FIRST + 84,
  /** Size of the memory as the caller sees it, in pages. */
  pages: FIRST + 85,
  /** The arguments, float64 (an index of float64 words). */
  arguments: FIRST / 2 + 48,
  /** One cache line per share. Its first word is the share's first chunk that no thread has taken yet. */
  next: FIRST + 256,
  /** One cache line per slot, with the words of SLOT. */
  slots: FIRST + 1280,
} as const;

/** Words of a worker's slot, counted from the slot's first word. */
export const SLOT = {
  /**
   * 1 while the worker may be inside a job. Set before the worker checks whether a job is open, cleared when
   * it has left the job.
   */
  inside: 0,
  /** Set by the caller. The worker then takes part in no more jobs. */
  retired: 1,
  /**
   * 1 + a file descriptor that the worker opened, or 0. Node closes the files of a worker that ends, so a
   * waiting caller can detect that the worker is dead.
   */
  deathFile: 2,
  /** 1 once the worker has instantiated the kernels and looks for jobs. */
  started: 3,
} as const;

/** Length of an int32 view that covers the control block, from address 0. */
export const CONTROL_END = CONTROL.slots + MAX_SLOTS * WORDS_PER_CACHE_LINE;

/** The number of the first kernel of a user's modules: above those of the library. */
export const FIRST_EXTENSION = 1 << 20;

/** The message that the caller sends to a new worker. */
export interface WorkerData {
  /** The compiled kernels. */
  module: object;
  /** The user's modules, in the order in which they were loaded. */
  extensions: readonly object[];
  memory: LinearMemory;
  /** Index of the first word of the worker's slot. */
  slot: number;
  /** The share of each job with which the worker begins. */
  share: number;
}
