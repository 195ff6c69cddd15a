import { checkBoolean, checkChoice, checkInteger, checkNumber, readOptions } from "../../checks.ts";
import { OptionError } from "../../errors.ts";
import { cosPi } from "../exact_math.ts";
import { type AnyOptimizer, LRScheduler } from "./scheduler.ts";

export interface OneCycleLROptions {
  /** The highest learning rate; one number for all groups, or one per group. */
  maxLr: number | readonly number[];
  /** Number of steps of the cycle. Alternatively, pass `epochs` and `stepsPerEpoch`. */
  totalSteps?: number | null;
  epochs?: number | null;
  stepsPerEpoch?: number | null;
  /** Share of the cycle in which the rate rises. Default 0.3. */
  pctStart?: number;
  /** "cos" (the default) or "linear". */
  annealStrategy?: "cos" | "linear";
  /** Whether momentum (or beta1) is cycled inversely to the rate. Default true. */
  cycleMomentum?: boolean;
  /** Momentum at the highest rate. Default 0.85. */
  baseMomentum?: number;
  /** Momentum at the start and the end of the cycle. Default 0.95. */
  maxMomentum?: number;
  /** The cycle starts at maxLr / divFactor. Default 25. */
  divFactor?: number;
  /** The cycle ends at maxLr / divFactor / finalDivFactor. Default 1e4. */
  finalDivFactor?: number;
  /**
   * Adds a phase: the rate first falls back to its initial value as fast as it rose, then to its final value.
   * Default false.
   */
  threePhase?: boolean;
}

interface Phase {
  /** The step at which the phase ends. */
  end: number;
  lr: [from: Level, to: Level];
  momentum: [from: "base" | "max", to: "base" | "max"];
}

type Level = "initial" | "max" | "min";

/** Options of optimizers whose momentum is cycled. All groups have the same options. */
interface Momentum {
  momentum?: number;
  betas?: readonly [number, number];
}

/**
 * The 1cycle policy: the rate rises from maxLr / divFactor to maxLr, then falls to almost 0; momentum is
 * cycled inversely. Call `step()` once per batch. Matches `torch.optim.lr_scheduler.OneCycleLR`.
 *
 * The cycle covers `totalSteps` batches: the last batch is trained with the last rate. The `step()` after
 * that batch sets a rate that no batch of the cycle uses. With "cos" this rate is PyTorch's; with "linear"
 * the last rate is kept, because PyTorch's would be negative.
 *
 * @throws OptionError for bad or unknown options, when `step()` is called more than `totalSteps` times, and
 * when a group was added to the optimizer.
 * see: Smith & Topin, Super-convergence, 2018
 * @example
 * ```ts
 * import { optim, zeros } from "wasmgrad";
 * const optimizer = new optim.Adam([zeros([1], { requiresGrad: true })]);
 * const scheduler = new optim.OneCycleLR(optimizer, { maxLr: 0.01, totalSteps: 10 });
 * for (let batch = 0; batch < 10; batch++) {
 *   console.log(scheduler.getLastLr()[0].toFixed(5)); // up to 0.01000, then down to 0.00000
 *   optimizer.step();
 *   scheduler.step();
 * }
 * ```
 */
export class OneCycleLR extends LRScheduler {
  readonly #totalSteps: number;
  readonly #phases: Phase[];
  readonly #lrs: Record<Level, number>[];
  readonly #cosine: boolean;
  readonly #momenta: { base: number; max: number } | null;

