import { useGradEnabled } from "../autograd/grad_mode.ts";
import { isPromise } from "../checks.ts";
import { useMode } from "../nn/internal/mode.ts";
import type { Generator } from "../tensor/generator.ts";
import { Scope } from "../tensor/lifetime/scope.ts";
import { AsyncPart } from "./async_part.ts";
import { readNumbers } from "./checks.ts";
import type { TrainerOptions, TrainingProgress } from "./trainer_options.ts";
import { type InTurns, inScope } from "./training_step.ts";

/**
 * The numbers of `validate`. The model is in eval mode, has the averaged weights and records no graph, but
 * only while the function runs: where it awaits, other code finds the model as training left it.
 */
export function* validation<B>(
  { model, average, validate }: TrainerOptions<B>,
  progress: TrainingProgress,
  generator: Generator,
): InTurns<Record<string, number>> {
  if (!validate) return {};
  const scope = new Scope("validation", { enter: false });
  const part = new AsyncPart(generator, scope, () => {
    const restore = [useMode(model, false), ...(average ? [average.use()] : []), useGradEnabled(false)];
    return () => {
      for (const undo of restore.reverse()) undo();
    };
  });
  const run = function* (): InTurns<Record<string, number>> {
    const result = part.begin(() => {
      const numbers = validate(progress);
      return isPromise(numbers) ? numbers : readNumbers("validate", numbers);
    });
    return isPromise(result) ? readNumbers("validate", yield* part.result(result)) : result;
  };
  try {
    return yield* inScope(scope, run());
  } finally {
    scope.close();
  }
}
