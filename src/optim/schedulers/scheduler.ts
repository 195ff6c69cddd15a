import { checkInteger, checkNumber, describe, describeReturned, readOptions } from "../../checks.ts";
import { OptionError, StateDictError } from "../../errors.ts";
import { checkStateKind, refuseState } from "../../tensor/state_kind.ts";
import { cosPi } from "../exact_math.ts";
import type { LearningRate, Optimizer, ParamGroup } from "../optimizer.ts";

/** A scheduler takes any optimizer. */
// biome-ignore lint/suspicious/noExplicitAny: the options of the optimizer do not matter here
export type AnyOptimizer = Optimizer<any>;

/** What `stateDict()` of a scheduler gives: its name, numbers and lists of numbers, which JSON can hold. */
export type SchedulerStateDict = Record<string, unknown>;

/** Checks what a scheduler is given to set the rates of. */
export function checkOptimizer(name: string, optimizer: AnyOptimizer): void {
  if (Array.isArray(optimizer?.paramGroups)) return;
  throw new OptionError(`${name}: expected an optimizer, got ${describe(optimizer)}`);
}

/** Refuses the state of another scheduler: one of another name, or without `key`. States of earlier versions have no names. */
export function checkScheduler(name: string, state: SchedulerStateDict, key: string): void {
  checkStateKind(name, "scheduler", state);
  const isOther = state.name !== undefined && state.name !== name;
  if (isOther || !Object.hasOwn(state, key)) refuseState(name, state);
}

/** Checks a saved count of steps (-1: before the first), or throws a StateDictError. */
export function savedCount(name: string, state: SchedulerStateDict, key: string): number {
  const value = state?.[key];
  if (!Number.isInteger(value) || (value as number) < -1) {
    throw new StateDictError(`${name}.loadStateDict: ${key} expected an integer, got ${describe(value)}`);
  }
  return value as number;
}

/** Checks a saved list of numbers, one a group, or throws a StateDictError. */
export function savedNumbers(name: string, state: SchedulerStateDict, key: string, length: number): number[] {
  const value = state?.[key];
  if (!Array.isArray(value) || value.length !== length || !value.every(Number.isFinite)) {
    throw new StateDictError(`${name}.loadStateDict: ${key} expected ${length} finite numbers, got ${describe(value)}`);
  }
  return value;
}

/**
 * Base of the schedulers that count steps: making one sets the learning rates of step 0, and each `step()` (after
 * `optimizer.step()`) those of the next. As in PyTorch a rate follows from the one before wherever that is possible, so that several
 * schedulers of one optimizer combine. Groups added to the optimizer later (`addParamGroup`) take part from the next step on.
 */
export abstract class LRScheduler {
  readonly name: string;
  readonly optimizer: AnyOptimizer;
  /** The learning rates that the optimizer was made with, one a group. */
  protected baseLrs: number[];
  /** Whether groups that are added to the optimizer later take part, from the learning rate they come with. */
  protected takesNewGroups = true;
  /** Number of the current step, from 0. */
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

  /** The learning rate of group `i` at step `lastEpoch`, from its present one. */
  protected abstract nextLr(lr: number, i: number): number;

  /** Goes on to the next step: sets the learning rates of the optimizer's groups. */
  step(): void {
    this.#admitNewGroups();
    this.lastEpoch++;
    this.groups.forEach((group, i) => {
      group.lr = this.nextLr(group.lr, i);
    });
  }

  #admitNewGroups(): void {
    const [came, known] = [this.groups.length, this.baseLrs.length];
    if (came > known && !this.takesNewGroups) {
      throw new OptionError(
        `${this.name}: the optimizer has ${came} parameter groups, expected the ${known} that the scheduler was made for`,
      );
    }
    for (const group of this.groups.slice(known)) this.baseLrs.push((group.initialLr ??= group.lr));
  }

  /** Starts again at step 0 from the initial learning rates: for `SequentialLR`. */
  restart(): void {
    this.#admitNewGroups();
    this.groups.forEach((group, i) => {
      group.lr = this.baseLrs[i];
    });
    this.lastEpoch = -1;
    this.step();
  }

  /** The learning rates in use, one a group. */
  getLastLr(): number[] {
    return this.groups.map((group) => group.lr);
  }

  /** What is needed to go on later; the learning rates themselves are in the optimizer's state dict. */
  stateDict(): SchedulerStateDict {
    this.#admitNewGroups();
    return { name: this.name, lastEpoch: this.lastEpoch, baseLrs: [...this.baseLrs] };
  }

  /** Restores what `stateDict()` gave. Load the optimizer's, too. */
  loadStateDict(state: SchedulerStateDict): void {
    checkScheduler(this.name, state, "baseLrs");
    const lastEpoch = savedCount(this.name, state, "lastEpoch");
    this.baseLrs = [...savedNumbers(this.name, state, "baseLrs", this.groups.length)];
    this.lastEpoch = lastEpoch;
  }
}

