import { emptyLike, expectFloat, type NDArray, normalizeDim } from "../core/array.ts";
import { type AxisView, axisView } from "../core/axis.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { doubles } from "../reduce/moments.ts";
import { launch } from "./kernels.ts";

/**
 * `y = x / max(‖x‖₂, eps)` along a dimension; `dx = (dy - y (y · dy)) / ‖x‖₂`, or
 * `dy / eps` for vectors shorter than eps.
 */
export class Normalize extends Op {
  readonly name = "normalize";
  readonly #dim: number;
  readonly #eps: number;
  #axis: AxisView = { outer: 0, length: 0, inner: 0 };

  constructor(dim: number, eps: number) {
    super();
    this.#dim = dim;
    this.#eps = eps;
  }

  get attributes(): Attributes {
    return { dim: this.#dim, eps: this.#eps };
  }

  forward(x: NDArray): NDArray {
    expectFloat(this.name, x);
    this.#axis = axisView(x.shape, normalizeDim(this.name, this.#dim, x.shape.length));
    const { outer, length, inner } = this.#axis;
    const y = emptyLike(x);
    const norms = doubles(outer * inner);
    launch(
      "normalizeVectors",
      outer * inner,
      this.#grain,
      x.address,
      y.address,
      norms.address,
      length,
      inner,
      this.#eps,
    );
    this.save(y, norms);
    return y;
  }

  override backward(dy: NDArray): Gradients {
    const [y, norms] = this.saved as [NDArray, NDArray];
    const { outer, length, inner } = this.#axis;
    const dx = emptyLike(y);
    const inputs = [y.address, dy.address, norms.address] as const;
    launch("normalizeVectorsGrad", outer * inner, this.#grain, ...inputs, dx.address, length, inner, this.#eps);
    return [dx];
  }

  get #grain(): number {
    return Math.ceil(4096 / Math.max(1, this.#axis.length));
  }
}
