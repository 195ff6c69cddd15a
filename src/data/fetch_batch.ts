import { isPromise } from "../checks.ts";
import { OptionError } from "../errors.ts";
import { type AsyncDataset, checkBatch, collateSamples, nameOf, refuseReturned } from "./dataset.ts";
import { type EpochSeed, withSampleRandom } from "./sample_random.ts";

/** A batch to load. */
export interface BatchPlan {
  /** Number of the batch in its epoch. */
  batch: number;
  indices: readonly number[];
}

/** A batch as its data set returned it, or the samples from which `finishBatch` makes it. */
export type Fetched<S, B> = { batch: B } | { samples: S[] };

type Collate<S, B> = ((samples: S[]) => B) | undefined;

/**
 * Asks the data set for a batch. The result is a promise if `batch` or one of the `get` calls returned one.
 *
 * @param onError called with a sample's index and the error of its `get`; throws.
 */
export function fetchBatch<S, B>(
  dataset: AsyncDataset<S, B>,
  { batch, indices }: BatchPlan,
  random: EpochSeed,
  collate: Collate<S, B>,
  onError?: (index: number, error: unknown) => never,
): Fetched<S, B> | Promise<Fetched<S, B>> {
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

/** Makes the batch and checks it. */
export function finishBatch<S, B>(
  dataset: AsyncDataset<S, B>,
  indices: readonly number[],
  fetched: Fetched<S, B>,
  collate: Collate<S, B>,
): B {
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
