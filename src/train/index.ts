import "../tensor/all_methods.ts";

export { nextTurn } from "./async_part.ts";
export { resumeTrainer, saveTrainer } from "./checkpoint.ts";
export { EarlyStopping, type EarlyStoppingOptions } from "./early_stopping.ts";
export type { EpochSums, Sums } from "./epoch_statistics.ts";
export { curves, type EpochEntry, formatSeconds, type LogEntry, logSeries } from "./log.ts";
export { MovingAverage, type MovingAverageState } from "./moving_average.ts";
export { Interrupted, Run, type RunTrainOptions, type StopSignal } from "./run.ts";
export type { Config } from "./run_config.ts";
export { type LayerSummary, Summary, summary } from "./summary.ts";
export { Trainer } from "./trainer.ts";
export type { Callback, Place, StepResult, TrainerOptions, TrainingProgress } from "./trainer_options.ts";
export type { TrainerState } from "./trainer_state.ts";
