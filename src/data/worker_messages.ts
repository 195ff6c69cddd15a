import type { BatchPlan } from "./fetch_batch.ts";
import type { Packed } from "./packed.ts";
import type { EpochSeed } from "./sample_random.ts";

/** What a worker gets when it starts. */
export interface WorkerStart {
  /** The address of the module whose default export is the data set. */
  module: string;
  /** The length of the loader's data set, which must be that of the module's. */
  length: number;
  random: EpochSeed;
  /** Whether the worker returns the samples, because the loader has a `collate`. */
  samplesOnly: boolean;
}

/** A batch to load. */
export type WorkerTask = BatchPlan;

/** An error, as plain data. */
export interface WorkerError {
  /** The error's class, and what it says. */
  name: string;
  message: string;
  stack: string;
  /** The sample whose `get` threw the error. */
  index?: number;
}

/** The batch, or its samples; or the error. */
export type WorkerAnswer = { batch: number } & ({ packed: Packed } | { error: WorkerError });
