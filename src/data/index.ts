export { DataLoader, type DataLoaderOptions, type DataLoaderState } from "./data_loader.ts";
export { type Dataset, type Sample, Subset } from "./dataset.ts";
export { fewLabels } from "./few_labels.ts";
export { withIndices } from "./indexed.ts";
export { randomSplit } from "./random_split.ts";
export { TensorDataset, type TensorTuple } from "./tensor_dataset.ts";
