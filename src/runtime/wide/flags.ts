import type { FlagSwitch } from "./engine.ts";
import { acquire, FLAG_WORDS, release } from "./flag_lock.ts";

/**
 * The flags under which V8 packs two 128-bit operations into one of 256 bits, and their values. Its pass is
 * part of the optimizing compiler, so that one must compile the whole module at once, without Liftoff before
 * it. Optimized code that can go back to Liftoff's (a deopt) needs what Liftoff recorded: without it, Node 25
 * and 26 abort. Deopts are therefore off before Liftoff is, and on again after it.
 *
 * The order matters because other threads compile meanwhile: the flags are set in this order, and set back in
 * the reverse order. Inlining must stay on. Liftoff's code that was compiled while it is off crashes once it
 * is optimized with inlining.
 */
export const WIDE_FLAGS = [
  ["wasm-deopt", false],
  ["experimental-wasm-revectorize", true],
  ["liftoff", false],
  ["wasm-lazy-compilation", false],
] as const;

/** A flag as an argument of Node. */
export function flagArgument(name: string, on: boolean): string {
  return on ? `--${name}` : `--no-${name}`;
}

function set(v8: FlagSwitch, name: string, on: boolean): void {
  v8.setFlagsFromString(flagArgument(name, on));
}

/** Whether a flag is on. V8 does not tell, but its version tag is a hash of all flags. */
export function isFlagOn(v8: FlagSwitch, name: string): boolean {
  const before = v8.cachedDataVersionTag();
  set(v8, name, true);
  const on = v8.cachedDataVersionTag() === before;
  if (!on) set(v8, name, false);
  return on;
}

/**
 * Calls `compile` with the flags on, and sets them back to what they were, whatever happens. They belong to
 * the whole process: a module that another thread compiles meanwhile is compiled with them too. That takes
 * longer, and its results are the same. `words` is the lock of flag_lock.ts, and `thread` the number of this
 * thread in it.
 *
 * @throws Error if another thread keeps the lock.
 */
export function withWideFlags<T>(v8: FlagSwitch, words: Int32Array, thread: number, compile: () => T): T {
  acquire(words, thread);
  try {
    const before = WIDE_FLAGS.reduce((mask, [name], bit) => mask | (isFlagOn(v8, name) ? 1 << bit : 0), 0);
    Atomics.store(words, FLAG_WORDS.before, before);
    Atomics.store(words, FLAG_WORDS.changed, 1);
    for (const [name, on] of WIDE_FLAGS) set(v8, name, on);
    return compile();
  } finally {
    repairFlags(v8, words, thread);
  }
}

/**
 * Sets the flags back and releases the lock, if `thread` has it. The main thread calls this after a worker
 * has ended, because a worker that is terminated does not run its `finally` blocks.
 */
export function repairFlags(v8: FlagSwitch, words: Int32Array, thread: number): void {
  if (Atomics.load(words, FLAG_WORDS.owner) !== thread) return;
  if (Atomics.exchange(words, FLAG_WORDS.changed, 0) !== 0) {
    const before = Atomics.load(words, FLAG_WORDS.before);
    for (let bit = WIDE_FLAGS.length - 1; bit >= 0; bit--) set(v8, WIDE_FLAGS[bit][0], (before & (1 << bit)) !== 0);
  }
  release(words);
}
