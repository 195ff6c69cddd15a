/**
 * A lock in shared memory for V8's flags. They belong to the whole process, so two threads must not change
 * them at once. The main thread compiles for setVectorWidth(256), and a worker in the background.
 */

/** Words of the lock. */
export const FLAG_WORDS = {
  /** The number of the thread that has the lock, or 0. */
  owner: 0,
  /** 1 while the flags are changed. */
  changed: 1,
  /** The flags as they were before, one bit each. */
  before: 2,
} as const;

/** The number of the main thread. A worker's number is 1 + its threadId, which is at least 1. */
export const MAIN_THREAD = 1;

/** Compiling takes less than a second. A machine under load may take longer. */
const LIMIT_MS = 20_000;

const KEY = Symbol.for("wasmgrad.flagLock");

/**
 * The lock of this process. It is a property of the module node:v8, the one object that all copies of the
 * library share, for example those of several bundles or of several vm contexts.
 */
export function flagLock(v8: object): Int32Array {
  const holder = v8 as { [KEY]?: Int32Array };
  if (!holder[KEY]) {
    const words = new Int32Array(new SharedArrayBuffer(4 * Object.keys(FLAG_WORDS).length));
    Object.defineProperty(holder, KEY, { value: words });
  }
  return holder[KEY] as Int32Array;
}

/** Waits for the lock. @throws Error if another thread keeps it too long. */
export function acquire(words: Int32Array, thread: number): void {
  const end = performance.now() + LIMIT_MS;
  for (;;) {
    const owner = Atomics.compareExchange(words, FLAG_WORDS.owner, 0, thread);
    if (owner === 0) return;
    const left = end - performance.now();
    if (left <= 0) throw new Error(`thread ${owner} keeps the lock of V8's flags`);
    Atomics.wait(words, FLAG_WORDS.owner, owner, left);
  }
}

export function release(words: Int32Array): void {
  Atomics.store(words, FLAG_WORDS.owner, 0);
  Atomics.notify(words, FLAG_WORDS.owner);
}
