import { instantiateSync } from "@assemblyscript/loader";
import { kernelsBase64 } from "./binary.generated.ts";
import type { Kernels } from "./kernels.generated.ts";
import { HEAP_START, memory } from "./memory.ts";
import { runParallel } from "./threads.ts";

export type { Kernels };

let instance: Kernels | undefined;

function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/**
 * The kernels, instantiated at the first use, synchronously: the bytes are part of the JavaScript, so there is nothing to
 * fetch, to configure or to await. (Debug builds report failed asserts through the loader, with message, file and line.)
 */
export function kernels(): Kernels {
  return (instance ??= instantiate(decodeBase64(kernelsBase64)));
}

/** What workers need: the compiled module, and the number of each of its exports. */
let loaded: { module: WebAssembly.Module; numbers: Record<string, number> } | undefined;

/** Instantiates the kernels over the one memory. */
function instantiate(bytes: Uint8Array<ArrayBuffer>): Kernels {
  const { module, instance } = instantiateSync(bytes, { env: { memory } });
  const exports = instance.exports as unknown as Kernels & { heapBase(): number };
  if (exports.heapBase() > HEAP_START) {
    throw new Error(`kernels: ${exports.heapBase()} bytes of static data reach into the heap`);
  }
  loaded = { module, numbers: Object.fromEntries(Object.keys(exports).map((name, number) => [name, number])) };
  return exports;
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
 * Runs a kernel over `[0, total)`, on all threads where there is more than one chunk. The kernel may be called for any partition
 * of that range into chunks of `grain` (the last one shorter), in any order: what it writes must not depend on it.
 */
export function launch<Name extends keyof RangeKernels>(
  name: Name,
  total: number,
  grain: number,
  ...args: RangeKernels[Name]
): void {
  if (total <= 0) return;
  const kernel = kernels()[name] as (...all: Numbers) => void;
  if (total <= grain || !loaded) kernel(0, total, ...args);
  else runParallel(loaded.module, name, loaded.numbers[name], kernel, total, grain, args);
}
