import { formatShape, OptionError, ShapeError } from "../errors.ts";
import { Add, Div, Maximum, Minimum, Mul, Pow, Sub } from "../ops/elementwise/binary.ts";
import { Unary } from "../ops/elementwise/unary.ts";
import { Where } from "../ops/elementwise/where.ts";
import { MatMul } from "../ops/matmul/matmul.ts";
import { Cat } from "../ops/movement/cat.ts";
import { apply } from "./apply.ts";
import { unsqueeze } from "./shapes.ts";
import { Tensor } from "./tensor.ts";

/** A tensor, or a number that broadcasts to any shape. */
export type Operand = Tensor | number;

/**
 * `a + b` with broadcasting; one operand may be a number. Matches `torch.add`.
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
 * `a - b` with broadcasting; one operand may be a number. Matches `torch.sub`.
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
 * `a * b` with broadcasting; one operand may be a number. Matches `torch.mul`.
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
 * `a / b` in float32 with broadcasting; one operand may be a number. Matches `torch.div`.
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
 * `base ^ exponent` with broadcasting; one operand may be a number. Matches `torch.pow`.
 * @example
 * ```ts
 * import { pow, tensor } from "wasmgrad";
 * console.log(pow(2, tensor([1, 2, 10])).toArray()); // [2, 4, 1024]
 * ```
 */
export function pow(base: Operand, exponent: Operand): Tensor {
  if (base instanceof Tensor && exponent === 2) return apply(new Unary("square"), base);
  if (base instanceof Tensor && exponent === 0.5) return apply(new Unary("sqrt"), base);
  return apply(new Pow(), base, exponent);
}

/**
 * The larger of `a` and `b`, with broadcasting; NaN if either is NaN. Equal values get half the gradient
 * each. Matches `torch.maximum`.
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
 * The smaller of `a` and `b`, with broadcasting; NaN if either is NaN. Equal values get half the gradient
 * each. Matches `torch.minimum`.
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
 * `a` where `condition` is true, `b` elsewhere. All three broadcast; `a` and `b` may be numbers. Matches
 * `torch.where`.
 *
 * @param condition a bool tensor: the result of a comparison, or of `.bool()`.
 * @throws DTypeError if `condition` is not bool, ShapeError if the shapes do not broadcast.
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

/**
 * Matrix product, `torch.matmul`: `c[..., i, j] = Σ_k a[..., i, k] · b[..., k, j]`.
 *
 * Two vectors give their dot product (a scalar). In a product with a matrix, a vector on the left is a row
 * and a vector on the right is a column. Leading dimensions are batches of matrices, which broadcast.
 *
 * @throws ShapeError if the inner lengths differ, the batches do not broadcast, or an operand is a scalar.
 * @example
 * ```ts
 * import { matmul, tensor } from "wasmgrad";
 * console.log(matmul(tensor([[1, 2], [3, 4]]), tensor([1, 10])).toArray()); // [21, 43]
 * ```
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  return apply(new MatMul(), a, b);
}

/** Checks a list of tensors. */
export function expectTensors(op: string, tensors: readonly Tensor[]): void {
  if (!Array.isArray(tensors) || tensors.length === 0 || tensors.some((x) => !(x instanceof Tensor))) {
    throw new OptionError(`${op}: expected an array of at least one tensor`);
  }
}

/**
 * Concatenates tensors along a dimension. All other dimensions and the dtype must be equal. Matches
 * `torch.cat`.
 *
 * @throws ShapeError or DTypeError if they differ.
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
 * Joins tensors of equal shape along a new dimension. Matches `torch.stack`.
 *
 * @throws ShapeError if the shapes differ.
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
  const apart = tensors.map((x) => unsqueeze(x, dim));
  return cat(apart, dim);
}
