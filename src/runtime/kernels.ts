import { KernelsError, OptionError } from "../errors.ts";
import { identity, kernelBytes, type Precision } from "./binary.ts";
import { IDENTITY_SECTION } from "./identity.ts";
import type { Kernels } from "./kernels.generated.ts";
import { expectMemory, isShared, linearMemory } from "./linear_memory.ts";
import { type KernelObserver, observer } from "./observer.ts";
import { CONTROL_START } from "./parallel/control.ts";
import type { Job } from "./parallel/job.ts";
import { settle } from "./parallel/pending.ts";
import { beginParallel, restartWorkers } from "./parallel/pool.ts";
import { isValid, kernelsRefused, needNoCompiler } from "./support.ts";

export type { Kernels, Precision };

/** A build of the kernels: the instance, and the compiled module, which workers need. */
interface Build {
  kernels: Kernels;
  module: WebAssembly.Module;
  /** Number of each kernel among the exports. Set at the first parallel job. */
  numbers?: Record<string, number>;
}

const builds: { [P in Precision]?: Build } = {};
let precision: Precision = "reproducible";
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
function compile(of: Precision): WebAssembly.Module {
  expectMemory();
  try {
    return new WebAssembly.Module(kernelBytes(of));
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

function currentBuild(): Build {
  return (build ??= builds[precision] ??= instantiate(compile(precision)));
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
  if (choice === "fast" && !builds.fast) {
    if (!isValid(kernelBytes("fast"))) return precision;
    try {
      builds.fast = instantiate(compile("fast"));
    } catch (error) {
      if (error instanceof KernelsError) return precision;
      throw error;
    }
  }
  precision = choice;
  build = undefined;
  restartWorkers(); // the current workers run the other build
  return precision;
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
  if (builds.reproducible?.module === given) return;
  if (builds.reproducible) {
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
  builds.reproducible = instantiate(given);
  needNoCompiler();
}

/** Throws unless a module contains the same kernels as the library. */
function checkKernels(module: WebAssembly.Module): void {
  const expected = `useKernels: expected the WebAssembly.Module of this version's wasmgrad/kernels.wasm (${identity()})`;
  let sections: ArrayBuffer[];
  try {
    sections = WebAssembly.Module.customSections(module, IDENTITY_SECTION);
  } catch (error) {
    if (typeof WebAssembly === "undefined") throw kernelsRefused(error);
    const kind = Object.prototype.toString.call(module).slice("[object ".length, -1);
    const advice =
      kind === "WebAssembly.Instance" || kind === "Promise" ? "" : "; compile bytes with WebAssembly.compile() first";
    throw new OptionError(`${expected}, got ${kind}${advice}`);
  }
  const names = sections.map((section) => String.fromCharCode(...new Uint8Array(section)));
  if (names.length === 1 && names[0] === identity()) return;
  const exports = WebAssembly.Module.exports(module);
  const isOurs = names.length > 0 || exports.some(({ name }) => name === "heapBase");
  const actual = isOurs
    ? `kernels of another build (${names.join(" ") || "without its name"})`
    : `another module (exports: ${
        exports
          .slice(0, 3)
          .map(({ name }) => name)
          .join(", ") || "none"
      })`;
  throw new OptionError(`${expected}, got ${actual}`);
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
