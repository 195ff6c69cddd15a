import type { NDArray } from "../core/array.ts";
import { type Attributes, type Gradients, NO_ATTRIBUTES, Op } from "../core/op.ts";
import type { ConvPasses } from "./algorithm.ts";
import type { Conv2dGeometry } from "./geometry.ts";

/** The three arrays of a convolution `output = input * weight`, or their gradients. */
export type ConvRole = "input" | "weight" | "output";

/** For each pass, the roles of the two arrays from which it computes the third. */
export const OPERANDS = {
  output: ["input", "weight"],
  input: ["output", "weight"],
  weight: ["input", "output"],
} as const satisfies Record<ConvRole, readonly [ConvRole, ConvRole]>;

/**
 * One of the three passes of a convolution, without bias: the output, the gradient of the input, or the
 * gradient of the weight. All three are the derivatives of one sum, which is linear in each of three arrays:
 * `Σ output · (input * weight)`. So the two gradients of each pass are the other two passes, and convolutions
 * have gradients of any order.
 */
export class ConvPass extends Op {
  readonly name = "convPass";
  readonly role: ConvRole;
  readonly passes: ConvPasses;
  readonly geometry: Conv2dGeometry;

  /** @param role the array that is computed */
  constructor(role: ConvRole, passes: ConvPasses, geometry: Conv2dGeometry) {
    super();
    this.role = role;
    this.passes = passes;
    this.geometry = geometry;
  }

  get attributes(): Attributes {
    return { ...NO_ATTRIBUTES, role: this.role };
  }

  forward(a: NDArray, b: NDArray): NDArray {
    this.save(a, b);
    const [first, second] = OPERANDS[this.role];
    return this.#compute(this.role, { [first]: a, [second]: b });
  }

  override backward(dy: NDArray): Gradients {
    const [a, b] = this.saved as [NDArray, NDArray];
    const [first, second] = OPERANDS[this.role];
    return [
      this.needs[0] ? this.#compute(first, { [this.role]: dy, [second]: b }) : null,
      this.needs[1] ? this.#compute(second, { [this.role]: dy, [first]: a }) : null,
    ];
  }

  #compute(role: ConvRole, arrays: Partial<Record<ConvRole, NDArray>>): NDArray {
    const { input, weight, output } = arrays as Record<ConvRole, NDArray>;
    if (role === "output") return this.passes.forward(input, weight, null, this.geometry, false);
    if (role === "input") return this.passes.gradInput(output, weight, this.geometry);
    return this.passes.gradWeight(input, output, this.geometry);
  }
}
