import { KernelsError, OptionError } from "../errors.ts";
import { addressSpaceLeft } from "./address_space.ts";
import { addPart, kernelBytes, type Precision, setRelaxedPart } from "./binary.ts";
import { type Build, buildOf, existingBuild, forgetBuilds, hasBuild, keepBuild, numbersOf } from "./builds.ts";
import { compileWorkerSource, relaxed } from "./code/plain.ts";
import { checkKernels } from "./given_kernels.ts";
import type { BaseKernel, KernelsModule, PartKernelsFunction, PartLaunch, RangeKernels } from "./kernel_types.ts";
import type { Kernels, PartKernels } from "./kernels.generated.ts";
import { expectMemory, isShared } from "./linear_memory.ts";
import { type KernelObserver, observedKernels, observer } from "./observer.ts";
import type { Job } from "./parallel/job.ts";
import { settle } from "./parallel/pending.ts";
import { beginParallel, restartWorkers } from "./parallel/pool.ts";
import { needNoCompiler } from "./support.ts";
import { type BackgroundCompile, compileInBackground } from "./wide/background.ts";
import { LOOK_EVERY, Swap } from "./wide/swap.ts";
import { checkWidth, flagSwitch, type VectorWidth, wideBytes, widthFromEnvironment } from "./wide/width.ts";

export type { BaseKernel, Kernels, KernelsModule, PartKernelsFunction, PartLaunch, Precision, VectorWidth };

let precision: Precision = "reproducible";
/** Undefined until the first use, when the environment variable is read. */
let width: VectorWidth | undefined;
/** Whether the user or the environment variable has set the width. Otherwise it becomes 256 in time. */
let isWidthSet = false;
/** Whether useKernels() gave the kernels. The program then runs these, of 128 bits, and no others. */
let isGiven = false;
let build: Build | undefined;
/** Decides when the wide build takes over, unless the user has set a width. */
const swap = /* @__PURE__ */ new Swap(startWide);
/** Launches until it is asked next; 0 if it is not asked any more. */
let untilLook = LOOK_EVERY;
/** Time for which setVectorWidth(256) waits for a build that is being compiled in the background. */
const LONGEST_WAIT_MS = 20_000;

function currentBuild(): Build {
  return (build ??= buildOf(precision, currentWidth()));
}

function currentWidth(): VectorWidth {
  return (width ??= widthAtStart());
}

function widthAtStart(): VectorWidth {
  const asked = widthFromEnvironment();
  return asked === undefined ? 128 : setWidth(asked);
}

/** The wanted width where the engine has it, with its build made; otherwise 128. */
function possibleWidth(wanted: VectorWidth): VectorWidth {
  if (wanted === 128 || isGiven || !flagSwitch()) return 128;
  const module = existingBuild(precision, 256) ? undefined : swap.await(precision, LONGEST_WAIT_MS);
  if (module) keepBuild(precision, 256, module);
  return hasBuild(precision, 256) ? 256 : 128;
}

/** Starts to compile the wide build in the background, where the engine can. */
function startWide(of: Precision): BackgroundCompile | undefined {
  // a worker needs address space, and V8 ends the process if there is too little
  const cannot = isGiven || !compileWorkerSource || !isShared;
  const v8 = cannot || addressSpaceLeft() < Number.POSITIVE_INFINITY ? undefined : flagSwitch();
  return v8 && compileInBackground(v8, wideBytes(kernelBytes(of)), buildOf(of, 128).module);
}

/** Lets the wide build take over once it is ready. */
function lookAtSwap(): void {
  const next = swap.look(precision);
  untilLook = typeof next === "number" ? next : 0;
  if (typeof next === "number") return;
  try {
    keepBuild(precision, 256, next);
  } catch {
    return; // no memory for it: the narrow build stays
  }
  useWidth(256);
}

/** Returns the width that is possible, which the program then keeps. */
function setWidth(wanted: VectorWidth): VectorWidth {
  isWidthSet = true;
  untilLook = 0;
  return possibleWidth(wanted);
}

function useWidth(next: VectorWidth): void {
  width = next;
  build = undefined;
  restartWorkers(); // they run the other build
}

/**
 * Begins to compile the wide build now, as a program does that has run for a while. For tests.
 * Returns whether that is possible here.
 */
export function beginSwap(): boolean {
  const current = currentBuild(); // the environment variable is read first
  if (untilLook === 0 || current !== existingBuild(precision, 128) || !swap.begin(precision)) return false;
  untilLook = 1;
  return true;
}

