import { checkBoolean, checkInteger, describe } from "../checks.ts";
import { OptionError } from "../errors.ts";
import { checkSampler, countBatches, orderOf, type Sampler } from "./samplers.ts";
import { epochOrder } from "./shuffle.ts";

/** The options of a `DataLoader` that say which samples are in which batch. */
export interface BatchOrderOptions {
  /** Samples per batch. Default 1. */
  batchSize?: number;
  /** Whether the samples are shuffled in each epoch. Default false, which keeps the data set's order. */
  shuffle?: boolean;
  /** Whether to drop the last batch if it is smaller than the others. Default false. */
  dropLast?: boolean;
  /**
   * Whether the last batch, if it is smaller than the others, is filled with copies of its last sample, so
   * that all batches have the same shape. `DataLoader.realSamples` says how many are not copies. Default
   * false.
   */
  padLast?: boolean;
  /** The indices of each epoch: a sampler, or an array of indices. Excludes `shuffle`. */
  sampler?: Sampler;
  /**
   * The batches of each epoch: a sampler of lists of indices, or an array of them. Excludes `batchSize`,
   * `shuffle`, `dropLast`, `padLast` and `sampler`.
   */
  batchSampler?: Sampler<readonly number[]>;
}

/** The defaults of these options. An option that is undefined was not given. */
export const BATCH_ORDER_DEFAULTS = {
  batchSize: undefined as number | undefined,
  shuffle: undefined as boolean | undefined,
  dropLast: undefined as boolean | undefined,
  padLast: undefined as boolean | undefined,
  sampler: undefined as Sampler | undefined,
  batchSampler: undefined as Sampler<readonly number[]> | undefined,
};

/** Which samples are in which batch of an epoch. */
export class BatchOrder {
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly dropLast: boolean;
  readonly padLast: boolean;
  readonly #samples: { readonly length: number };
  readonly #sampler: Sampler | undefined;
  readonly #batchSampler: Sampler<readonly number[]> | undefined;

  /** @param samples the data set: only its length is used */
  constructor(op: string, samples: { readonly length: number }, given: BatchOrderOptions) {
    const { sampler, batchSampler, batchSize = 1, shuffle = false, dropLast = false, padLast = false } = given;
    refuseBoth(op, given, "sampler", ["shuffle"]);
    refuseBoth(op, given, "batchSampler", ["batchSize", "shuffle", "dropLast", "padLast", "sampler"]);
    refuseBoth(op, given, "padLast", ["dropLast"]);
    if (sampler !== undefined) checkSampler(op, "sampler", sampler);
    if (batchSampler !== undefined) checkSampler(op, "batchSampler", batchSampler);
    this.batchSize = checkInteger(op, "batchSize", batchSize, 1);
    this.shuffle = checkBoolean(op, "shuffle", shuffle);
    this.dropLast = checkBoolean(op, "dropLast", dropLast);
    this.padLast = checkBoolean(op, "padLast", padLast);
    this.#samples = samples;
    this.#sampler = sampler;
    this.#batchSampler = batchSampler;
  }

  /** Whether an epoch's order may depend on the seed. */
  get isRandom(): boolean {
    const { order } = this.#batchSampler ?? this.#sampler ?? {};
    return this.shuffle || order !== undefined;
  }

  /** Number of batches of an epoch. */
  get length(): number {
    if (this.#batchSampler) return this.#batchSampler.length;
    return countBatches((this.#sampler ?? this.#samples).length, this.batchSize, this.dropLast);
  }

  /** Number of samples of a batch that are not copies: see `padLast`. */
  realSamples(batch: number): number {
    if (this.#batchSampler)
      throw new OptionError("DataLoader: realSamples is not known for a loader with a batchSampler");
    return Math.min(this.batchSize, (this.#sampler ?? this.#samples).length - batch * this.batchSize);
  }

  /** Begins an epoch: returns a function that returns the indices of a batch. */
  epoch(seed: number, epoch: number): (batch: number) => number[] {
    const { batchSize } = this;
    const { length } = this.#samples;
    if (this.#batchSampler) {
      const batches = orderOf(this.#batchSampler, seed, epoch);
      return (batch) => {
        const indices: unknown = batches[batch];
        if (!Array.isArray(indices) || indices.length === 0) {
          throw new OptionError(`DataLoader: batchSampler expected lists of indices, got ${describe(indices)}`);
        }
        return indices.map((index) => checkIndex("batchSampler", index, length));
      };
    }
    const order = this.#sampler
      ? orderOf(this.#sampler, seed, epoch)
      : this.shuffle
        ? epochOrder(length, seed, epoch)
        : null;
    return (batch) => {
      const first = batch * batchSize;
      const count = this.realSamples(batch);
      // a position past the last sample is that of its copy
      const positions = Array.from(
        { length: this.padLast ? batchSize : count },
        (_, i) => first + Math.min(i, count - 1),
      );
      if (!order) return positions;
      return positions.map((i) => (this.#sampler ? checkIndex("sampler", order[i], length) : order[i]));
    };
  }
}

function checkIndex(name: string, index: unknown, length: number): number {
  return checkInteger("DataLoader", `an index of ${name}`, index, 0, length - 1);
}

/** Refuses options that exclude each other. */
function refuseBoth(
  op: string,
  given: BatchOrderOptions,
  name: keyof BatchOrderOptions,
  others: readonly (keyof BatchOrderOptions)[],
): void {
  const both = given[name] ? others.find((other) => given[other] !== undefined && given[other] !== false) : undefined;
  if (both !== undefined) throw new OptionError(`${op}: ${name} and ${both} exclude each other; pass one of them`);
}
