import { launch } from "../../runtime/kernels.ts";
import { ELEMENTWISE_GRAIN, emptyLike, type NDArray } from "../core/array.ts";

/** max(x, 0), written over x, which must not be in use elsewhere. */
export function reluInPlace(x: NDArray): NDArray {
  launch("relu", x.size, ELEMENTWISE_GRAIN, x.address, x.address);
  return x;
}

/** Takes from a gradient what ReLU cut off: `dy` where y > 0 (or NaN), else 0. */
export function reluBackward(dy: NDArray, y: NDArray): NDArray {
  const dx = emptyLike(dy);
  launch("reluGrad", dy.size, ELEMENTWISE_GRAIN, dy.address, y.address, dx.address);
  return dx;
}
