/** The rungs that are not part of the library: build/ladder.wasm, in the memory of the library's kernels. */
import type { instantiate } from "../../build/ladder.js";
import { memoryFlagsAt } from "../../scripts/wasm_file.ts";
import { scratch } from "../../src/ops/core/array.ts";
import { isShared, linearMemory } from "../../src/runtime/linear_memory.ts";
import { HEAP_START } from "../../src/runtime/memory.ts";

export type LadderKernels = Awaited<ReturnType<typeof instantiate>>;

let loaded: LadderKernels | undefined;

/** Called by the debug build when an assert fails. */
function abort(_message: number, _file: number, line: number, column: number): never {
  throw new Error(`ladder: an assert does not hold, line ${line}, column ${column}`);
}

/** Instantiates a build of the module. It imports a shared memory, but a plain one also works. */
export function instantiateLadder(binary: Uint8Array): LadderKernels {
  const bytes = Uint8Array.from(binary);
  if (!isShared) bytes[memoryFlagsAt(bytes)] &= ~2;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
    env: { memory: linearMemory, abort },
  });
  const kernels = exports as unknown as LadderKernels;
  if (kernels.heapBase() > HEAP_START) throw new Error("ladder: its static data reaches into the heap");
  return kernels;
}

/** Selects the kernels that the rungs run. In Node, `useLadderBuild` reads them from a file. */
export function useLadder(kernels: LadderKernels): void {
  loaded = kernels;
}

function ladderKernels(): LadderKernels {
  if (!loaded) throw new Error("ladder: expected a call of useLadder before the first rung runs");
  return loaded;
}

/** Kernels that take numbers only and return nothing. */
export type KernelName = {
  [Name in keyof LadderKernels]: LadderKernels[Name] extends (...args: number[]) => void ? Name : never;
}[keyof LadderKernels];

/** Runs a rung. The comment in the rung's file describes its arguments. */
export function run(name: KernelName, ...args: number[]): void {
  (ladderKernels()[name] as (...all: number[]) => void)(...args);
}

/** Allocates the bytes of work that `name`, a function of a table of sizes, returns; null gives address 0. */
export function workFor(name: "conv2dIm2colWork" | "conv2dDirectWork" | "conv2dWinograd2Work" | null, sizes: number) {
  return name === null ? 0 : scratch(ladderKernels()[name](sizes));
}
