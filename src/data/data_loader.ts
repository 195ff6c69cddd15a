import { checkBoolean, checkFunction, checkInteger, readOptions } from "../checks.ts";
import { OptionError, StateDictError } from "../errors.ts";
import { checkStateKind } from "../tensor/state_kind.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { BATCH_ORDER_DEFAULTS, BatchOrder, type BatchOrderOptions } from "./batch_order.ts";
import { Batches, iterateAsync, iterateLater } from "./batches.ts";
import { type AsyncDataset, checkDataset, type Sample } from "./dataset.ts";
import { checkStreamOptions, type IterableDataset, isStream, streamBatches, streamHasNo } from "./iterable_dataset.ts";
import { type EpochPlan, OwnSource } from "./own_source.ts";
import { Sharded } from "./sharded.ts";
import type { ShardsToLoad } from "./shards.ts";
import { drawSeed, MAX_SEED } from "./shuffle.ts";
import { checkWorkerModule, WorkerSource } from "./worker_source.ts";

export interface DataLoaderOptions<S, B> extends BatchOrderOptions {
  /**
   * Determines the order of every epoch, and the random numbers that the data set draws. Default: drawn from
   * the default generator if `shuffle` is true, so `manualSeed` determines it; else 0.
   */
  seed?: number;
  /** Makes a batch of samples. Default: tensors are stacked, integers become int32 tensors. */
  collate?: (samples: S[]) => B;
  /** Whether each iteration is a scope. Default true. */
  scoped?: boolean;
  /**
   * Number of worker threads that load batches ahead of the loop, for `for await` and the `Trainer` (Node,
   * Deno and Bun). Needs `workerModule`. Default 0: the calling thread loads each batch.
   */
  numWorkers?: number;
  /**
   * The address of a module that each worker imports. Its default export is the data set, or a function that
   * returns it or a promise of it: `new URL("./photos.js", import.meta.url)`. It must be the same data set as
   * the loader's.
   */
  workerModule?: string | { readonly href: string };
  /**
   * Number of batches that each worker has loaded, or is loading, ahead of the loop. Without workers, but
   * with a data set that returns promises: number of batches that are under way ahead of the loop. Default 2.
   */
  prefetchFactor?: number;
}

interface LoopOptions {
  mayWait?: boolean;
  entered?: boolean;
  part?: ShardsToLoad;
}

/** The position of a loader: enough to continue in the middle of an epoch. */
export interface DataLoaderState {
  seed: number;
  /** Number of epochs begun before this one. */
  epoch: number;
  /** Number of batches of this epoch already returned. */
  position: number;
}

/**
 * Iterates over a data set in batches. Matches `torch.utils.data.DataLoader`.
 *
 * Each iteration is a scope: tensors created in the loop body are released when the next iteration begins, or
 * when the loop ends by `break` or an exception. Tensors passed to `keep()`, parameters, gradients and
 * optimizer state are not released. The body may `await`; see `Scope`. Pass `scoped: false` to call the
 * iterator's `next()` directly or to iterate over two loaders at once.
 *
 * A data set that returns promises, and a loader with `numWorkers`, are read with
 * `for await (const batch of loader)`. All other loaders work with `for` and with `for await`.
 *
 * The order of an epoch depends only on `seed` and the epoch's number. Random numbers that the data set's
 * `get` draws depend on these and the sample's index, those of `batch` on the batch's number; neither depends
 * on `numWorkers`. (An asynchronous function draws such numbers before its first `await`.) After
 * `loadStateDict()` the loader continues at the saved batch without reading the batches before it.
 *
 * @throws OptionError for invalid options.
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * import { DataLoader, TensorDataset } from "wasmgrad/data";
 * const set = new TensorDataset(tensor([[1], [2], [3]]), tensor([0, 1, 0], { dtype: "int32" }));
 * const loader = new DataLoader(set, { batchSize: 2, shuffle: true, seed: 1 });
 * for (const [inputs, labels] of loader) console.log(inputs.shape, labels.shape); // [2, 1] [2], then [1, 1] [1]
 * console.log(loader.length); // 2
 * ```
 */
export class DataLoader<S = Sample, B = Tensor[]> implements Iterable<B>, AsyncIterable<B> {
  readonly dataset: AsyncDataset<S, B>;
  readonly scoped: boolean;
  readonly numWorkers: number;
  readonly prefetchFactor: number;
  readonly #workerModule: string;
  readonly #order: BatchOrder;
  /** The data set, if it is a stream. */
  readonly #stream: IterableDataset<S> | null;
  readonly #collate: ((samples: S[]) => B) | undefined;
  #seed: number;
  #epoch = 0;
  #position = 0;
  /**
   * The newest iterator, which is the only one that advances the position. Null when the next iterator
   * continues from `#epoch` and `#position`.
   */
  #running: object | null = null;
  #waitedMs = 0;

  constructor(dataset: AsyncDataset<S, B> | IterableDataset<S>, options?: DataLoaderOptions<S, B>) {
    const op = "DataLoader";
    const stream = isStream(dataset);
    if (!stream) checkDataset(op, dataset as AsyncDataset<unknown, unknown>);
    const given = readOptions(op, options, {
      ...BATCH_ORDER_DEFAULTS,
      seed: undefined as number | undefined,
      collate: undefined as ((samples: S[]) => B) | undefined,
      scoped: true,
      numWorkers: 0,
      workerModule: undefined as DataLoaderOptions<S, B>["workerModule"],
      prefetchFactor: 2,
    });
    if (given.collate !== undefined) checkFunction(op, "collate", given.collate);
    if (stream) checkStreamOptions(op, given);
    this.dataset = dataset as AsyncDataset<S, B>;
    this.#stream = stream ? (dataset as IterableDataset<S>) : null;
    this.#order = new BatchOrder(op, this.dataset, given);
    this.scoped = checkBoolean(op, "scoped", given.scoped);
    this.numWorkers = checkInteger(op, "numWorkers", given.numWorkers, 0, 64);
    this.prefetchFactor = checkInteger(op, "prefetchFactor", given.prefetchFactor, 1);
    this.#workerModule = checkWorkerModule(given.workerModule, this.numWorkers);
    this.#collate = given.collate;
    this.#seed = checkInteger(op, "seed", given.seed ?? (this.#order.isRandom ? drawSeed() : 0), 0, MAX_SEED);
  }

