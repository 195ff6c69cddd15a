import type { FlagSwitch } from "./engine.ts";
import { withWideFlags } from "./flags.ts";

/** What `node:vm` gives to compile a script with V8's own functions. */
export type ScriptCompiler = Pick<typeof import("node:vm"), "runInThisContext">;

/**
 * Compiles the wide build: the optimizing compiler compiles each of its functions now, with the pass. Its
 * functions come from an instance with `imports`. `words` and `thread` are as in withWideFlags().
 *
 * @throws Error if the engine refuses, or if another thread keeps the lock.
 */
export function compileWith(
  v8: FlagSwitch,
  vm: ScriptCompiler,
  words: Int32Array,
  thread: number,
  bytes: Uint8Array,
  imports: WebAssembly.Imports,
): WebAssembly.Module {
  const module = new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>);
  const { exports } = new WebAssembly.Instance(module, imports);
  withWideFlags(v8, words, thread, () => {
    const optimize = vm.runInThisContext("(kernel) => %WasmTierUpFunction(kernel)");
    for (const kernel of Object.values(exports)) if (typeof kernel === "function") optimize(kernel);
  });
  return module;
}
