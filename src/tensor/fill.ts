import { checkBoolean, checkInteger, checkNumber, readOptions } from "../checks.ts";
import { OptionError } from "../errors.ts";
import { checkShape, type DType, intArray, type NDArray, zeros as zerosArray } from "../ops/core/array.ts";
import { combine } from "../ops/elementwise/binary.ts";
import {
  arange as arangeArray,
  checkElement,
  eye as eyeArray,
  full as fullArray,
  linspace as linspaceArray,
} from "../ops/elementwise/fill.ts";
import { expectTensor } from "./apply.ts";
import { checkDType, type TensorOptions } from "./creation.ts";
import { leaf } from "./leaf.ts";
import type { Tensor } from "./tensor.ts";

/** Reads the options that all of these functions share, and creates the leaf. */
function create(
  op: string,
  options: TensorOptions | undefined,
  dtype: DType,
  build: (dtype: DType) => NDArray,
): Tensor {
  const read = readOptions(op, options, { dtype, requiresGrad: false });
  checkDType(op, read.dtype);
  checkBoolean(op, "requiresGrad", read.requiresGrad);
  return leaf(() => build(read.dtype), read.requiresGrad);
}

/** A tensor of zeros, float32 by default. Matches `torch.zeros`. */
export function zeros(shape: readonly number[], options?: TensorOptions): Tensor {
  checkShape("zeros", shape);
  return create("zeros", options, "float32", (dtype) => zerosArray([...shape], dtype));
}

/** A tensor of ones, float32 by default. Matches `torch.ones`. */
export function ones(shape: readonly number[], options?: TensorOptions): Tensor {
  checkShape("ones", shape);
  return create("ones", options, "float32", (dtype) => fullArray([...shape], 1, dtype));
}

/**
 * A tensor filled with `value`: float32 by default, or bool for a boolean. Matches `torch.full`.
 * @throws OptionError for a value that the dtype cannot hold.
 */
export function full(shape: readonly number[], value: number | boolean, options?: TensorOptions): Tensor {
  checkShape("full", shape);
  return create("full", options, typeof value === "boolean" ? "bool" : "float32", (dtype) =>
    fullArray([...shape], checkElement("full", "value", value, dtype), dtype),
  );
}

/** Zeros with the shape and dtype of `x`. Matches `torch.zeros_like`. */
export function zerosLike(x: Tensor, options?: TensorOptions): Tensor {
  expectTensor("zerosLike", "x", x);
  return zeros(x.shape, { dtype: x.dtype, ...options });
}

/** Ones with the shape and dtype of `x`. Matches `torch.ones_like`. */
export function onesLike(x: Tensor, options?: TensorOptions): Tensor {
  expectTensor("onesLike", "x", x);
  return ones(x.shape, { dtype: x.dtype, ...options });
}

/** A tensor with the shape and dtype of `x`, filled with `value`. Matches `torch.full_like`. */
export function fullLike(x: Tensor, value: number | boolean, options?: TensorOptions): Tensor {
  expectTensor("fullLike", "x", x);
  return full(x.shape, value, { dtype: x.dtype, ...options });
}

/**
 * `start, start + step, …` up to, not including, `end`: `arange(end)`, `arange(start, end)`,
 * `arange(start, end, step, options)`. By default int32 if all three are integers, else float32. Matches
 * `torch.arange`.
 *
 * @throws OptionError if `step` is 0 or leads away from `end`.
 * @example
 * ```ts
 * import { arange } from "wasmgrad";
 * console.log(arange(4).toArray(), arange(0, 1, 0.25, { requiresGrad: true }).toArray()); // [0, 1, 2, 3] [0, 0.25, 0.5, 0.75]
 * ```
 */
export function arange(end: number, options?: TensorOptions): Tensor;
export function arange(start: number, end: number, options?: TensorOptions): Tensor;
export function arange(start: number, end: number, step: number, options?: TensorOptions): Tensor;
export function arange(...args: (number | TensorOptions | undefined)[]): Tensor {
  const count = args.findIndex((arg) => typeof arg !== "number");
  const numbers = (count < 0 ? args : args.slice(0, count)) as number[];
  const [start, end, step = 1] = numbers.length === 1 ? [0, numbers[0]] : numbers;
  for (const [name, value] of Object.entries({ start, end, step })) checkNumber("arange", name, value);
  const length = Math.ceil((end - start) / step);
  if (step === 0 || length < 0) {
    throw new OptionError(`arange: step expected a number that leads from ${start} to ${end}, got ${step}`);
  }
  const options = args[numbers.length] as TensorOptions | undefined;
  if (args.length > numbers.length + 1) throw new OptionError("arange: expected numbers and then one options object");
  const inferred = [start, end, step].every(Number.isInteger) ? "int32" : "float32";
  return create("arange", options, inferred, (dtype) => {
    if (dtype !== "float32") {
      checkElement("arange", "start", start, dtype);
      checkElement("arange", "step", step, "int32");
      if (length > 0) checkElement("arange", "the last value", start + (length - 1) * step, dtype);
    }
    return arangeArray(start, step, length, dtype);
  });
}

