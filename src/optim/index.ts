/** Optimizers and learning rate schedulers: `torch.optim` in camelCase. */
export { Adam, type AdamOptions, AdamW } from "./adam.ts";
export { OneCycleLR, type OneCycleLROptions } from "./one_cycle.ts";
export {
  type LearningRate,
  Optimizer,
  type OptimizerStateDict,
  type ParamGroup,
  type ParamState,
  type Params,
} from "./optimizer.ts";
export { ReduceLROnPlateau, type ReduceLROnPlateauOptions } from "./reduce_on_plateau.ts";
export { RMSprop, type RMSpropOptions } from "./rmsprop.ts";
export {
  CosineAnnealingLR,
  LambdaLR,
  LinearLR,
  LRScheduler,
  MultiStepLR,
  type SchedulerStateDict,
  StepLR,
} from "./scheduler.ts";
export { SequentialLR } from "./sequential.ts";
export { SGD, type SGDOptions } from "./sgd.ts";
