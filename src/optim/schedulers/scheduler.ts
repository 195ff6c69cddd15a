import { OptionError } from "../../errors.ts";
import type { LearningRate, Optimizer, ParamGroup } from "../optimizer.ts";
import { checkOptimizer, checkScheduler, savedCount, savedNumbers } from "./checks.ts";

/** An optimizer with any options. Schedulers accept all optimizers. */
// biome-ignore lint/suspicious/noExplicitAny: the options of the optimizer do not matter here
export type AnyOptimizer = Optimizer<any>;

/**
 * The result of a scheduler's `stateDict()`: its name, numbers and lists of numbers. It can be saved as JSON.
 */
export type SchedulerStateDict = Record<string, unknown>;

/**
 * Base of the schedulers that count steps. The constructor sets the learning rates of step 0, and each
 * `step()` (called after `optimizer.step()`) sets the rates of the next step. As in PyTorch, a rate is
 * computed from the previous rate where possible, so that several schedulers of one optimizer combine. Groups
 * added to the optimizer later (`addParamGroup`) are scheduled from the next step.
 */
export abstract class LRScheduler {
  readonly name: string;
  readonly optimizer: AnyOptimizer;
  /** The initial learning rates, one per group. */
  protected baseLrs: number[];
  /** Whether groups added to the optimizer later are scheduled, starting from their own learning rate. */
  protected takesNewGroups = true;
  /** Number of the current step, starting at 0. */
  lastEpoch = -1;

  constructor(name: string, optimizer: AnyOptimizer) {
    this.name = name;
    checkOptimizer(name, optimizer);
    this.optimizer = optimizer;
    this.baseLrs = this.groups.map((group) => (group.initialLr ??= group.lr));
  }

  protected get groups(): ParamGroup<LearningRate>[] {
    return this.optimizer.paramGroups;
  }

  /** The learning rate of group `i` at step `lastEpoch`, given the current rate `lr`. */
  protected abstract nextLr(lr: number, i: number): number;

  /** Advances to the next step: sets the learning rates of the optimizer's groups. */
  step(): void {
    this.#admitNewGroups();
    this.lastEpoch++;
    this.groups.forEach((group, i) => {
      group.lr = this.nextLr(group.lr, i);
    });
  }

  #admitNewGroups(): void {
    const [actual, known] = [this.groups.length, this.baseLrs.length];
    if (actual > known && !this.takesNewGroups) {
      throw new OptionError(
        `${this.name}: the optimizer has ${actual} parameter groups, expected the ${known} that the scheduler was made for`,
      );
    }
    for (const group of this.groups.slice(known)) this.baseLrs.push((group.initialLr ??= group.lr));
  }

  /** Restarts at step 0 from the initial learning rates. Used by `SequentialLR`. */
  restart(): void {
    this.#admitNewGroups();
    this.groups.forEach((group, i) => {
      group.lr = this.baseLrs[i];
    });
    this.lastEpoch = -1;
    this.step();
  }

  /** The current learning rates, one per group. */
  getLastLr(): number[] {
    return this.groups.map((group) => group.lr);
  }

  /** The state needed to resume. The learning rates themselves are in the optimizer's state dict. */
  stateDict(): SchedulerStateDict {
    this.#admitNewGroups();
    return { name: this.name, lastEpoch: this.lastEpoch, baseLrs: [...this.baseLrs] };
  }

  /** Restores what `stateDict()` returned. Load the optimizer's state as well. */
  loadStateDict(state: SchedulerStateDict): void {
    checkScheduler(this.name, state, "baseLrs");
    const lastEpoch = savedCount(this.name, state, "lastEpoch");
    this.baseLrs = [...savedNumbers(this.name, state, "baseLrs", this.groups.length)];
    this.lastEpoch = lastEpoch;
  }
}
