import { describeReturned } from "../../checks.ts";
import { OptionError } from "../../errors.ts";
import { type AnyOptimizer, LRScheduler } from "./scheduler.ts";

/**
 * Sets the learning rate to its initial value times `lambda(step)`. Pass one function for all groups, or an
 * array with one per group. Matches `torch.optim.lr_scheduler.LambdaLR`. The state dict does not contain the
 * functions.
 *
 * @throws OptionError for a bad argument, and when a function returns anything but a finite number.
 * @example
 * ```ts
 * import { optim, zeros } from "wasmgrad";
 * const optimizer = new optim.SGD([zeros([1], { requiresGrad: true })], { lr: 1 });
 * const scheduler = new optim.LambdaLR(optimizer, (step) => 1 / (1 + step));
 * for (let epoch = 0; epoch < 3; epoch++) {
 *   console.log(scheduler.getLastLr()[0].toFixed(2)); // 1.00, 0.50, 0.33
 *   optimizer.step();
 *   scheduler.step();
 * }
 * ```
 */
export class LambdaLR extends LRScheduler {
  readonly #lambdaOf: (group: number) => (step: number) => number;

  constructor(optimizer: AnyOptimizer, lambda: ((step: number) => number) | readonly ((step: number) => number)[]) {
    super("LambdaLR", optimizer);
    this.takesNewGroups = typeof lambda === "function";
    const lambdas = typeof lambda === "function" ? this.groups.map(() => lambda) : [...(lambda ?? [])];
    if (lambdas.length !== this.groups.length || lambdas.some((item) => typeof item !== "function")) {
      throw new OptionError(`LambdaLR: expected a function, or ${this.groups.length} (one per group)`);
    }
    this.#lambdaOf = typeof lambda === "function" ? () => lambda : (group) => lambdas[group];
    this.step();
  }

  protected nextLr(_lr: number, i: number): number {
    const factor: unknown = this.#lambdaOf(i)(this.lastEpoch);
    if (typeof factor !== "number" || !Number.isFinite(factor)) {
      throw new OptionError(
        `${this.name}: the function of group ${i} expected to return a finite number at step ${this.lastEpoch}, got ` +
          describeReturned(factor),
      );
    }
    return this.baseLrs[i] * factor;
  }
}
