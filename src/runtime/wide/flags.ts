import type { FlagSwitch } from "./engine.ts";

/**
 * The flags under which V8 packs two 128-bit operations into one of 256 bits, and their values. Its pass is
 * part of the optimizing compiler, so that one must compile the whole module at once, without Liftoff before
 * it. With inlining on, Node 26 then aborts: a check of V8 fails, because no feedback was collected.
 */
export const WIDE_FLAGS = [
  ["experimental-wasm-revectorize", true],
  ["liftoff", false],
  ["wasm-lazy-compilation", false],
  ["wasm-inlining", false],
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
 * longer, and its results are the same.
 */
export function withWideFlags<T>(v8: FlagSwitch, compile: () => T): T {
  const before = WIDE_FLAGS.map(([name]) => [name, isFlagOn(v8, name)] as const);
  try {
    for (const [name, on] of WIDE_FLAGS) set(v8, name, on);
    return compile();
  } finally {
    for (const [name, on] of before) set(v8, name, on);
  }
}
