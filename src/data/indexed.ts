import { tensor } from "../tensor/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { batchOf, checkDataset, type Dataset, partsOf, type Sample } from "./dataset.ts";

/**
 * The same data set, but each sample has its index as an additional last part (in batches int32 [B]). Random
 * augmentation can then depend on the sample's index rather than on its batch.
 *
 * @throws OptionError when `dataset` is not a data set.
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * import { DataLoader, TensorDataset, withIndices } from "wasmgrad/data";
 * const set = withIndices(new TensorDataset(tensor([[1], [2], [3]])));
 * for (const [x, indices] of new DataLoader(set, { batchSize: 3 })) console.log(x.shape, indices.toArray()); // [3, 1] [0, 1, 2]
 * ```
 */
export function withIndices(dataset: Dataset<Sample, Tensor[]>): Dataset<Sample, Tensor[]> {
  checkDataset("withIndices", dataset as Dataset<unknown, unknown>);
  return {
    length: dataset.length,
    get: (index) => [...partsOf("withIndices", dataset, index), index] as Sample,
    ...(dataset.batch && { batch: (indices) => [...batchOf(dataset, indices), tensor(Int32Array.from(indices))] }),
  };
}
