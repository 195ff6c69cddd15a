import { type Generator, useGenerator } from "../tensor/generator.ts";
import type { Scope } from "../tensor/lifetime/scope.ts";
import type { InTurns } from "./training_step.ts";
import { isTurnOver, nextTask } from "./turns.ts";

/**
 * A function that resumes after an `await` does so in a microtask, and the functions that await it in later
 * ones: three for each, at most. After this many, the loss function awaits something else.
 */
const MICROTASKS = 100;

/** The loss whose function may run now. */
let running: AsyncLoss | null = null;

/**
 * A loss function that awaits. In each task in which it continues after `nextTurn()`, the trainer's generator
 * is the default generator, and the step's scope is open: all microtasks of that task are the function's.
 */
export class AsyncLoss {
  readonly #generator: Generator;
  readonly #scope: Scope | null;
  /** Whether the loss function was asynchronous. */
  isUsed = false;
  #leave: (() => void) | null = null;
  #microtasks = 0;

  constructor(generator: Generator, scope: Scope | null) {
    this.#generator = generator;
    this.#scope = scope;
  }

  /** Calls the loss function, up to its first `await`. */
  begin<T>(loss: () => T): T {
    running?.leave();
    running = this;
    try {
      return loss();
    } finally {
      running = null;
    }
  }

  /** Waits for what the loss function returned, in a task whose later microtasks are the function's. */
  *result<T>(loss: Promise<T>): InTurns<T> {
    this.isUsed = true;
    let result: T;
    yield async () => {
      this.enter();
      try {
        result = await loss;
      } finally {
        this.leave();
      }
    };
    return result!;
  }

  /** Called in a task whose later microtasks are the loss function's. */
  enter(): void {
    running?.leave();
    const giveBack = useGenerator(this.#generator);
    const leaveScope = this.#scope?.continueTurn();
    running = this;
    this.#leave = () => {
      running = null;
      leaveScope?.();
      giveBack();
    };
    const leave = this.#leave;
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

  /** The loss function still runs. */
  stay(): void {
    this.#microtasks = 0;
  }
}

/**
 * Lets the event loop run other tasks (events, drawing, signals) if the calling code has kept the thread for
 * long: on a page 10 ms, elsewhere 50 ms. Otherwise it resolves at once. For asynchronous `loss` functions of
 * a `Trainer`, and for training loops of your own. Tabs in the background are not slowed down by it.
 *
 * In a `loss` function, the step's tensors survive it, and random numbers drawn after it still come from the
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
  const loss = running;
  if (!isTurnOver()) {
    loss?.stay();
    return;
  }
  loss?.leave();
  await nextTask();
  loss?.enter();
}
