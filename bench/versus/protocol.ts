/**
 * The protocol between the bench and a peer: each peer is a separate process that works only when asked, one
 * JSON line in, one JSON line out, so that the two sides of a comparison can alternate and never
 * compute at the same time.
 */

export interface Task {
  kind: "train" | "forward";
  batch: number;
}

/** Loads the task with the given weights, and answers what it computes with the given images and masks. */
export interface PrepareRequest extends Task {
  do: "prepare";
  /** Training steps to take: their losses are the answer. */
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
  /** Of the library, for the tables. */
  version: string;
}

/** The losses of the first training steps, or the output of the forward pass. */
export interface Prepared {
  values: number[];
}

export interface Timed {
  milliseconds: number[];
}

export interface Failed {
  error: string;
}
