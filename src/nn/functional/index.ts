/** `nn.functional`: operations without state, named as in `torch.nn.functional`, but in camelCase. */
export type { LossReduction } from "../../ops/loss/pairwise.ts";
export {
  type EluOptions,
  elu,
  type GeluOptions,
  gelu,
  type LeakyReluOptions,
  leakyRelu,
  relu,
  type SoftplusOptions,
  sigmoid,
  silu,
  softplus,
  tanh,
} from "./activation.ts";
export { type AttentionOptions, scaledDotProductAttention } from "./attention.ts";
export { type Conv2dOptions, type ConvTranspose2dOptions, conv2d, convTranspose2d } from "./conv.ts";
export { type Conv1dOptions, type ConvTranspose1dOptions, conv1d, convTranspose1d } from "./conv1d.ts";
export { type Conv3dOptions, type ConvTranspose3dOptions, conv3d, convTranspose3d, type Triple } from "./conv3d.ts";
export { type CTCLossOptions, ctcLoss } from "./ctc_loss.ts";
export { cosineSimilarity, type PairwiseDistanceOptions, pairwiseDistance } from "./distance.ts";
export { type DropoutOptions, dropout, dropout2d } from "./dropout.ts";
export { type EmbeddingOptions, embedding, oneHot } from "./embedding.ts";
export { affineGrid, type GridSampleOptions, gridSample } from "./grid_sample.ts";
export { instanceNorm, type LocalResponseNormOptions, localResponseNorm, rmsNorm } from "./instance_norm.ts";
export { type InterpolateOptions, interpolate } from "./interpolate.ts";
export { gaussianNllLoss, huberLoss, poissonNllLoss } from "./likelihood_loss.ts";
export { linear } from "./linear.ts";
export {
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  type CrossEntropyLossOptions,
  crossEntropy,
  klDiv,
  type LossOptions,
  l1Loss,
  mseLoss,
  nllLoss,
  smoothL1Loss,
} from "./loss.ts";
export type {
  GaussianNLLLossOptions,
  HuberLossOptions,
  MarginLossOptions,
  MultiLabelSoftMarginLossOptions,
  MultiMarginLossOptions,
  PoissonNLLLossOptions,
  TripletMarginLossOptions,
} from "./loss_options.ts";
export {
  cosineEmbeddingLoss,
  hingeEmbeddingLoss,
  marginRankingLoss,
  multiLabelSoftMarginLoss,
  multiMarginLoss,
  softMarginLoss,
  tripletMarginLoss,
} from "./margin_loss.ts";
export {
  celu,
  glu,
  gumbelSoftmax,
  type HardtanhOptions,
  hardsigmoid,
  hardswish,
  hardtanh,
  logsigmoid,
  mish,
  prelu,
  relu6,
  selu,
  softsign,
} from "./more_activation.ts";
export { batchNorm, groupNorm, layerNorm, type NormOptions, normalize } from "./norm.ts";
export { type PadOptions, pad } from "./pad.ts";
export {
  type AdaptiveSize,
  type AvgPool2dOptions,
  adaptiveAvgPool2d,
  avgPool2d,
  type MaxPool2dOptions,
  maxPool2d,
} from "./pooling.ts";
export {
  type AvgPool1dOptions,
  adaptiveAvgPool1d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  avgPool1d,
  avgPool3d,
  lpPool2d,
  type MaxPool1dOptions,
  maxPool1d,
  maxPool3d,
  type Pool3dOptions,
} from "./pooling_nd.ts";
export {
  channelShuffle,
  fold,
  pixelShuffle,
  pixelUnshuffle,
  type UnfoldOptions,
  unfold,
} from "./rearrange.ts";
export { logSoftmax, softmax } from "./softmax.ts";
export { type MaxUnpool2dOptions, maxUnpool2d } from "./unpool.ts";
