import { checkBoolean, checkInteger, describe, readOptions } from "../checks.ts";
import { OptionError } from "../errors.ts";
import { countersOf } from "../ops/random/draw.ts";
import { tensor } from "../tensor/creation.ts";
import { multinomial } from "../tensor/distributions.ts";
import { Generator } from "../tensor/generator.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import { randint, randperm } from "../tensor/random.ts";
import { drawSeed, epochOrder, MAX_SEED } from "./shuffle.ts";

/**
 * The indices of the samples of an epoch, or the lists of indices of its batches (`T` is `readonly
 * number[]`): an iterable with a length, such as an array. Matches `torch.utils.data.Sampler`.
 */
export interface Sampler<T = number> extends Iterable<T> {
  /** Number of indices, or of batches, per epoch. */
  readonly length: number;
  /**
   * The indices of epoch `epoch` for a seed. A `DataLoader` calls this, so that an epoch does not depend on
   * what was drawn before. It iterates over samplers without `order`.
   */
  order?(seed: number, epoch: number): ArrayLike<T>;
}

/** A sampler that draws random numbers. */
abstract class Drawn implements Sampler {
  abstract readonly length: number;
  abstract order(seed: number, epoch: number): ArrayLike<number>;

  /** An order whose seed is drawn from the default generator. */
  *[Symbol.iterator](): IterableIterator<number> {
    yield* Array.from(this.order(drawSeed(), 0));
  }
}

/** A generator for one epoch, which draws at most `size` numbers. */
function epochGenerator(seed: number, epoch: number, size: number): Generator {
  const generator = new Generator();
  generator.setState({ seed, offset: epoch * countersOf(size) });
  return generator;
}

function lengthOf(op: string, source: number | { readonly length: number }): number {
  const length: unknown = typeof source === "number" ? source : source?.length;
  if (Number.isInteger(length) && (length as number) >= 0) return length as number;
  throw new OptionError(`${op}: expected a data set or its length, got ${describe(source)}`);
}

/**
 * All indices, in order. Matches `torch.utils.data.SequentialSampler`.
 *
 * @throws OptionError for anything but a data set or its length.
 * @example
 * ```ts
 * import { SequentialSampler } from "wasmgrad/data";
 * console.log([...new SequentialSampler(3)]); // [0, 1, 2]
 * ```
 */
export class SequentialSampler implements Sampler {
  readonly length: number;

  constructor(source: number | { readonly length: number }) {
    this.length = lengthOf("SequentialSampler", source);
  }

  *[Symbol.iterator](): IterableIterator<number> {
    for (let i = 0; i < this.length; i++) yield i;
  }
}

/**
 * Random indices: permutations, one after the other, or with `replacement` independent numbers. Matches
 * `torch.utils.data.RandomSampler`.
 *
 * @param source a data set or its length
 * @param options `replacement` (default false); `numSamples` per epoch (default: the length)
 * @throws OptionError
 * @example
 * ```ts
 * import { RandomSampler } from "wasmgrad/data";
 * console.log([...new RandomSampler(4)].sort()); // [0, 1, 2, 3]
 * console.log([...new RandomSampler(4, { replacement: true, numSamples: 6 })].length); // 6
 * ```
 */
export class RandomSampler extends Drawn {
  readonly length: number;
  readonly #count: number;
  readonly #replacement: boolean;

