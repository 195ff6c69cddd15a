import { describe } from "../checks.ts";
import { OptionError } from "../errors.ts";
import { lossCurve, type Series } from "../plot/line_chart.ts";
import type { Picture } from "../plot/picture.ts";

/** A line of the log: every so many steps, and at the end of an epoch. All numbers but `seconds` repeat to the bit. */
export interface LogEntry {
  kind: "step" | "epoch";
  /** Epochs begun, from 1. */
  epoch: number;
  /** Steps done since the start. */
  step: number;
  /** Learning rate of the optimizer's first group. */
  lr: number;
  /** Of a step line: mean since the line before; of an epoch line: mean of the epoch. */
  loss: number;
  /** Time since training began, over all processes that had a part in it. */
  seconds: number;
  /** Further numbers of the steps, means likewise, and those of the validation. */
  [name: string]: number | string;
}

/** Whether a value is a line of a log. What else it has may be any number or text, or null, which JSON makes of NaN. */
export function isLogEntry(value: unknown): value is LogEntry {
  if (typeof value !== "object" || value === null || !["step", "epoch"].includes((value as LogEntry).kind))
    return false;
  const { kind: _, epoch, step, lr, loss, seconds, ...others } = value as LogEntry;
  if (![epoch, step, lr, loss, seconds].every((number) => typeof number === "number")) return false;
  return Object.values(others).every((item) => item === null || ["number", "string"].includes(typeof item));
}

export type EpochEntry = LogEntry & { kind: "epoch" };

const FIXED = ["kind", "epoch", "step", "lr", "loss", "seconds"];

/**
 * Curves of a log, by name: `loss` (all numbers that end in "loss", by epoch and by step), `lr`, and one for each other number.
 *
 * @example
 * ```ts
 * import { curves, type LogEntry } from "wasmgrad/train";
 * const entry = { kind: "epoch", lr: 0.1, seconds: 1 } as const;
 * const log: LogEntry[] = [1, 2].map((epoch) => ({ ...entry, epoch, step: 10 * epoch, loss: 1 / epoch, accuracy: 0.5 }));
 * console.log(Object.keys(curves(log)).join(" ")); // loss, learning rate and accuracy
 * ```
 */
export function curves(log: readonly LogEntry[], title = ""): Record<string, Picture> {
  if (!Array.isArray(log)) throw new OptionError(`curves: log expected an array of log entries, got ${describe(log)}`);
  log.forEach((entry: unknown, i) => {
    if (typeof entry === "object" && entry !== null) return;
    throw new OptionError(`curves: entry ${i} of the log expected an object, got ${describe(entry)}`);
  });
  const names = [...new Set(log.flatMap((entry) => Object.keys(entry)))].filter((name) => !FIXED.includes(name));
  const isLoss = (name: string) => /loss$/i.test(name);
  const line = (name: string, kind: LogEntry["kind"], label = name): Series => ({
    label,
    points: log.flatMap((entry) =>
      entry.kind === kind && typeof entry[name] === "number" ? [[entry.step, entry[name]] as const] : [],
    ),
  });
  const drawn: Record<string, Picture> = {};
  const draw = (name: string, series: Series[]) => {
    const present = series.filter(({ points }) => points.some((point) => point.every(Number.isFinite)));
    if (present.length > 0) drawn[name] = lossCurve(present, { title, yLabel: name });
  };
  draw("loss", [
    line("loss", "step", "loss, steps"),
    line("loss", "epoch", "loss, epochs"),
    ...names.filter(isLoss).map((name) => line(name, "epoch")),
  ]);
  draw("lr", [line("lr", log.some(({ kind }) => kind === "step") ? "step" : "epoch")]);
  for (const name of names.filter((name) => !isLoss(name))) draw(name, [line(name, "epoch")]);
  return drawn;
}
