/** `nn.functional`: the operations without state, `torch.nn.functional` in camelCase. */
export { type Conv2dOptions, type ConvTranspose2dOptions, conv2d, convTranspose2d } from "./conv.ts";
export { linear } from "./linear.ts";
export {
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  klDiv,
  type LossOptions,
  l1Loss,
  mseLoss,
  smoothL1Loss,
} from "./loss.ts";
