export { enableGrad, isGradEnabled, noGrad } from "../autograd/grad_mode.ts";
export * from "../errors.ts";
export type { DType, TypedArray } from "../ops/core/array.ts";
export type { Dims, ReduceOptions } from "../ops/core/axis.ts";
export { type KernelsModule, useKernels } from "../runtime/kernels.ts";
export { getNumThreads, setNumThreads } from "../runtime/parallel/pool.ts";
export { startThreads } from "../runtime/start_threads.ts";
export {
  type Float16Values,
  type NestedValues,
  type NumericArray,
  type TensorOptions,
  tensor,
} from "../tensor/creation.ts";
export {
  abs,
  cos,
  eq,
  exp,
  ge,
  gt,
  le,
  log,
  lt,
  ne,
  neg,
  relu,
  sigmoid,
  sin,
  sqrt,
  square,
  tanh,
} from "../tensor/elementwise.ts";
export { arange, eye, full, linspace, ones, onesLike, zeros, zerosLike } from "../tensor/fill.ts";
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
} from "../tensor/functions.ts";
export { Generator, type GeneratorState, manualSeed } from "../tensor/generator.ts";
export { keep, scope } from "../tensor/lifetime/scoped.ts";
export type { NestedArray, TensorJson } from "../tensor/methods/values.ts";
export { type DrawOptions, rand, randint, randn, randperm } from "../tensor/random.ts";
export { argmax, argmin, logSoftmax, mean, softmax, sum } from "../tensor/reductions.ts";
export { flatten, narrow, permute, reshape, transpose, unsqueeze } from "../tensor/shapes.ts";
export { Tensor } from "../tensor/tensor.ts";
