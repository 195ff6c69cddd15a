import { isPromise } from "../checks.ts";
import { OptionError } from "../errors.ts";
import { clipGradNorm_ } from "../nn/utils.ts";
import { beginBackward } from "../tensor/begin_backward.ts";
import type { Scope } from "../tensor/lifetime/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { AsyncPart } from "./async_part.ts";
import { readLoss, readNumbers } from "./checks.ts";
import { stepAfterStep } from "./step_scheduler.ts";
import type { TrainerOptions, TrainingProgress } from "./trainer_options.ts";
import { isTurnOver, nextTask, turnLimits } from "./turns.ts";

/** What training waits for before it continues; it is awaited outside the step's scope. */
export type Wait = () => PromiseLike<unknown>;
/** Training that yields whenever it waits. */
export type InTurns<T> = Generator<Wait, T>;

/** One step: the loss, its gradients, the update. */
export function* trainingStep<B>(
  options: TrainerOptions<B>,
  batch: B,
  progress: TrainingProgress,
  lossPart: AsyncPart,
): InTurns<Record<string, number>> {
  const numbers = yield* lossAndGradients(options, batch, progress, lossPart);
  update(options);
  return readNumbers("loss", numbers);
}

/**
 * The loss, and `weight` times its gradients, which can be interrupted between two operations. Other code
 * that runs meanwhile finds the gradients as they were: nothing interrupts from the moment when the new ones
 * reach the parameters.
 */
export function* lossAndGradients<B>(
  { optimizer, loss }: TrainerOptions<B>,
  batch: B,
  progress: TrainingProgress,
  lossPart: AsyncPart,
  weight = 1,
): InTurns<Record<string, Tensor | number>> {
  const result = lossPart.begin(() => loss(batch, progress));
  const numbers = readLoss(isPromise(result) ? yield* lossPart.result(result) : result);
  optimizer.zeroGrad();
  const { cutsSteps } = turnLimits;
  const pass = beginBackward(numbers.loss, cutsSteps, weight);
  try {
    let isCut = false;
    do {
      if (!cutsSteps || !isTurnOver()) continue;
      isCut = true;
      yield nextTask;
    } while (pass.runNext());
    if (isCut) optimizer.zeroGrad(); // what other code did meanwhile
    pass.finish();
  } finally {
    pass.end();
  }
  return numbers;
}

/** Changes the weights by the gradients. */
export function update<B>(options: TrainerOptions<B>): void {
  const { optimizer, average, clipNorm } = options;
  const params = optimizer.paramGroups.flatMap((group) => group.params);
  if (clipNorm !== undefined) clipGradNorm_(params, clipNorm);
  optimizer.step();
  stepAfterStep(options);
  average?.update();
}

/** Runs training to its end without interruption. */
export function inOneTurn<T>(steps: InTurns<T>): T {
  while (true) {
    const { done, value } = steps.next();
    if (done) return value;
    if (value !== nextTask) throw new OptionError("Trainer: trainStep expected a loss that is not asynchronous");
  }
}

/** Runs training inside a scope, and lets it wait outside. */
export function* inScope<T>(scope: Scope | null, steps: InTurns<T>): InTurns<T> {
  try {
    while (true) {
      const next = () => steps.next();
      const { done, value } = scope ? scope.runTurn(next) : next();
      if (done) return value;
      yield value;
    }
  } finally {
    steps.return(undefined as T); // after an error while it waited
  }
}
