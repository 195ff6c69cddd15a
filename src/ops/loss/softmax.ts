import { launch } from "../../runtime/kernels.ts";
import { ELEMENTWISE_GRAIN, emptyLike, expectFloat, type NDArray, normalizeDim } from "../core/array.ts";
import { type AxisView, axisRange, axisView } from "../core/axis.ts";
import { type Attributes, type Gradients, NO_ATTRIBUTES, Op } from "../core/op.ts";

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

/**
 * Softmax along the last dimension of matrices `[..., rows, n]`, where row i sees elements 0 to i only:
 * `y[i, j] = e^x[i, j] / Σₖ e^x[i, k]` over k ≤ i, and 0 for j > i. `dx = y (dy - Σ dy y)`.
 */
export class CausalSoftmax extends Op {
  readonly name = "causalSoftmax";

  get attributes(): Attributes {
    return NO_ATTRIBUTES;
  }

  forward(x: NDArray): NDArray {
    const y = emptyLike(x);
    const { total, grain, rows, n } = rowsOf(x);
    launch("causalSoftmax", total, grain, x.address, y.address, rows, n);
    this.save(y);
    return y;
  }

  override backward(dy: NDArray): Gradients {
    const [y] = this.saved as [NDArray];
    const dx = emptyLike(y);
    const { total, grain, rows, n } = rowsOf(y);
    launch("causalSoftmaxGrad", total, grain, y.address, dy.address, dx.address, rows, n);
    return [dx];
  }
}

function rowsOf({ shape, size }: NDArray) {
  const [rows, n] = shape.slice(-2);
  return { total: size === 0 ? 0 : size / n, grain: Math.ceil(ELEMENTWISE_GRAIN / Math.max(n, 1)), rows, n };
}
