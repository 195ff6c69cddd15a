import { OptionError } from "../../errors.ts";
import { isNode } from "../node_module.ts";
import { type FlagSwitch, wideEngine } from "./engine.ts";
import { withWideFlags } from "./flags.ts";

/** Bits of the vectors that the kernels' machine code works on. */
export type VectorWidth = 128 | 256;

/** A custom section "wide". V8 caches machine code by the bytes of a module, so they must differ. */
const WIDE_SECTION = [0, 5, 4, 119, 105, 100, 101];

let engine: FlagSwitch | undefined | null = null;

/** Whether kernels can be compiled for 256 bits here. */
export function canBeWide(): boolean {
  if (engine === null) engine = wideEngine();
  return engine !== undefined;
}

/** @internal Compiles a module for 256 bits, where `canBeWide()`. */
export function compileWide(bytes: Uint8Array): WebAssembly.Module {
  const wide = new Uint8Array(bytes.length + WIDE_SECTION.length);
  wide.set(bytes);
  wide.set(WIDE_SECTION, bytes.length);
  const compile = () => new WebAssembly.Module(wide);
  return engine ? withWideFlags(engine, compile) : compile();
}

/** The width that the environment variable WASMGRAD_VECTOR_WIDTH asks for, in Node. */
export function widthFromEnvironment(): VectorWidth | undefined {
  const given = isNode() ? process.env.WASMGRAD_VECTOR_WIDTH : undefined;
  if (given === undefined || given === "") return undefined;
  if (given !== "128" && given !== "256") {
    throw new OptionError(`WASMGRAD_VECTOR_WIDTH: expected 128 or 256, got ${given}`);
  }
  return given === "256" ? 256 : 128;
}

/** Throws unless a width that a user gave is one. */
export function checkWidth(width: unknown): asserts width is VectorWidth {
  if (width !== 128 && width !== 256)
    throw new OptionError(`setVectorWidth: expected 128 or 256, got ${String(width)}`);
}
