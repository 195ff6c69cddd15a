import { isNode, nodeModule } from "../node_module.ts";
import { hasCompiler } from "../support.ts";

/** What `node:v8` gives to change V8's flags and to see that they changed. */
export type FlagSwitch = Pick<typeof import("node:v8"), "setFlagsFromString" | "cachedDataVersionTag">;

/**
 * Versions of Node whose V8 has the pass and that the tests run on. In Node 22 the flag exists but does
 * nothing; in Node 20 it does not exist.
 */
const LISTED_VERSIONS = /^(24|25|26)\./;
/** V8 ends the process where frozen flags are changed; the others turn its optimizing compiler off. */
const UNTOUCHABLE = /freeze[-_]flags|jitless|liftoff[-_]only|no[-_]wasm[-_](tier[-_]up|opt)/;

/**
 * The smallest module that shows fused multiply-add: it returns whether relaxed_madd(a, a, -fround(a * a)) is
 * not 0, for a = 1 + 2^-12.
 */
const FUSED_MODULE = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 127, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 30, 1, 28, 0],
  ...[67, 0, 8, 128, 63, 253, 19, 67, 0, 8, 128, 63, 253, 19, 67, 0, 16, 128, 191, 253, 19, 253, 133, 2, 253, 83, 11],
);

/**
 * Whether the processor has AVX2, which V8's pass needs. No instruction of WebAssembly shows AVX2, but one
 * shows fused multiply-add, which came with it. (The exceptions are a few AMD processors of 2012 to 2014.
 * There the flags do nothing: the wide build is then as narrow as the other, with the same bits.)
 */
function hasAvx2(): boolean {
  try {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(FUSED_MODULE));
    return (exports.f as () => number)() !== 0;
  } catch {
    return false;
  }
}

/**
 * V8's flags, where this engine is on the list: Node 24, 25 or 26 on an x64 processor with AVX2. Only on the
 * main thread, which no program can end alone: it sets the flags back if the worker that compiles does not.
 * Undefined elsewhere; nothing is touched there.
 */
export function wideEngine(): FlagSwitch | undefined {
  if (!isNode()) return undefined;
  const { versions, arch, execArgv } = process;
  if (versions.electron || arch !== "x64" || !LISTED_VERSIONS.test(versions.node)) return undefined;
  if (execArgv.some((flag) => UNTOUCHABLE.test(flag))) return undefined;
  if (!nodeModule("node:worker_threads")?.isMainThread) return undefined;
  const v8 = nodeModule("node:v8");
  return v8 && hasCompiler() && hasAvx2() ? v8 : undefined;
}
