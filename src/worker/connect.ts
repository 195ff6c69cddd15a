import "../disposable.ts";
import { checkChoice, describe, readOptions } from "../checks.ts";
import { OptionError, WasmgradError } from "../errors.ts";
import type { Tasks } from "./expose.ts";
import { postValue, type ToPage, type ToWorker } from "./messages.ts";
import { portOfWorker, type WorkerLike, type WorkerPort } from "./ports.ts";
import type { Signal, Task } from "./task.ts";
import { TaskRun } from "./task_run.ts";

/** The input of a task. */
// biome-ignore lint/suspicious/noExplicitAny: of any function
export type InputOf<F extends (...args: any) => unknown> =
  Parameters<F> extends [infer I, ...unknown[]] ? I : undefined;
/** The progress that a task sends. */
// biome-ignore lint/suspicious/noExplicitAny: of any function
export type ProgressOf<F extends (...args: any) => unknown> =
  Parameters<F> extends [unknown, Task<infer P>] ? P : never;
/** What a task returns. */
// biome-ignore lint/suspicious/noExplicitAny: of any function
export type ResultOf<F extends (...args: any) => unknown> = Awaited<ReturnType<F>>;

export interface TaskRunOptions {
  /**
   * Aborting it stops the run, as `TaskRun.stop()` does, and rejects its result at once with the signal's
   * `reason`.
   */
  signal?: Signal;
  /** The state from which training continues: what `TaskRun.save()` or `saveTrainer` has written. */
  state?: Uint8Array;
  /** Whether a loop over the run gets all progress (the default), or only the latest that it has not seen. */
  keep?: "all" | "latest";
}

/** A worker whose tasks a page runs: see `connect`. */
export class TaskWorker<T extends Tasks> implements Disposable {
  readonly #port: WorkerPort;
  // biome-ignore lint/suspicious/noExplicitAny: runs of different tasks
  readonly #runs = new Map<number, TaskRun<any, any>>();
  /** What to send when the worker is ready; null since then. */
  #early: (() => void)[] | null = [];
  #failure: Error | null = null;
  #lastId = 0;

  /** @internal Made by `connect`. */
  constructor(worker: WorkerLike) {
    this.#port = portOfWorker(
      worker,
      (message) => this.#take(message),
      (error, isFatal) => this.#fail(error, isFatal || this.#early !== null),
    );
    this.#port.post({ type: "hello" });
  }

  /**
   * Runs a task of the worker. Several tasks may run at once: they alternate at their `await`s.
   *
   * @param input what the task gets: plain data. What is given away is marked by `transfer()`. If it cannot
   *   be sent, the run fails with an OptionError.
   * @throws OptionError for an unknown option.
   */
  run<Name extends keyof T & string>(
    name: Name,
    ...[input, options]: undefined extends InputOf<T[Name]>
      ? [input?: InputOf<T[Name]>, options?: TaskRunOptions]
      : [input: InputOf<T[Name]>, options?: TaskRunOptions]
  ): TaskRun<ProgressOf<T[Name]>, ResultOf<T[Name]>> {
    const op = "TaskWorker.run";
    const { signal, state, keep } = readOptions<{ [Key in keyof Required<TaskRunOptions>]: TaskRunOptions[Key] }>(
      op,
      options,
      {
        signal: undefined,
        state: undefined,
        keep: "all",
      },
    );
    if (typeof name !== "string") throw new OptionError(`${op}: expected the name of a task, got ${describe(name)}`);
    if (state !== undefined && !(state instanceof Uint8Array)) {
      throw new OptionError(`${op}: state expected a Uint8Array, got ${describe(state)}`);
    }
    checkChoice(op, "keep", keep, ["all", "latest"]);
    const id = ++this.#lastId;
    const abort = () => {
      run.stop();
      run.fail(signal!.reason as Error);
    };
    const target = signal as unknown as EventTarget | undefined;
    const forget = () => {
      target?.removeEventListener("abort", abort);
      this.#runs.delete(id);
      if (this.#runs.size === 0) this.#port.keepAlive(false);
    };
    const port = { post: (message: ToWorker) => this.#whenReady(() => this.#port.post(message)) };
    const run = new TaskRun<ProgressOf<T[Name]>, ResultOf<T[Name]>>(id, port, keep === "all", forget);
    if (this.#failure || signal?.aborted) {
      run.fail(this.#failure ?? (signal?.reason as Error));
      return run;
    }
    this.#runs.set(id, run);
    this.#port.keepAlive(true);
    target?.addEventListener("abort", abort, { once: true });
    const message = { type: "run" as const, id, task: name, input, state: state ?? null };
    this.#whenReady(() => {
      try {
        postValue(`${op}: the input of ${name}`, input, (list) => this.#port.post(message, list));
      } catch (error) {
        run.fail(error as Error);
      }
    });
    return run;
  }

  /** Ends the worker at once. Runs that have not ended fail. */
  close(): void {
    this.#fail(new WasmgradError("the worker was closed"), true);
    this.#port.terminate();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #whenReady(action: () => void): void {
    if (this.#early) this.#early.push(action);
    else action();
  }

  #take(message: ToPage): void {
    if (message.type !== "ready") {
      this.#runs.get(message.id)?.take(message);
      return;
    }
    const early = this.#early ?? [];
    this.#early = null;
    for (const action of early) action();
  }

  /** @param isFatal whether later runs fail too */
  #fail(error: Error, isFatal: boolean): void {
    if (isFatal) this.#failure ??= error;
    for (const run of this.#runs.values()) run.fail(error);
  }
}

/**
 * Connects a page to a worker whose module calls `expose`. The program creates the worker itself, because
 * bundlers recognise only the expression of the example, and only in the program's files.
 *
 * In Node, the worker is one of `node:worker_threads`. The process does not wait for a worker without runs.
 *
 * @param worker the worker; in a page, it is started with `{ type: "module" }`
 * @throws OptionError for anything but a worker.
 * @example
 * ```js
 * import { connect } from "wasmgrad/worker";
 * const worker = connect(new Worker(new URL("./train.js", import.meta.url), { type: "module" }));
 * const run = worker.run("train", { epochs: 5 });
 * for await (const { step, steps } of run) console.log(step, steps.at(-1).loss);
 * const weights = await run.result;
 * ```
 */
export function connect<T extends Tasks>(worker: WorkerLike): TaskWorker<T> {
  return new TaskWorker<T>(worker);
}
