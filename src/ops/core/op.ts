import type { NDArray } from "./array.ts";

/** A gradient for each input, in order; null where `needs` is false. */
export type Gradients = (NDArray | null)[];

/**
 * The type of an attribute: any value that JSON can represent. Numbers that JSON lacks are strings
 * ("Infinity").
 */
export type AttributeValue = string | number | boolean | null | readonly AttributeValue[];

/** The options of an operation as plain data, with the names they have in the public functions. */
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** The attributes of operations without options. */
export const NO_ATTRIBUTES: Attributes = {};

const NONE: readonly never[] = [];

/**
 * One application of an operation: its forward and backward computation on raw arrays.
 *
 * The constructor takes and checks the options. `forward` checks its inputs, computes the result, and `save`s
 * the arrays that `backward` needs. Both methods may allocate freely (see `withFrame`). Ops without a
 * gradient do not override `backward`.
 */
export abstract class Op {
  abstract readonly name: string;
  /**
   * The options, including defaults. They are known after construction. Operations with the same name and
   * attributes compute the same function.
   */
  abstract get attributes(): Attributes;
  /** Which inputs need a gradient; set before `forward`. Under `noGrad`, none does. */
  declare needs: readonly boolean[];
  /** Whether numbers are accepted as inputs. */
  declare readonly takesNumbers: boolean;
  /** Arrays kept from forward for backward. */
  declare saved: readonly (NDArray | null)[];

  static {
    // These values are on the prototype because most ops exist for one call only and never change them.
    Object.assign(Op.prototype, { needs: NONE, takesNumbers: false, saved: NONE });
  }

  // biome-ignore lint/suspicious/noExplicitAny: each op has its own inputs
  abstract forward(...inputs: any[]): NDArray | NDArray[];

  backward(_gradOutput: NDArray): Gradients {
    throw new Error(`${this.name}: has no gradient`);
  }

  /** True if at least one input needs a gradient: only then must arrays be saved. */
  get needsAny(): boolean {
    return this.needs.includes(true);
  }

  protected save(...arrays: (NDArray | null)[]): void {
    if (this.needsAny) this.saved = arrays;
  }

  /** The number of required inputs, which come first; later ones may be null. */
  get required(): number {
    return Infinity;
  }

  /** False for ops whose result carries no gradient (comparisons, argmax). */
  get differentiable(): boolean {
    return this.backward !== Op.prototype.backward;
  }
}
