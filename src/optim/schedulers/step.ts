import { checkInteger, checkNumber, readOptions } from "../../checks.ts";
import { type AnyOptimizer, LRScheduler } from "./scheduler.ts";

/**
 * Multiplies the learning rate by `gamma` every `stepSize` steps. Matches `torch.optim.lr_scheduler.StepLR`.
 *
 * @param options `stepSize`, `gamma` 0.1
 * @example
 * ```ts
 * import { optim, zeros } from "wasmgrad";
 * const optimizer = new optim.SGD([zeros([1], { requiresGrad: true })], { lr: 1 });
 * const scheduler = new optim.StepLR(optimizer, { stepSize: 2, gamma: 0.5 });
 * for (let epoch = 0; epoch < 4; epoch++) {
 *   console.log(scheduler.getLastLr()[0]); // 1, 1, 0.5, 0.5
 *   optimizer.step();
 *   scheduler.step();
 * }
 * ```
 */
export class StepLR extends LRScheduler {
  readonly #stepSize: number;
  readonly #gamma: number;

  constructor(optimizer: AnyOptimizer, options: { stepSize: number; gamma?: number }) {
    super("StepLR", optimizer);
    const { stepSize, gamma } = readOptions(this.name, options, { stepSize: Number.NaN, gamma: 0.1 });
    this.#stepSize = checkInteger(this.name, "stepSize", stepSize, 1);
    this.#gamma = checkNumber(this.name, "gamma", gamma, 0);
    this.step();
  }

  protected nextLr(lr: number): number {
    return this.lastEpoch > 0 && this.lastEpoch % this.#stepSize === 0 ? lr * this.#gamma : lr;
  }
}
