import { lambdasOf, returnedFactor } from "./lambda.ts";
import { type AnyOptimizer, LRScheduler } from "./scheduler.ts";

/**
 * Multiplies the learning rate of the step before by `lambda(step)`. Pass one function for all groups, or an
 * array with one per group. Matches `torch.optim.lr_scheduler.MultiplicativeLR`. The state dict does not
 * contain the functions.
 *
 * @throws OptionError for a bad argument, and when a function returns anything but a finite number.
 * @example
 * ```ts
 * import { optim, zeros } from "wasmgrad";
 * const optimizer = new optim.SGD([zeros([1], { requiresGrad: true })], { lr: 1 });
 * const scheduler = new optim.MultiplicativeLR(optimizer, () => 0.5);
 * for (let epoch = 0; epoch < 3; epoch++) {
 *   console.log(scheduler.getLastLr()[0]); // 1, 0.5, 0.25
 *   optimizer.step();
 *   scheduler.step();
 * }
 * ```
 */
export class MultiplicativeLR extends LRScheduler {
  readonly #lambdaOf: (group: number) => (step: number) => number;

  constructor(optimizer: AnyOptimizer, lambda: ((step: number) => number) | readonly ((step: number) => number)[]) {
    super("MultiplicativeLR", optimizer);
    this.takesNewGroups = typeof lambda === "function";
    this.#lambdaOf = lambdasOf(this.name, lambda, this.groups.length);
    this.step();
  }

  protected nextLr(lr: number, i: number): number {
    if (this.lastEpoch === 0) return lr;
    return lr * returnedFactor(this.name, i, this.lastEpoch, this.#lambdaOf(i)(this.lastEpoch));
  }
}
