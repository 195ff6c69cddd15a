import { OptionError } from "../errors.ts";
import { checkInteger } from "../ops/options.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** What a data set gives for an index: tensors, and integers (labels). */
export type Sample = readonly (Tensor | number)[];

/**
 * Anything with a length and samples by index. Matches `torch.utils.data.Dataset`. `S` is the type of a sample, `B` that of a
 * batch.
 */
export interface Dataset<S = Sample, B = Tensor[]> {
  /** Number of samples. */
  readonly length: number;
  /** Sample `index`, `0 <= index < length`. */
  get(index: number): S;
  /** The samples of `indices` as a batch, for data sets that are faster at it than one sample after the other. */
  batch?(indices: readonly number[]): B;
}

/** Checks what a user passed as a data set. */
export function checkDataset(op: string, dataset: Dataset<unknown, unknown>): void {
  if (typeof dataset?.get !== "function" || !Number.isInteger(dataset.length) || dataset.length < 0) {
    throw new OptionError(`${op}: dataset expected an object with length and get(index), got ${typeof dataset}`);
  }
}

/**
 * Some samples of a data set, by their indices. Matches `torch.utils.data.Subset`.
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
    if (dataset.batch) this.batch = (indices) => dataset.batch!(indices.map((index) => this.#at(index)));
  }

  get length(): number {
    return this.indices.length;
  }

  get(index: number): S {
    return this.dataset.get(this.#at(index));
  }

  #at(index: number): number {
    return this.indices[checkInteger("Subset", "index", index, 0, this.length - 1)];
  }
}
