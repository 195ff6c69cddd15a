export * from "./errors.ts";
export type { DType, TypedArray } from "./ops/array.ts";
export { type NestedValues, type TensorOptions, tensor, zeros } from "./tensor/creation.ts";
export { type MemoryStatistics, memory } from "./tensor/memory.ts";
export { keep, Scope, scope } from "./tensor/scope.ts";
export { isGradEnabled, type NestedArray, noGrad, Tensor } from "./tensor/tensor.ts";
export { resetPeak as resetPeakMemory, setMemoryLimit } from "./wasm/memory.ts";
