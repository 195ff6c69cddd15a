import { checkInteger, describe, describeReturned, isPromise } from "../checks.ts";
import { OptionError } from "../errors.ts";
import { Tensor } from "../tensor/tensor.ts";
import { defaultCollate } from "./collate.ts";

/** One sample: tensors and integers (labels). */
export type Sample = readonly (Tensor | number)[];

/**
 * An object that has a length and returns samples by index. Matches `torch.utils.data.Dataset`. `S` is the
 * type of a sample, `B` the type of a batch.
 */
export interface Dataset<S = Sample, B = Tensor[]> {
  /** Number of samples. */
  readonly length: number;
  /** Returns sample `index`, where `0 <= index < length`. */
  get(index: number): S;
  /**
   * The samples at `indices` as a batch. Optional, for data sets that read a batch faster than single
   * samples.
   */
  batch?(indices: readonly number[]): B;
}

/**
 * A data set whose `get` or `batch` may return a promise, for example because it reads files. A `DataLoader`
 * loads it with `for await`.
 */
export interface AsyncDataset<S = Sample, B = Tensor[]> {
  /** Number of samples. */
  readonly length: number;
  /** Returns sample `index`, or a promise of it. */
  get(index: number): S | Promise<S>;
  /** The samples at `indices` as a batch, or a promise of it. Optional. */
  batch?(indices: readonly number[]): B | Promise<B>;
}

/** Checks a data set that the user passed. */
export function checkDataset(op: string, dataset: AsyncDataset<unknown, unknown>): void {
  const length = dataset?.length;
  if (typeof dataset?.get === "function" && Number.isInteger(length) && length >= 0) return;
  const actual =
    typeof dataset?.get === "function"
      ? `length ${describe(length)} of ${nameOf(dataset)}; length must be an integer >= 0`
      : `${describe(dataset)}${adviceFor(dataset)}`;
  throw new OptionError(`${op}: dataset expected an object with length and get(index), got ${actual}`);
}

function adviceFor(value: unknown): string {
  if (value instanceof Tensor) return "; write new TensorDataset(...) around it";
  return Array.isArray(value) ? "; write { length: list.length, get: (index) => list[index] }" : "";
}

/** The name of a data set in errors. */
export function nameOf(dataset: object): string {
  const name = dataset.constructor?.name;
  return !name || name === "Object" ? "the data set" : name;
}

/** Returns sample `index`. If `get` returns something else, the error shows it. */
function sampleOf<S>(dataset: Dataset<S, unknown>, index: number, mayBePromise = false): S {
  const sample = dataset.get(index);
  const wrong = sample === undefined || (isPromise(sample) && !mayBePromise);
  if (wrong) refuseReturned(`${nameOf(dataset)}.get(${index})`, "a sample", sample);
  return sample;
}

/** The parts of sample `index`. */
export function partsOf(op: string, dataset: Dataset<readonly unknown[], unknown>, index: number): readonly unknown[] {
  const sample = sampleOf(dataset, index);
  if (!Array.isArray(sample)) {
    refuseReturned(`${op}: ${nameOf(dataset)}.get(${index})`, "an array of tensors and integers", sample);
  }
  return sample;
}

/** Returns a batch. If `batch` returns something else, the error shows it. */
export function batchOf<S, B>(dataset: Dataset<S, B>, indices: readonly number[]): B {
  if (dataset.batch) return checkBatch(`${nameOf(dataset)}.batch`, dataset.batch(indices));
  const samples = indices.map((index) => sampleOf(dataset, index));
  return collateSamples(dataset, indices, samples);
}

/** Makes a batch of samples: with `collate`, or as `defaultCollate` does. */
export function collateSamples<S, B>(
  dataset: AsyncDataset<S, B>,
  indices: readonly number[],
  samples: S[],
  collate?: (samples: S[]) => B,
): B {
  if (collate) return checkBatch("DataLoader: collate", collate(samples));
  const name = (i: number) => `sample ${i} (${nameOf(dataset)}.get(${indices[i]}))`;
  return defaultCollate(samples as readonly Sample[], name) as B;
}

/** Checks what `batch` or `collate` returned. */
export function checkBatch<B>(maker: string, batch: B): B {
  if (batch === undefined || batch === null || isPromise(batch)) refuseReturned(maker, "a batch", batch);
  if (Array.isArray(batch)) {
    const wrong = batch.findIndex((part) => part === undefined || isPromise(part));
    if (wrong >= 0) refuseReturned(maker, `part ${wrong} of the batch`, batch[wrong]);
  }
  return batch;
}

/** Throws the error of a function that returned something else. */
export function refuseReturned(maker: string, expected: string, actual: unknown): never {
  throw new OptionError(`${maker} expected to return ${expected}, got ${describeReturned(actual)}`);
}

/**
 * The samples of a data set at the given indices. Matches `torch.utils.data.Subset`.
 *
 * @throws OptionError for an index outside the data set.
 * @example
 * ```ts
 * import { Subset } from "wasmgrad/data";
 * const squares = { length: 10, get: (i: number) => [i * i] };
 * console.log(new Subset(squares, [3, 5]).get(1)); // [25]
 * ```
 */
export class Subset<S, B = Tensor[]> implements Dataset<S, B> {
  readonly dataset: Dataset<S, B>;
  readonly indices: readonly number[];
  readonly batch?: (indices: readonly number[]) => B;

  constructor(dataset: Dataset<S, B>, indices: ArrayLike<number>) {
    checkDataset("Subset", dataset);
    this.dataset = dataset;
    this.indices = Array.from(indices, (index) => checkInteger("Subset", "index", index, 0, dataset.length - 1));
    if (dataset.batch) {
      this.batch = (indices) => {
        const batch = dataset.batch!(indices.map((index) => this.#at(index)));
        return isPromise(batch) ? batch : checkBatch(`${nameOf(dataset)}.batch`, batch);
      };
    }
  }

  get length(): number {
    return this.indices.length;
  }

  get(index: number): S {
    return sampleOf(this.dataset, this.#at(index), true);
  }

  #at(index: number): number {
    return this.indices[checkInteger("Subset", "index", index, 0, this.length - 1)];
  }
}
