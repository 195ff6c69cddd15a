import { formatShape, ShapeError } from "../../errors.ts";
import { empty, type NDArray, sizeOf } from "../core/array.ts";
import { checkDims, type Dims, type ReduceOptions, readKeepdim, reducedShape, reductionAxes } from "../core/axis.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { combine } from "../elementwise/binary.ts";
import { cloneArray } from "../movement/copy.ts";
import { findAlong } from "./extremum.ts";
import { roundQuotient, sumToDouble } from "./sum.ts";

/**
 * The largest or smallest elements over several dimensions; NaN if any element is NaN. Elements equal to the
 * result share the gradient evenly, as in PyTorch.
 */
export class ExtremumOver extends Op {
  readonly name: "amax" | "amin";
  readonly #dims: Dims | undefined;
  readonly #options: ReduceOptions | undefined;
  #reduced: boolean[] = [];

  constructor(name: "amax" | "amin", dims?: Dims, options?: ReduceOptions) {
    super();
    this.name = name;
    this.#dims = dims;
    this.#options = options;
  }

  get attributes(): Attributes {
    return { dim: this.#dims ?? null, keepdim: this.#options?.keepdim ?? false };
  }

  forward(x: NDArray): NDArray {
    this.#reduced = checkDims(this.name, this.#dims, x.shape.length);
    const shape = reducedShape(x.shape, this.#reduced, readKeepdim(this.name, this.#options));
    if (x.size === 0) {
      if (sizeOf(shape) === 0) return empty(shape, x.dtype);
      throw new ShapeError(`${this.name}: expected at least one element, got shape ${formatShape(x.shape)}`);
    }
    let values = x;
    for (const axis of reductionAxes(x.shape, this.#reduced)) {
      const next = empty([axis.outer, axis.inner], x.dtype);
      findAlong(this.name, this.name === "amax" ? "max" : "min", values, axis, next, null);
      values = next;
    }
    const y = (values === x ? cloneArray(x) : values).withShape(shape);
    this.save(x, y);
    return y;
  }

  override backward(dy: NDArray): Gradients {
    const [x, y] = this.saved as [NDArray, NDArray];
    const kept = reducedShape(x.shape, this.#reduced, true);
    const equal = combine(this.name, "eqFloat", x, y.withShape(kept), "bool");
    const count = roundQuotient(sumToDouble(equal, this.#reduced), kept);
    const share = combine(this.name, "divFloat", dy.withShape(kept), count, "float32");
    return [combine(this.name, "mulFloatByInt", share, equal, "float32")];
  }
}
