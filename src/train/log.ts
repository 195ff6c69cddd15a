import { checkChoice, checkNumber, describe, readOptions } from "../checks.ts";
import { OptionError } from "../errors.ts";
import { lossCurve, type Series } from "../plot/line_chart.ts";
import type { Picture } from "../plot/picture.ts";

/**
 * An entry of the log. An entry is added every few steps and at the end of each epoch. All numbers except
 * `seconds` are reproducible to the bit.
 */
export interface LogEntry {
  kind: "step" | "epoch";
  /** Number of the epoch, starting at 1. */
  epoch: number;
  /** Steps done since the start. */
  step: number;
  /** Learning rate of the optimizer's first group. */
  lr: number;
  /**
   * In a step entry, the mean loss since the previous entry; in an epoch entry, the mean loss of the epoch.
   */
  loss: number;
  /** Training time so far, including validation, summed over all processes of this training run. */
  seconds: number;
  /**
   * Other numbers of the steps (also means), the numbers of the validation, and numbers or texts that
   * `onEntry` of a callback added.
   */
  [name: string]: number | string;
}

/**
 * Whether a value is an entry of a log. Its other fields may be numbers, texts, or null (JSON's form of NaN).
 */
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
 * Draws the curves of a log, by name: `loss` (all numbers whose names end in "loss", per epoch and per step),
 * `lr`, and a picture for each other number. Use `logSeries` and `lossCurve` for other charts.
 *
 * @example
 * ```ts
 * import { curves, type LogEntry } from "wasmgrad/train";
 * const entry = { kind: "epoch", lr: 0.1, seconds: 1 } as const;
 * const numbers = (epoch: number) => ({ epoch, step: 10 * epoch, loss: 1 / epoch, score: 2 });
 * const log: LogEntry[] = [1, 2].map((epoch) => ({ ...entry, ...numbers(epoch) }));
 * console.log(Object.keys(curves(log)).join(" ")); // loss, learning rate and score
 * ```
 */
export function curves(log: readonly LogEntry[], title = ""): Record<string, Picture> {
  checkLog("curves", log);
  const names = [...new Set(log.flatMap((entry) => Object.keys(entry)))].filter((name) => !FIXED.includes(name));
  const isLoss = (name: string) => /loss$/i.test(name);
  const drawn: Record<string, Picture> = {};
  const draw = (name: string, series: Series[]) => {
    const present = series.filter(({ points }) => points.some((point) => point.every(Number.isFinite)));
    if (present.length > 0) drawn[name] = lossCurve(present, { title, yLabel: name });
  };
  draw("loss", [
    logSeries(log, "loss", { kind: "step", label: "loss, steps" }),
    logSeries(log, "loss", { label: "loss, epochs" }),
    ...names.filter(isLoss).map((name) => logSeries(log, name)),
  ]);
  draw("lr", [logSeries(log, "lr", { kind: log.some(({ kind }) => kind === "step") ? "step" : "epoch" })]);
  for (const name of names.filter((name) => !isLoss(name))) draw(name, [logSeries(log, name)]);
  return drawn;
}

/**
 * Converts a number of the log to a line of a chart, for `lossCurve`. Entries without the number are skipped.
 *
 * @param options `kind`: the entries to use, "epoch" (default) or "step"; `label` of the line (default: the
 * name); `stepsPerEpoch`: if given, x is the epoch, `step / stepsPerEpoch`, instead of the step
 * @throws OptionError
 * @example
 * ```ts
 * import { type LogEntry, logSeries } from "wasmgrad/train";
 * const entry = { kind: "epoch", lr: 0.1, seconds: 1 } as const;
 * const log: LogEntry[] = [1, 2].map((epoch) => ({ ...entry, epoch, step: 10 * epoch, loss: 1 / epoch }));
 * console.log(logSeries(log, "loss", { stepsPerEpoch: 10 }).points[1]); // [2, 0.5]
 * ```
 */
export function logSeries(
  log: readonly LogEntry[],
  name: string,
  options?: { kind?: LogEntry["kind"]; label?: string; stepsPerEpoch?: number },
): Series {
  checkLog("logSeries", log);
  const { kind, label, stepsPerEpoch } = readOptions("logSeries", options, {
    kind: "epoch" as LogEntry["kind"],
    label: name,
    stepsPerEpoch: 1,
  });
  checkChoice("logSeries", "kind", kind, ["epoch", "step"]);
  checkNumber("logSeries", "stepsPerEpoch", stepsPerEpoch, Number.MIN_VALUE);
  const points = log.flatMap((entry) => {
    const value = entry[name];
    return entry.kind === kind && typeof value === "number" ? [[entry.step / stepsPerEpoch, value] as const] : [];
  });
  return { label, points };
}

function checkLog(op: string, log: unknown): void {
  if (!Array.isArray(log)) throw new OptionError(`${op}: log expected an array of log entries, got ${describe(log)}`);
  log.forEach((entry: unknown, i) => {
    if (typeof entry === "object" && entry !== null) return;
    throw new OptionError(`${op}: entry ${i} of the log expected an object, got ${describe(entry)}`);
  });
}

/**
 * Formats a duration as seconds, as minutes and seconds, or as hours, minutes and seconds.
 *
 * @example
 * ```ts
 * import { formatSeconds } from "wasmgrad/train";
 * console.log([12, 75, 3675].map(formatSeconds).join(", ")); // "12 s", "1:15" and "1:01:15"
 * ```
 */
export function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const two = (value: number) => String(value).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${two(whole % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}
