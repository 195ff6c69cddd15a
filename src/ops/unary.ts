import { launch } from "../wasm/kernels.ts";
import { emptyLike, expectFloat, type NDArray } from "./array.ts";
import { type Gradients, Op } from "./op.ts";

/** Elements a thread takes at a time in elementwise kernels: 64 KiB of each array. */
export const ELEMENTWISE_GRAIN = 16384;

/** `y = max(x, 0)`; `dx = dy` where `y > 0`. The gradient at 0 is 0, as in PyTorch. */
export class Relu extends Op {
  readonly name = "relu";

  forward(x: NDArray): NDArray {
    expectFloat(this.name, x);
    const y = emptyLike(x);
    launch("relu", x.size, ELEMENTWISE_GRAIN, x.ptr, y.ptr);
    this.save(y);
    return y;
  }

  override backward(dy: NDArray): Gradients {
    const [y] = this.saved as [NDArray];
    const dx = emptyLike(y);
    launch("reluGrad", y.size, ELEMENTWISE_GRAIN, dy.ptr, y.ptr, dx.ptr);
    return [dx];
  }
}
