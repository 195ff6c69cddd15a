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
export { type DropoutOptions, dropout, dropout2d } from "./dropout.ts";
export { type EmbeddingOptions, embedding, oneHot } from "./embedding.ts";
export { type InterpolateOptions, interpolate } from "./interpolate.ts";
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
export { logSoftmax, softmax } from "./softmax.ts";
