import { OptionError } from "../errors.ts";
import { MOST_NUMBERS } from "./flat_gradients.ts";
import type { ProcessGroup } from "./process_group.ts";

/** No rank has this code. */
const UNKNOWN = -(2 ** 31);

/**
 * The names of a step's numbers, such as "loss" and "accuracy". They are the same in every shard and step. A
 * rank that has computed no shard yet learns them from rank 0, which always has one.
 */
export class StepNumbers {
  readonly #group: ProcessGroup;
  #names: readonly string[] | null = null;

  constructor(group: ProcessGroup) {
    this.#group = group;
  }

  /** The values, in the order of the names. */
  inOrder(numbers: Record<string, number>): number[] {
    const names = Object.keys(numbers);
    this.#names ??= checkCount(names);
    const known = this.#names;
    if (names.length !== known.length || known.some((name) => !(name in numbers))) {
      throw new OptionError(
        `the loss of a shard expected the same numbers in each shard and step, ${known.join(", ")}, got ${names.join(", ")}`,
      );
    }
    return known.map((name) => numbers[name]);
  }

  /** For `meet`: whether this rank must learn the names, and the number of names as maximum and minimum. */
  get codes(): number[] {
    const count = this.#names?.length ?? 0;
    return this.#names ? [0, count, -count] : [1, UNKNOWN, UNKNOWN];
  }

  /** Reads the maxima of all ranks' codes. The ranks that know no names get those of rank 0. */
  learn([isAsked, most, least]: readonly number[]): void {
    if (most !== -least) {
      throw new OptionError(
        `the loss expected as many numbers on each rank, got ${-least} on one and ${most} on another`,
      );
    }
    if (isAsked > 0) this.#names = this.#group.allGatherObject(this.#names)[0];
  }

  named(values: readonly number[]): Record<string, number> {
    return Object.fromEntries((this.#names ?? []).map((name, i) => [name, values[i]]));
  }
}

function checkCount(names: readonly string[]): readonly string[] {
  if (names.length <= MOST_NUMBERS) return names;
  throw new OptionError(`the loss of a shard expected at most ${MOST_NUMBERS} numbers, got ${names.length}`);
}
