import { OptionError } from "../../errors.ts";
import { choiceFromEnvironment } from "../environment.ts";
import { type FlagSwitch, wideEngine } from "./engine.ts";
import { flagLock, MAIN_THREAD } from "./flag_lock.ts";
import { withWideFlags } from "./flags.ts";

/** Bits of the vectors that the kernels' machine code works on. */
export type VectorWidth = 128 | 256;

/** A custom section "wide". V8 caches machine code by the bytes of a module, so they must differ. */
const WIDE_SECTION = [0, 5, 4, 119, 105, 100, 101];

let engine: FlagSwitch | undefined | null = null;

/** @internal V8's flags, where kernels can be compiled for 256 bits. Looked for once. */
export function flagSwitch(): FlagSwitch | undefined {
  if (engine === null) engine = wideEngine();
  return engine;
}

/** The bytes of the wide build. */
export function wideBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const wide = new Uint8Array(bytes.length + WIDE_SECTION.length);
  wide.set(bytes);
  wide.set(WIDE_SECTION, bytes.length);
  return wide;
}

/** @internal Compiles a module for 256 bits, where `flagSwitch()` gives V8's flags. */
export function compileWide(bytes: Uint8Array): WebAssembly.Module {
  const v8 = flagSwitch();
  const wide = wideBytes(bytes);
  const compile = () => new WebAssembly.Module(wide);
  return v8 ? withWideFlags(v8, flagLock(v8), MAIN_THREAD, compile) : compile();
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
