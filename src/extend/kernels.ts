import { checkInteger, describe, readOptions } from "../checks.ts";
import { KernelsError, OptionError } from "../errors.ts";
import { type ExtensionKernel, loadExtension } from "../runtime/extensions.ts";
import { type KernelsModule, launchExtension } from "../runtime/kernels.ts";
import { MAX_ARGUMENTS } from "../runtime/parallel/control.ts";
import { settle } from "../runtime/parallel/pending.ts";
import { isTensor } from "../tensor/apply.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** An argument of a kernel: a number, or a tensor, which stands for the address of its elements. */
export type KernelArgument = number | Tensor;

/** The functions of a module loaded with `loadKernels`. */
export class UserKernels {
  /** The name of the module, for messages and traces. */
  readonly name: string;
  readonly #kernels: ReadonlyMap<string, ExtensionKernel>;

  /** @internal Made by `loadKernels`. */
  constructor(name: string, kernels: ReadonlyMap<string, ExtensionKernel>) {
    this.name = name;
    this.#kernels = kernels;
  }

  /** The names of the functions. */
  get names(): string[] {
    return [...this.#kernels.keys()];
  }

  /**
   * Runs `kernel(begin, end, ...args)` over `[0, total)`, in chunks of `grain` on all threads; below `grain`
   * on the calling thread only. It may still be running when this function returns: the next operation, or
   * the next read of elements, waits for it.
   *
   * A kernel must write only elements that belong to its part, to tensors made by `emptyResult` in the same
   * callback, and must not read what it writes. What it computes must not depend on where a part begins. Then
   * results have the same bits for every number of threads.
   *
   * @param args up to 32 numbers and tensors, for the kernel's parameters after `begin` and `end`
   * @throws OptionError for an unknown kernel or other arguments than it takes; KernelsError, perhaps at the
   *   next operation, if it fails.
   */
  parallel(kernel: string, total: number, grain: number, ...args: readonly KernelArgument[]): void {
    const op = `${this.name}.${kernel}`;
    checkInteger(op, "total", total, 0, 2 ** 31 - 1);
    checkInteger(op, "grain", grain, 1);
    const { run, number } = this.#find(kernel, args.length + 2);
    const numbers = readArguments(op, args);
    launchExtension({ name: op, kernel: (...all) => void attempt(op, run, all), number, total, grain, args: numbers });
  }

  /** Calls a function once, on the calling thread, and returns what it returns. */
  call(kernel: string, ...args: readonly KernelArgument[]): number | undefined {
    const op = `${this.name}.${kernel}`;
    const { run } = this.#find(kernel, args.length);
    const numbers = readArguments(op, args);
    settle();
    return attempt(op, run, numbers) as number | undefined;
  }

  #find(kernel: string, parameters: number): ExtensionKernel {
    const found = this.#kernels.get(kernel);
    if (!found) throw new OptionError(`${this.name}: no kernel "${kernel}" (known: ${this.names.join(", ")})`);
    if (found.run.length !== parameters) {
      throw new OptionError(
        `${this.name}.${kernel}: expected ${found.run.length} arguments with begin and end, if it has these, got ${parameters}`,
      );
    }
    return found;
  }
}

function attempt(op: string, run: ExtensionKernel["run"], args: readonly number[]): unknown {
  try {
    return run(...args);
  } catch (error) {
    throw new KernelsError(`${op}: the kernel failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function readArguments(op: string, args: readonly KernelArgument[]): number[] {
  if (args.length > MAX_ARGUMENTS) {
    throw new OptionError(`${op}: expected at most ${MAX_ARGUMENTS} arguments, got ${args.length}`);
  }
  return args.map((arg, i) => {
    if (typeof arg === "number") return arg;
    if (isTensor(arg)) return arg.array.address;
    throw new OptionError(`${op}: argument ${i} expected a number or a tensor, got ${describe(arg)}`);
  });
}

export interface LoadKernelsOptions {
  /** The name in messages and traces. Default "kernels". */
  name?: string;
}

/**
 * Loads a WebAssembly module with kernels of your own, which run on the library's memory and threads. The
 * module imports `env.memory`: shared, with a maximum of 65536 pages. It must have no state: no data, no
 * global variables, no start function, because each thread has an instance of it. (Of bytes this is checked.)
 * The next large operation starts new workers, which have the module.
 *
 * @param source the bytes of the module, or a compiled one
 * @throws KernelsError for a module that does not fit, or where the engine has no shared memory.
 * @example
 * ```ts
 * import { Buffer } from "node:buffer";
 * import { defineOperation, emptyResult, loadKernels } from "wasmgrad/extend";
 * // export function ramp(begin: i32, end: i32, y: usize): void, which sets y[i] to i
 * const module = "AGFzbQEAAAABBwFgA39/fwACEgEDZW52Bm1lbW9yeQIDAYCABAMCAQAHCAEEcmFt" +
 *   "cAAACiYBJAADQCAAIAFIBEAgAiAAQQJ0aiAAsjgCACAAQQFqIQAMAQsLCw==";
 * const kernels = loadKernels(Buffer.from(module, "base64"));
 * const ramp = defineOperation({
 *   name: "ramp",
 *   forward(_, length: number) {
 *     const y = emptyResult([length]);
 *     kernels.parallel("ramp", length, 4096, y);
 *     return y;
 *   },
 *   backward: () => null,
 * });
 * console.log(ramp(4).toArray()); // [0, 1, 2, 3]
 * ```
 */
export function loadKernels(
  source: Uint8Array | ArrayBuffer | KernelsModule,
  options?: LoadKernelsOptions,
): UserKernels {
  const name = readName(options);
  const bytes = source instanceof ArrayBuffer ? new Uint8Array(source) : source;
  const isModule = typeof WebAssembly === "object" && bytes instanceof WebAssembly.Module;
  if (!(bytes instanceof Uint8Array) && !isModule) {
    throw new OptionError(
      `loadKernels: expected the bytes of a WebAssembly module or a compiled one, got ${describe(source)}`,
    );
  }
  return new UserKernels(name, loadExtension("loadKernels", bytes as Uint8Array | WebAssembly.Module));
}

function readName(options: LoadKernelsOptions | undefined): string {
  const { name } = readOptions("loadKernels", options, { name: "kernels" });
  if (typeof name !== "string" || name === "")
    throw new OptionError(`loadKernels: name expected a text, got ${describe(name)}`);
  return name;
}
