import { allocatorStatistics } from "../../runtime/memory.ts";
import { liveTensorCount } from "./handle.ts";

/** The result of `memory()`. */
export interface MemoryStatistics {
  /** Number of tensors not yet released, including gradients and parameters. */
  liveTensors: number;
  /** Bytes in use, including arrays saved in the autograd graph. */
  liveBytes: number;
  /** The largest `liveBytes` since the start or the last `resetPeakMemory()`. */
  peakBytes: number;
  /** Size of the WebAssembly memory. It never shrinks, but released memory is reused. */
  reservedBytes: number;
}

/**
 * Reports how much memory is in use.
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
