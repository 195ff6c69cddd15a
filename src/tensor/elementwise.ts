import { Add, Div, Maximum, Minimum, Mul, Pow, Sub } from "../ops/elementwise/binary.ts";
import { Where } from "../ops/elementwise/where.ts";
import { apply, Tensor } from "./tensor.ts";

/** A tensor, or a number that stands for a tensor of any shape. */
export type Operand = Tensor | number;

/**
 * `a + b`, broadcast; one of them may be a number. Matches `torch.add`.
 * @example
 * ```ts
 * import { add, tensor } from "wasmgrad";
 * console.log(add(2, tensor([1, 2])).toArray()); // [3, 4]
 * ```
 */
export function add(a: Operand, b: Operand): Tensor {
  return apply(new Add(), a, b);
}

/**
 * `a - b`, broadcast; one of them may be a number. Matches `torch.sub`.
 * @example
 * ```ts
 * import { sub, tensor } from "wasmgrad";
 * console.log(sub(2, tensor([1, 2])).toArray()); // [1, 0]
 * ```
 */
export function sub(a: Operand, b: Operand): Tensor {
  return apply(new Sub(), a, b);
}

/**
 * `a * b`, broadcast; one of them may be a number. Matches `torch.mul`.
 * @example
 * ```ts
 * import { mul, tensor } from "wasmgrad";
 * console.log(mul(tensor([[1], [2]]), tensor([1, 2])).toArray()); // [[1, 2], [2, 4]]
 * ```
 */
export function mul(a: Operand, b: Operand): Tensor {
  return apply(new Mul(), a, b);
}

/**
 * `a / b` in float32, broadcast; one of them may be a number. Matches `torch.div`.
 * @example
 * ```ts
 * import { div, tensor } from "wasmgrad";
 * console.log(div(1, tensor([2, 4])).toArray()); // [0.5, 0.25]
 * ```
 */
export function div(a: Operand, b: Operand): Tensor {
  return apply(new Div(), a, b);
}

/**
 * `base ^ exponent`, broadcast; one of them may be a number. Matches `torch.pow`.
 * @example
 * ```ts
 * import { pow, tensor } from "wasmgrad";
 * console.log(pow(2, tensor([1, 2, 10])).toArray()); // [2, 4, 1024]
 * ```
 */
export function pow(base: Operand, exponent: Operand): Tensor {
  return base instanceof Tensor ? base.pow(exponent) : apply(new Pow(), base, exponent);
}

/**
 * The larger of `a` and `b`, broadcast; NaN where either is. Equal values share the gradient. Matches `torch.maximum`.
 * @example
 * ```ts
 * import { maximum, tensor } from "wasmgrad";
 * console.log(maximum(tensor([-1, 2]), 0).toArray()); // [0, 2]
 * ```
 */
export function maximum(a: Operand, b: Operand): Tensor {
  return apply(new Maximum(), a, b);
}

/**
 * The smaller of `a` and `b`, broadcast; NaN where either is. Equal values share the gradient. Matches `torch.minimum`.
 * @example
 * ```ts
 * import { minimum, tensor } from "wasmgrad";
 * console.log(minimum(tensor([-1, 2]), 0).toArray()); // [-1, 0]
 * ```
 */
export function minimum(a: Operand, b: Operand): Tensor {
  return apply(new Minimum(), a, b);
}

/**
 * `a` where `condition` holds, `b` elsewhere; all three broadcast, `a` and `b` may be numbers. Matches `torch.where`.
 *
 * @param condition a bool tensor: the result of a comparison, or of `.bool()`.
 * @throws DTypeError for another condition, ShapeError where the shapes do not broadcast.
 * @example
 * ```ts
 * import { tensor, where } from "wasmgrad";
 * const x = tensor([-1, 2, -3]);
 * console.log(where(x.gt(0), x, 0).toArray()); // [0, 2, 0]
 * ```
 */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  return apply(new Where(), condition, a, b);
}
