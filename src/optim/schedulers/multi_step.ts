import { checkNumber, readOptions } from "../../checks.ts";
import { checkMilestones } from "./checks.ts";
import { type AnyOptimizer, LRScheduler } from "./scheduler.ts";

/**
 * Multiplies the learning rate by `gamma` at each step in `milestones`. Matches
 * `torch.optim.lr_scheduler.MultiStepLR`.
 *
 * @param options `milestones`, `gamma` 0.1
 * @throws OptionError for bad or unknown options.
 * @example
 * ```ts
 * import { optim, zeros } from "wasmgrad";
 * const optimizer = new optim.SGD([zeros([1], { requiresGrad: true })], { lr: 1 });
 * const scheduler = new optim.MultiStepLR(optimizer, { milestones: [1, 3], gamma: 0.5 });
 * for (let epoch = 0; epoch < 4; epoch++) {
 *   console.log(scheduler.getLastLr()[0]); // 1, 0.5, 0.5, 0.25
 *   optimizer.step();
 *   scheduler.step();
 * }
 * ```
 */
export class MultiStepLR extends LRScheduler {
  readonly #milestones: readonly number[];
  readonly #gamma: number;

  constructor(optimizer: AnyOptimizer, options: { milestones: readonly number[]; gamma?: number }) {
    super("MultiStepLR", optimizer);
    const { milestones, gamma } = readOptions(this.name, options, { milestones: [] as readonly number[], gamma: 0.1 });
    this.#milestones = checkMilestones(this.name, milestones);
    this.#gamma = checkNumber(this.name, "gamma", gamma, 0);
    this.step();
  }

  protected nextLr(lr: number): number {
    return this.#milestones.reduce((rate, milestone) => (milestone === this.lastEpoch ? rate * this.#gamma : rate), lr);
  }
}
