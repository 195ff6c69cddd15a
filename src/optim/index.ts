/** Optimizers and learning rate schedulers: named as in `torch.optim`, but in camelCase. */
export { Adam, type AdamOptions, AdamW } from "./adam.ts";
export { type LearningRate, Optimizer, type ParamGroup, type Params } from "./optimizer.ts";
export type { OptimizerStateDict, ParamState, StateKinds } from "./optimizer_state.ts";
export { RMSprop, type RMSpropOptions } from "./rmsprop.ts";
export { CosineAnnealingLR } from "./schedulers/cosine_annealing.ts";
export { LambdaLR } from "./schedulers/lambda.ts";
export { LinearLR } from "./schedulers/linear.ts";
export { MultiStepLR } from "./schedulers/multi_step.ts";
export { OneCycleLR, type OneCycleLROptions } from "./schedulers/one_cycle.ts";
export { ReduceLROnPlateau, type ReduceLROnPlateauOptions } from "./schedulers/reduce_on_plateau.ts";
export { type AnyOptimizer, LRScheduler, type SchedulerStateDict } from "./schedulers/scheduler.ts";
export { SequentialLR } from "./schedulers/sequential.ts";
export { StepLR } from "./schedulers/step.ts";
export { SGD, type SGDOptions } from "./sgd.ts";
