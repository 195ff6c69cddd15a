import { describe, readOptions } from "../../checks.ts";
import { OptionError, StateDictError } from "../../errors.ts";
import { checkMilestones, checkScheduler, savedCount } from "./checks.ts";
import { ReduceLROnPlateau } from "./reduce_on_plateau.ts";
import { type AnyOptimizer, LRScheduler, type SchedulerStateDict } from "./scheduler.ts";

/** Loads the states of several schedulers. Changes nothing if it throws. */
export function loadAll(
  name: string,
  schedulers: readonly { stateDict(): SchedulerStateDict; loadStateDict(state: SchedulerStateDict): void }[],
  states: unknown,
): void {
  if (!Array.isArray(states) || states.length !== schedulers.length) {
    const actual = Array.isArray(states) ? states.length : describe(states);
    throw new StateDictError(`${name}.loadStateDict: expected ${schedulers.length} schedulers, got ${actual}`);
  }
  const load = (given: readonly SchedulerStateDict[]) =>
    schedulers.forEach((scheduler, i) => {
      scheduler.loadStateDict(given[i]);
    });
  const before = schedulers.map((scheduler) => scheduler.stateDict());
  try {
    load(states);
  } catch (error) {
    load(before);
    throw error;
  }
}

/**
 * Runs schedulers one after the other: at step `milestones[i]`, scheduler i + 1 takes over and starts at its
 * step 0. Matches `torch.optim.lr_scheduler.SequentialLR`. A scheduler may itself be a `SequentialLR`, but
 * not a `ReduceLROnPlateau`, whose `step` needs a metric.
 *
 * @throws OptionError for anything but schedulers of this optimizer, and if the number of schedulers is not
 * the number of milestones plus one.
 * @example
 * ```ts
 * import { optim, zeros } from "wasmgrad";
 * const optimizer = new optim.SGD([zeros([1], { requiresGrad: true })], { lr: 1 });
 * const warmup = new optim.LinearLR(optimizer, { startFactor: 0.5, totalIters: 2 });
 * const decay = new optim.CosineAnnealingLR(optimizer, { tMax: 10 });
 * const scheduler = new optim.SequentialLR(optimizer, [warmup, decay], { milestones: [2] });
 * console.log(scheduler.getLastLr()); // [0.5]
 * ```
 */
export class SequentialLR {
  readonly name = "SequentialLR";
  readonly optimizer: AnyOptimizer;
  readonly #schedulers: readonly (LRScheduler | SequentialLR)[];
  readonly #milestones: readonly number[];
  lastEpoch = 0;

  constructor(
    optimizer: AnyOptimizer,
    schedulers: readonly (LRScheduler | SequentialLR)[],
    options: { milestones: readonly number[] },
  ) {
    this.optimizer = optimizer;
    const { milestones } = readOptions(this.name, options, { milestones: [] as readonly number[] });
    this.#milestones = checkMilestones(this.name, milestones);
    if (!Array.isArray(schedulers)) {
      throw new OptionError(`${this.name}: expected an array of schedulers, got ${describe(schedulers)}`);
    }
    schedulers.forEach((scheduler, i) => {
      this.#checkScheduler(scheduler, i);
    });
    if (schedulers.length !== milestones.length + 1) {
      throw new OptionError(
        `${this.name}: expected schedulers of this optimizer, one more than milestones, got ${schedulers.length} and ${milestones.length}`,
      );
    }
    this.#schedulers = [...schedulers];
    this.#schedulers[0].restart();
  }

  #checkScheduler(scheduler: unknown, i: number): void {
    if (scheduler instanceof ReduceLROnPlateau) {
      throw new OptionError(
        `${this.name}: scheduler ${i} is a ReduceLROnPlateau, whose step(metric) needs a metric that ${this.name}.step() ` +
          "has not; call its step yourself, after the schedulers in sequence are done",
      );
    }
    if (!(scheduler instanceof LRScheduler) && !(scheduler instanceof SequentialLR)) {
      const actual = typeof scheduler === "function" ? "a class or function (write new ...)" : typeof scheduler;
      throw new OptionError(`${this.name}: scheduler ${i} expected an LRScheduler or a SequentialLR, got ${actual}`);
    }
    if (scheduler.optimizer !== this.optimizer) {
      throw new OptionError(`${this.name}: scheduler ${i} (${scheduler.name}) is one of another optimizer`);
    }
  }

  step(): void {
    const next = this.lastEpoch + 1;
    const active = this.#milestones.filter((milestone) => milestone <= next).length;
    if (this.#milestones.includes(next)) this.#schedulers[active].restart();
    else this.#schedulers[active].step();
    this.lastEpoch = next;
  }

  /** Restarts at step 0 of the first scheduler. Used by a `SequentialLR` that contains this one. */
  restart(): void {
    this.#schedulers[0].restart();
    this.lastEpoch = 0;
  }

  /** The current learning rates, one per group. */
  getLastLr(): number[] {
    return this.optimizer.paramGroups.map((group) => group.lr);
  }

  stateDict(): SchedulerStateDict {
    return { name: this.name, lastEpoch: this.lastEpoch, schedulers: this.#schedulers.map((item) => item.stateDict()) };
  }

  /** Restores what `stateDict()` returned. Changes nothing if it throws. */
  loadStateDict(state: SchedulerStateDict): void {
    checkScheduler(this.name, state, "schedulers");
    const lastEpoch = savedCount(this.name, state, "lastEpoch");
    loadAll(this.name, this.#schedulers, state.schedulers);
    this.lastEpoch = lastEpoch;
  }
}
