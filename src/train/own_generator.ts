import { describe } from "../checks.ts";
import { OptionError, StateDictError } from "../errors.ts";
import { Generator, type GeneratorState, getRngState, setRngState } from "../tensor/generator.ts";

/** Number of instances created so far. */
let made = 0;

/**
 * The random generator of a trainer: a given generator, or a new one. A new one starts in the state that the
 * default generator has when training begins, so `manualSeed` determines a run. If another trainer was
 * created in the meantime, it starts in the state that the default generator had when this trainer was
 * created. A trainer's numbers therefore do not depend on other training in the same program.
 */
export class OwnGenerator {
  readonly generator: Generator;
  readonly #given: boolean;
  readonly #number = ++made;
  /** State of the default generator when this object was created; null once a state was loaded. */
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
   * Begins or continues. Returns a function to call at the end. If no other code has drawn from the default
   * generator, that function copies this generator's state to it, as if there were only one generator.
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

  /**
   * The generator's state. Null for a new generator before training begins: it will start in the default
   * generator's state.
   */
  state(): GeneratorState | null {
    return this.#begun || this.#given ? this.generator.getState() : null;
  }

  /**
   * Checks a state, and returns a function that sets it. Checkpoints of earlier versions contain no state,
   * because their trainers used the default generator.
   *
   * @throws StateDictError
   */
  load(given: GeneratorState | null | undefined): () => void {
    const state = given ?? null; // 0 and "" are not states
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