  constructor(source: number | { readonly length: number }, options?: { replacement?: boolean; numSamples?: number }) {
    super();
    const op = "RandomSampler";
    this.#count = lengthOf(op, source);
    const given = readOptions(op, options, { replacement: false, numSamples: this.#count });
    this.#replacement = checkBoolean(op, "replacement", given.replacement);
    this.length = checkInteger(op, "numSamples", given.numSamples, 0);
    if (this.#count === 0 && this.length > 0) {
      throw new OptionError(`${op}: numSamples expected 0 for an empty data set, got ${this.length}`);
    }
  }

  order(seed: number, epoch: number): ArrayLike<number> {
    const { length } = this;
    const count = this.#count;
    if (length === count && !this.#replacement) return epochOrder(count, seed, epoch);
    return scope(() => {
      if (this.#replacement) {
        return randint(0, Math.max(count, 1), [length], { generator: epochGenerator(seed, epoch, length) }).data();
      }
      const rounds = Math.ceil(length / Math.max(count, 1));
      const generator = epochGenerator(seed, epoch, rounds * (count + 16));
      const permutations = Array.from({ length: rounds }, () => [...randperm(count, { generator }).data()]);
      return permutations.flat().slice(0, length);
    });
  }
}

/**
 * The given indices, in random order. Matches `torch.utils.data.SubsetRandomSampler`.
 *
 * @throws OptionError for an index that is not an integer >= 0.
 * @example
 * ```ts
 * import { SubsetRandomSampler } from "wasmgrad/data";
 * console.log([...new SubsetRandomSampler([7, 3, 5])].sort()); // [3, 5, 7]
 * ```
 */
export class SubsetRandomSampler extends Drawn {
  readonly indices: readonly number[];

  constructor(indices: ArrayLike<number>) {
    super();
    const op = "SubsetRandomSampler";
    this.indices = listOf(op, "indices", indices).map((index) => checkInteger(op, "index", index, 0));
  }

  get length(): number {
    return this.indices.length;
  }

  order(seed: number, epoch: number): ArrayLike<number> {
    return Array.from(epochOrder(this.length, seed, epoch), (i) => this.indices[i]);
  }
}

/**
 * Random indices, where index i has probability `weights[i] / Σ weights`. Matches
 * `torch.utils.data.WeightedRandomSampler`.
 *
 * @param weights one number >= 0 per sample; @param numSamples per epoch
 * @param options `replacement` (default true): whether an index can be drawn several times
 * @throws OptionError for weights that are negative, not finite or all 0, or, without replacement, fewer
 * positive
 *   weights than `numSamples`.
 * @example
 * ```ts
 * import { WeightedRandomSampler } from "wasmgrad/data";
 * // samples of the rare class 1 are drawn as often as those of class 0
 * const labels = [0, 0, 0, 1];
 * const sampler = new WeightedRandomSampler(labels.map((label) => (label === 0 ? 1 / 3 : 1)), 100);
 * console.log([...sampler].length); // 100
 * ```
 */
export class WeightedRandomSampler extends Drawn {
  readonly weights: readonly number[];
  readonly length: number;
  readonly #replacement: boolean;

  constructor(weights: ArrayLike<number>, numSamples: number, options?: { replacement?: boolean }) {
    super();
    const op = "WeightedRandomSampler";
    const given = readOptions(op, options, { replacement: true });
    this.#replacement = checkBoolean(op, "replacement", given.replacement);
    this.length = checkInteger(op, "numSamples", numSamples, 1);
    this.weights = listOf(op, "weights", weights).map((weight, i) => {
      if (typeof weight === "number" && weight >= 0 && Number.isFinite(weight)) return weight;
      throw new OptionError(`${op}: weights[${i}] expected a finite number >= 0, got ${describe(weight)}`);
    });
    const positive = this.weights.filter((weight) => weight > 0).length;
    if (positive < (this.#replacement ? 1 : this.length)) {
      throw new OptionError(`${op}: expected positive weights for ${this.length} samples, got ${positive}`);
    }
  }

  order(seed: number, epoch: number): ArrayLike<number> {
    const { weights, length } = this;
    const generator = epochGenerator(seed, epoch, length + weights.length);
    return scope(() => multinomial(tensor([...weights]), length, { replacement: this.#replacement, generator }).data());
  }
}

/**
 * Batches of the indices of another sampler. Matches `torch.utils.data.BatchSampler`.
 *
 * @param sampler a sampler or an array of indices; @param batchSize the indices of a batch
 * @param options `dropLast`: whether to drop the last batch if it is smaller (default false)
 * @throws OptionError
 * @example
 * ```ts
 * import { BatchSampler, SequentialSampler } from "wasmgrad/data";
 * console.log([...new BatchSampler(new SequentialSampler(5), 2)]); // [[0, 1], [2, 3], [4]]
 * ```
 */
export class BatchSampler implements Sampler<readonly number[]> {
  readonly sampler: Sampler;
  readonly batchSize: number;
  readonly dropLast: boolean;

  constructor(sampler: Sampler, batchSize: number, options?: { dropLast?: boolean }) {
    const op = "BatchSampler";
    checkSampler(op, "sampler", sampler);
    this.sampler = sampler;
    this.batchSize = checkInteger(op, "batchSize", batchSize, 1);
    this.dropLast = checkBoolean(op, "dropLast", readOptions(op, options, { dropLast: false }).dropLast);
  }

  get length(): number {
    return countBatches(this.sampler.length, this.batchSize, this.dropLast);
  }

  order(seed: number, epoch: number): readonly number[][] {
    const indices = Array.from(orderOf(this.sampler, seed, epoch));
    return Array.from({ length: this.length }, (_, i) => indices.slice(i * this.batchSize, (i + 1) * this.batchSize));
  }

  *[Symbol.iterator](): IterableIterator<readonly number[]> {
    yield* this.order(drawSeed(), 0);
  }
}

export function countBatches(samples: number, batchSize: number, dropLast: boolean): number {
  return dropLast ? Math.floor(samples / batchSize) : Math.ceil(samples / batchSize);
}

/** The elements of an array or a typed array. */
function listOf(op: string, name: string, values: ArrayLike<number>): number[] {
  if (typeof values === "object" && Number.isInteger(values?.length)) return Array.from(values);
  throw new OptionError(`${op}: ${name} expected an array of numbers, got ${describe(values)}`);
}

/** The order of an epoch. */
export function orderOf<T>(sampler: Sampler<T>, seed: number, epoch: number): ArrayLike<T> {
  return sampler.order?.(checkInteger("sampler", "seed", seed, 0, MAX_SEED), epoch) ?? [...sampler];
}

/** Checks a sampler that the user passed. */
export function checkSampler(op: string, name: string, sampler: Sampler<unknown>): void {
  const isIterable = typeof sampler?.[Symbol.iterator] === "function";
  if (isIterable && typeof sampler !== "string" && Number.isInteger(sampler.length) && sampler.length >= 0) return;
  throw new OptionError(`${op}: ${name} expected an iterable with a length, got ${describe(sampler)}`);
}
