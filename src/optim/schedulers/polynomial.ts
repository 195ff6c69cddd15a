import { checkInteger, checkNumber, readOptions } from "../../checks.ts";
import { realPower } from "../exact_math.ts";
import { type AnyOptimizer, LRScheduler } from "./scheduler.ts";

/**
 * Lowers the learning rate to 0 in `totalIters` steps: `lr · (1 − t / totalIters)^power`. Matches
 * `torch.optim.lr_scheduler.PolynomialLR`.
 *
 * @param options `totalIters` 5, `power` 1
 * @throws OptionError for bad or unknown options.
 * @example
 * ```ts
 * import { optim, zeros } from "wasmgrad";
 * const optimizer = new optim.SGD([zeros([1], { requiresGrad: true })], { lr: 1 });
 * const scheduler = new optim.PolynomialLR(optimizer, { totalIters: 4 });
 * for (let epoch = 0; epoch < 3; epoch++) {
 *   console.log(scheduler.getLastLr()[0].toFixed(2)); // 1.00, 0.75, 0.50
 *   optimizer.step();
 *   scheduler.step();
 * }
 * ```
 */
export class PolynomialLR extends LRScheduler {
  readonly #total: number;
  readonly #power: number;

  constructor(optimizer: AnyOptimizer, options?: { totalIters?: number; power?: number }) {
    super("PolynomialLR", optimizer);
    const { totalIters, power } = readOptions(this.name, options, { totalIters: 5, power: 1 });
    this.#total = checkInteger(this.name, "totalIters", totalIters, 1);
    this.#power = checkNumber(this.name, "power", power, 0);
    this.step();
  }

  protected nextLr(lr: number): number {
    const [t, total] = [this.lastEpoch, this.#total];
    if (t === 0 || t > total) return lr;
    return lr * realPower((1 - t / total) / (1 - (t - 1) / total), this.#power);
  }
}
