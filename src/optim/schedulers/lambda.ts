import { describeReturned } from "../../checks.ts";
import { OptionError } from "../../errors.ts";
import { type AnyOptimizer, LRScheduler } from "./scheduler.ts";

/** Reads one function for all groups, or one per group. Returns the function of a group. */
export function lambdasOf(
  name: string,
  lambda: ((step: number) => number) | readonly ((step: number) => number)[],
  groups: number,
): (group: number) => (step: number) => number {
  if (typeof lambda === "function") return () => lambda;
  const lambdas = Array.isArray(lambda) ? [...lambda] : [];
  if (lambdas.length !== groups || lambdas.some((item) => typeof item !== "function")) {
    throw new OptionError(`${name}: expected a function, or ${groups} (one per group)`);
  }
  return (group) => lambdas[group];
}

/** Checks what the function of a group returned. */
export function returnedFactor(name: string, group: number, step: number, factor: unknown): number {
  if (typeof factor === "number" && Number.isFinite(factor)) return factor;
  throw new OptionError(
    `${name}: the function of group ${group} expected to return a finite number at step ${step}, got ` +
      describeReturned(factor),
  );
}

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
    this.#lambdaOf = lambdasOf(this.name, lambda, this.groups.length);
    this.step();
  }

  protected nextLr(_lr: number, i: number): number {
    return this.baseLrs[i] * returnedFactor(this.name, i, this.lastEpoch, this.#lambdaOf(i)(this.lastEpoch));
  }
}
