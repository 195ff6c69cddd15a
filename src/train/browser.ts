export { EarlyStopping, type EarlyStoppingOptions } from "./early_stopping.ts";
export { curves, type EpochEntry, type LogEntry } from "./log.ts";
export { MovingAverage, type MovingAverageState } from "./moving_average.ts";
export { type LayerSummary, Summary, summary } from "./summary.ts";
export {
  type Callback,
  type Place,
  type StepResult,
  Trainer,
  type TrainerOptions,
  type TrainerState,
} from "./trainer.ts";
