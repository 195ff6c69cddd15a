import { checkFunction, checkInteger, describe, refusePromise } from "../checks.ts";
import { OptionError } from "../errors.ts";
import { countersOf, type Draw } from "../ops/random/draw.ts";

/** The complete state of a `Generator`: plain numbers, which a checkpoint can save as JSON. */
export interface GeneratorState {
  seed: number;
  offset: number;
}

/**
 * The seed of a new `Generator`, and of the default generator until `manualSeed()` is called. Even without a
 * seed, every run therefore draws the same numbers.
 */
export const DEFAULT_SEED = 0;

/** These functions read and set the stream of a generator. Used by `useGenerator`. */
let streamOf: (generator: Generator) => GeneratorState;
let setStream: (generator: Generator, stream: GeneratorState) => void;

/**
 * A random number generator: Philox 4x32-10, which computes each number from the seed and its position in the
 * stream. The same seed gives the same numbers on every machine. Matches `torch.Generator`, but the numbers
 * differ from PyTorch's.
 *
 * @example
 * ```ts
 * import { Generator, rand } from "wasmgrad";
 * const generator = new Generator(42);
 * const state = generator.getState();
 * const first = rand([2], { generator }).toArray();
 * generator.setState(state);
 * console.log(first, rand([2], { generator }).toArray()); // twice the same
 * ```
 */
export class Generator {
  #stream: GeneratorState = { seed: DEFAULT_SEED, offset: 0 };

  static {
    streamOf = (generator) => generator.#stream;
    setStream = (generator, stream) => {
      generator.#stream = stream;
    };
  }

  /** @param seed an integer in [0, 2^53). */
  constructor(seed = DEFAULT_SEED) {
    this.manualSeed(seed);
  }

  /** Starts the stream of `seed`, an integer in [0, 2^53). */
  manualSeed(seed: number): this {
    this.#stream.seed = checkInteger("manualSeed", "seed", seed, 0, Number.MAX_SAFE_INTEGER);
    this.#stream.offset = 0;
    return this;
  }

  /** The seed with which the stream started. */
  initialSeed(): number {
    return this.#stream.seed;
  }

  getState(): GeneratorState {
    return { ...this.#stream };
  }

  /** Restores a state from `getState()`: draws continue at that position in the stream. */
  setState(state: GeneratorState): void {
    const seed = checkInteger("setState", "seed", state?.seed, 0, Number.MAX_SAFE_INTEGER);
    const offset = checkInteger("setState", "offset", state?.offset, 0, Number.MAX_SAFE_INTEGER);
    checkInteger("setState", "offset / 4", offset / 4, 0, Number.MAX_SAFE_INTEGER);
    this.#stream.seed = seed;
    this.#stream.offset = offset;
  }

  /** @internal Reserves the next `size` numbers and returns their position in the stream. Used by ops. */
  take(size: number): Draw {
    const draw = { seed: this.#stream.seed, offset: this.#stream.offset };
    this.#stream.offset += countersOf(size);
    return draw;
  }
}

/** The generator of all draws to which no other generator is passed. */
export const defaultGenerator = new Generator();

/** Seeds the default generator with an integer in [0, 2^53) and returns it. Matches `torch.manual_seed`. */
export function manualSeed(seed: number): Generator {
  return defaultGenerator.manualSeed(seed);
}

/**
 * Runs `body` with `generator` as the default generator: draws to which no generator is passed use it, and
 * `manualSeed` seeds it. The draws of one task (a request, a click) then do not affect the draws of another.
 * `body` must be synchronous; an asynchronous task calls `withGenerator` again after each `await`.
 *
 * @throws OptionError for anything but a Generator, and for a function that returns a Promise.
 * @example
 * ```ts
 * import { Generator, rand, withGenerator } from "wasmgrad";
 * const mine = new Generator(7);
 * const noise = withGenerator(mine, () => rand([2]));
 * console.log(noise.toArray(), rand([2], { generator: new Generator(7) }).toArray()); // twice the same
 * ```
 */
export function withGenerator<T>(generator: Generator, body: () => T): T {
  const op = "withGenerator";
  if (!(generator instanceof Generator))
    throw new OptionError(`${op}: expected a Generator, got ${describe(generator)}`);
  checkFunction(op, "body", body);
  const giveBack = useGenerator(generator);
  try {
    return refusePromise(op, body(), "; call withGenerator again after each await");
  } finally {
    giveBack();
  }
}

/** Makes `generator` the default generator until the returned function is called. */
export function useGenerator(generator: Generator): () => void {
  const before = streamOf(defaultGenerator);
  setStream(defaultGenerator, streamOf(generator));
  return () => setStream(defaultGenerator, before);
}

/** The default generator's state. Matches `torch.get_rng_state`. */
export function getRngState(): GeneratorState {
  return defaultGenerator.getState();
}

/** Sets the default generator's state. Matches `torch.set_rng_state`. */
export function setRngState(state: GeneratorState): void {
  defaultGenerator.setState(state);
}
