import { checkInteger } from "../../checks.ts";
import { intArray, type NDArray, normalizeDim, replaceAt, stridesOf } from "../core/array.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { addRows } from "./indexing.ts";
import { readRegion } from "./strided.ts";

/**
 * Windows of `size` positions of a dimension, `step` apart: the dimension becomes the windows, and the
 * positions in a window become the last dimension. Gradients of positions in several windows add up.
 */
export class Unfold extends Op {
  readonly name = "unfold";
  readonly attributes: Attributes;
  readonly #dim: number;
  readonly #size: number;
  readonly #step: number;
  #d = 0;
  #windows = 0;
  #shape: readonly number[] = [];

  constructor(dim: number, size: number, step: number) {
    super();
    this.attributes = { dim, size, step };
    this.#dim = dim;
    this.#size = checkInteger("unfold", "size", size, 0);
    this.#step = checkInteger("unfold", "step", step, 1);
  }

  forward(x: NDArray): NDArray {
    this.#shape = x.shape.length === 0 ? [1] : x.shape;
    this.#d = normalizeDim(this.name, this.#dim, x.shape.length);
    const length = this.#shape[this.#d];
    checkInteger(this.name, "size", this.#size, 0, length);
    this.#windows = x.shape.length === 0 ? 1 : Math.floor((length - this.#size) / this.#step) + 1;
    const strides = stridesOf(this.#shape);
    const region = {
      offset: 0,
      shape: [...replaceAt(this.#shape, this.#d, this.#windows), this.#size],
      strides: [...replaceAt(strides, this.#d, strides[this.#d] * this.#step), strides[this.#d]],
    };
    return x.shape.length === 0 ? readRegion(x, region).withShape([this.#size]) : readRegion(x, region);
  }

  override backward(dy: NDArray): Gradients {
    // the positions of a window go next to the windows
    const shape = [...replaceAt(this.#shape, this.#d, this.#windows), this.#size];
    const strides = stridesOf(shape);
    const last = shape.length - 1;
    const order = [...shape.keys()].filter((d) => d < last);
    order.splice(this.#d + 1, 0, last);
    const moved = readRegion(dy, {
      offset: 0,
      shape: order.map((d) => shape[d]),
      strides: order.map((d) => strides[d]),
    });
    const count = this.#windows * this.#size;
    const index = intArray(
      Array.from({ length: count }, (_, i) => Math.floor(i / this.#size) * this.#step + (i % this.#size)),
    );
    return [addRows(moved.withShape(replaceAt(this.#shape, this.#d, count)), this.#d, index, this.#shape)];
  }
}
