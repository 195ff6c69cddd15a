import { LANES } from "../../runtime/kernels.generated.ts";
import { launch } from "../../runtime/kernels.ts";
import { emptyLike, expectFloat, type NDArray, normalizeDim, sizeOf } from "../core/array.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";

/** A shape seen from one dimension: the sizes before, in and after it. */
export interface Axis {
  outer: number;
  length: number;
  inner: number;
}

export function axisOf(shape: readonly number[], dim: number): Axis {
  return {
    outer: sizeOf(shape.slice(0, dim)),
    length: shape.length === 0 ? 1 : shape[dim],
    inner: sizeOf(shape.slice(dim + 1)),
  };
}

/**
 * How the kernels in assembly/loss/softmax.ts are launched: their range, and the work
 * a thread takes at a time.
 */
export function axisRange({ outer, length, inner }: Axis): { total: number; grain: number } {
  const total = length === 0 ? 0 : outer * (inner === 1 ? 1 : Math.ceil(inner / LANES));
  return { total, grain: Math.ceil(4096 / Math.max(1, length * Math.min(inner, LANES))) };
}

abstract class SoftmaxOp extends Op {
  readonly #dim: number;
  readonly #log: number;
  #axis: Axis = { outer: 0, length: 0, inner: 0 };

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
    this.#axis = axisOf(x.shape, normalizeDim(this.name, this.#dim, x.shape.length));
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
