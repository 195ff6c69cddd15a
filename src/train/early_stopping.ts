import { checkBoolean, checkChoice, checkInteger, checkNumber, describe, readOptions } from "../checks.ts";
import { OptionError, StateDictError } from "../errors.ts";
import { readJsonNumber, toJsonNumber } from "../json_number.ts";
import { checkModule, type Module } from "../nn/module.ts";
import type { StateDict } from "../nn/state.ts";
import { checkStateKind } from "../tensor/state_kind.ts";
import type { EpochEntry } from "./log.ts";
import { Snapshot } from "./snapshot.ts";
import type { Trainer } from "./trainer.ts";
import type { Callback } from "./trainer_options.ts";

export interface EarlyStoppingOptions {
  /** The number of an epoch to monitor. Default "validLoss". */
  monitor?: string;
  /** Whether the number should fall ("min", the default) or rise ("max"). */
  mode?: "min" | "max";
  /** Epochs without improvement that are tolerated. Default 5. */
  patience?: number;
  /** The smallest change that counts as an improvement. Default 0. */
  minDelta?: number;
  /** Whether the model gets the weights of its best epoch when training ends. Default true. */
  restoreBest?: boolean;
}

/**
 * Ends training when a number has not improved for more than `patience` epochs, and restores the model's best
 * weights (not those of a `MovingAverage`). Use it as a trainer's callback, or call `update` in your own
 * training loop.
 *
 * @throws OptionError
 * @example
 * ```ts
 * import { nn } from "wasmgrad";
 * import { EarlyStopping } from "wasmgrad/train";
 * const stopping = new EarlyStopping(new nn.Linear(1, 1), { patience: 1 });
 * console.log([3, 2, 2.5, 2.1].map((loss) => stopping.update(loss))); // [false, false, false, true]
 * ```
 */
export class EarlyStopping implements Callback {
  readonly #model: Module;
  readonly #options: Required<EarlyStoppingOptions>;
  #best: number | null = null;
  #waited = 0;
  #weights: Snapshot | null = null;

  constructor(model: Module, options?: EarlyStoppingOptions) {
    const op = "EarlyStopping";
    checkModule(op, "model", model);
    this.#model = model;
    this.#options = readOptions<Required<EarlyStoppingOptions>>(op, options, {
      monitor: "validLoss",
      mode: "min",
      patience: 5,
      minDelta: 0,
      restoreBest: true,
    });
    checkChoice(op, "mode", this.#options.mode, ["min", "max"]);
    checkInteger(op, "patience", this.#options.patience, 0);
    checkNumber(op, "minDelta", this.#options.minDelta, 0);
    checkBoolean(op, "restoreBest", this.#options.restoreBest);
  }

  /** The best value so far, or null. */
  get best(): number | null {
    return this.#best;
  }

  /**
   * Takes the value of an epoch and copies the weights if the value is the best so far. Returns whether to
   * stop. NaN is never an improvement.
   */
  update(value: number): boolean {
    if (typeof value !== "number") {
      throw new OptionError(`EarlyStopping.update: expected a number, got ${describe(value)}`);
    }
    const { mode, minDelta, patience, restoreBest } = this.#options;
    const gain = this.#best === null ? Infinity : mode === "min" ? this.#best - value : value - this.#best;
    if (!Number.isNaN(value) && gain > minDelta) {
      this.#best = value;
      this.#waited = 0;
      if (!restoreBest) return false;
      if (this.#weights) this.#weights.take();
      else this.#weights = new Snapshot(this.#model);
      return false;
    }
    return ++this.#waited > patience;
  }

  /** Restores the weights of the best epoch, if there was one. */
  restoreBest(): void {
    this.#weights?.restore();
  }

  onEpoch(trainer: Trainer, entry: EpochEntry): void {
    const value = entry[this.#options.monitor];
    if (typeof value !== "number") {
      const known = Object.keys(entry).filter((name) => typeof entry[name] === "number");
      throw new OptionError(
        `EarlyStopping: an epoch has no number "${this.#options.monitor}" (known: ${known.join(", ")})`,
      );
    }
    if (this.update(value)) trainer.finish();
  }

  onFinish(): void {
    this.restoreBest();
  }

  stateDict() {
    // JSON has no infinity
    return { best: toJsonNumber(this.#best), waited: this.#waited, weights: this.#weights?.stateDict() ?? null };
  }

  /**
   * @throws StateDictError when something is missing, or the weights belong to another model. Nothing changes
   * in that case.
   */
  loadStateDict(state: { best: number | string | null; waited: number; weights: StateDict | null }): void {
    checkStateKind("EarlyStopping", "EarlyStopping", state);
    const { waited, weights } = state;
    const best = readJsonNumber(state?.best) as number | null;
    const isBest = best === null || (typeof best === "number" && !Number.isNaN(best));
    if (!isBest || !Number.isInteger(waited) || waited < 0 || typeof weights !== "object") {
      throw new StateDictError(
        `EarlyStopping.loadStateDict: expected { best, waited, weights }, got ${describe(state)}`,
      );
    }
    const snapshot = weights && (this.#weights ?? new Snapshot(this.#model));
    try {
      snapshot?.loadStateDict(weights as StateDict);
    } catch (error) {
      if (snapshot !== this.#weights) snapshot?.release();
      throw error;
    }
    if (!snapshot) this.#weights?.release();
    this.#weights = snapshot;
    this.#best = best;
    this.#waited = waited;
  }
}
