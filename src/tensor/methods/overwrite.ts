import { gradEnabled } from "../../autograd/grad_mode.ts";
import { composed } from "../../checks.ts";
import { AutogradError, DTypeError } from "../../errors.ts";
import { expectSameShape } from "../../ops/core/array.ts";
import { copyInto } from "../../ops/movement/copy.ts";
import type { Tensor } from "../tensor.ts";
import type { TensorBase } from "./base.ts";

/**
 * Gives x the values of `compute()`, which is a function of x: for methods that work in place. Where no
 * gradient is recorded, the values are written to the memory of x, and a gradient that needs the old ones
 * later throws. Where one is recorded, x becomes the result, with its graph.
 *
 * @throws AutogradError where a gradient is recorded, and x is a leaf that requires it, or other tensors or
 * saved values share the memory of x.
 */
export function overwrite<T extends TensorBase>(op: string, x: T, compute: () => Tensor): T {
  const isLeaf = x.handle.node === null;
  if (gradEnabled && isLeaf && x.requiresGrad) {
    throw new AutogradError(
      `${op}: expected no leaf that requires a gradient, got one; use noGrad(() => x.${op}(...))`,
    );
  }
  const isShared = x.array.block.owners > 1;
  const result = composed(op, compute);
  expectSameShape(op, "the result", x.shape, result.shape);
  if (result.dtype !== x.dtype) throw new DTypeError(`${op}: the result expected ${x.dtype}, got ${result.dtype}`);
  if (!result.requiresGrad) copyInto(x.array, result.array);
  else {
    if (isShared) {
      throw new AutogradError(
        `${op}: expected memory of x alone, got memory that another tensor or a gradient uses; use ${op.replace(/_$/, "")}()`,
      );
    }
    x.become(result);
  }
  if ((result as TensorBase) !== x) result.release();
  return x;
}
