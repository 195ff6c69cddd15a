import type { FlagSwitch } from "./engine.ts";
import { acquire, FLAG_WORDS, release } from "./flag_lock.ts";

/**
 * The flags under which V8 packs two 128-bit operations into one of 256 bits: its pass, and the syntax of
 * `%WasmTierUpFunction`, which makes the optimizing compiler compile a function now. Both are harmless to
 * what other threads compile meanwhile: the pass gives the same results, and the syntax changes no valid
 * program.
 *
 * The flags that turn Liftoff off would do without that function. But a thread that has seen only some of
 * them compiles code that ends the process later: see assembly/matmul/wide.md.
 */
export const WIDE_FLAGS = ["allow-natives-syntax", "experimental-wasm-revectorize"] as const;

/** A flag as an argument of Node. */
export function flagArgument(name: string, on: boolean): string {
  return on ? `--${name}` : `--no-${name}`;
}

function set(v8: FlagSwitch, name: string, on: boolean): void {
  v8.setFlagsFromString(flagArgument(name, on));
}

/** A flag that V8 has for its own tests and that does nothing, and its default. */
const IDLE_FLAG = "testing-int-flag";
const IDLE_VALUE = 13;

/**
 * V8's version tag, which has a hash of all flags. V8 keeps the hash until a flag changes, and a thread that
 * computes it meanwhile may store an outdated one. So the tag is computed until it comes twice.
 */
export function flagsTag(v8: FlagSwitch): number {
  let tag: number | undefined;
  for (;;) {
    for (const value of [IDLE_VALUE + 1, IDLE_VALUE]) v8.setFlagsFromString(`--${IDLE_FLAG}=${value}`);
    const last = tag;
    tag = v8.cachedDataVersionTag();
    if (tag === last) return tag;
  }
}

/** Whether a flag is on. V8 does not tell, but its version tag does. */
export function isFlagOn(v8: FlagSwitch, name: string): boolean {
  const before = flagsTag(v8);
  set(v8, name, true);
  const on = flagsTag(v8) === before;
  if (!on) set(v8, name, false);
  return on;
}

/**
 * Calls `compile` with the flags on, and sets them back to what they were, whatever happens. They belong to
 * the whole process. `words` is the lock of flag_lock.ts, and `thread` the number of this thread in it.
 *
 * @throws Error if another thread keeps the lock.
 */
export function withWideFlags<T>(v8: FlagSwitch, words: Int32Array, thread: number, compile: () => T): T {
  acquire(words, thread);
  try {
    const before = WIDE_FLAGS.reduce((mask, name, bit) => mask | (isFlagOn(v8, name) ? 1 << bit : 0), 0);
    Atomics.store(words, FLAG_WORDS.before, before);
    Atomics.store(words, FLAG_WORDS.changed, 1);
    for (const name of WIDE_FLAGS) set(v8, name, true);
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
    for (let bit = WIDE_FLAGS.length - 1; bit >= 0; bit--) set(v8, WIDE_FLAGS[bit], (before & (1 << bit)) !== 0);
    flagsTag(v8); // no outdated hash stays
  }
  release(words);
}
