export * from "./browser.ts";
export { resumeTrainer, saveTrainer } from "./checkpoint.ts";
export { type Config, Interrupted, Run, type RunTrainOptions, type StopSignal } from "./run.ts";
