import { checkInteger, describe } from "../checks.ts";
import { OptionError } from "../errors.ts";
import { tensor } from "../tensor/creation.ts";
import { cat } from "../tensor/functions.ts";
import { Tensor } from "../tensor/tensor.ts";
import { batchOf, checkDataset, type Dataset } from "./dataset.ts";

/**
 * Several data sets one after the other. Matches `torch.utils.data.ConcatDataset`. A batch is made of the
 * batches of its parts, so all data sets must return the same kind of batch.
 *
 * @throws OptionError for anything but an array of data sets, with at least one.
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * import { ConcatDataset, TensorDataset } from "wasmgrad/data";
 * const both = new ConcatDataset([new TensorDataset(tensor([1, 2])), new TensorDataset(tensor([3, 4, 5]))]);
 * console.log(both.length, both.get(3)[0].item(), both.batch([4, 0])[0].toArray()); // 5 4 [5, 1]
 * ```
 */
export class ConcatDataset<S, B = Tensor[]> implements Dataset<S, B> {
  readonly datasets: readonly Dataset<S, B>[];
  readonly length: number;
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
  }

  get(index: number): S {
    const which = this.#datasetOf(index);
    return this.datasets[which].get(index - this.#starts[which]);
  }

  batch(indices: readonly number[]): B {
    const byDataset = new Map<number, number[]>();
    for (const [position, index] of indices.entries()) {
      const which = this.#datasetOf(index);
      byDataset.set(which, [...(byDataset.get(which) ?? []), position]);
    }
    const groups = [...byDataset].map(([which, positions]) => ({
      positions,
      batch: batchOf(
        this.datasets[which],
        positions.map((position) => indices[position] - this.#starts[which]),
      ),
    }));
    if (groups.length === 1) return groups[0].batch;
    // row i of the joined batches belongs to position order[i]
    const order = groups.flatMap(({ positions }) => positions);
    const rows = new Int32Array(order.length);
    for (const [row, position] of order.entries()) rows[position] = row;
    const parts = groups.map(({ batch }) => tensorsOf(batch));
    return parts[0].map((_, part) => {
      const tensors = parts.map((batch) => batch[part]);
      return cat(tensors, 0).indexSelect(0, tensor(rows));
    }) as B;
  }

  #datasetOf(index: number): number {
    checkInteger("ConcatDataset", "index", index, 0, this.length - 1);
    return this.#starts.filter((start) => start <= index).length - 1;
  }
}

function tensorsOf(batch: unknown): Tensor[] {
  if (Array.isArray(batch) && batch.every((part) => part instanceof Tensor)) return batch;
  throw new OptionError(`ConcatDataset: batches expected to be arrays of tensors, got ${describe(batch)}`);
}
