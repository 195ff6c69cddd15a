import "../tensor/all_methods.ts";

export { ConcatDataset } from "./concat_dataset.ts";
export { type CsvColumnType, type CsvOptions, type CsvTable, readCsv } from "./csv.ts";
export { DataLoader, type DataLoaderOptions, type DataLoaderState } from "./data_loader.ts";
export { type AsyncDataset, type Dataset, type Sample, Subset } from "./dataset.ts";
export { fewLabels } from "./few_labels.ts";
export { withIndices } from "./indexed.ts";
export type { IterableDataset } from "./iterable_dataset.ts";
export { randomSplit } from "./random_split.ts";
export {
  BatchSampler,
  RandomSampler,
  type Sampler,
  SequentialSampler,
  SubsetRandomSampler,
  WeightedRandomSampler,
} from "./samplers.ts";
export { TensorDataset, type TensorDatasetOptions, type TensorTuple } from "./tensor_dataset.ts";
