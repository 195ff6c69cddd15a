import { allocatorStatistics } from "../../runtime/memory.ts";
import { liveTensorCount } from "./handle.ts";

/** What `memory()` reports. */
export interface MemoryStatistics {
  /** Tensors not yet released (gradients and parameters included). */
  liveTensors: number;
  /** Bytes in use, what the autograd graph saved included. */
  liveBytes: number;
  /** The most `liveBytes` has been since the start or `resetPeakMemory()`. */
  peakBytes: number;
  /** Size of the WebAssembly memory; it never shrinks, but what is released is used again. */
  reservedBytes: number;
}

/**
 * Memory in use.
 *
 * @example
 * ```ts
 * import { memory, scope, zeros } from "wasmgrad";
 * scope(() => {
 *   zeros([1000]);
 *   console.log(memory().liveTensors);
 * });
 * ```
 */
export function memory(): MemoryStatistics {
  const { liveBytes, peakBytes, reservedBytes } = allocatorStatistics();
  return { liveTensors: liveTensorCount(), liveBytes, peakBytes, reservedBytes };
}