  get batchSize(): number {
    return this.#order.batchSize;
  }

  get shuffle(): boolean {
    return this.#order.shuffle;
  }

  get dropLast(): boolean {
    return this.#order.dropLast;
  }

  /** @internal */
  get padLast(): boolean {
    return this.#order.padLast;
  }

  /**
   * Number of batches per epoch.
   *
   * @throws OptionError for a stream.
   */
  get length(): number {
    if (this.#stream) throw streamHasNo("length", this.#stream);
    return this.#order.length;
  }

  /**
   * With `padLast`, the number of samples of the current batch that are not copies: they are the first ones.
   * `arange(loader.batchSize).lt(loader.realSamples)` is their mask.
   */
  get realSamples(): number {
    return this.#order.realSamples(Math.max(this.#position - 1, 0));
  }

  /**
   * Milliseconds that loops over this loader have waited for batches so far. The rest of a loop's time is
   * that of its body.
   */
  get waitedMs(): number {
    return this.#waitedMs;
  }

  /** The loader's position. Inside the loop body, the current batch counts as done. */
  stateDict(): DataLoaderState {
    if (this.#stream) throw streamHasNo("position that can be restored", this.#stream);
    return { seed: this.#seed, epoch: this.#epoch, position: this.#position };
  }

  /**
   * Restores a position saved by `stateDict()`: the next loop over the loader begins with the next batch.
   *
   * @throws StateDictError for a state that is not valid for this data set and batch size.
   */
  loadStateDict(state: DataLoaderState): void {
    checkStateKind("DataLoader", "DataLoader", state);
    const { seed, epoch, position } = state;
    const valid = (value: unknown, max: number) =>
      Number.isInteger(value) && (value as number) >= 0 && (value as number) <= max;
    if (!valid(seed, MAX_SEED) || !valid(epoch, 2 ** 31) || !valid(position, this.length)) {
      throw new StateDictError(
        `DataLoader: state expected seed, epoch and position (of ${this.length} batches), got ${JSON.stringify(state)}`,
      );
    }
    this.#seed = seed;
    this.#epoch = epoch;
    this.#position = position;
    this.#running = null;
  }

  *[Symbol.iterator](): Generator<B, void, undefined> {
    if (this.numWorkers > 0) {
      throw new OptionError(
        `DataLoader: a loop over a loader with numWorkers ${this.numWorkers} must wait; write for await (const batch of loader)`,
      );
    }
    if (this.#stream) {
      yield* this.#streamBatches(this.#stream);
      return;
    }
    const batches = this.batches({ mayWait: false });
    try {
      while (batches.begin()) {
        batches.ready();
        yield batches.take();
      }
    } finally {
      batches.end();
    }
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<B> {
    const stream = this.#stream;
    return stream ? iterateLater(this.#streamBatches(stream)) : iterateAsync(() => this.batches());
  }

  #streamBatches(stream: IterableDataset<S>): Generator<B, void, undefined> {
    const { batchSize, dropLast, scoped } = this;
    return streamBatches<S, B>(stream, { batchSize, dropLast, scoped, collate: this.#collate });
  }

  /**
   * @internal Begins a loop. `entered`: whether an iteration's scope is open for the caller. `part`: the
   * shards to load of each batch, which is then a `ShardedBatch`.
   */
  batches({ mayWait = true, entered = true, part }: LoopOptions = {}): Batches<B> {
    if (this.#running) this.#beginEpoch(this.#epoch + 1); // the previous loop was left or still runs
    const self = {};
    this.#running = self;
    const first = this.#position;
    const plan = this.#planEpoch(part);
    const source =
      this.numWorkers > 0
        ? new WorkerSource(plan, first, this.numWorkers, this.#workerModule)
        : new OwnSource(plan, mayWait);
    return new Batches({
      source,
      first,
      length: this.length,
      scoped: this.scoped,
      entered,
      onTake: (batch) => {
        if (this.#running === self) this.#position = batch + 1;
      },
      onFinish: () => {
        if (this.#running !== self) return;
        this.#beginEpoch(this.#epoch + 1);
        this.#running = null;
      },
      onWait: (milliseconds) => {
        this.#waitedMs += milliseconds;
      },
    });
  }

  #planEpoch(part: ShardsToLoad | undefined): EpochPlan<S, B> {
    const { length, prefetchFactor } = this;
    const random = { seed: this.#seed, epoch: this.#epoch };
    const indicesOf = this.#order.epoch(this.#seed, this.#epoch);
    const rest = { length, indicesOf, random, collate: this.#collate, prefetchFactor };
    const { dataset } = this;
    if (!(dataset instanceof Sharded)) return { dataset, part, ...rest };
    return { dataset: dataset.dataset as AsyncDataset<S, B>, part: dataset.part, ...rest };
  }

  #beginEpoch(epoch: number): void {
    this.#epoch = epoch;
    this.#position = 0;
  }
}
