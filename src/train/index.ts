export * from "./browser.ts";
export { resumeTrainer, saveTrainer } from "./checkpoint.ts";
export { type Config, Interrupted, Run, type StopSignal } from "./run.ts";
