import { tensor } from "wasmgrad";
import { allocate } from "../../../src/runtime/memory.ts";

const MEBI = 2 ** 20;

/**
 * Takes addresses, not memory, until all that is made later lies above 2^31, where an
 * address's sign bit is set.
 */
export function takeLowMemory(): void {
  while (allocate(64 * MEBI) < 2 ** 31);
  // blocks that were freed below are given out again first
  for (let bytes = 64; bytes < 64 * MEBI; bytes *= 1.1) while (allocate(bytes) < 2 ** 31);
  if (tensor([1]).array.address < 2 ** 31) throw new Error("the fuzzer's tensors do not lie above 2^31");
}
