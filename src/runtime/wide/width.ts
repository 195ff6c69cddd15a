import { OptionError } from "../../errors.ts";
import { choiceFromEnvironment } from "../environment.ts";
import { nodeModule } from "../node_module.ts";
import { compileWith } from "./compile.ts";
import { type FlagSwitch, wideEngine } from "./engine.ts";
import { exportFunctions } from "./export_functions.ts";
import { flagLock, MAIN_THREAD } from "./flag_lock.ts";

/** Bits of the vectors that the kernels' machine code works on. */
export type VectorWidth = 128 | 256;

let engine: FlagSwitch | undefined | null = null;

/** @internal V8's flags, where kernels can be compiled for 256 bits. Looked for once. */
export function flagSwitch(): FlagSwitch | undefined {
  if (engine === null) engine = wideEngine();
  return engine;
}

/** The bytes of the wide build. V8 caches machine code by the bytes of a module, so they must differ. */
export const wideBytes = exportFunctions;

/** @internal Compiles a module for 256 bits, where `flagSwitch()` gives V8's flags. */
export function compileWide(bytes: Uint8Array, imports: WebAssembly.Imports): WebAssembly.Module {
  const v8 = flagSwitch();
  const vm = nodeModule("node:vm");
  const wide = wideBytes(bytes);
  return v8 && vm ? compileWith(v8, vm, flagLock(v8), MAIN_THREAD, wide, imports) : new WebAssembly.Module(wide);
}

/** The width that the environment variable WASMGRAD_VECTOR_WIDTH asks for, in Node. */
export function widthFromEnvironment(): VectorWidth | undefined {
  const given = choiceFromEnvironment("WASMGRAD_VECTOR_WIDTH", ["128", "256"]);
  return given && (Number(given) as VectorWidth);
}

/** Throws unless a width that a user gave is one. */
export function checkWidth(width: unknown): asserts width is VectorWidth {
  if (width !== 128 && width !== 256)
    throw new OptionError(`setVectorWidth: expected 128 or 256, got ${String(width)}`);
}
