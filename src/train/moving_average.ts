import { checkFunction, checkNumber, describe, readOptions, refusePromise } from "../checks.ts";
import { StateDictError } from "../errors.ts";
import { checkModule, type Module } from "../nn/module.ts";
import type { StateDict } from "../nn/state.ts";
import { averageStep } from "../ops/optim/moving_average.ts";
import { checkStateKind } from "../tensor/state_kind.ts";
import { Snapshot } from "./snapshot.ts";

/** The result of `stateDict()`. Its tensors are not copies: the next `update()` changes them. */
export interface MovingAverageState {
  steps: number;
  weights: StateDict;
}

/**
 * An exponential moving average of a module's weights and float buffers. The average often generalises better
 * than the last weights. Each step computes `mean += (1 - d) · (weight - mean)`, where `d = min(decay, (1 +
 * steps) / (10 + steps))`. The influence of the initial weights therefore decays fast. A mean with a
 * magnitude below 1e-30 becomes 0.
 *
 * see: Polyak & Juditsky, "Acceleration of stochastic approximation by averaging", 1992; the warm-up is the
 * same as in TensorFlow
 * @throws OptionError
 * @example
 * ```ts
 * import { nn } from "wasmgrad";
 * import { MovingAverage } from "wasmgrad/train";
 * const model = new nn.Linear(4, 2);
 * const average = new MovingAverage(model, { decay: 0.999 });
 * average.update(); // after each step of the optimizer
 * average.during(() => console.log("the model has the averaged weights here"));
 * ```
 */
export class MovingAverage {
  readonly model: Module;
  readonly decay: number;
  readonly #mean: Snapshot;
  #steps = 0;

  constructor(model: Module, options?: { decay?: number }) {
    checkModule("MovingAverage", "model", model);
    const { decay } = readOptions("MovingAverage", options, { decay: 0.999 });
    this.decay = checkNumber("MovingAverage", "decay", decay, 0, 1);
    this.model = model;
    this.#mean = new Snapshot(model);
  }

  /** Adds the current weights to the average. Allocates no memory. */
  update(): void {
    this.#steps++;
    const decay = Math.min(this.decay, (1 + this.#steps) / (10 + this.#steps));
    this.#mean.forEach((mean, weight) => {
      if (mean.dtype === "float32") averageStep(mean.array, weight.array, 1 - decay);
      else mean.copy_(weight);
    });
  }

  /**
   * Runs `body` while the model has the averaged weights. Then restores the model's weights, even after an
   * exception. `body` must not be async.
   */
  during<T>(body: () => T): T {
    checkFunction("MovingAverage.during", "body", body);
    const restore = this.use();
    try {
      return refusePromise("MovingAverage.during", body());
    } finally {
      restore();
    }
  }

  /** @internal Gives the model the averaged weights, until the returned function is called. */
  use(): () => void {
    const own = new Snapshot(this.model);
    this.#mean.restore();
    return () => {
      own.restore();
      own.release();
    };
  }

  stateDict(): MovingAverageState {
    return { steps: this.#steps, weights: this.#mean.stateDict() };
  }

  /** @throws StateDictError when names or shapes differ. */
  loadStateDict(state: MovingAverageState): void {
    checkStateKind("MovingAverage", "MovingAverage", state);
    const { steps } = state;
    if (!Number.isInteger(steps) || steps < 0) {
      throw new StateDictError(`MovingAverage.loadStateDict: steps expected an integer >= 0, got ${describe(steps)}`);
    }
    this.#mean.loadStateDict(state.weights);
    this.#steps = state.steps;
  }
}
