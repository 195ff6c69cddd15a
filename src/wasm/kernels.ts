import { instantiateSync } from "@assemblyscript/loader";
import { kernelsBase64 } from "./binary.generated.ts";
import type { Kernels } from "./kernels.generated.ts";
import { HEAP_START, memory } from "./memory.ts";

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

/** Instantiates other bytes of the same interface (the debug build, in tests) over the same memory. */
export function instantiate(bytes: Uint8Array<ArrayBuffer>): Kernels {
  const { exports } = instantiateSync(bytes, { env: { memory } }).instance;
  const { heapBase } = exports as unknown as { heapBase(): number };
  if (heapBase() > HEAP_START) throw new Error(`kernels: ${heapBase()} bytes of static data reach into the heap`);
  return exports as unknown as Kernels;
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
 * Runs a kernel over `[0, total)`. The kernel may be called for any partition of that range into chunks of `grain`
 * (the last one shorter), in any order: what it writes must not depend on it.
 */
export function launch<Name extends keyof RangeKernels>(
  name: Name,
  total: number,
  _grain: number,
  ...args: RangeKernels[Name]
): void {
  if (total > 0) (kernels()[name] as (...all: Numbers) => void)(0, total, ...args);
}
