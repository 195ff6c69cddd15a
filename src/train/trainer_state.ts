import { describe, isObject } from "../checks.ts";
import type { DataLoaderState } from "../data/data_loader.ts";
import { StateDictError } from "../errors.ts";
import type { GeneratorState } from "../tensor/generator.ts";
import { isLogEntry, type LogEntry } from "./log.ts";
import type { Place } from "./trainer_options.ts";

/** All there is to know of a trainer, to go on at the same bit. */
export interface TrainerState {
  place: Place;
  finishing: boolean;
  finished: boolean;
  seconds: number;
  sums: { epoch: Sums; entry: Sums };
  log: LogEntry[];
  loader: DataLoaderState;
  /** Of the trainer's own generator; null before training began. */
  generator: GeneratorState | null;
  states: Record<string, unknown>;
}

/** Sums of the numbers of steps, for their means. */
export interface Sums {
  count: number;
  totals: Record<string, number>;
}

export const noSums = (): Sums => ({ count: 0, totals: {} });

export function addTo(sums: Sums, numbers: Record<string, number>): void {
  sums.count++;
  for (const [name, value] of Object.entries(numbers)) sums.totals[name] = (sums.totals[name] ?? 0) + value;
}

export function means({ count, totals }: Sums): Record<string, number> {
  return Object.fromEntries(Object.entries(totals).map(([name, total]) => [name, total / count]));
}

const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
const isBoolean = (value: unknown) => typeof value === "boolean";

function isSums(value: unknown): boolean {
  if (!isObject(value) || !isCount(value.count) || !isObject(value.totals)) return false;
  return Object.values(value.totals).every((total) => typeof total === "number");
}

/** What each field must be; the loader and the parts check their own. */
const FIELDS: { [name: string]: [expected: string, is: (value: unknown) => boolean] } = {
  place: ["{ epoch, step }", (value) => isObject(value) && isCount(value.epoch) && isCount(value.step)],
  finishing: ["true or false", isBoolean],
  finished: ["true or false", isBoolean],
  seconds: ["a number >= 0", (value) => Number.isFinite(value) && (value as number) >= 0],
  sums: ["sums of an epoch and an entry", (value) => isObject(value) && isSums(value.epoch) && isSums(value.entry)],
  log: ["an array of log entries", (value) => Array.isArray(value) && value.every(isLogEntry)],
  states: ["an object of states by name", isObject],
};

/** @throws StateDictError where a field is missing, or is not what it should be. */
export function checkTrainerState(state: unknown): asserts state is TrainerState {
  const given = isObject(state) ? state : {};
  for (const [name, [expected, is]] of Object.entries(FIELDS)) {
    if (is(given[name])) continue;
    throw new StateDictError(`Trainer.loadStateDict: ${name} expected ${expected}, got ${describe(given[name])}`);
  }
}
