import { launch } from "../../runtime/kernels.ts";
import { ELEMENTWISE_GRAIN, emptyLike, type NDArray } from "../core/array.ts";

/**
 * The sum of two gradients of one value. Overwrites `sum` if its block has no other owner; otherwise returns
 * a new array.
 */
export function addInto(sum: NDArray, grad: NDArray): NDArray {
  const out = sum.block.owners === 1 ? sum : emptyLike(sum);
  launch("addContiguous", sum.size, ELEMENTWISE_GRAIN, sum.address, grad.address, out.address);
  return out;
}
