import { MatMul } from "../ops/matmul/matmul.ts";
import { apply, type Tensor } from "./tensor.ts";

/**
 * Matrix product, `torch.matmul`: `c[..., i, j] = Σ_k a[..., i, k] · b[..., k, j]`.
 *
 * Two vectors give their dot product (a scalar); a vector beside a matrix counts as a row on the left, as a column on the right;
 * leading dimensions are stacks of matrices, which broadcast.
 *
 * @throws ShapeError when the inner lengths differ, the stacks do not broadcast, or an operand is a scalar.
 * @example
 * ```ts
 * import { matmul, tensor } from "wasmgrad";
 * console.log(matmul(tensor([[1, 2], [3, 4]]), tensor([1, 10])).toArray()); // [21, 43]
 * ```
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  return apply(new MatMul(), a, b);
}
