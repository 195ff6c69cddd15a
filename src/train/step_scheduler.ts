import { OptionError } from "../errors.ts";
import { ReduceLROnPlateau } from "../optim/schedulers/reduce_on_plateau.ts";
import type { TrainerOptions } from "./trainer_options.ts";

/** Steps the scheduler of a trainer after a training step, unless it is stepped after epochs. */
export function stepAfterStep<B>({ scheduler, schedulerInterval = "step" }: TrainerOptions<B>): void {
  if (scheduler && !(scheduler instanceof ReduceLROnPlateau) && schedulerInterval === "step") scheduler.step();
}

/**
 * Steps the scheduler of a trainer after an epoch. A `ReduceLROnPlateau` takes one of the epoch's numbers.
 *
 * @throws OptionError when the epoch has no such number.
 */
export function stepAfterEpoch<B>(options: TrainerOptions<B>, numbers: Record<string, number>): void {
  const { scheduler, schedulerInterval = "step", validate, monitor = validate ? "validLoss" : "loss" } = options;
  if (!(scheduler instanceof ReduceLROnPlateau)) {
    if (schedulerInterval === "epoch") scheduler?.step();
    return;
  }
  if (!Object.hasOwn(numbers, monitor)) {
    throw new OptionError(
      `Trainer: ReduceLROnPlateau takes the number "${monitor}" of each epoch, got ${Object.keys(numbers).join(", ")}; ` +
        "name one of these with the option monitor, or let validate return it",
    );
  }
  scheduler.step(numbers[monitor]);
}
