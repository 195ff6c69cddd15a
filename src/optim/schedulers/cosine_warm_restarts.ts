import { checkInteger, checkNumber, readOptions } from "../../checks.ts";
import { cosPi } from "../exact_math.ts";
import { type AnyOptimizer, LRScheduler, type SchedulerStateDict } from "./scheduler.ts";

/**
 * Lowers the learning rate along half a cosine from its initial value to `etaMin`, then starts again: the
 * first cycle takes `t0` steps, each further one `tMult` times the one before. Matches
 * `torch.optim.lr_scheduler.CosineAnnealingWarmRestarts`.
 *
 * @param options `t0`, `tMult` 1, `etaMin` 0
 * @throws OptionError for bad or unknown options.
 * see: Loshchilov & Hutter, SGDR: stochastic gradient descent with warm restarts, 2017
 * @example
 * ```ts
 * import { optim, zeros } from "wasmgrad";
 * const optimizer = new optim.SGD([zeros([1], { requiresGrad: true })], { lr: 1 });
 * const scheduler = new optim.CosineAnnealingWarmRestarts(optimizer, { t0: 2 });
 * for (let i = 0; i < 4; i++) {
 *   console.log(scheduler.getLastLr()[0].toFixed(3)); // 1.000, 0.500, 1.000, 0.500
 *   optimizer.step();
 *   scheduler.step();
 * }
 * ```
 */
export class CosineAnnealingWarmRestarts extends LRScheduler {
  readonly #t0: number;
  readonly #tMult: number;
  readonly #etaMin: number;
  /** The time of the current step, which may be between two epochs. */
  #time = 0;

  constructor(optimizer: AnyOptimizer, options: { t0: number; tMult?: number; etaMin?: number }) {
    super("CosineAnnealingWarmRestarts", optimizer);
    const { t0, tMult, etaMin } = readOptions(this.name, options, { t0: Number.NaN, tMult: 1, etaMin: 0 });
    this.#t0 = checkInteger(this.name, "t0", t0, 1);
    this.#tMult = checkInteger(this.name, "tMult", tMult, 1);
    this.#etaMin = checkNumber(this.name, "etaMin", etaMin, 0);
    this.step();
  }

  /** @param epoch the time, for example `epoch + i / batches`. Default: one more than before. */
  override step(epoch?: number): void {
    if (epoch !== undefined) checkNumber(`${this.name}.step`, "epoch", epoch, 0);
    this.#time = epoch ?? (this.lastEpoch < 0 ? 0 : this.#time + 1);
    super.step();
    this.lastEpoch = Math.floor(this.#time);
  }

  protected nextLr(_lr: number, i: number): number {
    let [length, time] = [this.#t0, this.#time];
    for (; time >= length; length *= this.#tMult) {
      time -= length;
      if (this.#tMult === 1) time %= length;
    }
    return this.#etaMin + ((this.baseLrs[i] - this.#etaMin) * (1 + cosPi(time / length))) / 2;
  }

  override stateDict(): SchedulerStateDict {
    return { ...super.stateDict(), time: this.#time };
  }

  override loadStateDict(state: SchedulerStateDict): void {
    super.loadStateDict(state);
    this.#time = typeof state.time === "number" ? state.time : this.lastEpoch;
  }
}
