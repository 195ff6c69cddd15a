import { formatShape, ShapeError } from "../../errors.ts";
import { checkShape, type NDArray, stridesOf } from "../core/array.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { sumTo } from "../reduce/sum.ts";
import { readRegion } from "./strided.ts";

/**
 * Repeats dimensions of length 1 and adds new dimensions in front; a size of -1 keeps a dimension's length.
 * `dx = Σ dy` over the repetitions.
 */
export class Expand extends Op {
  readonly name: string;
  readonly #wanted: readonly number[];
  #before: readonly number[] = [];

  constructor(wanted: readonly number[], name = "expand") {
    super();
    this.name = name;
    this.#wanted = wanted;
  }

  get attributes(): Attributes {
    return { shape: this.#wanted };
  }

  forward(x: NDArray): NDArray {
    const wanted = this.#wanted;
    if (!Array.isArray(wanted)) checkShape(this.name, wanted);
    const added = wanted.length - x.shape.length;
    checkShape(
      this.name,
      wanted.map((length, d) => (length === -1 && d >= added ? 0 : length)),
    );
    const shape = wanted.map((length, d) => (length === -1 ? x.shape[d - added] : length));
    const fits = (length: number, d: number) => d < added || [1, length].includes(x.shape[d - added]);
    if (added < 0 || !shape.every(fits)) {
      throw new ShapeError(`${this.name}: ${formatShape(x.shape)} cannot be expanded to ${formatShape(wanted)}`);
    }
    this.#before = x.shape;
    const own = stridesOf(x.shape);
    const strides = shape.map((_, d) => (d < added || x.shape[d - added] === 1 ? 0 : own[d - added]));
    return readRegion(x, { offset: 0, shape, strides });
  }

  override backward(dy: NDArray): Gradients {
    return [sumTo(dy, this.#before)];
  }
}
