import { kernels } from "../wasm/kernels.ts";
import { emptyLike, type NDArray } from "./array.ts";
import { type Gradients, Op } from "./op.ts";

/** A new array with the same elements. */
export function cloneArray(x: NDArray): NDArray {
  const out = emptyLike(x);
  kernels().copyBytes(out.ptr, x.ptr, x.size * 4);
  return out;
}

/** Overwrites `target` in place. Its version grows, so that graphs and caches notice. */
export function copyInto(target: NDArray, source: NDArray): void {
  kernels().copyBytes(target.ptr, source.ptr, source.size * 4);
  target.block.version++;
}

/** A copy; `dx = dy`. */
export class Clone extends Op {
  readonly name = "clone";

  forward(x: NDArray): NDArray {
    return cloneArray(x);
  }

  override backward(dy: NDArray): Gradients {
    return [dy];
  }
}
