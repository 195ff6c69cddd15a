import "../tensor/all_methods.ts";

export type { LossReduction } from "../ops/loss/pairwise.ts";
export * as functional from "./functional/index.ts";
export type { GateWeights } from "./functional/recurrent.ts";
export type { BackwardHook, ForwardHook, ForwardPreHook, HookHandle } from "./hooks.ts";
export * as init from "./init.ts";
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
} from "./layers/activation.ts";
export { type AttendOptions, MultiheadAttention, type MultiheadAttentionOptions } from "./layers/attention.ts";
export { ModuleDict, ModuleList, Sequential } from "./layers/container.ts";
export { Conv2d, type Conv2dOptions, ConvTranspose2d, type ConvTranspose2dOptions } from "./layers/conv.ts";
export {
  Conv1d,
  type Conv1dLayerOptions,
  Conv3d,
  type Conv3dLayerOptions,
  ConvTranspose1d,
  type ConvTranspose1dLayerOptions,
  ConvTranspose3d,
  type ConvTranspose3dLayerOptions,
} from "./layers/conv_nd.ts";
export { Dropout, Dropout2d } from "./layers/dropout.ts";
export { Embedding } from "./layers/embedding.ts";
export { EmbeddingBag, type EmbeddingBagOptions } from "./layers/embedding_bag.ts";
export { Flatten, Unflatten } from "./layers/flatten.ts";
export {
  BatchNorm3d,
  InstanceNorm1d,
  InstanceNorm2d,
  InstanceNorm3d,
  LocalResponseNorm,
  RMSNorm,
} from "./layers/instance_norm.ts";
export { KeyValueCache } from "./layers/key_value_cache.ts";
export { Identity, Linear, type LinearOptions } from "./layers/linear.ts";
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
} from "./layers/loss.ts";
export {
  CELU,
  GLU,
  Hardsigmoid,
  Hardswish,
  Hardtanh,
  LogSigmoid,
  Mish,
  PReLU,
  ReLU6,
  SELU,
  Softmax2d,
  Softsign,
} from "./layers/more_activation.ts";
export {
  CosineEmbeddingLoss,
  CTCLoss,
  GaussianNLLLoss,
  HingeEmbeddingLoss,
  HuberLoss,
  MarginRankingLoss,
  MultiLabelSoftMarginLoss,
  MultiMarginLoss,
  PoissonNLLLoss,
  SoftMarginLoss,
  TripletMarginLoss,
} from "./layers/more_loss.ts";
export {
  BatchNorm1d,
  BatchNorm2d,
  type BatchNormOptions,
  GroupNorm,
  LayerNorm,
  type LayerNormOptions,
} from "./layers/norm.ts";
export {
  CircularPad1d,
  CircularPad2d,
  CircularPad3d,
  ConstantPad1d,
  ConstantPad2d,
  ConstantPad3d,
  ReflectionPad1d,
  ReflectionPad2d,
  ReflectionPad3d,
  ReplicationPad1d,
  ReplicationPad2d,
  ReplicationPad3d,
  ZeroPad1d,
  ZeroPad2d,
  ZeroPad3d,
} from "./layers/padding.ts";
export { ParameterDict, ParameterList } from "./layers/parameter_collections.ts";
export { AdaptiveAvgPool2d, AvgPool2d, MaxPool2d, type MaxPool2dOptions } from "./layers/pooling.ts";
export {
  AdaptiveAvgPool1d,
  AdaptiveMaxPool1d,
  AdaptiveMaxPool2d,
  AvgPool1d,
  AvgPool3d,
  LPPool2d,
  MaxPool1d,
  MaxPool3d,
} from "./layers/pooling_nd.ts";
export { ChannelShuffle, Fold, PixelShuffle, PixelUnshuffle, Unfold } from "./layers/rearrange.ts";
export {
  GRU,
  LSTM,
  type RecurrentOptions,
  RNN,
  type RNNOptions,
  type SequenceOptions,
} from "./layers/recurrent.ts";
export { GRUCell, LSTMCell, RNNCell } from "./layers/recurrent_cells.ts";
export {
  type DecoderStackMasks,
  type EncoderStackMasks,
  Transformer,
  TransformerDecoder,
  TransformerEncoder,
  type TransformerMasks,
  type TransformerOptions,
} from "./layers/transformer.ts";
export {
  type DecoderMasks,
  type EncoderMasks,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
  type TransformerLayerOptions,
} from "./layers/transformer_layers.ts";
export { MaxUnpool2d, type MaxUnpool2dOptions } from "./layers/unpool.ts";
export { Upsample } from "./layers/upsample.ts";
export {
  AlphaDropout,
  Bilinear,
  CosineSimilarity,
  Dropout1d,
  PairwiseDistance,
  StochasticDepth,
} from "./layers/various.ts";
export { Module } from "./module.ts";
export { Parameter } from "./parameter.ts";
export type { LoadOptions, LoadResult, StateDict } from "./state.ts";
export * as utils from "./utils.ts";
