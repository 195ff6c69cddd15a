import { intArray, type NDArray } from "../core/array.ts";
import { type Attributes, Op } from "../core/op.ts";
import { arange } from "../elementwise/fill.ts";

/** Makes an int32 vector: the given integers, or all from 0. */
export class Integers extends Op {
  readonly name = "integers";
  readonly #values: readonly number[] | number;

  /** @param values the integers, or how many from 0 */
  constructor(values: readonly number[] | number) {
    super();
    this.#values = values;
  }

  get attributes(): Attributes {
    return { values: this.#values };
  }

  forward(): NDArray {
    return typeof this.#values === "number" ? arange(0, 1, this.#values, "int32") : intArray(this.#values);
  }
}
