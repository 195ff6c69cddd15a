import { checkBoolean, checkFunction, checkInteger, readOptions } from "../checks.ts";
import { StateDictError } from "../errors.ts";
import { section } from "../ops/core/recorder.ts";
import { Scope } from "../tensor/lifetime/scope.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import { checkStateKind } from "../tensor/state_kind.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { BATCH_ORDER_DEFAULTS, BatchOrder, type BatchOrderOptions } from "./batch_order.ts";
import { batchOf, checkDataset, type Dataset, type Sample } from "./dataset.ts";
import { checkStreamOptions, type IterableDataset, isStream, streamBatches, streamHasNo } from "./iterable_dataset.ts";
import { drawSeed, MAX_SEED } from "./shuffle.ts";

export interface DataLoaderOptions<S, B> extends BatchOrderOptions {
  /**
   * Determines the order of every epoch. Default: drawn from the default generator, so `manualSeed`
   * determines it.
   */
  seed?: number;
  /** Makes a batch of samples. Default: tensors are stacked, integers become int32 tensors. */
  collate?: (samples: S[]) => B;
  /** Whether each iteration is a scope. Default true. */
  scoped?: boolean;
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
 * The order of an epoch depends only on `seed` and the epoch's number. After `loadStateDict()` the loader
 * continues at the saved batch without reading the batches before it.
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
export class DataLoader<S = Sample, B = Tensor[]> implements Iterable<B> {
  readonly dataset: Dataset<S, B>;
  readonly scoped: boolean;
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

  constructor(dataset: Dataset<S, B> | IterableDataset<S>, options?: DataLoaderOptions<S, B>) {
    const op = "DataLoader";
    const stream = isStream(dataset);
    if (!stream) checkDataset(op, dataset as Dataset<unknown, unknown>);
    const given = readOptions(op, options, {
      ...BATCH_ORDER_DEFAULTS,
      seed: undefined as number | undefined,
      collate: undefined as ((samples: S[]) => B) | undefined,
      scoped: true,
    });
    if (given.collate !== undefined) checkFunction(op, "collate", given.collate);
    if (stream) checkStreamOptions(op, given);
    this.dataset = dataset as Dataset<S, B>;
    this.#stream = stream ? (dataset as IterableDataset<S>) : null;
    this.#order = new BatchOrder(op, this.dataset, given);
    this.scoped = checkBoolean(op, "scoped", given.scoped);
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
    if (this.#stream) {
      const { batchSize, dropLast, scoped } = this;
      yield* streamBatches<S, B>(this.#stream, { batchSize, dropLast, scoped, collate: this.#collate });
      return;
    }
    if (this.#running) this.#beginEpoch(this.#epoch + 1); // the previous loop was left or still runs
    const self = {};
    this.#running = self;
    const { length } = this;
    const indicesOf = this.#order.epoch(this.#seed, this.#epoch);
    let awaited = false;
    for (let batch = this.#position; batch < length; batch++) {
      const body = this.scoped ? new Scope("a DataLoader iteration") : null;
      if (awaited) body?.claimTensors();
      try {
        const loaded = scope(() => this.#load(indicesOf(batch)));
        if (this.#running === self) this.#position = batch + 1;
        yield loaded;
      } finally {
        awaited ||= body?.awaited ?? false;
        body?.close();
      }
    }
    if (this.#running === self) {
      this.#beginEpoch(this.#epoch + 1);
      this.#running = null;
    }
  }

  #beginEpoch(epoch: number): void {
    this.#epoch = epoch;
    this.#position = 0;
  }

  #load(indices: readonly number[]): B {
    return section("DataLoader", () => batchOf(this.dataset, indices, this.#collate));
  }
}
