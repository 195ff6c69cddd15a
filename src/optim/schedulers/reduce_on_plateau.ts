import { checkChoice, checkInteger, checkNumber, describe, readOptions } from "../../checks.ts";
import { OptionError, StateDictError } from "../../errors.ts";
import { readJsonNumber, toJsonNumber } from "../../json_number.ts";
import { checkOptimizer, checkScheduler, savedCount } from "./checks.ts";
import type { AnyOptimizer, SchedulerStateDict } from "./scheduler.ts";

export interface ReduceLROnPlateauOptions {
  /** Whether the metric should fall ("min", the default) or rise ("max"). */
  mode?: "min" | "max";
  /** Factor by which the rate is multiplied. Default 0.1. */
  factor?: number;
  /** Steps without improvement that are tolerated. Default 10. */
  patience?: number;
  /** The smallest change that counts as an improvement. Default 1e-4. */
  threshold?: number;
  /** Whether the threshold is relative to the best value ("rel", the default) or a difference ("abs"). */
  thresholdMode?: "rel" | "abs";
  /** Steps after a reduction in which bad steps are not counted. Default 0. */
  cooldown?: number;
  /** Lower bound of the rate; one number for all groups, or one per group. Default 0. */
  minLr?: number | readonly number[];
  /** Reductions smaller than this are skipped. Default 1e-8. */
  eps?: number;
}

/**
 * Multiplies the learning rate by `factor` when a metric has stopped improving for more than `patience`
 * steps. Matches `torch.optim.lr_scheduler.ReduceLROnPlateau`.
 *
 * @throws OptionError for bad or unknown options, and for a metric that is not a number.
 * @example
 * ```ts
 * import { optim, zeros } from "wasmgrad";
 * const optimizer = new optim.SGD([zeros([1], { requiresGrad: true })], { lr: 1 });
 * const scheduler = new optim.ReduceLROnPlateau(optimizer, { patience: 1 });
 * for (const loss of [3, 2, 2, 2, 2]) scheduler.step(loss);
 * console.log(scheduler.getLastLr()); // [0.1]
 * ```
 */
export class ReduceLROnPlateau {
  readonly name = "ReduceLROnPlateau";
  readonly optimizer: AnyOptimizer;
  readonly #factor: number;
  readonly #patience: number;
  readonly #cooldown: number;
  readonly #minLr: number | readonly number[];
  readonly #eps: number;
  readonly #better: (metric: number, best: number) => boolean;
  readonly #noBest: number;
  /** The best metric so far. */
  best: number;
  /** Steps since the last improvement. */
  numBadEpochs = 0;
  cooldownCounter = 0;
  lastEpoch = 0;

  constructor(optimizer: AnyOptimizer, options?: ReduceLROnPlateauOptions) {
    const o = readOptions<Required<ReduceLROnPlateauOptions>>(this.name, options, {
      mode: "min",
      factor: 0.1,
      patience: 10,
      threshold: 1e-4,
      thresholdMode: "rel",
      cooldown: 0,
      minLr: 0,
      eps: 1e-8,
    });
    checkOptimizer(this.name, optimizer);
    this.optimizer = optimizer;
    this.#factor = checkNumber(this.name, "factor", o.factor, 0);
    if (o.factor >= 1) throw new OptionError(`${this.name}: factor expected a number in [0, 1), got ${o.factor}`);
    this.#patience = checkInteger(this.name, "patience", o.patience, 0);
    this.#cooldown = checkInteger(this.name, "cooldown", o.cooldown, 0);
    this.#eps = checkNumber(this.name, "eps", o.eps, 0);
    this.#minLr = Array.isArray(o.minLr) ? [...o.minLr] : (o.minLr as number);
    for (const value of this.#minLrs()) checkNumber(this.name, "minLr", value, 0);
    const sign = checkChoice(this.name, "mode", o.mode, ["min", "max"]) === "min" ? 1 : -1;
    const relative = checkChoice(this.name, "thresholdMode", o.thresholdMode, ["rel", "abs"]) === "rel";
    const threshold = checkNumber(this.name, "threshold", o.threshold, 0);
    this.#better = (metric, best) =>
      sign * metric < sign * (relative ? best * (1 - sign * threshold) : best - sign * threshold);
    this.#noBest = sign * Infinity;
    this.best = this.#noBest;
  }

  /** The lower bounds, one per group: groups may have been added to the optimizer. */
  #minLrs(): readonly number[] {
    const groups = this.optimizer.paramGroups;
    const minLr = this.#minLr;
    if (!Array.isArray(minLr)) return groups.map(() => minLr as number);
    if (minLr.length !== groups.length) {
      throw new OptionError(
        `${this.name}: minLr expected a number, or ${groups.length} (one per group), got ${minLr.length}`,
      );
    }
    return minLr;
  }

  /**
   * Takes the metric of an epoch (a number, such as `loss.item()`) and reduces the rates if it has stopped
   * improving.
   */
  step(metric: number): void {
    if (typeof metric !== "number") {
      throw new OptionError(
        `${this.name}.step: expected the metric of an epoch, a number (loss.item()), got ${describe(metric)}`,
      );
    }
    const minLrs = this.#minLrs();
    this.lastEpoch++;
    // NaN is not an improvement
    if (this.#better(metric, this.best)) {
      this.best = metric;
      this.numBadEpochs = 0;
    } else this.numBadEpochs++;
    if (this.cooldownCounter > 0) {
      this.cooldownCounter--;
      this.numBadEpochs = 0;
    }
    if (this.numBadEpochs > this.#patience) {
      this.optimizer.paramGroups.forEach((group, i) => {
        const reduced = Math.max(group.lr * this.#factor, minLrs[i]);
        if (group.lr - reduced > this.#eps) group.lr = reduced;
      });
      this.cooldownCounter = this.#cooldown;
      this.numBadEpochs = 0;
    }
  }

  /** The current learning rates, one per group. */
  getLastLr(): number[] {
    return this.optimizer.paramGroups.map((group) => group.lr);
  }

  /**
   * The state needed to resume. JSON has no infinity, so `best` is null before the first step, and a string
   * if it is infinite.
   */
  stateDict(): SchedulerStateDict {
    const { best, numBadEpochs, cooldownCounter, lastEpoch } = this;
    return {
      name: this.name,
      best: best === this.#noBest ? null : toJsonNumber(best),
      numBadEpochs,
      cooldownCounter,
      lastEpoch,
    };
  }

  /** Restores what `stateDict()` returned. Load the optimizer's state as well. */
  loadStateDict(state: SchedulerStateDict): void {
    checkScheduler(this.name, state, "numBadEpochs");
    const [numBadEpochs, cooldownCounter, lastEpoch] = ["numBadEpochs", "cooldownCounter", "lastEpoch"].map((key) =>
      savedCount(this.name, state, key),
    );
    const best = state.best === null ? this.#noBest : readJsonNumber(state.best);
    if (typeof best !== "number" || Number.isNaN(best)) {
      throw new StateDictError(`${this.name}.loadStateDict: best expected a number or null, got ${describe(best)}`);
    }
    Object.assign(this, { best, numBadEpochs, cooldownCounter, lastEpoch });
  }
}
