import "./tensor/all_methods.ts";
import { backwardWithGraph } from "./gradients/pass.ts";
import { setCreateGraphPass } from "./tensor/create_graph.ts";

export { enableGrad, inferenceMode, isGradEnabled, noGrad } from "./autograd/grad_mode.ts";
export type { Pair } from "./checks.ts";
export * as distributions from "./distributions/index.ts";
export * from "./errors.ts";
export { checkpoint } from "./gradients/checkpoint.ts";
export { type CustomFunction, customFunction, type FunctionContext } from "./gradients/custom_function.ts";
export {
  type FunctionalOptions,
  hessian,
  hvp,
  jacobian,
  jvp,
  type TensorFunction,
  vjp,
} from "./gradients/functional.ts";
export { type GradOptions, grad, type Tensors } from "./gradients/grad.ts";
export * as nn from "./nn/index.ts";
export { type ConvAlgorithmChoice, getConvAlgorithm, setConvAlgorithm } from "./ops/conv/choose.ts";
export type { DType, TypedArray } from "./ops/core/array.ts";
export type { Dims, ReduceOptions } from "./ops/core/axis.ts";
export type { Attributes, AttributeValue } from "./ops/core/op.ts";
export type { NanToNumOptions } from "./ops/elementwise/functions.ts";
export type { ClampOptions } from "./ops/elementwise/unary.ts";
export type { HistcOptions, SearchOptions } from "./ops/order/bins.ts";
export type { SortOptions, TopkOptions } from "./ops/order/sort.ts";
export type { VarianceOptions } from "./ops/reduce/variance.ts";
export * as optim from "./optim/index.ts";
export {
  getPrecision,
  getVectorWidth,
  type KernelsModule,
  type Precision,
  setPrecision,
  setVectorWidth,
  useKernels,
  type VectorWidth,
} from "./runtime/kernels.ts";
export { resetPeak as resetPeakMemory, setMemoryLimit } from "./runtime/memory.ts";
export { getNumThreads, setNumThreads } from "./runtime/parallel/pool.ts";
export { startThreads } from "./runtime/start_threads.ts";
export {
  type Float16Values,
  type NestedValues,
  type NumericArray,
  type TensorOptions,
  tensor,
} from "./tensor/creation.ts";
export { cdist } from "./tensor/distances.ts";
export { type GeneratorOption, multinomial, normal, poisson } from "./tensor/distributions.ts";
export { einsum } from "./tensor/einsum.ts";
export {
  arange,
  empty,
  emptyLike,
  eye,
  full,
  fullLike,
  type LogspaceOptions,
  linspace,
  logspace,
  ones,
  onesLike,
  trilIndices,
  triuIndices,
  zeros,
  zerosLike,
} from "./tensor/fill.ts";
export {
  add,
  cat,
  div,
  matmul,
  maximum,
  minimum,
  mul,
  type Operand,
  pow,
  stack,
  sub,
  where,
} from "./tensor/functions.ts";
export {
  Generator,
  type GeneratorState,
  getRngState,
  manualSeed,
  setRngState,
  withGenerator,
} from "./tensor/generator.ts";
export type { TensorHook } from "./tensor/hooks.ts";
export type { IndexItem, SliceText } from "./tensor/index_expression.ts";
export { cartesianProd, hstack, type MeshgridOptions, meshgrid, vstack } from "./tensor/joins.ts";
export { type MemoryStatistics, memory } from "./tensor/lifetime/memory_statistics.ts";
export { setMemoryDebug } from "./tensor/lifetime/reclaim.ts";
export { Scope } from "./tensor/lifetime/scope.ts";
export { keep, scope } from "./tensor/lifetime/scoped.ts";
export type { CloseOptions } from "./tensor/methods/compare.ts";
export type { DivOptions } from "./tensor/methods/div.ts";
export type { ScatterReduceMode } from "./tensor/methods/indexing.ts";
export type { AddProductOptions } from "./tensor/methods/matmul.ts";
export type { QuantileOptions, UniqueValues } from "./tensor/methods/order.ts";
export type { Extrema } from "./tensor/methods/reduce.ts";
export type { NestedArray, TensorJson } from "./tensor/methods/values.ts";
export {
  bernoulli,
  type DrawOptions,
  rand,
  randint,
  randLike,
  randn,
  randnLike,
  randperm,
} from "./tensor/random.ts";
export { Tensor } from "./tensor/tensor.ts";
export {
  type KernelTotal,
  Trace,
  type TracedArray,
  type TracedKernel,
  type TraceEntry,
  type TraceOptions,
  traceOperations,
} from "./tensor/trace.ts";

setCreateGraphPass(backwardWithGraph);
