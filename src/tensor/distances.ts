import { expectTensor } from "./apply.ts";
import type { Tensor } from "./tensor.ts";

/**
 * Distances between the rows of `a` and `b`. Matches `torch.cdist`; see `Tensor.cdist`.
 * @example
 * ```ts
 * import { cdist, tensor } from "wasmgrad";
 * console.log(cdist(tensor([[0, 0]]), tensor([[3, 4], [0, 1]])).toArray()); // [[5, 1]]
 * ```
 */
export function cdist(a: Tensor, b: Tensor, options?: { p?: number }): Tensor {
  expectTensor("cdist", "a", a);
  return a.cdist(b, options);
}
