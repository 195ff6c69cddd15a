import { checkInteger, describe, isPromise } from "../checks.ts";
import { OptionError } from "../errors.ts";
import { tensor } from "../tensor/creation.ts";
import { cat } from "../tensor/functions.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import { Tensor } from "../tensor/tensor.ts";
import { checkDataset, type Dataset } from "./dataset.ts";

/**
 * Several data sets one after the other, with the same kind of samples. Matches
 * `torch.utils.data.ConcatDataset`.
 *
 * @throws OptionError for anything but an array of data sets, with at least one.
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * import { ConcatDataset, TensorDataset } from "wasmgrad/data";
 * const both = new ConcatDataset([new TensorDataset(tensor([1, 2])), new TensorDataset(tensor([3, 4, 5]))]);
 * console.log(both.length, both.get(3)[0].item(), both.batch?.([4, 0])[0].toArray()); // 5 4 [5, 1]
 * ```
 */
export class ConcatDataset<S, B = Tensor[]> implements Dataset<S, B> {
  readonly datasets: readonly Dataset<S, B>[];
  readonly length: number;
  /** Missing if a data set has no `batch`: the loader then makes batches of samples. */
  readonly batch?: (indices: readonly number[]) => B;
  /** The index of the first sample of each data set. */
  readonly #starts: readonly number[];

  constructor(datasets: readonly Dataset<S, B>[]) {
    if (!Array.isArray(datasets) || datasets.length === 0) {
      throw new OptionError(`ConcatDataset: expected an array of data sets, got ${describe(datasets)}`);
    }
    for (const dataset of datasets) checkDataset("ConcatDataset", dataset);
    this.datasets = [...datasets];
    let length = 0;
    this.#starts = this.datasets.map((dataset) => {
      const start = length;
      length += dataset.length;
      return start;
    });
    this.length = length;
    if (this.datasets.every(({ batch }) => batch)) this.batch = (indices) => this.#batch(indices);
  }

  get(index: number): S {
    const which = this.#datasetOf(index);
    return this.datasets[which].get(index - this.#starts[which]);
  }

  #batch(indices: readonly number[]): B {
    const byDataset = new Map<number, number[]>();
    for (const [position, index] of indices.entries()) {
      const which = this.#datasetOf(index);
      byDataset.set(which, [...(byDataset.get(which) ?? []), position]);
    }
    const groups = [...byDataset].map(([which, positions]) =>
      this.datasets[which].batch!(positions.map((position) => indices[position] - this.#starts[which])),
    );
    if (groups.length === 1) return groups[0];
    const positions = [...byDataset.values()].flat();
    if (groups.some(isPromise)) return Promise.all(groups).then((all) => joinBatches(all, positions)) as B;
    return joinBatches(groups, positions) as B;
  }

  #datasetOf(index: number): number {
    checkInteger("ConcatDataset", "index", index, 0, this.length - 1);
    return this.#starts.filter((start) => start <= index).length - 1;
  }
}

/** Joins batches. Row i of all rows, one batch after the other, becomes row `positions[i]`. */
function joinBatches(batches: readonly unknown[], positions: readonly number[]): Tensor[] {
  const rows = new Int32Array(positions.length);
  for (const [row, position] of positions.entries()) rows[position] = row;
  const parts = batches.map(tensorsOf);
  return scope(() =>
    parts[0].map((_, part) =>
      cat(
        parts.map((batch) => batch[part]),
        0,
      ).indexSelect(0, tensor(rows)),
    ),
  );
}

function tensorsOf(batch: unknown): Tensor[] {
  if (Array.isArray(batch) && batch.every((part) => part instanceof Tensor)) return batch;
  throw new OptionError(`ConcatDataset: batches expected to be arrays of tensors, got ${describe(batch)}`);
}
