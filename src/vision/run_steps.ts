import { checkFunction, describeReturned } from "../checks.ts";
import { formatShape, OptionError } from "../errors.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Augmentation, AugmentPlace } from "./augment.ts";
import type { Transform } from "./transforms.ts";

// These functions run transforms and augmentations, which may be written by users, and check their results.

/** A transform and its name in errors. */
export interface Step {
  readonly run: Transform;
  readonly name: string;
}

/** Runs the steps one after the other. */
export function runSteps(op: string, steps: readonly Step[], images: Tensor): Tensor {
  return steps.reduce((batch, { run, name }) => {
    const result: unknown = run(batch);
    if (!(result instanceof Tensor)) {
      const of = `of ${batch.dtype} ${formatShape(batch.shape)}`;
      throw new OptionError(`${op}: ${name} ${of} expected to return a tensor, got ${describeReturned(result)}`);
    }
    return result;
  }, images);
}

/** Calls an augmentation and checks its result. */
export function runAugmentation(name: string, run: Augmentation, images: Tensor, place: AugmentPlace): Tensor {
  checkFunction(name, "the augmentation", run);
  const result: unknown = run(images, place);
  if (!(result instanceof Tensor)) {
    throw new OptionError(`${name} expected to return a tensor, got ${describeReturned(result)}`);
  }
  return result;
}
