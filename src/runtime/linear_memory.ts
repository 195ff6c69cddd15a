import { memoryRefused } from "./support.ts";

/** 4 GiB, the most that a 32-bit WebAssembly memory can have. */
export const MAX_PAGES = 65536;
/**
 * Maximum sizes to try, in pages, where 4 GiB are refused (32-bit systems, phones, limits of address space).
 * The sizes of a group are tried shared first, then plain. Down to 1 GiB threads are worth more than memory;
 * below that, the larger memory is taken, shared if possible.
 */
const MAXIMA = [[MAX_PAGES, 32768, 16384], [8192], [4096], [2048], [1024], [512], [256]];
const LEAST_PAGES = 256;
/** Stands for the memory where the engine gives none. Nothing is ever allocated in it. */
const NO_MEMORY = { buffer: new ArrayBuffer(0) } as unknown as LinearMemory;

/** `WebAssembly.Memory` where the program's type libraries declare it, as those of pages and of Node do. */
export type LinearMemory = typeof globalThis extends { WebAssembly: { Memory: { prototype: infer Memory } } }
  ? Memory
  : { readonly buffer: ArrayBuffer; grow(pages: number): number };

interface MadeMemory {
  memory: LinearMemory;
  isShared: boolean;
  /** In pages. */
  maximum: number;
  /** Why there is no memory at all. The first allocation throws it. */
  refusal?: unknown;
}

function makeMemory(): MadeMemory {
  let refusal: unknown;
  let fixed: MadeMemory | undefined;
  const make = (maximum: number, shared: boolean): MadeMemory | undefined => {
    try {
      const made = { memory: new WebAssembly.Memory({ initial: 4, maximum, shared }), isShared: shared, maximum };
      fixed ??= made;
      made.memory.grow(1); // with little address space, V8 makes memories that cannot grow
      return made;
    } catch (error) {
      refusal = error;
      return undefined;
    }
  };
  const made = make(MAX_PAGES, true);
  if (made) return made;
  // a refusal can take 60 ms: where the smallest is refused, no larger one is tried
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
 * The memory of all tensors. It is shared, so that threads can compute. Where the engine refuses a shared
 * memory (old browsers, systems with little address space) it is plain, for one thread.
 */
export const linearMemory: LinearMemory = made.memory;
/** Whether several threads can use the memory. */
export const { isShared } = made;
/** The size in pages to which the memory can grow. */
export const maximumPages = made.maximum;

/** Throws where the engine gives no memory. */
export function expectMemory(): void {
  if (made.maximum === 0) throw memoryRefused(made.refusal);
}
