import type { DataLoader } from "../data/data_loader.ts";
import type { ProcessGroup } from "../distributed/process_group.ts";
import type { Stateful } from "../io/checkpoint.ts";
import type { Module } from "../nn/module.ts";
import type { ReduceLROnPlateau } from "../optim/schedulers/reduce_on_plateau.ts";
import type { AnyOptimizer } from "../optim/schedulers/scheduler.ts";
import type { Generator } from "../tensor/generator.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { EpochEntry, LogEntry } from "./log.ts";
import type { MovingAverage } from "./moving_average.ts";
import type { Trainer } from "./trainer.ts";

/** The progress of training. */
export interface TrainingProgress {
  /** Number of completed epochs. */
  epoch: number;
  /** Number of steps done since the start. */
  step: number;
}

/** An earlier name of `TrainingProgress`. */
export type Place = TrainingProgress;

/** A loss, or a loss and other numbers for the log. */
export type StepResult = Tensor | ({ loss: Tensor } & Record<string, Tensor | number>);

/** Functions that a trainer calls as it trains. If a callback has a state, the checkpoint contains it. */
export interface Callback extends Partial<Stateful> {
  /** Called when `fit` begins or continues training. */
  onBegin?(trainer: Trainer): void;
  /**
   * Called after each step with its loss and other numbers, for example for a progress bar. It should be
   * fast.
   */
  onStep?(trainer: Trainer, numbers: Readonly<Record<string, number>>): void;
  /** Called after an entry was added to the log. The callback may add numbers and texts to the entry. */
  onEntry?(trainer: Trainer, entry: LogEntry): void;
  /** Called after an epoch was completed and validated. The epoch's entry is already in the log. */
  onEpoch?(trainer: Trainer, entry: EpochEntry): void;
  /** Called when all epochs are done, or after `finish()` was called. */
  onFinish?(trainer: Trainer): void;
}

export interface TrainerOptions<B> {
  model: Module;
  // biome-ignore lint/suspicious/noExplicitAny: only batches matter here
  loader: DataLoader<any, B>;
  optimizer: AnyOptimizer;
  /**
   * The loss of a batch. An asynchronous function awaits `nextTurn()` between its parts, so that a page can
   * draw meanwhile. After any other `await`, its tensors may belong to no scope, and its random numbers come
   * from the default generator.
   */
  loss: (batch: B, progress: TrainingProgress) => StepResult | Promise<StepResult>;
  epochs: number;
  /** Its `step()` is called as `schedulerInterval` says, for a `ReduceLROnPlateau` after every epoch. */
  scheduler?: (Stateful & { step(): void }) | ReduceLROnPlateau;
  /** Whether `scheduler.step()` is called after every "step" (the default) or after every "epoch". */
  schedulerInterval?: "step" | "epoch";
  /**
   * The number of an epoch that a `ReduceLROnPlateau` monitors. Default "validLoss" if there is a `validate`,
   * else "loss".
   */
  monitor?: string;
  /** Updated after every step. Validation uses the averaged weights. */
  average?: MovingAverage;
  /** Maximum norm of all gradients together; larger gradients are scaled down. Default: no limit. */
  clipNorm?: number;
  /**
   * Computes the numbers of an epoch, in `eval()` mode and without a graph. An asynchronous function awaits
   * `nextTurn()` between its parts, as `loss` does.
   */
  validate?: (progress: TrainingProgress) => Record<string, number> | Promise<Record<string, number>>;
  callbacks?: readonly Callback[];
  /** Other objects with a state, by name. Checkpoints contain their states. */
  parts?: Record<string, Stateful>;
  /** Steps between entries of the log. Default: 20 entries per epoch. */
  logEvery?: number;
  /**
   * Number of shards into which each batch is cut: see `DistributedDataParallel`. The shards decide the bits,
   * whatever the number of ranks, also without a `group`. Each is a call of `loss`, whose numbers are
   * averaged over the samples. Default: one for each rank of the group; without a group, batches are not cut.
   */
  shards?: number;
  /**
   * The processes that train together: the result of `initProcessGroup()`. Each rank computes its shards of
   * each batch; `validate` and the callbacks run on every rank. Every rank must call `resumeTrainer`, and one
   * of them, such as rank 0, `saveTrainer`. A rank that gets SIGINT or SIGTERM, or calls `stop()`, stops all
   * ranks after the same step.
   */
  group?: ProcessGroup;
  /**
   * Number of steps after which the ranks average their weights and optimizer states, for slow networks. In
   * between, each rank trains with the gradients of its shards, so the results depend on the number of
   * ranks, and the logged numbers of single steps are those of the rank's samples. Training can stop only
   * where the ranks average, and does so at the end of each epoch. Default 1: gradients are summed at each
   * step instead.
   */
  localSteps?: number;
  /**
   * The generator of all random numbers of the training. Default: a new one that starts in the default
   * generator's state when `fit` is first called, so `manualSeed` determines it. (If another trainer was
   * created in the meantime, it starts in the state that the default generator had when this trainer was
   * created.)
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
  schedulerInterval: undefined,
  average: undefined,
  clipNorm: undefined,
  monitor: undefined,
  validate: undefined,
  callbacks: undefined,
  parts: undefined,
  logEvery: undefined,
  generator: undefined,
  shards: undefined,
  group: undefined,
  localSteps: undefined,
} satisfies Record<keyof TrainerOptions<unknown>, undefined>;
