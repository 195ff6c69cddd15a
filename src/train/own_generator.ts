import { describe } from "../checks.ts";
import { OptionError, StateDictError } from "../errors.ts";
import { Generator, type GeneratorState, getRngState, setRngState } from "../tensor/generator.ts";

/** How many were made so far. */
let made = 0;

/**
 * The generator of a trainer: one that was given to it, or one that goes on where the default generator stands when training begins, so
 * that `manualSeed` fixes a run. Where another trainer was made in between, it goes on from where this one was made: a trainer's
 * numbers do not depend on what else the program trains.
 */
export class OwnGenerator {
  readonly generator: Generator;
  readonly #given: boolean;
  readonly #number = ++made;
  /** Where the default generator stood when this was made; null once a state was loaded. */
  #atMaking: GeneratorState | null = getRngState();
  #begun = false;

  constructor(given: Generator | undefined) {
    if (given !== undefined && !(given instanceof Generator)) {
      throw new OptionError(`Trainer: generator expected a Generator, got ${describe(given)}`);
    }
    this.generator = given ?? new Generator();
    this.#given = given !== undefined;
  }

  /**
   * Begins, or goes on. Returns what to call at the end: if nobody else drew from the default generator meanwhile, it goes on where this
   * one ended, as if there were one only.
   */
  begin(): () => void {
    if (this.#given) return () => {};
    const before = getRngState();
    if (!this.#begun) {
      const alone = made === this.#number || !this.#atMaking;
      this.generator.setState(alone ? before : (this.#atMaking as GeneratorState));
    }
    this.#begun = true;
    if (!isSame(before, this.generator.getState())) return () => {};
    return () => {
      if (isSame(before, getRngState())) setRngState(this.generator.getState());
    };
  }

  /** Null before training began: the default generator's is meant then. */
  state(): GeneratorState | null {
    return this.#begun || this.#given ? this.generator.getState() : null;
  }

  /**
   * Checks a state, and returns how to set it. Checkpoints of earlier versions have none: the default generator's was the trainer's.
   *
   * @throws StateDictError
   */
  load(given: GeneratorState | null | undefined): () => void {
    const state = given ?? null; // 0 or "" is no state
    const loaded = new Generator();
    try {
      if (state !== null) loaded.setState(state);
    } catch (cause) {
      const expected = "generator expected { seed, offset } or null";
      throw new StateDictError(`Trainer.loadStateDict: ${expected}, got ${describe(state)}`, { cause });
    }
    return () => {
      this.#begun = state !== null;
      this.#atMaking = null;
      if (state !== null) this.generator.setState(state);
      else if (this.#given) this.generator.setState(getRngState());
    };
  }
}

function isSame(a: GeneratorState, b: GeneratorState): boolean {
  return a.seed === b.seed && a.offset === b.offset;
}