/**
 * Multiplies the learning rate by `gamma` every `stepSize` steps. Matches `torch.optim.lr_scheduler.StepLR`.
 *
 * @param options `stepSize`, `gamma` 0.1
 * @example
 * ```ts
 * import { optim, zeros } from "wasmgrad";
 * const optimizer = new optim.SGD([zeros([1], { requiresGrad: true })], { lr: 1 });
 * const scheduler = new optim.StepLR(optimizer, { stepSize: 2, gamma: 0.5 });
 * for (let epoch = 0; epoch < 4; epoch++) {
 *   console.log(scheduler.getLastLr()[0]); // 1, 1, 0.5, 0.5
 *   optimizer.step();
 *   scheduler.step();
 * }
 * ```
 */
export class StepLR extends LRScheduler {
  readonly #stepSize: number;
  readonly #gamma: number;

  constructor(optimizer: AnyOptimizer, options: { stepSize: number; gamma?: number }) {
    super("StepLR", optimizer);
    const { stepSize, gamma } = readOptions(this.name, options, { stepSize: Number.NaN, gamma: 0.1 });
    this.#stepSize = checkInteger(this.name, "stepSize", stepSize, 1);
    this.#gamma = checkNumber(this.name, "gamma", gamma, 0);
    this.step();
  }

  protected nextLr(lr: number): number {
    return this.lastEpoch > 0 && this.lastEpoch % this.#stepSize === 0 ? lr * this.#gamma : lr;
  }
}

/** Multiplies the learning rate by `gamma` (0.1) at each of the steps `milestones`. Matches `torch.optim.lr_scheduler.MultiStepLR`. */
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

/** Steps, in ascending order. */
export function checkMilestones(name: string, milestones: readonly number[]): readonly number[] {
  if (!Array.isArray(milestones)) throw new OptionError(`${name}: milestones expected an array of integers`);
  for (const milestone of milestones) checkInteger(name, "milestones", milestone, 1);
  return [...milestones].sort((a, b) => a - b);
}

/**
 * The initial learning rate times a function of the step; one function for all groups, or one each. Matches
 * `torch.optim.lr_scheduler.LambdaLR`. The state dict does not hold the functions.
 */
export class LambdaLR extends LRScheduler {
  readonly #lambdaOf: (group: number) => (step: number) => number;

  constructor(optimizer: AnyOptimizer, lambda: ((step: number) => number) | readonly ((step: number) => number)[]) {
    super("LambdaLR", optimizer);
    this.takesNewGroups = typeof lambda === "function";
    const lambdas = typeof lambda === "function" ? this.groups.map(() => lambda) : [...(lambda ?? [])];
    if (lambdas.length !== this.groups.length || lambdas.some((item) => typeof item !== "function")) {
      throw new OptionError(`LambdaLR: expected a function, or ${this.groups.length} (one a group)`);
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

/**
 * Goes linearly from `startFactor` times the learning rate to `endFactor` times it in `totalIters` steps: warm-up. Matches
 * `torch.optim.lr_scheduler.LinearLR`.
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

/**
 * Half a cosine from the learning rate down to `etaMin` in `tMax` steps: `etaMin + (lr − etaMin)(1 + cos(π t / tMax)) / 2`;
 * further steps go up again. Matches `torch.optim.lr_scheduler.CosineAnnealingLR`.
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
    // at the very bottom the quotient of two steps is not defined
    if (before === 0) return lr + ((this.baseLrs[i] - this.#etaMin) * (1 - cosPi(1 / this.#tMax))) / 2;
    return ((1 + cosPi(t / this.#tMax)) / before) * (lr - this.#etaMin) + this.#etaMin;
  }
}
