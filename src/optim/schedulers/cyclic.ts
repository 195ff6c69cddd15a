import { checkBoolean, checkChoice, checkFunction, checkInteger, checkNumber, readOptions } from "../../checks.ts";
import { OptionError } from "../../errors.ts";
import { power } from "../exact_math.ts";
import { type AnyOptimizer, LRScheduler } from "./scheduler.ts";

export interface CyclicLROptions {
  /** The lowest learning rate; one number for all groups, or one per group. */
  baseLr: number | readonly number[];
  /** The highest learning rate of the first cycle. */
  maxLr: number | readonly number[];
  /** Steps in which the rate rises. Default 2000. */
  stepSizeUp?: number;
  /** Steps in which it falls. Default (null): as many. */
  stepSizeDown?: number | null;
  /**
   * "triangular" (the default): all cycles are equal; "triangular2": each is half as high as the one before;
   * "expRange": the height at step t is multiplied by `gamma ** t`.
   */
  mode?: "triangular" | "triangular2" | "expRange";
  /** Default 1. */
  gamma?: number;
  /** A function in place of `mode`: the factor of the height, of the cycle (from 1) or of the step. */
  scaleFn?: ((x: number) => number) | null;
  /** What `scaleFn` takes. Default "cycle". */
  scaleMode?: "cycle" | "iterations";
  /** Whether momentum (or beta1) is cycled inversely to the rate. Default true. */
  cycleMomentum?: boolean;
  /** Momentum at the highest rate. Default 0.8. */
  baseMomentum?: number;
  /** Momentum at the lowest rate. Default 0.9. */
  maxMomentum?: number;
}

/**
 * Cycles the learning rate linearly between `baseLr` and `maxLr`. Call `step()` once per batch. Matches
 * `torch.optim.lr_scheduler.CyclicLR`. The state dict does not contain `scaleFn`.
 *
 * @throws OptionError for bad or unknown options, and when a group was added to the optimizer.
 * see: Smith, Cyclical learning rates for training neural networks, 2017
 * @example
 * ```ts
 * import { optim, zeros } from "wasmgrad";
 * const optimizer = new optim.SGD([zeros([1], { requiresGrad: true })], { momentum: 0.9 });
 * const scheduler = new optim.CyclicLR(optimizer, { baseLr: 0.1, maxLr: 0.3, stepSizeUp: 2 });
 * for (let batch = 0; batch < 5; batch++) {
 *   console.log(scheduler.getLastLr()[0].toFixed(1)); // 0.1, 0.2, 0.3, 0.2, 0.1
 *   optimizer.step();
 *   scheduler.step();
 * }
 * ```
 */
export class CyclicLR extends LRScheduler {
  readonly #base: readonly number[];
  readonly #max: readonly number[];
  readonly #length: number;
  readonly #rise: number;
  readonly #scale: (cycle: number, step: number) => number;
  readonly #momenta: { base: number; max: number } | null;

  constructor(optimizer: AnyOptimizer, options: CyclicLROptions) {
    super("CyclicLR", optimizer);
    const o = readOptions<Required<CyclicLROptions>>(this.name, options, {
      baseLr: Number.NaN,
      maxLr: Number.NaN,
      stepSizeUp: 2000,
      stepSizeDown: null,
      mode: "triangular",
      gamma: 1,
      scaleFn: null,
      scaleMode: "cycle",
      cycleMomentum: true,
      baseMomentum: 0.8,
      maxMomentum: 0.9,
    });
    this.#base = this.#rates("baseLr", o.baseLr);
    this.#max = this.#rates("maxLr", o.maxLr);
    const up = checkInteger(this.name, "stepSizeUp", o.stepSizeUp, 1);
    this.#length = up + (o.stepSizeDown === null ? up : checkInteger(this.name, "stepSizeDown", o.stepSizeDown, 1));
    this.#rise = up / this.#length;
    this.#scale = this.#readScale(o);
    const [base, max] = [o.baseMomentum, o.maxMomentum];
    checkNumber(this.name, "baseMomentum", base, 0, 1);
    checkNumber(this.name, "maxMomentum", max, 0, 1);
    this.#momenta = checkBoolean(this.name, "cycleMomentum", o.cycleMomentum) ? { base, max } : null;
    if (this.#momenta && !("momentum" in optimizer.defaults || "betas" in optimizer.defaults)) {
      throw new OptionError(`${this.name}: cycleMomentum expected an optimizer with momentum or betas`);
    }
    this.takesNewGroups = false;
    this.baseLrs = [...this.#base];
    this.groups.forEach((group, i) => {
      group.initialLr = this.#base[i];
    });
    this.step();
  }

  #rates(name: string, given: number | readonly number[]): readonly number[] {
    const rates: readonly number[] = Array.isArray(given) ? [...given] : this.groups.map(() => given as number);
    if (rates.length !== this.groups.length) {
      throw new OptionError(`${this.name}: ${name} expected a number, or ${this.groups.length} (one per group)`);
    }
    return rates.map((value) => checkNumber(this.name, name, value, 0));
  }

  #readScale(o: Required<CyclicLROptions>): (cycle: number, step: number) => number {
    const { scaleFn, gamma } = o;
    const mode = checkChoice(this.name, "mode", o.mode, ["triangular", "triangular2", "expRange"]);
    const scaleMode = checkChoice(this.name, "scaleMode", o.scaleMode, ["cycle", "iterations"]);
    checkNumber(this.name, "gamma", gamma, 0);
    if (scaleFn !== null) {
      checkFunction(this.name, "scaleFn", scaleFn);
      return (cycle, step) => {
        const factor: unknown = scaleFn(scaleMode === "cycle" ? cycle : step);
        return checkNumber(this.name, "the result of scaleFn", factor);
      };
    }
    if (mode === "expRange") return (_, step) => power(gamma, step);
    return mode === "triangular" ? () => 1 : (cycle) => 1 / power(2, cycle - 1);
  }

  /** The height above the base at the current step, as a share of the largest one. */
  #height(): number {
    const cycle = Math.floor(1 + this.lastEpoch / this.#length);
    const x = 1 + this.lastEpoch / this.#length - cycle;
    const height = x <= this.#rise ? x / this.#rise : (x - 1) / (this.#rise - 1);
    return height * this.#scale(cycle, this.lastEpoch);
  }

  override step(): void {
    super.step();
    if (!this.#momenta) return;
    const { base, max } = this.#momenta;
    const momentum = max - (max - base) * this.#height();
    for (const group of this.groups as { momentum?: number; betas?: readonly [number, number] }[]) {
      if (group.betas) group.betas = [momentum, group.betas[1]];
      else group.momentum = momentum;
    }
  }

  protected nextLr(_lr: number, i: number): number {
    return this.#base[i] + (this.#max[i] - this.#base[i]) * this.#height();
  }
}
