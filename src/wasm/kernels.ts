import { OptionError } from "../errors.ts";
import { kernelBytes, type Precision } from "./binary.ts";
import type { Kernels } from "./kernels.generated.ts";
import { memory } from "./memory.ts";
import { settle } from "./pending.ts";
import { beginParallel, restartWorkers } from "./threads.ts";
import { CONTROL_START } from "./worker_source.ts";

export type { Kernels, Precision };

/** A build of the kernels: instantiated, and compiled, which is what workers need. */
interface Build {
  kernels: Kernels;
  module: WebAssembly.Module;
  /** The number of each kernel among the exports, from the first parallel job on. */
  numbers?: Record<string, number>;
}

const builds: { [P in Precision]?: Build } = {};
let precision: Precision = "reproducible";
let build: Build | undefined;

/** A string of AssemblyScript: UTF-16, its length in bytes before it. */
function readString(pointer: number): string {
  const length = new Uint32Array(memory.buffer, pointer - 4, 1)[0] / 2;
  return String.fromCharCode(...new Uint16Array(memory.buffer, pointer, length));
}

/** What debug builds call when an assert does not hold. */
function abort(message: number, file: number, line: number, column: number): never {
  throw new Error(`abort: ${readString(message)} at ${readString(file)}:${line}:${column}`);
}

/** Instantiates kernels over the one memory. */
function instantiate(bytes: Uint8Array<ArrayBuffer>): Build {
  const module = new WebAssembly.Module(bytes);
  const { exports } = new WebAssembly.Instance(module, { env: { memory, abort } });
  const kernels = exports as unknown as Kernels & { heapBase(): number };
  if (kernels.heapBase() > CONTROL_START) {
    throw new Error(`kernels: ${kernels.heapBase()} bytes of static data reach into the control block`);
  }
  return { kernels, module };
}

/** Half a millisecond, so not at the start of a program. */
function numbersOf(of: Build): Record<string, number> {
  return (of.numbers ??= Object.fromEntries(Object.keys(of.kernels).map((name, number) => [name, number])));
}

function currentBuild(): Build {
  return (build ??= builds[precision] ??= instantiate(kernelBytes(precision)));
}

/**
 * The kernels, instantiated at the first use, synchronously: the bytes are part of the JavaScript, so there is nothing to
 * fetch, to configure or to await. None is pending, so that one may be called directly.
 */
export function kernels(): Kernels {
  settle();
  return (build ?? currentBuild()).kernels;
}

/**
 * Chooses between two builds of the kernels, at any time. "reproducible", the default, gives the same bits on every machine.
 * "fast" uses relaxed SIMD: products are added without rounding them first where the processor has fused multiply-add, so last
 * bits may differ between machines, never between runs on one machine or with the number of threads; errors are no larger.
 * Matrix products and convolutions get faster by a sixth to a third.
 *
 * Returns what is chosen: "fast" has no effect, and "reproducible" comes back, where the engine has no relaxed SIMD (Node 20,
 * unless started with --experimental-wasm-relaxed-simd; Node 22 and later have it).
 *
 * @throws OptionError unless precision is "reproducible" or "fast".
 * @example
 * ```ts
 * import { getPrecision, setPrecision } from "wasmgrad";
 * console.log(setPrecision("fast") === getPrecision()); // true
 * console.log(setPrecision("reproducible")); // reproducible
 * ```
 */
export function setPrecision(choice: Precision): Precision {
  if (choice !== "reproducible" && choice !== "fast") {
    throw new OptionError(`setPrecision: expected "reproducible" or "fast", got ${String(choice)}`);
  }
  if (choice === precision) return precision;
  if (choice === "fast" && !builds.fast) {
    const bytes = kernelBytes("fast");
    if (!WebAssembly.validate(bytes)) return precision;
    builds.fast = instantiate(bytes);
  }
  precision = choice;
  build = undefined;
  restartWorkers(); // theirs is the other build
  return precision;
}

/** Which build of the kernels runs: what `setPrecision` returned last, or "reproducible". */
export function getPrecision(): Precision {
  return precision;
}

type Numbers = readonly number[];

/** Kernels whose first two parameters are an output range `[begin, end)`, and the parameters that follow. */
type RangeKernels = {
  [Name in keyof Kernels]: Kernels[Name] extends (
    begin: number,
    end: number,
    ...rest: infer Rest extends Numbers
  ) => void
    ? Rest
    : never;
};

/**
 * Runs a kernel over `[0, total)`, on all threads where there is more than one chunk; then it may still be pending at the return. The
 * kernel may be called for any partition of that range into chunks of `grain` (the last one shorter), in any order: what it
 * writes must not depend on it.
 */
export function launch<Name extends keyof RangeKernels>(
  name: Name,
  total: number,
  grain: number,
  ...args: RangeKernels[Name]
): void {
  if (total <= 0) return;
  const current = currentBuild();
  settle();
  const kernel = current.kernels[name] as (...all: Numbers) => void;
  if (total <= grain) kernel(0, total, ...args);
  else beginParallel(current.module, { name, kernel, number: numbersOf(current)[name], total, grain, args });
}
