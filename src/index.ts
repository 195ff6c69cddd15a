export * from "./errors.ts";
export * as nn from "./nn/index.ts";
export type { DType, TypedArray } from "./ops/array.ts";
export { type NestedValues, type TensorOptions, tensor, zeros } from "./tensor/creation.ts";
export { matmul } from "./tensor/linear_algebra.ts";
export { type MemoryStatistics, memory } from "./tensor/memory.ts";
export { keep, Scope, scope } from "./tensor/scope.ts";
export { isGradEnabled, type NestedArray, noGrad, Tensor } from "./tensor/tensor.ts";
export { resetPeak as resetPeakMemory, setMemoryLimit } from "./wasm/memory.ts";
