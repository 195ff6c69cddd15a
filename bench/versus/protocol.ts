/**
 * The protocol between the benchmark and a peer. Each peer is a separate process that works only on request:
 * one JSON line in, one JSON line out. So the sides of a comparison can alternate, and never compute at the
 * same time.
 */

import type { ModelValues } from "../models/index.ts";

export interface Task {
  /**
   * Of the autoencoder a training step or the forward pass; of another network a training step; of an
   * operation the forward and the backward pass, or the forward pass.
   */
  kind: "train" | "forward" | "model" | "operation" | "operation forward";
  /** The network's name for the kind "model", or that of the operation. */
  model?: string;
  batch: number;
}

/** Loads a task with the given weights; the answer is its result for the given images and masks. */
export interface PrepareRequest extends Task {
  do: "prepare";
  /** Number of training steps, whose losses are the answer. */
  steps: number;
}

/** Repeats the task and times each repetition. */
export interface RunRequest {
  do: "run";
  warmup: number;
  iterations: number;
}

export type Request = PrepareRequest | RunRequest;

export interface Hello {
  /** The version of the library, for the tables. */
  version: string;
}

/**
 * Losses of the first training steps, the output of the forward pass, the values of a network, or the result
 * and the gradients of an operation.
 */
export type Values = number[] | ModelValues;

export interface Prepared {
  values: Values;
}

export interface Timed {
  milliseconds: number[];
  /** Milliseconds of processor time of a repetition, of all threads of the process. */
  cpu: number;
}

export interface Failed {
  error: string;
}