/**
 * Adds a part of the kernels to the program. What launches its kernels gets `launch` and `kernels` from here:
 * then a bundler leaves out the parts that a program does not use. A part that is loaded after the first
 * operation, with a piece of a program, makes the next operation compile the kernels again.
 */
function usePart(code: string): void {
  addPart(code);
  if (isGiven || !build) return;
  restartWorkers();
  forgetBuilds();
  build = undefined;
}

/** `launch` for the kernels of a part. */
export function launchOf<Part extends keyof PartKernels>(code: string): PartLaunch<Part> {
  usePart(code);
  return launch as PartLaunch<Part>;
}

/** `kernels` for those of a part. */
export function kernelsOf<Part extends keyof PartKernels>(code: string): PartKernelsFunction<Part> {
  usePart(code);
  return kernels as () => Kernels;
}

/**
 * The kernels, instantiated synchronously at the first use: their bytes are part of the JavaScript, so there
 * is nothing to fetch, configure or await. Settles the pending kernel, so that the caller may call kernels
 * directly.
 */
export function kernels(): Pick<Kernels, BaseKernel> {
  settle();
  const current = (build ?? currentBuild()).kernels;
  return observer ? observedKernels(current, observer) : current;
}

/** The exports of the build in use: another object after each change of the build. */
export function kernelsInUse(): Kernels {
  return (build ?? currentBuild()).kernels;
}

export const kernelsModule = (): object => currentBuild().module;

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
  setRelaxedPart(relaxed);
  const set = currentWidth();
  const next = isWidthSet ? set : existingBuild(choice, 256) ? 256 : 128;
  if (choice === "fast" && !hasBuild("fast", next)) return precision;
  precision = choice;
  untilLook = isWidthSet || next === 256 ? 0 : LOOK_EVERY;
  useWidth(next);
  return precision;
}

/**
 * Sets the width in bits of the vectors that the kernels work on, at any time. 256 compiles them so that two
 * neighbouring operations of 128 bits become one of 256. That takes some tenths of a second. Results are the
 * same, bit for bit. By default, a program starts with 128, and 256 takes over after a second of work, when
 * the kernels have been compiled in the background.
 *
 * Returns the width in effect. It stays 128 where V8 cannot do this: outside Node 24, 25 and 26, on
 * processors other than x64 with AVX2, in worker threads, and after `useKernels`. The environment variable
 * `WASMGRAD_VECTOR_WIDTH`, 128 or 256, sets the width of a whole program.
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
  const possible = setWidth(choice);
  if (possible !== width) useWidth(possible);
  return possible;
}

/** The width in bits of the vectors that the kernels work on: 128 or 256. */
export function getVectorWidth(): VectorWidth {
  return currentWidth();
}

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
  const existing = existingBuild("reproducible", 128);
  if (isGiven && existing?.module === given) return;
  if (existing || existingBuild("reproducible", 256)) {
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
  keepBuild("reproducible", 128, given);
  isGiven = true;
  needNoCompiler();
}

/** The build of the kernels in use: the last result of `setPrecision`, or "reproducible". */
export function getPrecision(): Precision {
  return precision;
}

/**
 * Runs a kernel over `[0, total)`. If there is more than one chunk of `grain`, the kernel runs on all threads
 * and may still be pending when this function returns: see parallel/README.md. Chunks run in any order, on
 * which the result must not depend. The last chunk may be shorter.
 */
export function launch<Name extends BaseKernel>(
  name: Name,
  total: number,
  grain: number,
  ...args: RangeKernels[Name]
): void {
  if (total <= 0) return;
  if (untilLook !== 0 && --untilLook === 0) lookAtSwap();
  const current = currentBuild();
  settle();
  const kernel = current.kernels[name] as (...all: readonly number[]) => void;
  if (observer) launchObserved(observer, current, { name, kernel, number: 0, total, grain, args });
  else if (total <= grain) kernel(0, total, ...args);
  else beginParallel(current.module, { name, kernel, number: numbersOf(current)[name], total, grain, args });
}

/** Runs a kernel of a user's module over `[0, job.total)`: see `launch`. */
export function launchExtension(job: Job): void {
  if (job.total <= 0) return;
  const current = currentBuild();
  settle();
  if (observer) launchObserved(observer, current, job);
  else if (job.total <= job.grain) job.kernel(0, job.total, ...job.args);
  else beginParallel(current.module, job);
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
      beginParallel(current.module, { ...job, number: numbersOf(current)[name] ?? job.number });
      settle();
    }
  });
}
