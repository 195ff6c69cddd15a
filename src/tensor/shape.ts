import { formatShape, OptionError, ShapeError } from "../errors.ts";
import { Cat } from "../ops/movement/cat.ts";
import { apply, Tensor } from "./tensor.ts";

function expectTensors(op: string, tensors: readonly Tensor[]): void {
  if (!Array.isArray(tensors) || tensors.length === 0 || tensors.some((x) => !(x instanceof Tensor))) {
    throw new OptionError(`${op}: expected an array of at least one tensor`);
  }
}

/**
 * Tensors one after the other along a dimension; all other dimensions and the dtype must agree. Matches `torch.cat`.
 *
 * @throws ShapeError, DTypeError where they do not.
 * @example
 * ```ts
 * import { cat, tensor } from "wasmgrad";
 * console.log(cat([tensor([[1, 2]]), tensor([[3, 4]])], 1).toArray()); // [[1, 2, 3, 4]]
 * ```
 */
export function cat(tensors: readonly Tensor[], dim = 0): Tensor {
  expectTensors("cat", tensors);
  return apply(new Cat(dim), ...tensors);
}

/**
 * Tensors of one shape along a new dimension. Matches `torch.stack`.
 *
 * @throws ShapeError where the shapes differ.
 * @example
 * ```ts
 * import { stack, tensor } from "wasmgrad";
 * console.log(stack([tensor([1, 2]), tensor([3, 4])]).toArray()); // [[1, 2], [3, 4]]
 * ```
 */
export function stack(tensors: readonly Tensor[], dim = 0): Tensor {
  expectTensors("stack", tensors);
  const shapes = tensors.map(({ shape }) => formatShape(shape));
  if (shapes.some((shape) => shape !== shapes[0])) {
    throw new ShapeError(`stack: expected equal shapes, got ${shapes.join(", ")}`);
  }
  const apart = tensors.map((x) => x.unsqueeze(dim));
  return cat(apart, dim);
}
