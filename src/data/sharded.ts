import { checkInteger, describe, isPromise, readOptions } from "../checks.ts";
import { OptionError } from "../errors.ts";
import { getRngState } from "../tensor/generator.ts";
import { type AsyncDataset, checkDataset } from "./dataset.ts";
import { type Fetched, fetchBatch, finishBatch } from "./fetch_batch.ts";
import { type RankInGroup, type ShardedBatch, type ShardsToLoad, shardsToLoad } from "./shards.ts";

export interface ShardedOptions {
  /** Number of shards of each batch. */
  shards: number;
  /** The group of processes. Default: this process alone, which gets all shards. */
  group?: RankInGroup;
}

/**
 * A data set of which each rank loads its part of every batch: the global batches, and their order, are the
 * same for any number of ranks. A `DataLoader` over it returns a `ShardedBatch` for each global batch.
 *
 * A `Trainer` with the option `shards` does not need it. It takes the place of PyTorch's
 * `DistributedSampler`, whose batches depend on the number of ranks.
 *
 * @throws OptionError for anything but a data set, or for invalid options.
 * @example
 * ```ts
 * import { arange } from "wasmgrad";
 * import { DataLoader, TensorDataset } from "wasmgrad/data";
 * import { Sharded } from "wasmgrad/distributed";
 * const set = new TensorDataset(arange(10));
 * const loader = new DataLoader(new Sharded(set, { shards: 2 }), { batchSize: 5 });
 * for (const { parts } of loader) console.log(parts.map((part) => part![0].toArray()));
 * // [[0, 1, 2], [3, 4]], then [[5, 6, 7], [8, 9]]
 * ```
 */
export class Sharded<S, B> implements AsyncDataset<S, ShardedBatch<B>> {
  readonly dataset: AsyncDataset<S, B>;
  readonly shards: number;
  readonly #part: ShardsToLoad;

  constructor(dataset: AsyncDataset<S, B>, options: ShardedOptions) {
    checkDataset("Sharded", dataset);
    if (dataset instanceof Sharded) throw new OptionError("Sharded: expected a data set that is not Sharded already");
    const { shards, group } = readOptions<Partial<ShardedOptions>>("Sharded", options, {
      shards: undefined,
      group: undefined,
    });
    this.dataset = dataset;
    this.#part = partOf("Sharded", shards, group);
    this.shards = this.#part.shards;
  }

  get length(): number {
    return this.dataset.length;
  }

  /** @internal What a `DataLoader` loads of each batch. */
  get part(): ShardsToLoad {
    return this.#part;
  }

  get(index: number): S | Promise<S> {
    return this.dataset.get(index);
  }

  /** This rank's shards of a global batch. Its random numbers follow from the default generator's state. */
  batch(indices: readonly number[]): ShardedBatch<B>;
  batch(indices: readonly number[]): ShardedBatch<B> | Promise<ShardedBatch<B>> {
    const { seed, offset } = getRngState();
    const plan = { batch: 0, indices, part: this.#part };
    const fetched = fetchBatch(this.dataset, plan, { seed, epoch: offset }, undefined);
    const finish = (value: Fetched<S, B>) => finishBatch(this.dataset, indices, value, undefined);
    return (isPromise(fetched) ? fetched.then(finish) : finish(fetched)) as unknown as ShardedBatch<B>;
  }
}

/** Checks the number of shards and the group. */
export function partOf(op: string, shards: unknown, group: RankInGroup | undefined): ShardsToLoad {
  const count = checkInteger(op, "shards", shards, 1, 65536);
  if (group !== undefined && (!Number.isInteger(group?.rank) || !Number.isInteger(group.worldSize))) {
    throw new OptionError(`${op}: group expected the result of initProcessGroup(), got ${describe(group)}`);
  }
  return shardsToLoad(group ?? { rank: 0, worldSize: 1 }, count);
}
