/** `nn.functional`: the operations without state, `torch.nn.functional` in camelCase. */
export { type Conv2dOptions, type ConvTranspose2dOptions, conv2d, convTranspose2d } from "./conv.ts";
export { linear } from "./linear.ts";
