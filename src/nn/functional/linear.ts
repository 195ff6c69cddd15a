import { Linear } from "../../ops/matmul/matmul.ts";
import { apply } from "../../tensor/apply.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/**
 * `y = x Wᵀ + b`. Matches `torch.nn.functional.linear`.
 *
 * @param x [..., in]
 * @param weight [out, in]
 * @param bias [out], or null
 * @returns [..., out]
 * @throws ShapeError when the shapes do not fit.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * const y = nn.functional.linear(tensor([[1, 2]]), tensor([[1, 0], [0, 1], [1, 1]]), tensor([0, 0, 10]));
 * console.log(y.toArray()); // [[1, 2, 13]]
 * ```
 */
export function linear(x: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  return apply(new Linear(), x, weight, bias);
}
