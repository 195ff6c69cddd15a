import { checkBoolean, checkInteger, checkNumber, readOptions } from "../checks.ts";
import { OptionError } from "../errors.ts";
import { checkShape, type DType, type NDArray, zeros as zerosArray } from "../ops/core/array.ts";
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
 * The identity matrix `[n, m]` (m = n by default): `eye(n)`, `eye(n, m)`,
 * `eye(n, m, options)`. Matches `torch.eye`.
 */
export function eye(n: number, m: number = n, options?: TensorOptions): Tensor {
  checkInteger("eye", "n", n, 0);
  checkInteger("eye", "m", m, 0);
  return create("eye", options, "float32", (dtype) => eyeArray(n, m, dtype));
}
