import { type Generator, useGenerator } from "../tensor/generator.ts";
import type { Scope } from "../tensor/lifetime/scope.ts";
import type { InTurns } from "./training_step.ts";
import { isTurnOver, nextTask } from "./turns.ts";

/**
 * A function that resumes after an `await` does so in a microtask, and the functions that await it in later
 * ones: three for each, at most. After this many, the function awaits something else.
 */
const MICROTASKS = 100;

const nothing = () => {};
const prepareNothing = () => nothing;

/** The part whose function may run now. */
let running: AsyncPart | null = null;

/**
 * A function of the user that may await: a loss, a validation. In each task in which it continues after
 * `nextTurn()`, the trainer's generator is the default generator, and the part's scope is open: all
 * microtasks of that task are the function's.
 */
export class AsyncPart {
  readonly #generator: Generator;
  readonly #scope: Scope | null;
  readonly #setUp: () => () => void;
  /** Whether the function was asynchronous. */
  isUsed = false;
  #leave: (() => void) | null = null;
  #microtasks = 0;

  /** @param setUp prepares for the function, whenever it begins to run. Returns what undoes this. */
  constructor(generator: Generator, scope: Scope | null, setUp: () => () => void = prepareNothing) {
    this.#generator = generator;
    this.#scope = scope;
    this.#setUp = setUp;
  }

  /** Calls the function, up to its first `await`. */
  begin<T>(body: () => T): T {
    running?.leave();
    running = this;
    const undo = this.#setUp();
    try {
      return body();
    } finally {
      undo();
      running = null;
    }
  }

  /** Waits for what the function returned, in a task whose later microtasks are the function's. */
  *result<T>(returned: PromiseLike<T>): InTurns<T> {
    this.isUsed = true;
    returned.then(null, () => {}); // a refused promise is not left without a handler
    let result: T;
    yield async () => {
      this.enter();
      try {
        result = await returned;
      } finally {
        this.leave();
      }
    };
    return result!;
  }

  /** Called in a task whose later microtasks are the function's. */
  enter(): void {
    running?.leave();
    const giveBack = useGenerator(this.#generator);
    const leaveScope = this.#scope?.continueTurn();
    const undo = this.#setUp();
    running = this;
    const leave = () => {
      running = null;
      undo();
      leaveScope?.();
      giveBack();
    };
    this.#leave = leave;
    const count = () => {
      if (this.#leave !== leave) return;
      if (++this.#microtasks > MICROTASKS) this.leave();
      else queueMicrotask(count);
    };
    this.stay();
    count();
  }

  leave(): void {
    this.#leave?.();
    this.#leave = null;
  }

  /** The function still runs. */
  stay(): void {
    this.#microtasks = 0;
  }
}

/**
 * Lets the event loop run other tasks (events, drawing, signals) if the calling code has kept the thread for
 * long: on a page 10 ms, elsewhere 50 ms. Otherwise it resolves at once. For asynchronous `loss` and
 * `validate` functions of a `Trainer`, and for training loops of your own. Tabs in the background are not
 * slowed down by it.
 *
 * In these functions of a trainer, tensors survive it, and random numbers drawn after it still come from the
 * trainer's generator.
 *
 * @example
 * ```ts
 * import { rand } from "wasmgrad";
 * import { nextTurn } from "wasmgrad/train";
 * let sum = 0;
 * for (let i = 0; i < 100; i++) {
 *   sum += rand([1000]).mean().item();
 *   await nextTurn();
 * }
 * console.log((sum / 100).toFixed(1)); // 0.5
 * ```
 */
export async function nextTurn(): Promise<void> {
  const part = running;
  if (!isTurnOver()) {
    part?.stay();
    return;
  }
  part?.leave();
  await nextTask();
  part?.enter();
}
