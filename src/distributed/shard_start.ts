import { seedFrom } from "../data/sample_random.ts";
import { countersOf } from "../ops/random/draw.ts";
import { type GeneratorState, getRngState, setRngState } from "../tensor/generator.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { copyIn, copyOut, elementsOf } from "./flat_gradients.ts";
import type { FlatVector, VectorPool } from "./vector_pool.ts";

/**
 * What each shard of a step starts from, whichever rank computes it and whatever was computed there before:
 * the buffers as they were before the step, no gradients, and a state of the default generator that depends
 * on the generator's state before the step and on the number of the shard.
 */
export class ShardStart {
  readonly #parameters: readonly Tensor[];
  readonly #buffers: readonly Tensor[];
  readonly #pool: VectorPool;
  readonly #saved: FlatVector;
  readonly #random: GeneratorState = getRngState();

  constructor(parameters: readonly Tensor[], buffers: readonly Tensor[], pool: VectorPool) {
    this.#parameters = parameters;
    this.#buffers = buffers;
    this.#pool = pool;
    this.#saved = pool.take(elementsOf(buffers));
    copyOut(buffers, this.#saved.address);
  }

  begin(shard: number): void {
    const { seed, offset } = this.#random;
    setRngState({ seed: seedFrom(seed, offset, shard), offset: 0 });
    copyIn(this.#buffers, this.#saved.address);
    for (const parameter of this.#parameters) parameter.grad = null;
  }

  /** Ends the step: on every rank, the generator has drawn one number. */
  end(): void {
    const { seed, offset } = this.#random;
    setRngState({ seed, offset: offset + countersOf(1) });
    copyIn(this.#buffers, this.#saved.address);
    this.#pool.give(this.#saved);
  }
}
