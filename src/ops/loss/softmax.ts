import { launch } from "../../runtime/kernels.ts";
import { emptyLike, expectFloat, type NDArray, normalizeDim } from "../core/array.ts";
import { type AxisView, axisRange, axisView } from "../core/axis.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";

export abstract class SoftmaxOp extends Op {
  readonly #dim: number;
  readonly #log: number;
  #axis: AxisView = { outer: 0, length: 0, inner: 0 };

  constructor(dim: number, log: boolean) {
    super();
    this.#dim = dim;
    this.#log = log ? 1 : 0;
  }

  get attributes(): Attributes {
    return { dim: this.#dim };
  }

  forward(x: NDArray): NDArray {
    expectFloat(this.name, x);
    this.#axis = axisView(x.shape, normalizeDim(this.name, this.#dim, x.shape.length));
    const { total, grain } = axisRange(this.#axis);
    const y = emptyLike(x);
    launch("softmax", total, grain, x.address, y.address, this.#axis.length, this.#axis.inner, this.#log);
    this.save(y);
    return y;
  }

  override backward(dy: NDArray): Gradients {
    const [y] = this.saved as [NDArray];
    const { total, grain } = axisRange(this.#axis);
    const dx = emptyLike(y);
    launch(
      "softmaxGrad",
      total,
      grain,
      y.address,
      dy.address,
      dx.address,
      this.#axis.length,
      this.#axis.inner,
      this.#log,
    );
    return [dx];
  }
}

/** `y = e^x / Σ e^x` along a dimension; `dx = y (dy - Σ dy y)`. */
export class Softmax extends SoftmaxOp {
  readonly name = "softmax";
  constructor(dim: number) {
    super(dim, false);
  }
}

/** `y = x - log Σ e^x` along a dimension; `dx = dy - e^y Σ dy`. */
export class LogSoftmax extends SoftmaxOp {
  readonly name = "logSoftmax";
  constructor(dim: number) {
    super(dim, true);
  }
}
