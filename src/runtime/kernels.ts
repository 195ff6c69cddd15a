import { KernelsError, OptionError } from "../errors.ts";
import { kernelBytes, type Precision } from "./binary.ts";
import { checkKernels } from "./given_kernels.ts";
import type { Kernels } from "./kernels.generated.ts";
import { expectMemory, isShared, linearMemory } from "./linear_memory.ts";
import { type KernelObserver, observer } from "./observer.ts";
import { CONTROL_START } from "./parallel/control.ts";
import type { Job } from "./parallel/job.ts";
import { settle } from "./parallel/pending.ts";
import { beginParallel, restartWorkers } from "./parallel/pool.ts";
import { isValid, kernelsRefused, needNoCompiler } from "./support.ts";
import { canBeWide, checkWidth, compileWide, type VectorWidth, widthFromEnvironment } from "./wide/width.ts";

export type { Kernels, Precision, VectorWidth };

/** A build of the kernels: the instance, and the compiled module, which workers need. */
interface Build {
  kernels: Kernels;
  module: WebAssembly.Module;
  /** Number of each kernel among the exports. Set at the first parallel job. */
  numbers?: Record<string, number>;
}

/** By precision, then by width. */
const builds: Record<Precision, { [Width in VectorWidth]?: Build }> = { reproducible: {}, fast: {} };
let precision: Precision = "reproducible";
/** Undefined until the first use, when the environment variable is read. */
let width: VectorWidth | undefined;
/** Whether useKernels() gave the kernels, which are then those of 128 bits. */
let isGiven = false;
let build: Build | undefined;

/** Reads a string of AssemblyScript: UTF-16, preceded by its length in bytes. */
function readString(pointer: number): string {
  const length = new Uint32Array(linearMemory.buffer, pointer - 4, 1)[0] / 2;
  return String.fromCharCode(...new Uint16Array(linearMemory.buffer, pointer, length));
}

/** Called by debug builds when an assertion fails. */
function abort(message: number, file: number, line: number, column: number): never {
  throw new Error(`abort: ${readString(message)} at ${readString(file)}:${line}:${column}`);
}

/** Compiles a build. */
function compile(of: Precision, bits: VectorWidth): WebAssembly.Module {
  expectMemory();
  try {
    return bits === 256 ? compileWide(kernelBytes(of)) : new WebAssembly.Module(kernelBytes(of));
  } catch (error) {
    throw kernelsRefused(error);
  }
}

