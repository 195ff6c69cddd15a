import { checkInteger, checkNumber, readOptions } from "../../checks.ts";
import { type AnyOptimizer, LRScheduler } from "./scheduler.ts";

/**
 * Multiplies the learning rate by `factor` for the first `totalIters` steps. Matches
 * `torch.optim.lr_scheduler.ConstantLR`.
 *
 * @param options `factor` 1/3, `totalIters` 5
 * @throws OptionError for bad or unknown options.
 * @example
 * ```ts
 * import { optim, zeros } from "wasmgrad";
 * const optimizer = new optim.SGD([zeros([1], { requiresGrad: true })], { lr: 1 });
 * const scheduler = new optim.ConstantLR(optimizer, { factor: 0.5, totalIters: 2 });
 * for (let i = 0; i < 3; i++) {
 *   console.log(scheduler.getLastLr()[0]); // 0.5, 0.5, 1
 *   optimizer.step();
 *   scheduler.step();
 * }
 * ```
 */
export class ConstantLR extends LRScheduler {
  readonly #factor: number;
  readonly #total: number;

  constructor(optimizer: AnyOptimizer, options?: { factor?: number; totalIters?: number }) {
    super("ConstantLR", optimizer);
    const { factor, totalIters } = readOptions(this.name, options, { factor: 1 / 3, totalIters: 5 });
    this.#factor = checkNumber(this.name, "factor", factor, Number.MIN_VALUE, 1);
    this.#total = checkInteger(this.name, "totalIters", totalIters, 1);
    this.step();
  }

  protected nextLr(lr: number): number {
    if (this.lastEpoch === 0) return lr * this.#factor;
    return this.lastEpoch === this.#total ? lr * (1 / this.#factor) : lr;
  }
}
