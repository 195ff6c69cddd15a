import { isPromise } from "../checks.ts";
import { openScope, Scope } from "../tensor/lifetime/scope.ts";
import type { BatchSource } from "./batches.ts";
import type { AsyncDataset } from "./dataset.ts";
import { type BatchPlan, type Fetched, fetchBatch, finishBatch, refuseAsyncBatch } from "./fetch_batch.ts";
import type { EpochSeed } from "./sample_random.ts";
import type { ShardsToLoad } from "./shards.ts";

/** What the loading of an epoch depends on. */
export interface EpochPlan<S, B> {
  dataset: AsyncDataset<S, B>;
  /** Number of batches. */
  length: number;
  indicesOf(batch: number): readonly number[];
  random: EpochSeed;
  collate?: (samples: S[]) => B;
  /** The shards to load of each batch. */
  part?: ShardsToLoad;
  /** Number of batches that each worker, or the calling thread, has begun ahead of the loop. */
  prefetchFactor: number;
}

interface Started<S, B> {
  plan: BatchPlan;
  /** Owns the tensors of the samples. */
  own: Scope;
  fetched: Fetched<S, B> | Promise<Fetched<S, B>> | null;
  /** What the data set threw, in place of `fetched`. */
  thrown?: unknown;
}

/**
 * Loads batches on the calling thread. If the data set answers with promises, `prefetchFactor` batches are
 * under way beside the loop's.
 */
export class OwnSource<S, B> implements BatchSource<B> {
  readonly #plan: EpochPlan<S, B>;
  readonly #mayWait: boolean;
  readonly #started = new Map<number, Started<S, B>>();

  /** @param mayWait false for a loop that cannot wait: promises are then an error. */
  constructor(plan: EpochPlan<S, B>, mayWait: boolean) {
    this.#plan = plan;
    this.#mayWait = mayWait;
  }

  ready(batch: number): Promise<void> | null {
    const started = this.#started.get(batch) ?? this.#start(batch);
    const { fetched, plan } = started;
    if (!fetched) throw started.thrown; // now that the loop has come to this batch
    if (!isPromise(fetched)) return null;
    if (!this.#mayWait) refuseAsyncBatch(this.#plan.dataset, plan.indices[0], this.#plan.collate);
    const last = Math.min(this.#plan.length, batch + 1 + this.#plan.prefetchFactor);
    for (let ahead = batch + 1; ahead < last; ahead++) if (!this.#started.has(ahead)) this.#start(ahead);
    return fetched.then((value) => {
      started.fetched = value;
    });
  }

  take(batch: number): B {
    const { plan, own, fetched } = this.#started.get(batch)!;
    this.#started.delete(batch);
    const { dataset, collate } = this.#plan;
    try {
      const made = finishBatch(dataset, plan.indices, fetched as Fetched<S, B>, collate);
      own.moveToParent(made, Scope.adopting(openScope())); // what the data set or collate passed on
      return made;
    } finally {
      own.close();
    }
  }

  async end(): Promise<void> {
    for (const { own, fetched } of this.#started.values()) {
      const close = () => own.close();
      // what is under way still uses its tensors
      if (isPromise(fetched)) fetched.then(close, close);
      else close();
    }
    this.#started.clear();
  }

  #start(batch: number): Started<S, B> {
    const { dataset, indicesOf, random, collate, part } = this.#plan;
    const plan = { batch, indices: indicesOf(batch), part };
    const own = new Scope("the loading of samples", { enter: false });
    const started: Started<S, B> = { plan, own, fetched: null };
    try {
      started.fetched = own.run(() => fetchBatch(dataset, plan, random, collate));
      if (isPromise(started.fetched)) started.fetched.catch(() => {}); // likewise thrown by ready()
    } catch (error) {
      started.thrown = error;
    }
    this.#started.set(batch, started);
    return started;
  }
}
