import { tensor } from "wasmgrad";
import { allocate } from "../../../src/runtime/memory.ts";

const MEBI = 2 ** 20;

/**
 * Takes addresses, not memory, until all later blocks lie above 2^31, where the sign bit of an address is
 * set.
 */
export function takeLowMemory(): void {
  while (allocate(64 * MEBI) < 2 ** 31);
  // blocks that were freed below 2^31 are used up first
  for (let bytes = 64; bytes < 64 * MEBI; bytes *= 1.1) while (allocate(bytes) < 2 ** 31);
  if (tensor([1]).array.address < 2 ** 31) throw new Error("the fuzzer's tensors do not lie above 2^31");
}
