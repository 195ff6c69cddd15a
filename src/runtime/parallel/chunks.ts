import { CONTROL, WORDS_PER_CACHE_LINE } from "./control.ts";

/** The data that a thread needs to call `kernel(begin, end, ...args)` for chunks of `[0, total)`. */
export interface Chunks {
  readonly kernel: (...args: readonly number[]) => void;
  readonly total: number;
  readonly grain: number;
  readonly args: readonly number[];
}

/** Index of the control block's word that holds the next chunk of a share. */
export function nextOf(share: number): number {
  return CONTROL.next + share * WORDS_PER_CACHE_LINE;
}

/** Index of the first chunk of a share. A share ends where the next share begins. */
export function firstOf(share: number, shares: number, chunks: number): number {
  return Math.floor((share * chunks) / shares);
}

/**
 * Computes chunks of the open job until none is left to take: first chunks of the thread's own share, then
 * chunks of the other shares. The calling thread and the workers run the same loop.
 */
export function takeChunks(words: Int32Array, ownShare: number, shares: number, job: Chunks): void {
  const { kernel, total, grain, args } = job;
  const chunks = Math.ceil(total / grain);
  for (let i = 0; i < shares; i++) {
    const share = (ownShare + i) % shares;
    const next = nextOf(share);
    const end = firstOf(share + 1, shares, chunks);
    while (Atomics.load(words, next) < end) {
      const chunk = Atomics.add(words, next, 1);
      if (chunk >= end) break;
      const begin = chunk * grain;
      kernel(begin, Math.min(total, begin + grain), ...args);
    }
  }
}
