import type { Row } from "../../../bench/ladder/measure.ts";

/** What the page asks the worker to measure: one layer and pass of a ladder. */
export interface Request {
  op: string;
  layer: string;
  pass: string;
  rounds: number;
  /** Milliseconds that each rung runs in a round. */
  time: number;
}

/** What the worker reports. */
export type Report =
  | { kind: "checked"; rung: number; name: string; error: number }
  | { kind: "progress"; share: number }
  | { kind: "done"; rows: Row[] }
  | { kind: "failed"; message: string };
