import { checkInteger, checkNumber, readOptions } from "../../checks.ts";
import { type AnyOptimizer, LRScheduler } from "./scheduler.ts";

/**
 * Warm-up: changes the learning rate linearly from `startFactor` to `endFactor` times its initial value in
 * `totalIters` steps. Matches `torch.optim.lr_scheduler.LinearLR`.
 *
 * @param options `startFactor` 1/3, `endFactor` 1, `totalIters` 5
 * @example
 * ```ts
 * import { optim, zeros } from "wasmgrad";
 * const optimizer = new optim.SGD([zeros([1], { requiresGrad: true })], { lr: 1 });
 * const scheduler = new optim.LinearLR(optimizer, { startFactor: 0.5, totalIters: 2 });
 * for (let i = 0; i < 4; i++) {
 *   console.log(scheduler.getLastLr()[0]); // 0.5, 0.75, 1, 1
 *   optimizer.step();
 *   scheduler.step();
 * }
 * ```
 */
export class LinearLR extends LRScheduler {
  readonly #start: number;
  readonly #end: number;
  readonly #total: number;

  constructor(optimizer: AnyOptimizer, options?: { startFactor?: number; endFactor?: number; totalIters?: number }) {
    super("LinearLR", optimizer);
    const o = readOptions(this.name, options, { startFactor: 1 / 3, endFactor: 1, totalIters: 5 });
    this.#start = checkNumber(this.name, "startFactor", o.startFactor, Number.MIN_VALUE, 1);
    this.#end = checkNumber(this.name, "endFactor", o.endFactor, 0, 1);
    this.#total = checkInteger(this.name, "totalIters", o.totalIters, 1);
    this.step();
  }

  protected nextLr(lr: number): number {
    if (this.lastEpoch === 0) return lr * this.#start;
    if (this.lastEpoch > this.#total) return lr;
    const rise = this.#end - this.#start;
    return lr * (1 + rise / (this.#total * this.#start + (this.lastEpoch - 1) * rise));
  }
}