/** Instantiates kernels with the library's memory. */
function instantiate(module: WebAssembly.Module): Build {
  let exports: WebAssembly.Exports;
  try {
    ({ exports } = new WebAssembly.Instance(module, { env: { memory: linearMemory, abort } }));
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
function numbersOf(of: Build): Record<string, number> {
  return (of.numbers ??= Object.fromEntries(Object.keys(of.kernels).map((name, number) => [name, number])));
}

function buildOf(of: Precision, bits: VectorWidth): Build {
  return (builds[of][bits] ??= instantiate(compile(of, bits)));
}

function currentBuild(): Build {
  return (build ??= buildOf(precision, currentWidth()));
}

/** Whether there is a build, made now if need be. False where the engine refuses it. */
function hasBuild(of: Precision, bits: VectorWidth): boolean {
  if (!builds[of][bits] && of === "fast" && !isValid(kernelBytes("fast"))) return false;
  try {
    buildOf(of, bits);
    return true;
  } catch (error) {
    if (error instanceof KernelsError) return false;
    throw error;
  }
}

function currentWidth(): VectorWidth {
  return (width ??= possibleWidth(widthFromEnvironment() ?? 128));
}

/** The wanted width where the engine has it, with its build made; otherwise 128. */
function possibleWidth(wanted: VectorWidth): VectorWidth {
  return wanted === 256 && !isGiven && canBeWide() && hasBuild(precision, 256) ? 256 : 128;
}

/**
 * The kernels, instantiated synchronously at the first use: their bytes are part of the JavaScript, so there
 * is nothing to fetch, configure or await. Settles the pending kernel, so that the caller may call kernels
 * directly.
 */
export function kernels(): Kernels {
  settle();
  const current = (build ?? currentBuild()).kernels;
  return observer ? observed(current, observer) : current;
}

/** The exports of the build in use: another object after each change of the build. */
export function kernelsInUse(): Kernels {
  return (build ?? currentBuild()).kernels;
}

/** The same kernels, but the observer is notified of each call. */
function observed(current: Kernels, by: KernelObserver): Kernels {
  // The target is not the exports object: its properties are constant, so a proxy would have to return them
  // unchanged.
  return new Proxy({} as Kernels, {
    get(_, name: keyof Kernels & string) {
      const kernel = current[name] as (...args: Numbers) => unknown;
      return (...args: Numbers) => by.kernel(name, 1, () => kernel(...args));
    },
  });
}

/**
 * Chooses between two builds of the kernels, at any time. "reproducible", the default, gives the same bits on
 * every machine. "fast" uses relaxed SIMD: if the processor has fused multiply-add, products are not rounded
 * before they are added. The last bits of results may then differ between machines, but never between runs on
 * one machine or with the number of threads. Errors are not larger. Matrix products and convolutions are
 * faster by a sixth to a third.
 *
 * Returns the build that is now used. "fast" has no effect, and the result is "reproducible", if the engine
 * has no relaxed SIMD or refuses to compile WebAssembly. (Node 22 and later have relaxed SIMD; Node 20 needs
 * the option --experimental-wasm-relaxed-simd.)
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
  if (choice === "fast" && !hasBuild("fast", currentWidth())) return precision;
  precision = choice;
  build = undefined;
  restartWorkers(); // the current workers run the other build
  return precision;
}

/**
 * Sets the width in bits of the vectors that the kernels work on, at any time. 256 compiles them so that two
 * neighbouring operations of 128 bits become one of 256. That takes some tenths of a second. Results are the
 * same, bit for bit.
 *
 * Returns the width in effect. It stays 128 where V8 cannot do this: outside Node 24, 25 and 26, on
 * processors other than x64 with AVX2, and in worker threads. The environment variable
 * `WASMGRAD_VECTOR_WIDTH`, 128 or 256, sets the width that a program starts with.
 *
 * @throws OptionError unless width is 128 or 256.
 * @example
 * ```ts
 * import { getVectorWidth, setVectorWidth } from "wasmgrad";
 * console.log(setVectorWidth(256) === getVectorWidth()); // true
 * console.log(setVectorWidth(128)); // 128
 * ```
 */
export function setVectorWidth(choice: VectorWidth): VectorWidth {
  checkWidth(choice);
  const possible = possibleWidth(choice);
  if (possible !== width) {
    width = possible;
    build = undefined;
    restartWorkers(); // they run the other build
  }
  return width;
}

/** The width in bits of the vectors that the kernels work on: 128 or 256. */
export function getVectorWidth(): VectorWidth {
  return currentWidth();
}

/** `WebAssembly.Module` if the program's type libraries declare it (those of browsers and of Node do). */
export type KernelsModule = typeof globalThis extends { WebAssembly: { Module: { prototype: infer Module } } }
  ? Module
  : object;

/**
 * Passes compiled kernels to the library, for environments that refuse to compile WebAssembly from bytes,
 * such as Cloudflare Workers. `module` is this version's `wasmgrad/kernels.wasm`, imported by the program.
 * Call this function before the first operation. Other environments do not need it: the library contains the
 * same kernels.
 *
 * @throws OptionError unless `module` is a WebAssembly.Module of this version's kernels.wasm.
 * @throws KernelsError after the first operation, or if memory cannot be shared (these kernels import a
 *   shared memory).
 * @example
 * ```js
 * // a Cloudflare Worker
 * import kernels from "wasmgrad/kernels.wasm";
 * import { ones, useKernels } from "wasmgrad";
 * useKernels(kernels);
 * ones([2, 2]).sum().item(); // 4
 * ```
 */
export function useKernels(module: KernelsModule): void {
  const given = module as WebAssembly.Module;
  checkKernels(given);
  if (isGiven && builds.reproducible[128]?.module === given) return;
  if (builds.reproducible[128] || builds.reproducible[256]) {
    throw new KernelsError(
      "useKernels: expected a call before the first operation, got one after it: the kernels are in use. Call it at the program's start",
    );
  }
  expectMemory();
  if (!isShared) {
    throw new KernelsError(
      "useKernels: expected an engine that gives shared WebAssembly memory, which kernels.wasm imports, got one that refuses it",
    );
  }
  builds.reproducible[128] = instantiate(given);
  isGiven = true;
  needNoCompiler();
}

/** The build of the kernels in use: the last result of `setPrecision`, or "reproducible". */
export function getPrecision(): Precision {
  return precision;
}

type Numbers = readonly number[];

/** The kernels whose first two parameters are an output range `[begin, end)`, with their other parameters. */
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
 * Runs a kernel over `[0, total)`. If there is more than one chunk of `grain`, the kernel runs on all threads
 * and may still be pending when this function returns: see parallel/README.md. Chunks run in any order, on
 * which the result must not depend. The last chunk may be shorter.
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
  if (observer) launchObserved(observer, current, { name, kernel, number: 0, total, grain, args });
  else if (total <= grain) kernel(0, total, ...args);
  else beginParallel(current.module, { name, kernel, number: numbersOf(current)[name], total, grain, args });
}

/**
 * Runs a kernel and waits until it has finished, so that it can be timed. This is not part of `launch`,
 * because a closure there would slow down every launch.
 */
function launchObserved(by: KernelObserver, current: Build, job: Job): void {
  const { name, kernel, total, grain, args } = job;
  by.kernel(name, Math.ceil(total / grain), () => {
    if (total <= grain) kernel(0, total, ...args);
    else {
      beginParallel(current.module, { ...job, number: numbersOf(current)[name] });
      settle();
    }
  });
}
