import { isPromise } from "../checks.ts";
import { OptionError } from "../errors.ts";
import { type AsyncDataset, checkBatch, collateSamples, nameOf, refuseReturned } from "./dataset.ts";
import { type EpochSeed, withSampleRandom } from "./sample_random.ts";
import { type ShardedBatch, type ShardsToLoad, samplesOfShard } from "./shards.ts";

/** A batch to load. */
export interface BatchPlan {
  /** Number of the batch in its epoch. */
  batch: number;
  indices: readonly number[];
  /** The shards to load of it. Default: the batch is not cut into shards. */
  part?: ShardsToLoad;
}

/**
 * A batch as its data set returned it, the samples from which `finishBatch` makes it, or its shards.
 */
export type Fetched<S, B> = { batch: B } | { samples: S[] } | FetchedShards<S, B>;

interface FetchedShards<S, B> {
  part: ShardsToLoad;
  /** Null for shards without samples. */
  shards: (Fetched<S, B> | null)[];
}

type Collate<S, B> = ((samples: S[]) => B) | undefined;

/**
 * Asks the data set for a batch. The result is a promise if `batch` or one of the `get` calls returned one.
 *
 * @param onError called with a sample's index and the error of its `get`; throws.
 */
export function fetchBatch<S, B>(
  dataset: AsyncDataset<S, B>,
  { batch, indices, part }: BatchPlan,
  random: EpochSeed,
  collate: Collate<S, B>,
  onError?: (index: number, error: unknown) => never,
): Fetched<S, B> | Promise<Fetched<S, B>> {
  if (part) {
    const shards = cutIndices(indices, part).map((own, i) => {
      const plan = { batch: batch * part.shards + part.first + i, indices: own };
      return own.length === 0 ? null : fetchBatch(dataset, plan, random, collate, onError);
    });
    if (!shards.some(isPromise)) return { part, shards: shards as FetchedShards<S, B>["shards"] };
    return Promise.all(shards).then((all) => ({ part, shards: all }));
  }
  if (!collate && dataset.batch) {
    const made = withSampleRandom(random, -1 - batch, () => dataset.batch!(indices));
    return isPromise(made) ? made.then((value) => ({ batch: value })) : { batch: made };
  }
  const samples = indices.map((index) => {
    const fail = onError && ((error: unknown) => onError(index, error));
    try {
      const sample = withSampleRandom(random, index, () => dataset.get(index));
      return isPromise(sample) && fail ? sample.then((value) => value, fail) : sample;
    } catch (error) {
      if (!fail) throw error;
      return fail(error);
    }
  });
  if (!samples.some(isPromise)) return { samples: samples as S[] };
  return Promise.all(samples).then((all) => ({ samples: all }));
}

/** The indices of each shard of a part. */
function cutIndices(indices: readonly number[], { first, end, shards }: ShardsToLoad): (readonly number[])[] {
  return Array.from({ length: end - first }, (_, i) =>
    indices.slice(...samplesOfShard(indices.length, first + i, shards)),
  );
}

/** Makes a `ShardedBatch` of what is known of each shard. */
export function mapShards<T, B>(
  indices: readonly number[],
  part: ShardsToLoad,
  known: readonly (T | null)[],
  finish: (value: T, own: readonly number[]) => B,
): ShardedBatch<B> {
  const own = cutIndices(indices, part);
  const parts = known.map((value, i) => (value === null ? null : finish(value, own[i])));
  return { size: indices.length, shards: part.shards, first: part.first, parts };
}

/** Makes the batch and checks it. For a batch in shards, `B` is the type of a `ShardedBatch`. */
export function finishBatch<S, B>(
  dataset: AsyncDataset<S, B>,
  indices: readonly number[],
  fetched: Fetched<S, B>,
  collate: Collate<S, B>,
): B {
  if ("part" in fetched) {
    const { part, shards } = fetched;
    return mapShards(indices, part, shards, (shard, own) => finishBatch(dataset, own, shard, collate)) as B;
  }
  if ("batch" in fetched) return checkBatch(`${nameOf(dataset)}.batch`, fetched.batch);
  for (const [i, sample] of fetched.samples.entries()) {
    if (sample === undefined) refuseReturned(`${nameOf(dataset)}.get(${indices[i]})`, "a sample", sample);
  }
  return collateSamples(dataset, indices, fetched.samples, collate);
}

/** The error of a loop that does not wait. */
export function refuseAsyncBatch<S, B>(dataset: AsyncDataset<S, B>, index: number, collate: Collate<S, B>): never {
  const call = !collate && dataset.batch ? "batch" : `get(${index})`;
  throw new OptionError(
    `DataLoader: ${nameOf(dataset)}.${call} returned a Promise; write for await (const batch of loader)`,
  );
}
