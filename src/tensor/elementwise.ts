import { Add, Div, Maximum, Minimum, Mul, Pow, Sub } from "../ops/binary.ts";
import { Where } from "../ops/where.ts";
import { apply, Tensor } from "./tensor.ts";

/** A tensor, or a number that stands for a tensor of any shape. */
export type Operand = Tensor | number;

/** `a + b`, broadcast; one of them may be a number. Matches `torch.add`. */
export function add(a: Operand, b: Operand): Tensor {
  return apply(new Add(), a, b);
}

/** `a - b`, broadcast; one of them may be a number. Matches `torch.sub`. */
export function sub(a: Operand, b: Operand): Tensor {
  return apply(new Sub(), a, b);
}

/** `a * b`, broadcast; one of them may be a number. Matches `torch.mul`. */
export function mul(a: Operand, b: Operand): Tensor {
  return apply(new Mul(), a, b);
}

/** `a / b` in float32, broadcast; one of them may be a number. Matches `torch.div`. */
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

/** The larger of `a` and `b`, broadcast; NaN where either is. Equal values share the gradient. Matches `torch.maximum`. */
export function maximum(a: Operand, b: Operand): Tensor {
  return apply(new Maximum(), a, b);
}

/** The smaller of `a` and `b`, broadcast; NaN where either is. Equal values share the gradient. Matches `torch.minimum`. */
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
