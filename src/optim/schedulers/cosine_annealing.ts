import { checkInteger, checkNumber, readOptions } from "../../checks.ts";
import { cosPi } from "../exact_math.ts";
import { type AnyOptimizer, LRScheduler } from "./scheduler.ts";

/**
 * Lowers the learning rate along half a cosine from its initial value to `etaMin` in `tMax` steps:
 * `etaMin + (lr − etaMin)(1 + cos(π t / tMax)) / 2`. After that the rate rises again. Matches
 * `torch.optim.lr_scheduler.CosineAnnealingLR`.
 *
 * @param options `tMax`, `etaMin` 0
 * see: Loshchilov & Hutter, SGDR, 2017 (without the restarts)
 * @example
 * ```ts
 * import { optim, zeros } from "wasmgrad";
 * const optimizer = new optim.SGD([zeros([1], { requiresGrad: true })], { lr: 1 });
 * const scheduler = new optim.CosineAnnealingLR(optimizer, { tMax: 4 });
 * for (let i = 0; i < 4; i++) {
 *   console.log(scheduler.getLastLr()[0].toFixed(3)); // 1.000, 0.854, 0.500, 0.146
 *   optimizer.step();
 *   scheduler.step();
 * }
 * ```
 */
export class CosineAnnealingLR extends LRScheduler {
  readonly #tMax: number;
  readonly #etaMin: number;

  constructor(optimizer: AnyOptimizer, options: { tMax: number; etaMin?: number }) {
    super("CosineAnnealingLR", optimizer);
    const { tMax, etaMin } = readOptions(this.name, options, { tMax: Number.NaN, etaMin: 0 });
    this.#tMax = checkInteger(this.name, "tMax", tMax, 1);
    this.#etaMin = checkNumber(this.name, "etaMin", etaMin, 0);
    this.step();
  }

  protected nextLr(lr: number, i: number): number {
    const t = this.lastEpoch;
    if (t === 0) return lr;
    const before = 1 + cosPi((t - 1) / this.#tMax);
    // at the minimum, the ratio of two successive rates is not defined
    if (before === 0) return lr + ((this.baseLrs[i] - this.#etaMin) * (1 - cosPi(1 / this.#tMax))) / 2;
    return ((1 + cosPi(t / this.#tMax)) / before) * (lr - this.#etaMin) + this.#etaMin;
  }
}
