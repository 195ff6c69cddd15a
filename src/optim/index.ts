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
export { OneCycleLR, type OneCycleLROptions } from "./schedulers/one_cycle.ts";
export { ReduceLROnPlateau, type ReduceLROnPlateauOptions } from "./schedulers/reduce_on_plateau.ts";
export {
  CosineAnnealingLR,
  LambdaLR,
  LinearLR,
  LRScheduler,
  MultiStepLR,
  type SchedulerStateDict,
  StepLR,
} from "./schedulers/scheduler.ts";
export { SequentialLR } from "./schedulers/sequential.ts";
export { SGD, type SGDOptions } from "./sgd.ts";