/** `steps` equally spaced float32 values from `start` to `end`, both included. Matches `torch.linspace`. */
export function linspace(start: number, end: number, steps: number, options?: { requiresGrad?: boolean }): Tensor {
  const { requiresGrad } = readOptions("linspace", options, { requiresGrad: false });
  checkNumber("linspace", "start", start);
  checkNumber("linspace", "end", end);
  checkInteger("linspace", "steps", steps, 0);
  checkBoolean("linspace", "requiresGrad", requiresGrad);
  return leaf(() => linspaceArray(start, end, steps), requiresGrad);
}

/**
 * `steps` float32 values from `base^start` to `base^end`, whose logarithms are equally spaced. Matches
 * `torch.logspace`.
 *
 * @example
 * ```ts
 * import { logspace } from "wasmgrad";
 * console.log(logspace(0, 3, 4).toArray(), logspace(0, 2, 3, { base: 2 }).toArray()); // [1, 10, 100, 1000] [1, 2, 4]
 * ```
 */
export function logspace(start: number, end: number, steps: number, options?: LogspaceOptions): Tensor {
  const { base, requiresGrad } = readOptions("logspace", options, { base: 10, requiresGrad: false });
  checkNumber("logspace", "start", start);
  checkNumber("logspace", "end", end);
  checkInteger("logspace", "steps", steps, 0);
  checkNumber("logspace", "base", base, 0);
  checkBoolean("logspace", "requiresGrad", requiresGrad);
  const power = (exponents: NDArray) =>
    combine("logspace", "powFloat", fullArray([], base, "float32"), exponents, "float32");
  return leaf(() => power(linspaceArray(start, end, steps)), requiresGrad);
}

export interface LogspaceOptions {
  /** Default 10. */
  base?: number;
  requiresGrad?: boolean;
}

/** A new tensor of the given shape, whose elements are 0 at first. Matches `torch.empty`. */
export function empty(shape: readonly number[], options?: TensorOptions): Tensor {
  checkShape("empty", shape);
  return create("empty", options, "float32", (dtype) => zerosArray([...shape], dtype));
}

/** `empty` with the shape and dtype of `x`. Matches `torch.empty_like`. */
export function emptyLike(x: Tensor, options?: TensorOptions): Tensor {
  expectTensor("emptyLike", "x", x);
  return empty(x.shape, { dtype: x.dtype, ...options });
}

function triangleIndices(
  op: string,
  rows: number,
  columns: number,
  options: { offset?: number } | undefined,
  isIn: (diagonal: number, offset: number) => boolean,
): Tensor {
  checkInteger(op, "row", rows, 0);
  checkInteger(op, "col", columns, 0);
  const offset = checkInteger(op, "offset", readOptions(op, options, { offset: 0 }).offset, -(2 ** 31));
  const found: [row: number, column: number][] = [];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) if (isIn(column - row, offset)) found.push([row, column]);
  }
  const positions = [0, 1].flatMap((k) => found.map((pair) => pair[k]));
  return leaf(() => intArray(positions).withShape([2, found.length]));
}

/**
 * The positions of the lower triangle of a matrix, row by row, int32 `[2, n]`: rows, then columns. It
 * includes the diagonal `offset` (default 0: the main one) and those below. Matches `torch.tril_indices`.
 *
 * @example
 * ```ts
 * import { trilIndices } from "wasmgrad";
 * console.log(trilIndices(2, 2).toArray()); // [[0, 1, 1], [0, 0, 1]]
 * ```
 */
export function trilIndices(row: number, col: number, options?: { offset?: number }): Tensor {
  return triangleIndices("trilIndices", row, col, options, (diagonal, offset) => diagonal <= offset);
}

/** The same of the upper triangle: the diagonal `offset` and those above. Matches `torch.triu_indices`. */
export function triuIndices(row: number, col: number, options?: { offset?: number }): Tensor {
  return triangleIndices("triuIndices", row, col, options, (diagonal, offset) => diagonal >= offset);
}

/**
 * The identity matrix `[n, m]` (m = n by default): `eye(n)`, `eye(n, m)`,
 * `eye(n, m, options)`. Matches `torch.eye`.
 */
export function eye(n: number, m: number = n, options?: TensorOptions): Tensor {
  checkInteger("eye", "n", n, 0);
  checkInteger("eye", "m", m, 0);
  return create("eye", options, "float32", (dtype) => eyeArray(n, m, dtype));
}
