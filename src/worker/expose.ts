import { describe, isObject } from "../checks.ts";
import { OptionError } from "../errors.ts";
import { postValue, type ToPage, type ToWorker, toErrorMessage } from "./messages.ts";
import { type Port, portOfParent } from "./ports.ts";
import { RunningTask, type Task } from "./task.ts";

/** The tasks of a worker, by name. Each gets its input and its side of the run. */
// biome-ignore lint/suspicious/noExplicitAny: each task has its own input and progress
export type Tasks = Record<string, (input: any, task: Task<any>) => unknown>;

/**
 * Makes the tasks of a worker's module available to the page: see `connect`. Call it once, in the worker.
 *
 * A task is a function of its input and a `Task`, by which it sends progress. Inputs, progress and results
 * are plain data: numbers, texts, arrays, typed arrays, `ImageData`, `ImageBitmap`. A result may be a
 * promise.
 *
 * @returns the tasks. The page imports their type: `export type TrainingTasks = typeof tasks`.
 * @throws OptionError when it is not called in a worker.
 * @example
 * ```js
 * // train.js, which the page starts as a worker
 * import { expose } from "wasmgrad/worker";
 * expose({
 *   async train({ epochs }, task) {
 *     const trainer = makeTrainer(epochs);
 *     await task.fit(trainer); // sends progress
 *     return writeSafetensors(trainer.options.model.stateDict());
 *   },
 * });
 * ```
 */
export function expose<T extends Tasks>(tasks: T): T {
  if (!isObject(tasks)) throw new OptionError(`expose: expected an object of functions, got ${describe(tasks)}`);
  for (const [name, task] of Object.entries(tasks)) {
    if (typeof task !== "function") throw new OptionError(`expose: ${name} expected a function, got ${describe(task)}`);
  }
  const runs = new Map<number, RunningTask<unknown>>();
  const port = portOfParent((message) => {
    if (message.type === "hello") port.post({ type: "ready" });
    else if (message.type === "run") void runTask(tasks, message, port, runs);
    else if (message.type === "save") void runs.get(message.id)?.save(message.request);
    else runs.get(message.id)?.[message.type]();
  });
  port.post({ type: "ready" });
  return tasks;
}

async function runTask(
  tasks: Tasks,
  { id, task: name, input, state }: ToWorker & { type: "run" },
  port: Port<ToPage>,
  runs: Map<number, RunningTask<unknown>>,
): Promise<void> {
  const task = new RunningTask<unknown>(id, port, state);
  runs.set(id, task);
  try {
    if (!Object.hasOwn(tasks, name)) {
      const known = Object.keys(tasks).join(", ") || "none";
      throw new OptionError(`run: the worker has no task ${JSON.stringify(name)} (known: ${known})`);
    }
    const value = await tasks[name](input, task);
    postValue(`${name}: the result`, value, (list) => port.post({ type: "result", id, value }, list));
  } catch (error) {
    port.post({ type: "error", id, error: toErrorMessage(error) });
  } finally {
    runs.delete(id);
  }
}
