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

/** How far training has come. */
export interface TrainingProgress {
  /** Epochs completed. */
  epoch: number;
  /** Steps done since the start. */
  step: number;
}

/** An earlier name of `TrainingProgress`. */
export type Place = TrainingProgress;

/** A loss, or a loss and other numbers for the log. */
export type StepResult = Tensor | ({ loss: Tensor } & Record<string, Tensor | number>);

/** Functions that a trainer calls as it trains. If a callback has a state, the checkpoint contains it. */
export interface Callback extends Partial<Stateful> {
  /** `fit` was called, at the start or to continue. */
  onBegin?(trainer: Trainer): void;
  /** A step was done; `numbers` are its loss and other numbers. For a progress bar, say: keep it fast. */
  onStep?(trainer: Trainer, numbers: Readonly<Record<string, number>>): void;
  /** An entry was added to the log. The callback may add numbers and texts to it: further columns. */
  onEntry?(trainer: Trainer, entry: LogEntry): void;
  /** An epoch was completed and validated. Its entry is in the log. */
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
  loss: (batch: B, progress: TrainingProgress) => StepResult;
  epochs: number;
  /** Stepped after every step; a `ReduceLROnPlateau` after every epoch. */
  scheduler?: (Stateful & { step(): void }) | ReduceLROnPlateau;
  /**
   * The number of an epoch that a `ReduceLROnPlateau` monitors. Default "validLoss" with a `validate`, else
   * "loss".
   */
  monitor?: string;
  /** Updated after every step. Validation uses the averaged weights. */
  average?: MovingAverage;
  /** Upper limit of the norm of all gradients together. Default: no limit. */
  clipNorm?: number;
  /** Computes the numbers of an epoch, in `eval()` mode and without a graph. */
  validate?: (progress: TrainingProgress) => Record<string, number>;
  callbacks?: readonly Callback[];
  /** Anything else that has a state, by name: the checkpoint contains it. */
  parts?: Record<string, Stateful>;
  /** Steps between entries of the log. Default: 20 entries per epoch. */
  logEvery?: number;
  /**
   * The generator of all random numbers of the training. Default: a new one that starts in the default
   * generator's state when `fit` is first called, so `manualSeed` determines it. (If another trainer was made
   * since, it starts in the state at the time when this one was made.)
   */
  generator?: Generator;
}

/** All options of a trainer, for `readOptions`. */
export const NO_OPTIONS = {
  model: undefined,
  loader: undefined,
  optimizer: undefined,
  loss: undefined,
  epochs: undefined,
  scheduler: undefined,
  average: undefined,
  clipNorm: undefined,
  monitor: undefined,
  validate: undefined,
  callbacks: undefined,
  parts: undefined,
  logEvery: undefined,
  generator: undefined,
} satisfies Record<keyof TrainerOptions<unknown>, undefined>;
