import { intArray, type NDArray, replaceAt } from "../core/array.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { addRows, gatherRows } from "./indexing.ts";

/** A dimension, and the positions of it that are taken, each in [0, its length). */
export interface PositionList {
  dim: number;
  positions: readonly number[];
}

/**
 * Takes positions of a dimension that depend on the shape only: roll. A position may occur several
 * times; its gradients add up.
 */
export class Positions extends Op {
  readonly name: string;
  readonly attributes: Attributes;
  readonly listOf: (shape: readonly number[]) => PositionList;
  #dim = 0;
  #shape: readonly number[] = [];

  constructor(name: string, attributes: Attributes, listOf: (shape: readonly number[]) => PositionList) {
    super();
    this.name = name;
    this.attributes = attributes;
    this.listOf = listOf;
  }

  forward(x: NDArray): NDArray {
    const { dim, positions } = this.listOf(x.shape);
    const index = intArray(positions);
    this.#dim = dim;
    this.#shape = x.shape;
    this.save(index);
    return gatherRows(x, dim, index, replaceAt(x.shape, dim, positions.length));
  }

  override backward(dy: NDArray): Gradients {
    return [addRows(dy, this.#dim, this.saved[0] as NDArray, this.#shape)];
  }
}
