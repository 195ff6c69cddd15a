import "../tensor/all_methods.ts";

export type { StopSignal } from "../distributed/stop_signals.ts";
export { nextTurn } from "./async_part.ts";
export { resumeTrainer, saveTrainer } from "./checkpoint.ts";
export { EarlyStopping, type EarlyStoppingOptions } from "./early_stopping.ts";
export type { EpochSums, Sums } from "./epoch_statistics.ts";
export { Interrupted } from "./interrupted.ts";
export { curves, type EpochEntry, formatSeconds, type LogEntry, logSeries } from "./log.ts";
export { MovingAverage, type MovingAverageState } from "./moving_average.ts";
export { Run } from "./run.ts";
export type { Config } from "./run_config.ts";
export type { RunOptions, RunTrainOptions } from "./run_options.ts";
export { type LayerSummary, Summary, summary } from "./summary.ts";
export { Trainer } from "./trainer.ts";
export type { Callback, Place, StepResult, TrainerOptions, TrainingProgress } from "./trainer_options.ts";
export type { TrainerState } from "./trainer_state.ts";
