import { describe, describeReturned, isPromise } from "../checks.ts";
import { OptionError } from "../errors.ts";
import { section } from "../ops/core/recorder.ts";
import { Scope } from "../tensor/lifetime/scope.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { BatchOrderOptions } from "./batch_order.ts";
import { defaultCollate } from "./collate.ts";
import type { Sample } from "./dataset.ts";

/**
 * A stream of samples: an object that can be iterated but has no indices, such as a generator function's
 * class. Every loop over its `DataLoader` iterates over it once. Matches `torch.utils.data.IterableDataset`.
 *
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * import { DataLoader, type IterableDataset } from "wasmgrad/data";
 * const squares: IterableDataset = {
 *   *[Symbol.iterator]() {
 *     for (let i = 0; i < 5; i++) yield [tensor(i * i), i];
 *   },
 * };
 * for (const [values, labels] of new DataLoader(squares, { batchSize: 2 })) console.log(values.toArray(), labels.toArray());
 * ```
 */
export interface IterableDataset<S = Sample> extends Iterable<S> {}

/** Whether a data set is a stream. Arrays and tensors are not: they have a length. */
export function isStream(dataset: unknown): dataset is IterableDataset<unknown> {
  if (typeof dataset !== "object" || dataset === null || "get" in dataset || "length" in dataset) return false;
  return Symbol.iterator in dataset;
}

/** Refuses the options that need indices. */
export function checkStreamOptions(op: string, given: BatchOrderOptions & { numWorkers?: number }): void {
  const names = ["shuffle", "sampler", "batchSampler", "padLast", "numWorkers"] as const;
  const wrong = names.find((name) => given[name]);
  if (wrong !== undefined) {
    throw new OptionError(
      `${op}: ${wrong} expected a data set with length and get(index); a stream is read in its own order`,
    );
  }
}

interface StreamOptions<S, B> {
  batchSize: number;
  dropLast: boolean;
  scoped: boolean;
  collate: ((samples: S[]) => B) | undefined;
}

/** The batches of a stream. Each iteration is a scope, as in `DataLoader`. */
export function* streamBatches<S, B = Tensor[]>(
  stream: IterableDataset<S>,
  { batchSize, dropLast, scoped, collate }: StreamOptions<S, B>,
): Generator<B, void, undefined> {
  const iterator = stream[Symbol.iterator]();
  let count = 0;
  let done = false;
  let awaited = false;
  const take = (): B | undefined => {
    const samples: S[] = [];
    while (samples.length < batchSize && !done) {
      const next: unknown = iterator.next();
      if (isPromise(next)) throw new OptionError("DataLoader: a stream expected samples, got a Promise");
      const { value, done: ended } = next as IteratorResult<S>;
      done = ended === true;
      if (!done) samples.push(value);
    }
    if (samples.length === 0 || (dropLast && samples.length < batchSize)) return undefined;
    const first = count;
    count += samples.length;
    if (!collate) return defaultCollate(samples as readonly Sample[], (i) => `sample ${first + i} of the stream`) as B;
    const batch: unknown = collate(samples);
    if (batch === undefined || batch === null || isPromise(batch)) {
      throw new OptionError(`DataLoader: collate expected to return a batch, got ${describeReturned(batch)}`);
    }
    return batch as B;
  };
  try {
    while (!done) {
      const body = scoped ? new Scope("a DataLoader iteration") : null;
      if (awaited) body?.claimTensors();
      try {
        const batch = scope(() => section("DataLoader", take));
        if (batch !== undefined) yield batch;
      } finally {
        awaited ||= body?.awaited ?? false;
        body?.close();
      }
    }
  } finally {
    iterator.return?.();
  }
}

/** The error for what a stream does not have. */
export function streamHasNo(what: string, dataset: object): OptionError {
  return new OptionError(`DataLoader: a stream has no ${what}, got ${describe(dataset)}`);
}
