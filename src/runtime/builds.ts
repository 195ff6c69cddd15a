import { KernelsError } from "../errors.ts";
import { hasKernelBytes, kernelBytes, type Precision } from "./binary.ts";
import type { Kernels } from "./kernels.generated.ts";
import { expectMemory, linearMemory } from "./linear_memory.ts";
import { CONTROL_START } from "./parallel/control.ts";
import { isValid, kernelsRefused } from "./support.ts";
import { compileWide, type VectorWidth } from "./wide/width.ts";

/** A build of the kernels: the instance, and the compiled module, which workers need. */
export interface Build {
  kernels: Kernels;
  module: WebAssembly.Module;
  /** Number of each kernel among the exports. Set at the first parallel job. */
  numbers?: Record<string, number>;
}

/** By precision, then by width. */
const builds: Record<Precision, { [Width in VectorWidth]?: Build }> = { reproducible: {}, fast: {} };

/** Reads a string of AssemblyScript: UTF-16, preceded by its length in bytes. */
function readString(pointer: number): string {
  const length = new Uint32Array(linearMemory.buffer, pointer - 4, 1)[0] / 2;
  return String.fromCharCode(...new Uint16Array(linearMemory.buffer, pointer, length));
}

/** Called by debug builds when an assertion fails. */
function abort(message: number, file: number, line: number, column: number): never {
  throw new Error(`abort: ${readString(message)} at ${readString(file)}:${line}:${column}`);
}

const imports = () => ({ env: { memory: linearMemory, abort } });

/** Compiles a build. */
function compile(of: Precision, bits: VectorWidth): WebAssembly.Module {
  expectMemory();
  if (!hasKernelBytes(of)) {
    throw new KernelsError(
      "kernels: expected useKernels() with wasmgrad/kernels.wasm before the first operation, since this program was built without kernels inside",
    );
  }
  try {
    return bits === 256 ? compileWide(kernelBytes(of), imports()) : new WebAssembly.Module(kernelBytes(of));
  } catch (error) {
    throw kernelsRefused(error);
  }
}

/** Instantiates kernels with the library's memory. */
function instantiate(module: WebAssembly.Module): Build {
  let exports: WebAssembly.Exports;
  try {
    ({ exports } = new WebAssembly.Instance(module, imports()));
  } catch (error) {
    throw kernelsRefused(error);
  }
  const kernels = exports as unknown as Kernels & { heapBase(): number };
  if (kernels.heapBase() > CONTROL_START) {
    throw new Error(`kernels: ${kernels.heapBase()} bytes of static data reach into the control block`);
  }
  return { kernels, module };
}

/** Numbers the kernels. This takes half a millisecond, so it is not done at the start of a program. */
export function numbersOf(of: Build): Record<string, number> {
  return (of.numbers ??= Object.fromEntries(Object.keys(of.kernels).map((name, number) => [name, number])));
}

/** A build, compiled at its first use. */
export function buildOf(of: Precision, bits: VectorWidth): Build {
  return (builds[of][bits] ??= instantiate(compile(of, bits)));
}

/** A build if it is there. */
export function existingBuild(of: Precision, bits: VectorWidth): Build | undefined {
  return builds[of][bits];
}

/** Whether there is a build, made now if need be. False where the engine refuses it. */
export function hasBuild(of: Precision, bits: VectorWidth): boolean {
  if (!builds[of][bits] && of === "fast" && hasKernelBytes(of) && !isValid(kernelBytes("fast"))) return false;
  try {
    buildOf(of, bits);
    return true;
  } catch (error) {
    if (error instanceof KernelsError) return false;
    throw error;
  }
}

/** Forgets all builds. */
export function forgetBuilds(): void {
  for (const of of ["reproducible", "fast"] as const) builds[of] = {};
}

/** Makes a build of a compiled module. */
export function keepBuild(of: Precision, bits: VectorWidth, module: WebAssembly.Module): void {
  builds[of][bits] = instantiate(module);
}
