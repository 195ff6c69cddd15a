import { emptyLike, expectFloat, type NDArray } from "../core/array.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { type Draw, RANDOM_GRAIN } from "./draw.ts";
import { launch } from "./kernels.ts";

/**
 * `y = x / (1 - p)` or, with probability p, 0. The mask is never stored: backward draws it again from the
 * same position in the stream of random numbers.
 */
export class Dropout extends Op {
  readonly name = "dropout";
  readonly #p: number;
  readonly #draw: Draw;

  constructor(p: number, draw: Draw) {
    super();
    this.#p = p;
    this.#draw = draw;
  }

  get attributes(): Attributes {
    return { p: this.#p };
  }

  forward(x: NDArray): NDArray {
    expectFloat(this.name, x);
    const { seed, offset } = this.#draw;
    const y = emptyLike(x);
    const scale = this.#p === 1 ? 0 : 1 / (1 - this.#p);
    launch("dropout", x.size, RANDOM_GRAIN, y.address, seed, offset, x.address, this.#p, scale);
    return y;
  }

  override backward(dy: NDArray): Gradients {
    return [this.forward(dy)];
  }
}
