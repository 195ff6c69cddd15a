export {
  connect,
  type InputOf,
  type ProgressOf,
  type ResultOf,
  type TaskRunOptions,
  type TaskWorker,
} from "./connect.ts";
export { expose, type Tasks } from "./expose.ts";
export { transfer } from "./messages.ts";
export type { WorkerLike } from "./ports.ts";
export type { FitOptions, Signal, Task, TrainingReport } from "./task.ts";
export type { TaskRun } from "./task_run.ts";
