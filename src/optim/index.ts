/** Optimizers and learning rate schedulers: `torch.optim` in camelCase. */
export { Adam, type AdamOptions, AdamW } from "./adam.ts";
export {
  type LearningRate,
  Optimizer,
  type OptimizerStateDict,
  type ParamGroup,
  type ParamState,
  type Params,
} from "./optimizer.ts";
export { RMSprop, type RMSpropOptions } from "./rmsprop.ts";
export { SGD, type SGDOptions } from "./sgd.ts";
