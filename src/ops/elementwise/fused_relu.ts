import { launch } from "../../runtime/kernels.ts";
import { ELEMENTWISE_GRAIN, emptyLike, type NDArray } from "../core/array.ts";

/** Overwrites x with max(x, 0). Nothing else may use x. */
export function reluInPlace(x: NDArray): NDArray {
  launch("relu", x.size, ELEMENTWISE_GRAIN, x.address, x.address);
  return x;
}

/** The gradient of ReLU: `dy` where its result y is positive or NaN, else 0. */
export function reluBackward(dy: NDArray, y: NDArray): NDArray {
  const dx = emptyLike(dy);
  launch("reluGrad", dy.size, ELEMENTWISE_GRAIN, dy.address, y.address, dx.address);
  return dx;
}