  constructor(optimizer: AnyOptimizer, options: OneCycleLROptions) {
    super("OneCycleLR", optimizer);
    const o = readOptions<Required<OneCycleLROptions>>(this.name, options, {
      maxLr: Number.NaN,
      totalSteps: null,
      epochs: null,
      stepsPerEpoch: null,
      pctStart: 0.3,
      annealStrategy: "cos",
      cycleMomentum: true,
      baseMomentum: 0.85,
      maxMomentum: 0.95,
      divFactor: 25,
      finalDivFactor: 1e4,
      threePhase: false,
    });
    const number = (key: keyof typeof o, min: number, max?: number) => checkNumber(this.name, key, o[key], min, max);
    this.#totalSteps = this.#countSteps(o);
    this.#cosine = checkChoice(this.name, "annealStrategy", o.annealStrategy, ["cos", "linear"]) === "cos";
    this.#phases = phases(
      this.#totalSteps,
      number("pctStart", 0, 1),
      checkBoolean(this.name, "threePhase", o.threePhase),
    );
    const divFactor = number("divFactor", Number.MIN_VALUE);
    const finalDivFactor = number("finalDivFactor", Number.MIN_VALUE);
    this.#lrs = this.#maxLrs(o.maxLr).map((max) => ({
      initial: max / divFactor,
      max,
      min: max / divFactor / finalDivFactor,
    }));
    const momenta = { base: number("baseMomentum", 0, 1), max: number("maxMomentum", 0, 1) };
    this.#momenta = checkBoolean(this.name, "cycleMomentum", o.cycleMomentum) ? momenta : null;
    if (this.#momenta && !("momentum" in optimizer.defaults || "betas" in optimizer.defaults)) {
      throw new OptionError(`${this.name}: cycleMomentum expected an optimizer with momentum or betas`);
    }
    this.groups.forEach((group, i) => {
      group.initialLr = this.#lrs[i].initial;
    });
    this.baseLrs = this.#lrs.map((lrs) => lrs.initial);
    this.takesNewGroups = false;
    this.step();
  }

  #countSteps({ totalSteps, epochs, stepsPerEpoch }: Required<OneCycleLROptions>): number {
    if (totalSteps !== null) return checkInteger(this.name, "totalSteps", totalSteps, 1);
    if (epochs === null || stepsPerEpoch === null) {
      throw new OptionError(`${this.name}: expected totalSteps, or epochs and stepsPerEpoch`);
    }
    return checkInteger(this.name, "epochs", epochs, 1) * checkInteger(this.name, "stepsPerEpoch", stepsPerEpoch, 1);
  }

  #maxLrs(maxLr: number | readonly number[]): number[] {
    const given: readonly number[] = typeof maxLr === "number" ? this.groups.map(() => maxLr) : maxLr;
    if (!Array.isArray(given) || given.length !== this.groups.length) {
      throw new OptionError(`${this.name}: maxLr expected a number, or ${this.groups.length} (one per group)`);
    }
    return given.map((value) => checkNumber(this.name, "maxLr", value, 0));
  }

  override step(): void {
    if (this.lastEpoch >= this.#totalSteps) {
      throw new OptionError(
        `${this.name}: step() was called ${this.#totalSteps + 1} times, which is past the end of the cycle: expected ` +
          `at most totalSteps (${this.#totalSteps}) calls, one after each batch`,
      );
    }
    super.step();
    if (!this.#momenta) return;
    const { phase, share } = this.#position();
    const momentum = this.#anneal(this.#momenta[phase.momentum[0]], this.#momenta[phase.momentum[1]], share);
    for (const group of this.groups as Momentum[]) {
      if (group.betas) group.betas = [momentum, group.betas[1]];
      else group.momentum = momentum;
    }
  }

  protected nextLr(_lr: number, i: number): number {
    const { phase, share } = this.#position();
    return this.#anneal(this.#lrs[i][phase.lr[0]], this.#lrs[i][phase.lr[1]], share);
  }

  /** The phase of the current step, and the fraction of it that has passed. */
  #position(): { phase: Phase; share: number } {
    let start = 0;
    for (const [i, phase] of this.#phases.entries()) {
      if (this.lastEpoch <= phase.end || i === this.#phases.length - 1) {
        const length = phase.end - start;
        const share = length === 0 ? 1 : (this.lastEpoch - start) / length;
        // past the end of the cycle, "linear" would give a negative rate
        return { phase, share: this.#cosine ? share : Math.min(share, 1) };
      }
      start = phase.end;
    }
    throw new Error("OneCycleLR: no phase");
  }

  #anneal(from: number, to: number, share: number): number {
    return this.#cosine ? to + ((from - to) / 2) * (1 + cosPi(share)) : (to - from) * share + from;
  }
}

function phases(total: number, pctStart: number, threePhase: boolean): Phase[] {
  const rise: Phase = { end: pctStart * total - 1, lr: ["initial", "max"], momentum: ["max", "base"] };
  if (!threePhase) return [rise, { end: total - 1, lr: ["max", "min"], momentum: ["base", "max"] }];
  return [
    rise,
    { end: 2 * pctStart * total - 2, lr: ["max", "initial"], momentum: ["base", "max"] },
    { end: total - 1, lr: ["initial", "min"], momentum: ["max", "max"] },
  ];
}
