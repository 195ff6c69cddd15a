import { DTypeError, formatShape } from "../../errors.ts";
import type { NDArray } from "../core/array.ts";
import { type Attributes, type Gradients, NO_ATTRIBUTES, Op } from "../core/op.ts";
import { sumTo } from "../reduce/sum.ts";
import { combineThree } from "./binary.ts";
import { type ArrayOrNumber, promote, toArray } from "./promote.ts";

const select = (condition: NDArray, a: NDArray, b: NDArray) => combineThree("where", "where", condition, a, b);

/** `condition ? a : b`, all three broadcast; `da = dy` where the condition is true, `db = dy` elsewhere. */
export class Where extends Op {
  override readonly takesNumbers = true;
  readonly name = "where";
  /** The shapes of a and b; set by `forward`. */
  shapes: readonly (readonly number[])[] = [];

  get attributes(): Attributes {
    return NO_ATTRIBUTES;
  }

  forward(condition: ArrayOrNumber, a: ArrayOrNumber, b: ArrayOrNumber): NDArray {
    if (typeof condition === "number" || condition.dtype !== "bool") {
      const actual =
        typeof condition === "number" ? "a number" : `${condition.dtype} of shape ${formatShape(condition.shape)}`;
      throw new DTypeError(`where: condition expected bool, got ${actual}; use a comparison or .bool()`);
    }
    const numbers = typeof a === "number" && typeof b === "number";
    const [x, y] = promote(a, b, numbers ? "float32" : "bool");
    this.shapes = [x.shape, y.shape];
    this.save(condition);
    return select(condition, x, y);
  }

  override backward(dy: NDArray): Gradients {
    const [condition] = this.saved as [NDArray];
    const zero = toArray(0, "float32");
    return [
      null,
      this.needs[1] ? sumTo(select(condition, dy, zero), this.shapes[0]) : null,
      this.needs[2] ? sumTo(select(condition, zero, dy), this.shapes[1]) : null,
    ];
  }
}
