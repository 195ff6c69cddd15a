import { checkNumber, readOptions } from "../../checks.ts";
import { type AnyOptimizer, LRScheduler } from "./scheduler.ts";

/**
 * Multiplies the learning rate by `gamma` at each step. Matches `torch.optim.lr_scheduler.ExponentialLR`.
 *
 * @throws OptionError for bad or unknown options.
 * @example
 * ```ts
 * import { optim, zeros } from "wasmgrad";
 * const optimizer = new optim.SGD([zeros([1], { requiresGrad: true })], { lr: 1 });
 * const scheduler = new optim.ExponentialLR(optimizer, { gamma: 0.5 });
 * for (let epoch = 0; epoch < 3; epoch++) {
 *   console.log(scheduler.getLastLr()[0]); // 1, 0.5, 0.25
 *   optimizer.step();
 *   scheduler.step();
 * }
 * ```
 */
export class ExponentialLR extends LRScheduler {
  readonly #gamma: number;

  constructor(optimizer: AnyOptimizer, options: { gamma: number }) {
    super("ExponentialLR", optimizer);
    const { gamma } = readOptions(this.name, options, { gamma: Number.NaN });
    this.#gamma = checkNumber(this.name, "gamma", gamma, 0);
    this.step();
  }

  protected nextLr(lr: number): number {
    return this.lastEpoch === 0 ? lr : lr * this.#gamma;
  }
}
