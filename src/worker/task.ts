import { checkFunction, checkNumber, describe, readOptions } from "../checks.ts";
import { OptionError, WasmgradError } from "../errors.ts";
import { checkpointBytes, loadFrom } from "../io/checkpoint_format.ts";
import { bytesSource } from "../io/pieces.ts";
import { Generator, withGenerator } from "../tensor/generator.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import { nextTurn } from "../train/async_part.ts";
import type { LogEntry } from "../train/log.ts";
import { Trainer } from "../train/trainer.ts";
import { nextTask } from "../train/turns.ts";
import { postValue, type ToPage, toErrorMessage } from "./messages.ts";
import type { Port } from "./ports.ts";

/** `AbortSignal` if the program's type libraries declare it (those of browsers and of Node do). */
export type Signal = typeof globalThis extends { AbortSignal: { prototype: infer S } }
  ? S
  : { readonly aborted: boolean; readonly reason: unknown };

/** What `Task.fit` reports by default. */
export interface TrainingReport {
  /** Completed epochs, and the number of epochs at the end. */
  epoch: number;
  epochs: number;
  /** Completed steps, and the number of steps of an epoch. */
  step: number;
  stepsPerEpoch: number;
  /** The numbers of each step since the last report: `{ loss: 0.1 }`. */
  steps: Record<string, number>[];
  /** The entries of the log since the last report. */
  entries: LogEntry[];
}

export interface FitOptions<P> {
  /**
   * Makes the progress message of a report, synchronously. It may compute pictures: it does not change the
   * training's random numbers, and its tensors are released. Default: the report itself.
   */
  progress?: (report: TrainingReport, trainer: Trainer) => P;
  /** Milliseconds from one report to the next, at least. Default 100; 0 reports every step. */
  everyMs?: number;
}

/**
 * The worker's side of a run: what a task gets beside its input.
 */
export interface Task<P = TrainingReport> {
  /** Aborted when the page stops the run. */
  readonly signal: Signal;
  /** The state from which the page resumes, a result of `TaskRun.save()`; else null. `fit` loads it. */
  readonly state: Uint8Array | null;
  /** Sends progress to the page. What it gives away rather than copies is marked by `transfer()`. */
  send(progress: P): void;
  /**
   * Trains until the end, or until the page stops the run; the page can also pause it, and save its state.
   * Sends progress as it trains. Begins with `state`, if there is one.
   */
  fit(trainer: Trainer, options?: FitOptions<P>): Promise<void>;
  /**
   * For loops other than `fit`: receives the page's messages if the loop has kept the thread for 50 ms, and
   * waits while the run is paused.
   */
  turn(): Promise<void>;
}

/** A run in the worker. */
export class RunningTask<P> implements Task<P> {
  state: Uint8Array | null;
  readonly #id: number;
  readonly #port: Port<ToPage>;
  readonly #abort = new AbortController();
  #trainer: Trainer | null = null;
  #isFitting = false;
  /** Whether `fit` was interrupted by a pause. */
  #isInterrupted = false;
  /** Resolves when the run is resumed. */
  #resumed: Promise<void> | null = null;
  #resume = () => {};

  constructor(id: number, port: Port<ToPage>, state: Uint8Array | null) {
    this.#id = id;
    this.#port = port;
    this.state = state;
  }

  get signal(): Signal {
    return this.#abort.signal as Signal;
  }

