import type { NDArray } from "./array.ts";
import { type Attributes, type Gradients, NO_ATTRIBUTES, Op } from "./op.ts";

type ArrayFunction = (x: NDArray) => NDArray;

/**
 * A linear function `y = A x` of one array, given with its transpose: `dx = Aᵀ dy`. The gradient of a linear
 * operation is such a function of `dy`, and the gradient of that is the operation itself. So one class gives
 * these operations gradients of any order, in their own kernels.
 */
export class LinearMap extends Op {
  readonly name: string;
  readonly map: ArrayFunction;
  readonly transpose: ArrayFunction;
  readonly constants: readonly (NDArray | null)[];

  /** @param constants arrays that the two functions read: they stay as long as the gradient may need them */
  constructor(name: string, map: ArrayFunction, transpose: ArrayFunction, constants: readonly (NDArray | null)[]) {
    super();
    this.name = name;
    this.map = map;
    this.transpose = transpose;
    this.constants = constants;
  }

  get attributes(): Attributes {
    return NO_ATTRIBUTES;
  }

  forward(x: NDArray): NDArray {
    this.save(...this.constants);
    return this.map(x);
  }

  override backward(dy: NDArray): Gradients {
    return [this.transpose(dy)];
  }
}
