import { OptionError } from "../../errors.ts";
import { launch } from "../../runtime/kernels.ts";
import { type DType, ELEMENTWISE_GRAIN, empty, type NDArray, zeros } from "../core/array.ts";

const INT32_MIN = -(2 ** 31);
const INT32_MAX = 2 ** 31 - 1;

/**
 * Checks a value for a dtype and returns it as a number. int32 accepts only integers in range, bool accepts
 * true, false, 0 and 1.
 */
export function checkElement(op: string, name: string, value: unknown, dtype: DType): number {
  const number = typeof value === "boolean" ? Number(value) : value;
  if (typeof number === "number") {
    if (dtype === "float32") return number;
    if (dtype === "bool" && (number === 0 || number === 1)) return number;
    if (dtype === "int32" && Number.isInteger(number) && number >= INT32_MIN && number <= INT32_MAX) return number;
  }
  const takes = {
    float32: "a number",
    int32: `an integer in [${INT32_MIN}, ${INT32_MAX}] for int32`,
    bool: "true, false, 0 or 1 for bool",
  };
  throw new OptionError(`${op}: ${name} expected ${takes[dtype]}, got ${String(value)}`);
}

/** Sets all elements to `value`, which must fit the dtype. */
export function fillWith(x: NDArray, value: number): NDArray {
  launch(x.dtype === "float32" ? "fillFloat" : "fillInt", x.size, ELEMENTWISE_GRAIN, x.address, value);
  return x;
}

/** An array filled with `value`, which must fit the dtype. */
export function full(shape: readonly number[], value: number, dtype: DType): NDArray {
  return fillWith(empty(shape, dtype), value);
}

/** `start + i * step` for i < length. */
export function arange(start: number, step: number, length: number, dtype: DType): NDArray {
  const out = empty([length], dtype);
  launch(dtype === "float32" ? "arangeFloat" : "arangeInt", length, ELEMENTWISE_GRAIN, out.address, start, step);
  return out;
}

/** `steps` values from `start` to `end`, both included. */
export function linspace(start: number, end: number, steps: number): NDArray {
  const out = empty([steps], "float32");
  launch("linspace", steps, ELEMENTWISE_GRAIN, out.address, start, end, steps);
  return out;
}

const FLOAT_ONE = 0x3f800000;

/** Ones where row and column are equal. */
export function eye(rows: number, columns: number, dtype: DType): NDArray {
  const out = zeros([rows, columns], dtype);
  launch("eye", out.size, ELEMENTWISE_GRAIN, out.address, columns, dtype === "float32" ? FLOAT_ONE : 1);
  return out;
}
