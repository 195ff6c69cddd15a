export { EarlyStopping, type EarlyStoppingOptions } from "./early_stopping.ts";
export { curves, type EpochEntry, type LogEntry } from "./log.ts";
export { MovingAverage, type MovingAverageState } from "./moving_average.ts";
export { type LayerSummary, Summary, summary } from "./summary.ts";
export { Trainer } from "./trainer.ts";
export type { Callback, Place, StepResult, TrainerOptions } from "./trainer_options.ts";
export type { Sums, TrainerState } from "./trainer_state.ts";
