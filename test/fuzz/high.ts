import { tensor } from "wasmgrad";
import { allocate, free } from "../../src/wasm/memory.ts";

const MEBI = 2 ** 20;

/**
 * Takes addresses, not memory, until all that is made later lies above 2^31, where an address's sign bit is set. Returns what gives them
 * back.
 */
export function takeLowMemory(): () => void {
  const taken: number[] = [];
  const take = (bytes: number) => {
    taken.push(bytes);
    addresses.push(allocate(bytes));
    return addresses[addresses.length - 1];
  };
  const addresses: number[] = [];
  while (take(64 * MEBI) < 2 ** 31);
  // blocks that were freed below are given out again first
  for (let bytes = 64; bytes < 64 * MEBI; bytes *= 1.1) while (take(bytes) < 2 ** 31);
  if (tensor([1]).array.ptr < 2 ** 31) throw new Error("the fuzzer's tensors do not lie above 2^31");
  return () => {
    addresses.forEach((address, i) => {
      free(address, taken[i]);
    });
  };
}
