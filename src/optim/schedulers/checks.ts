import { checkInteger, describe } from "../../checks.ts";
import { OptionError, StateDictError } from "../../errors.ts";
import { checkStateKind, refuseState } from "../../tensor/state_kind.ts";
import type { AnyOptimizer, SchedulerStateDict } from "./scheduler.ts";

/** Checks the optimizer that a scheduler is given. */
export function checkOptimizer(name: string, optimizer: AnyOptimizer): void {
  if (Array.isArray(optimizer?.paramGroups)) return;
  throw new OptionError(`${name}: expected an optimizer, got ${describe(optimizer)}`);
}

/**
 * Rejects the state of a different scheduler: a state with another name, or without `key`. States saved by
 * earlier versions have no name.
 */
export function checkScheduler(name: string, state: SchedulerStateDict, key: string): void {
  checkStateKind(name, "scheduler", state);
  const isOther = state.name !== undefined && state.name !== name;
  if (isOther || !Object.hasOwn(state, key)) refuseState(name, state);
}

/** Returns a saved count of steps (-1 before the first step). Throws a StateDictError if it is not valid. */
export function savedCount(name: string, state: SchedulerStateDict, key: string): number {
  const value = state?.[key];
  if (!Number.isInteger(value) || (value as number) < -1) {
    throw new StateDictError(`${name}.loadStateDict: ${key} expected an integer, got ${describe(value)}`);
  }
  return value as number;
}

/** Returns a saved list of numbers, one per group. Throws a StateDictError if it is not valid. */
export function savedNumbers(name: string, state: SchedulerStateDict, key: string, length: number): number[] {
  const value = state?.[key];
  if (!Array.isArray(value) || value.length !== length || !value.every(Number.isFinite)) {
    throw new StateDictError(`${name}.loadStateDict: ${key} expected ${length} finite numbers, got ${describe(value)}`);
  }
  return value;
}

/** Checks a list of steps. Returns a copy in ascending order. */
export function checkMilestones(name: string, milestones: readonly number[]): readonly number[] {
  if (!Array.isArray(milestones)) throw new OptionError(`${name}: milestones expected an array of integers`);
  for (const milestone of milestones) checkInteger(name, "milestones", milestone, 1);
  return [...milestones].sort((a, b) => a - b);
}
