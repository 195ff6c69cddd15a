import { checkChoice, checkFunction, checkNumber, describe, describeReturned, isObject, isPromise } from "../checks.ts";
import { DataLoader } from "../data/data_loader.ts";
import { formatShape, OptionError, ShapeError, WasmgradError } from "../errors.ts";
import { checkModule } from "../nn/module.ts";
import { ReduceLROnPlateau } from "../optim/schedulers/reduce_on_plateau.ts";
import { Tensor } from "../tensor/tensor.ts";
import { MovingAverage } from "./moving_average.ts";
import type { TrainerOptions } from "./trainer_options.ts";

/** Checks the options of a trainer, except numbers. */
export function checkParts<B>(options: TrainerOptions<B>): void {
  const {
    model,
    loader,
    optimizer,
    loss,
    scheduler,
    average,
    clipNorm,
    validate,
    callbacks,
    monitor,
    schedulerInterval,
  } = options;
  const refuse = (name: string, expected: string, actual: string): never => {
    throw new OptionError(`Trainer: ${name} expected ${expected}, got ${actual}`);
  };
  checkModule("Trainer", "model", model);
  if (!(loader instanceof DataLoader)) refuse("loader", "a DataLoader", describe(loader));
  if (loader.length === 0) {
    refuse("loader", "one batch or more", `none: ${loader.dataset.length} samples, batchSize ${loader.batchSize}`);
  }
  if (typeof optimizer?.step !== "function" || !Array.isArray(optimizer.paramGroups)) {
    refuse("optimizer", "an optimizer", describe(optimizer));
  }
  checkFunction("Trainer", "loss", loss);
  if (validate !== undefined) checkFunction("Trainer", "validate", validate);
  if (scheduler !== undefined) {
    if (typeof scheduler?.step !== "function") refuse("scheduler", "a scheduler", describe(scheduler));
    const own = (scheduler as { optimizer?: unknown }).optimizer;
    if (own !== undefined && own !== optimizer) refuse("scheduler", "one of this optimizer", "one of another");
  }
  if (schedulerInterval !== undefined) {
    checkChoice("Trainer", "schedulerInterval", schedulerInterval, ["step", "epoch"]);
    if (scheduler === undefined) refuse("schedulerInterval", "a scheduler as well", "none");
  }
  if (monitor !== undefined) {
    if (typeof monitor !== "string") refuse("monitor", "the name of a number", describe(monitor));
    if (!(scheduler instanceof ReduceLROnPlateau)) {
      refuse("monitor", "a ReduceLROnPlateau as scheduler, which takes it", describe(scheduler));
    }
  }
  if (average !== undefined && !(average instanceof MovingAverage)) {
    refuse("average", "a MovingAverage", describe(average));
  }
  if (clipNorm !== undefined && clipNorm !== Infinity) checkNumber("Trainer", "clipNorm", clipNorm, 0);
  if (callbacks !== undefined && !Array.isArray(callbacks)) refuse("callbacks", "an array", describe(callbacks));
  for (const [i, callback] of (callbacks ?? []).entries()) {
    if (typeof callback !== "object" || callback === null || isPromise(callback)) {
      refuse(`callback ${i}`, "an object with onStep, onEntry, onEpoch or the like", describe(callback));
    }
  }
}

/** Checks the loss and the other numbers that the user's `loss` returned. */
export function readLoss(result: unknown): Record<string, Tensor | number> & { loss: Tensor } {
  const numbers = result instanceof Tensor ? { loss: result } : (result as { loss: Tensor });
  const { loss } = numbers ?? {};
  if (!(loss instanceof Tensor)) {
    const actual = loss === undefined ? describeReturned(result) : `{ loss: ${describe(loss)} }`;
    throw new OptionError(`Trainer: loss expected to return a tensor or { loss: a tensor, ... }, got ${actual}`);
  }
  if (loss.numel() !== 1) {
    throw new ShapeError(
      `Trainer: loss expected to return one number, got shape ${formatShape(loss.shape)}; take its mean() or sum()`,
    );
  }
  return numbers;
}

/** Reads the numbers of a step or an epoch, by name. A tensor of one element counts as a number. */
export function readNumbers(maker: string, numbers: unknown): Record<string, number> {
  const expected = "{ name: a number, ... }";
  if (!isObject(numbers) || isPromise(numbers)) {
    throw new OptionError(`Trainer: ${maker} expected to return ${expected}, got ${describeReturned(numbers)}`);
  }
  if (numbers instanceof Tensor) {
    throw new OptionError(
      `Trainer: ${maker} expected to return ${expected}, got a tensor; write { name: tensor.item() }`,
    );
  }
  const read: Record<string, number> = {};
  for (const [name, value] of Object.entries(numbers)) {
    const number = value instanceof Tensor && value.numel() === 1 ? value.item() : value;
    if (typeof number !== "number") {
      throw new OptionError(`Trainer: ${maker} expected a number as ${name}, got ${describe(value)}`);
    }
    read[name] = number;
  }
  return read;
}

/** Checks that all numbers of a step are finite. */
export function checkFinite(step: number, numbers: Record<string, number>): void {
  if (Object.values(numbers).every(Number.isFinite)) return;
  const shown = Object.entries(numbers).map(([name, value]) => `${name} ${value}`);
  throw new WasmgradError(`Trainer: step ${step} gave ${shown.join(", ")}; a smaller lr or a clipNorm may help`);
}

/**
 * Refuses an asynchronous callback: the part after its first `await` would run at the same time as the next
 * steps.
 */
export function refuseAsync(name: string, result: unknown): void {
  if (!isPromise(result)) return;
  throw new OptionError(
    `Trainer: ${name} expected a synchronous function, it returned a Promise; to start something without waiting for ` +
      "it, write `void start()` inside",
  );
}
