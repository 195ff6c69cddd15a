export {
  ELU,
  GELU,
  LeakyReLU,
  LogSoftmax,
  ReLU,
  Sigmoid,
  SiLU,
  Softmax,
  Softplus,
  Tanh,
} from "./activation.ts";
export { type AttendOptions, MultiheadAttention, type MultiheadAttentionOptions } from "./attention.ts";
export { ModuleDict, ModuleList, Sequential } from "./container.ts";
export { Conv2d, type Conv2dOptions, ConvTranspose2d, type ConvTranspose2dOptions } from "./conv.ts";
export { Dropout, Dropout2d } from "./dropout.ts";
export { Flatten, Unflatten } from "./flatten.ts";
export * as functional from "./functional/index.ts";
export * as init from "./init.ts";
export { Identity, Linear, type LinearOptions } from "./linear.ts";
export {
  BCELoss,
  type BCELossOptions,
  BCEWithLogitsLoss,
  type BCEWithLogitsLossOptions,
  CrossEntropyLoss,
  KLDivLoss,
  type KLDivLossOptions,
  L1Loss,
  MSELoss,
  NLLLoss,
  type NLLLossOptions,
  SmoothL1Loss,
  type SmoothL1LossOptions,
} from "./loss.ts";
export { Module } from "./module.ts";
export {
  BatchNorm1d,
  BatchNorm2d,
  type BatchNormOptions,
  GroupNorm,
  LayerNorm,
  type LayerNormOptions,
} from "./norm.ts";
export { Parameter } from "./parameter.ts";
export { AdaptiveAvgPool2d, AvgPool2d, MaxPool2d, type MaxPool2dOptions } from "./pooling.ts";
export { Embedding } from "./sparse.ts";
export type { LoadOptions, LoadResult, StateDict } from "./state.ts";
export { Upsample } from "./upsample.ts";
export * as utils from "./utils.ts";
