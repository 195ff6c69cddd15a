import { describe } from "../../checks.ts";
import { OptionError } from "../../errors.ts";
import { checkScheduler } from "./checks.ts";
import { type AnyOptimizer, LRScheduler, type SchedulerStateDict } from "./scheduler.ts";
import { loadAll, SequentialLR } from "./sequential.ts";

/**
 * Steps several schedulers of one optimizer together, so that their factors multiply. Matches
 * `torch.optim.lr_scheduler.ChainedScheduler`.
 *
 * @throws OptionError for anything but one or more schedulers of one optimizer.
 * @example
 * ```ts
 * import { optim, zeros } from "wasmgrad";
 * const optimizer = new optim.SGD([zeros([1], { requiresGrad: true })], { lr: 1 });
 * const warmup = new optim.ConstantLR(optimizer, { factor: 0.1, totalIters: 2 });
 * const scheduler = new optim.ChainedScheduler([warmup, new optim.ExponentialLR(optimizer, { gamma: 0.5 })]);
 * scheduler.step();
 * console.log(scheduler.getLastLr()); // [0.05]
 * ```
 */
export class ChainedScheduler {
  readonly name = "ChainedScheduler";
  readonly optimizer: AnyOptimizer;
  readonly #schedulers: readonly (LRScheduler | SequentialLR)[];

  constructor(schedulers: readonly (LRScheduler | SequentialLR)[]) {
    if (!Array.isArray(schedulers) || schedulers.length === 0) {
      throw new OptionError(`${this.name}: expected an array of schedulers, got ${describe(schedulers)}`);
    }
    schedulers.forEach((scheduler, i) => {
      if (!(scheduler instanceof LRScheduler) && !(scheduler instanceof SequentialLR)) {
        throw new OptionError(
          `${this.name}: scheduler ${i} expected an LRScheduler or a SequentialLR, got ${describe(scheduler)}`,
        );
      }
      if (scheduler.optimizer !== schedulers[0].optimizer) {
        throw new OptionError(`${this.name}: scheduler ${i} (${scheduler.name}) is one of another optimizer`);
      }
    });
    this.#schedulers = [...schedulers];
    this.optimizer = schedulers[0].optimizer;
  }

  step(): void {
    for (const scheduler of this.#schedulers) scheduler.step();
  }

  /** The current learning rates, one per group. */
  getLastLr(): number[] {
    return this.optimizer.paramGroups.map((group) => group.lr);
  }

  stateDict(): SchedulerStateDict {
    return { name: this.name, schedulers: this.#schedulers.map((item) => item.stateDict()) };
  }

  /** Restores what `stateDict()` returned. Changes nothing if it throws. */
  loadStateDict(state: SchedulerStateDict): void {
    checkScheduler(this.name, state, "schedulers");
    loadAll(this.name, this.#schedulers, state.schedulers);
  }
}
