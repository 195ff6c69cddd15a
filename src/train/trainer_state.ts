import { describe, isObject } from "../checks.ts";
import type { DataLoaderState } from "../data/data_loader.ts";
import { StateDictError } from "../errors.ts";
import type { Stateful } from "../io/checkpoint.ts";
import type { GeneratorState } from "../tensor/generator.ts";
import { checkStateKind } from "../tensor/state_kind.ts";
import type { EpochSums } from "./epoch_statistics.ts";
import { isLogEntry, type LogEntry } from "./log.ts";
import type { TrainerOptions, TrainingProgress } from "./trainer_options.ts";

/** The complete state of a trainer: training resumes from it with the same bits. */
export interface TrainerState {
  place: TrainingProgress;
  finishing: boolean;
  finished: boolean;
  seconds: number;
  sums: EpochSums;
  log: LogEntry[];
  loader: DataLoaderState;
  /** State of the trainer's generator; null before training has begun. */
  generator: GeneratorState | null;
  /**
   * The states by name: `model`, `optimizer`, `scheduler`, `average`, `callback0` and so on, and the names in
   * the option `parts`.
   */
  states: Record<string, unknown>;
}

/** All options of a trainer that have a state, except the loader, by their names in a checkpoint. */
export function statefulOptions<B>(options: TrainerOptions<B>): Record<string, Stateful> {
  const { model, optimizer, scheduler, average, callbacks = [], parts = {} } = options;
  const stateful = callbacks.flatMap((callback, i) =>
    callback.stateDict && callback.loadStateDict ? [[`callback${i}`, callback as Stateful] as const] : [],
  );
  return {
    model,
    optimizer,
    ...(scheduler && { scheduler }),
    ...(average && { average }),
    ...Object.fromEntries(stateful),
    ...parts,
  };
}

const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
const isBoolean = (value: unknown) => typeof value === "boolean";

function isSums(value: unknown): boolean {
  if (!isObject(value) || !isCount(value.count) || !isObject(value.totals)) return false;
  return Object.values(value.totals).every((total) => typeof total === "number");
}

/**
 * The expected value of each field. The loader, the generator and all of `states` are checked when they are
 * loaded.
 */
const FIELDS: { [name: string]: [expected: string, is: (value: unknown) => boolean] } = {
  place: ["{ epoch, step }", (value) => isObject(value) && isCount(value.epoch) && isCount(value.step)],
  finishing: ["true or false", isBoolean],
  finished: ["true or false", isBoolean],
  seconds: ["a number >= 0", (value) => Number.isFinite(value) && (value as number) >= 0],
  sums: ["sums of an epoch and an entry", (value) => isObject(value) && isSums(value.epoch) && isSums(value.entry)],
  log: ["an array of log entries", (value) => Array.isArray(value) && value.every(isLogEntry)],
  states: ["an object of states by name", isObject],
};

const NAMES: readonly (keyof TrainerState)[] = [
  "place",
  "finishing",
  "finished",
  "seconds",
  "sums",
  "log",
  "loader",
  "generator",
  "states",
];

/**
 * Checks a state before it is loaded.
 *
 * @param stateful the names that `states` must have
 * @throws StateDictError when a field is missing, unknown or wrong.
 */
export function checkTrainerState(state: unknown, stateful: readonly string[]): asserts state is TrainerState {
  checkStateKind("Trainer", "Trainer", state);
  const given = state as Record<string, unknown>;
  const foreign = Object.keys(given).find((name) => !(NAMES as readonly string[]).includes(name));
  if (foreign !== undefined) {
    throw new StateDictError(`Trainer.loadStateDict: expected ${NAMES.join(", ")}, got "${foreign}" as well`);
  }
  for (const [name, [expected, is]] of Object.entries(FIELDS)) {
    if (is(given[name])) continue;
    throw new StateDictError(`Trainer.loadStateDict: ${name} expected ${expected}, got ${describe(given[name])}`);
  }
  const missing = stateful.filter((name) => !(name in (given.states as object)));
  if (missing.length > 0) throw new StateDictError(`Trainer.loadStateDict: no state of ${missing.join(", ")}`);
}
