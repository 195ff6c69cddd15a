import type { Address } from "../runtime/address.ts";
import { Block } from "../runtime/block.ts";

/** Elements of four bytes in the linear memory. */
export interface FlatVector {
  readonly address: Address;
  readonly length: number;
}

/** Vectors that are used again and again: a step of training takes and gives back the same ones. */
export class VectorPool {
  readonly #blocks = new Map<FlatVector, Block>();
  readonly #free: FlatVector[] = [];

  /** A vector with undefined contents. */
  take(length: number): FlatVector {
    const at = this.#free.findIndex((vector) => vector.length === length);
    if (at >= 0) return this.#free.splice(at, 1)[0];
    const block = new Block(4 * Math.max(length, 1));
    block.retain();
    const vector = { address: block.address, length };
    this.#blocks.set(vector, block);
    return vector;
  }

  give(vector: FlatVector): void {
    if (this.#blocks.has(vector)) this.#free.push(vector);
  }

  /** Frees all vectors, also those that were not given back. */
  release(): void {
    for (const block of this.#blocks.values()) block.release();
    this.#blocks.clear();
    this.#free.length = 0;
  }
}
