import type { GradientHook } from "../../autograd/graph.ts";
import { formatShape } from "../../errors.ts";
import type { DType, NDArray } from "../../ops/core/array.ts";
import type { Handle } from "../lifetime/handle.ts";
import type { Tensor } from "../tensor.ts";

/**
 * The members of a tensor that its methods use; `Tensor` defines them. Each class in this folder extends
 * another one by a family of methods, and `Tensor` extends the last class. None of these classes has fields,
 * private methods or a constructor, because V8 would then take 27 ns longer to create a tensor.
 */
export abstract class TensorBase {
  abstract readonly shape: readonly number[];
  abstract readonly dtype: DType;
  abstract readonly requiresGrad: boolean;
  abstract readonly released: boolean;
  /** @internal */
  abstract readonly handle: Handle;
  /** @internal */
  abstract readonly array: NDArray;
  abstract dim(): number;
  abstract numel(): number;
  /** @internal */
  abstract readonly gradientHooks: readonly GradientHook[] | null;
  /** @internal */
  abstract become(result: TensorBase): void;
  /** @internal */
  abstract accumulateGrad(grad: NDArray): void;
}

/**
 * Returns `this` with the type `Tensor`: in each class, the type of `this` lacks the methods of later
 * classes.
 */
export function asTensor(tensor: TensorBase): Tensor {
  return tensor as Tensor;
}

/** "float32 [2,3]", for messages. */
export function describeTensor({ dtype, shape }: TensorBase): string {
  return `${dtype} ${formatShape(shape)}`;
}
