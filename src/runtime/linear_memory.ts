import { memoryRefused } from "./support.ts";

/** 4 GiB, the maximum size of a 32-bit WebAssembly memory. */
export const MAX_PAGES = 65536;
/**
 * Maximum sizes to try, in pages, if a shared memory of 4 GiB is refused (32-bit systems, phones, limited
 * address space). In each group, all sizes are tried as shared memory, then all as plain memory. From 1 GiB
 * upwards, threads are worth more than a larger memory; below 1 GiB, a larger memory is worth more than
 * threads.
 */
const MAXIMA = [[MAX_PAGES, 32768, 16384], [8192], [4096], [2048], [1024], [512], [256]];
const LEAST_PAGES = 256;
/** A placeholder, used if the engine refuses every memory. Nothing is ever allocated in it. */
const NO_MEMORY = { buffer: new ArrayBuffer(0) } as unknown as LinearMemory;

/** `WebAssembly.Memory` if the program's type libraries declare it (those of browsers and of Node do). */
export type LinearMemory = typeof globalThis extends { WebAssembly: { Memory: { prototype: infer Memory } } }
  ? Memory
  : { readonly buffer: ArrayBuffer; grow(pages: number): number };

interface MadeMemory {
  memory: LinearMemory;
  isShared: boolean;
  /** The maximum size, in pages. */
  maximum: number;
  /** The engine's error if there is no memory at all. The first allocation reports it. */
  refusal?: unknown;
}

function makeMemory(): MadeMemory {
  let refusal: unknown;
  let fixed: MadeMemory | undefined;
  const make = (maximum: number, shared: boolean): MadeMemory | undefined => {
    try {
      const made = { memory: new WebAssembly.Memory({ initial: 4, maximum, shared }), isShared: shared, maximum };
      fixed ??= made;
      made.memory.grow(1); // with little address space, V8 creates memories that cannot grow
      return made;
    } catch (error) {
      refusal = error;
      return undefined;
    }
  };
  const made = make(MAX_PAGES, true);
  if (made) return made;
  // A refusal can take 60 ms, so larger sizes are tried only if the smallest one is not refused.
  if (make(LEAST_PAGES, true) || make(LEAST_PAGES, false)) {
    for (const maxima of MAXIMA) {
      for (const shared of [true, false]) {
        for (const maximum of maxima) {
          const smaller = make(maximum, shared);
          if (smaller) return smaller;
        }
      }
    }
  }
  return fixed ?? { memory: NO_MEMORY, isShared: false, maximum: 0, refusal };
}

const made = makeMemory();
/**
 * The memory of all tensors. It is shared, so that several threads can compute. If the engine refuses shared
 * memory (old browsers, systems with little address space), it is a plain memory for one thread.
 */
export const linearMemory: LinearMemory = made.memory;
/** Whether several threads can use the memory. */
export const { isShared } = made;
/** The size in pages to which the memory can grow. */
export const maximumPages = made.maximum;

/** Throws if the engine refused every memory. */
export function expectMemory(): void {
  if (made.maximum === 0) throw memoryRefused(made.refusal);
}