  send(progress: P): void {
    const message: ToPage = { type: "progress", id: this.#id, value: progress };
    postValue("Task.send: the progress", progress, (list) => this.#port.post(message, list));
  }

  async turn(): Promise<void> {
    await nextTurn();
    await this.#resumed;
  }

  async fit(trainer: Trainer, options?: FitOptions<P>): Promise<void> {
    if (!(trainer instanceof Trainer)) throw new OptionError(`Task.fit: expected a Trainer, got ${describe(trainer)}`);
    if (this.#isFitting) throw new WasmgradError("Task.fit: an earlier call is still running; await it first");
    const reports = new Reports(trainer, options, (progress: P) => this.send(progress));
    if (this.state) loadFrom("Task.fit: the state", bytesSource(this.state), { model: trainer });
    this.state = null;
    this.#trainer = trainer;
    this.#isFitting = true;
    try {
      await this.#resumed;
      do {
        this.#isInterrupted = false;
        if (!this.signal.aborted) await trainer.fit();
        reports.send();
        await this.#resumed;
      } while (this.#isInterrupted && !this.signal.aborted);
    } finally {
      this.#isFitting = false;
      reports.end();
    }
  }

  /** Does what the page asks. */
  stop(): void {
    this.#abort.abort();
    this.#trainer?.stop();
    this.resume();
  }

  pause(): void {
    if (this.#resumed || this.signal.aborted) return;
    this.#resumed = new Promise((resolve) => {
      this.#resume = resolve;
    });
    this.#isInterrupted = true;
    this.#trainer?.stop();
  }

  resume(): void {
    this.#resumed = null;
    this.#resume();
  }

  async save(request: number): Promise<void> {
    const id = this.#id;
    try {
      const bytes = await this.#stateBytes();
      this.#port.post({ type: "saved", id, request, bytes }, [bytes.buffer]);
    } catch (error) {
      this.#port.post({ type: "notSaved", id, request, error: toErrorMessage(error) });
    }
  }

  async #stateBytes() {
    const trainer = this.#trainer;
    if (!trainer) {
      throw new WasmgradError(
        "TaskRun.save: the task has no state so far: it has not called Task.fit with its Trainer",
      );
    }
    while (true) {
      try {
        return checkpointBytes({ model: trainer }, { ...trainer.place, extra: null });
      } catch (error) {
        if (!this.#isFitting || !(error instanceof WasmgradError)) throw error;
        await nextTask(); // an asynchronous loss is being computed
      }
    }
  }
}

/** Collects what has happened since the last report. */
class Reports<P> {
  readonly #trainer: Trainer;
  readonly #send: (progress: P) => void;
  readonly #progress: (report: TrainingReport, trainer: Trainer) => P;
  /** Draws for pictures, whose times differ from run to run, do not change the training's random numbers. */
  readonly #generator = new Generator();
  #steps: Record<string, number>[] = [];
  #reported: number;
  readonly #unwatch: () => void;

  constructor(trainer: Trainer, options: FitOptions<P> | undefined, send: (progress: P) => void) {
    const { progress, everyMs } = readOptions("Task.fit", options, {
      progress: ((report: TrainingReport) => report) as unknown as NonNullable<FitOptions<P>["progress"]>,
      everyMs: 100,
    });
    checkFunction("Task.fit", "progress", progress);
    checkNumber("Task.fit", "everyMs", everyMs, 0);
    this.#trainer = trainer;
    this.#progress = progress as NonNullable<FitOptions<P>["progress"]>;
    this.#send = send;
    this.#reported = trainer.log.length;
    let sentAt = Number.NEGATIVE_INFINITY;
    this.#unwatch = trainer.watch({
      onStep: (_trainer, numbers) => {
        this.#steps.push({ ...numbers });
        if (performance.now() - sentAt < (everyMs as number)) return;
        this.send();
        sentAt = performance.now();
      },
    });
  }

  /** Sends a report, unless nothing has happened. */
  send(): void {
    const { place, log, options } = this.#trainer;
    if (this.#steps.length === 0 && this.#reported >= log.length) return;
    const report: TrainingReport = {
      ...{ epoch: place.epoch, epochs: options.epochs, step: place.step, stepsPerEpoch: options.loader.length },
      ...{ steps: this.#steps, entries: log.slice(this.#reported) },
    };
    this.#steps = [];
    this.#reported = log.length;
    this.#send(withGenerator(this.#generator, () => scope(() => this.#progress(report, this.#trainer))));
  }

  end(): void {
    this.#unwatch();
  }
}
