/** The library's kernels with a memory of their own, to show what they read and write. */

import address from "../../../dist/kernels.wasm?url";
import { memoryFlagsAt } from "../../../scripts/wasm_file.ts";
import type { Kernels } from "../../../src/runtime/kernels.generated.ts";

export interface LoadedKernels {
  kernels: Kernels;
  memory: WebAssembly.Memory;
  /** The first address that the kernels do not use. */
  free: number;
}

async function load(): Promise<LoadedKernels> {
  const bytes = new Uint8Array(await (await fetch(address)).arrayBuffer());
  const flags = memoryFlagsAt(bytes);
  let memory: WebAssembly.Memory;
  try {
    memory = new WebAssembly.Memory({ initial: 16, maximum: 64, shared: true });
  } catch {
    memory = new WebAssembly.Memory({ initial: 16, maximum: 64 }); // as good for one thread
    bytes[flags] &= ~2;
  }
  const abort = () => {
    throw new Error("kernels: an assert does not hold");
  };
  const { instance } = await WebAssembly.instantiate(bytes, { env: { memory, abort } });
  const kernels = instance.exports as unknown as Kernels & { heapBase(): number };
  return { kernels, memory, free: Math.ceil(kernels.heapBase() / 64) * 64 };
}

let loaded: Promise<LoadedKernels> | undefined;

/** Loads the kernels once for all drawings of a page. */
export function loadKernels(): Promise<LoadedKernels> {
  return (loaded ??= load());
}
