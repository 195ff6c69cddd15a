import { type NDArray, scalar } from "../core/array.ts";
import { combine } from "../elementwise/binary.ts";

/** `-grad`, in a new array: the gradient that an optimizer with `maximize` descends. */
export function negated(grad: NDArray): NDArray {
  return combine("maximize", "mulFloat", grad, scalar(-1), "float32");
}
