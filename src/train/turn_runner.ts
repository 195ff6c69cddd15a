import { WasmgradError } from "../errors.ts";
import { type Generator as RandomGenerator, withGenerator } from "../tensor/generator.ts";
import type { InTurns, Wait } from "./training_step.ts";
import { beginTurn, isTurnOver, nextTask, turnBegan } from "./turns.ts";

/**
 * Runs training, and lets the event loop run other tasks where training yields. The trainer's generator is
 * the default generator only while training runs.
 */
export class TurnRunner {
  readonly #generator: RandomGenerator;
  #turns: InTurns<void> | null = null;
  /** What training waits for now. */
  #waiting: Wait | null = null;
  /** Whether a step has begun and not ended. */
  #inStep = false;
  /** Whether other code waits for the end of the step. */
  #isHurried = false;
  /** Why a step failed that other code ended. */
  #failure: { error: unknown } | null = null;
  #seconds = 0;
  #since = 0;

  constructor(generator: RandomGenerator) {
    this.#generator = generator;
  }

  get isRunning(): boolean {
    return this.#turns !== null;
  }

  /** Seconds of training and of waits for data since the last call. Other tasks do not count. */
  takeSeconds(): number {
    this.#countTime();
    const seconds = this.#seconds;
    this.#seconds = 0;
    return seconds;
  }

  async run(turns: InTurns<void>): Promise<void> {
    this.#turns = turns;
    beginTurn();
    try {
      for (let wait = this.#advance(turns); wait; wait = this.#advance(turns)) {
        await wait();
        if (wait === nextTask) this.#since = turnBegan();
      }
    } finally {
      turns.return(); // after an error while it waited
      this.#turns = this.#waiting = this.#failure = null;
      this.#inStep = false;
    }
  }

  /** Runs a step: training that `endStep` does not leave half done. Other tasks may run after it. */
  *step<T>(turns: InTurns<T>): InTurns<T> {
    this.#inStep = true;
    const result = yield* turns;
    this.#inStep = false;
    if (this.#isHurried || isTurnOver()) yield nextTask;
    return result;
  }

  /**
   * Ends the step that was cut, if there is one, so that no state is half a step's.
   *
   * @throws WasmgradError if the step waits for an asynchronous loss.
   */
  endStep(op: string): void {
    if (!this.#turns || !this.#waiting || !this.#inStep) return;
    if (this.#waiting !== nextTask) {
      throw new WasmgradError(
        `${op}: the step waits for its asynchronous loss, so no state is complete; call it in a callback such as onStep, ` +
          "or when fit() has ended after stop()",
      );
    }
    this.#isHurried = true;
    try {
      while (this.#inStep) this.#advance(this.#turns);
    } catch (error) {
      this.#inStep = false;
      this.#failure = { error }; // run() throws it
    } finally {
      this.#isHurried = false;
    }
  }

  /** Runs training until it must wait. Returns null when it has ended. */
  #advance(turns: InTurns<void>): Wait | null {
    if (this.#failure) throw this.#failure.error;
    this.#waiting = null;
    const { done, value } = withGenerator(this.#generator, () => turns.next());
    this.#waiting = done ? null : value;
    if (this.#waiting === nextTask) this.#countTime();
    return this.#waiting;
  }

  #countTime(): void {
    const now = performance.now();
    this.#seconds += (now - this.#since) / 1000;
    this.#since = now;
  }
}
