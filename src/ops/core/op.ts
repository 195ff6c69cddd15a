import type { NDArray } from "./array.ts";

/** A gradient for each input, in order; null where `needs` is false. */
export type Gradients = (NDArray | null)[];

/** What an attribute may be: what JSON can hold. A number that it cannot is a string ("Infinity"). */
export type AttributeValue = string | number | boolean | null | readonly AttributeValue[];

/** The options of an operation as plain data, under the names they have in the public functions. */
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** Of operations without options. */
export const NO_ATTRIBUTES: Attributes = {};

const NONE: readonly never[] = [];

/**
 * One application of an operation: forward and backward side by side, over raw arrays.
 *
 * The constructor takes and checks the options. `forward` checks its inputs, computes, and `save`s
 * what `backward` will need. Both may allocate freely (see `withFrame`). An op without a gradient does
 * not override `backward`.
 */
export abstract class Op {
  abstract readonly name: string;
  /**
   * Its options with their defaults, known once it is made. Operations of the same name and
   * attributes compute the same.
   */
  abstract get attributes(): Attributes;
  /** Which inputs need a gradient; set before `forward`. Nothing needs one under `noGrad`. */
  declare needs: readonly boolean[];
  /** Whether a number may stand for an input. */
  declare readonly takesNumbers: boolean;
  /** Arrays kept from forward for backward. */
  declare saved: readonly (NDArray | null)[];

  static {
    // once for all ops: most are made for one call, and keep these
    Object.assign(Op.prototype, { needs: NONE, takesNumbers: false, saved: NONE });
  }

  // biome-ignore lint/suspicious/noExplicitAny: each op has its own inputs
  abstract forward(...inputs: any[]): NDArray | NDArray[];

  backward(_gradOutput: NDArray): Gradients {
    throw new Error(`${this.name}: has no gradient`);
  }

  /** True when at least one input needs a gradient: only then is saving worth anything. */
  get needsAny(): boolean {
    return this.needs.includes(true);
  }

  protected save(...arrays: (NDArray | null)[]): void {
    if (this.needsAny) this.saved = arrays;
  }

  /** How many of the first inputs must be there: a later one may be null. */
  get required(): number {
    return Infinity;
  }

  /** False for ops whose result carries no gradient (comparisons, argmax). */
  get differentiable(): boolean {
    return this.backward !== Op.prototype.backward;
  }
}
