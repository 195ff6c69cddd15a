import type { DataLoader } from "../data/data_loader.ts";
import type { Stateful } from "../io/checkpoint.ts";
import type { Module } from "../nn/module.ts";
import type { ReduceLROnPlateau } from "../optim/schedulers/reduce_on_plateau.ts";
import type { AnyOptimizer } from "../optim/schedulers/scheduler.ts";
import type { Generator } from "../tensor/generator.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { EpochEntry, LogEntry } from "./log.ts";
import type { MovingAverage } from "./moving_average.ts";
import type { Trainer } from "./trainer.ts";

/** Where training stands: epochs finished, steps done. */
export interface Place {
  epoch: number;
  step: number;
}

/** A loss, or a loss with other numbers for the log. */
export type StepResult = Tensor | ({ loss: Tensor } & Record<string, Tensor | number>);

/** What is told of training as it goes on. Its state, if it has one, goes into the checkpoint. */
export interface Callback extends Partial<Stateful> {
  /** A line of the log was written. */
  onEntry?(trainer: Trainer, entry: LogEntry): void;
  /** An epoch ended; its line is in the log. */
  onEpoch?(trainer: Trainer, entry: EpochEntry): void;
  /** All epochs are done, or `finish()` was called. */
  onFinish?(trainer: Trainer): void;
}

export interface TrainerOptions<B> {
  model: Module;
  // biome-ignore lint/suspicious/noExplicitAny: only batches matter here
  loader: DataLoader<any, B>;
  optimizer: AnyOptimizer;
  /** The loss of a batch. */
  loss: (batch: B, place: Place) => StepResult;
  epochs: number;
  /** Moves on after every step; a `ReduceLROnPlateau` after every epoch. */
  scheduler?: (Stateful & { step(): void }) | ReduceLROnPlateau;
  /** The number of an epoch that a `ReduceLROnPlateau` takes. Default "validLoss" where there is a `validate`, else "loss". */
  monitor?: string;
  /** Takes the weights in after every step; validation uses the averaged ones. */
  average?: MovingAverage;
  /** Largest norm of all gradients together. Default: no limit. */
  clipNorm?: number;
  /** Numbers of an epoch; the model is in `eval()` and records no graph. */
  validate?: (place: Place) => Record<string, number>;
  callbacks?: readonly Callback[];
  /** Further things with a state, for the checkpoint. */
  parts?: Record<string, Stateful>;
  /** Steps between lines of the log. Default: 20 lines an epoch. */
  logEvery?: number;
  /**
   * Where all random numbers of the training come from. Default: a generator of its own that goes on where the default one stands when
   * `fit` first begins (or, where another trainer was made in between, when this one was made), so that `manualSeed` fixes it.
   */
  generator?: Generator;
}
