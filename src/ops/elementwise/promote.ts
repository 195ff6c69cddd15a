import { DTypeError } from "../../errors.ts";
import { type DType, type NDArray, scalar } from "../core/array.ts";
import { castTo } from "./cast.ts";

/** An array, or a number that broadcasts to any shape. */
export type ArrayOrNumber = NDArray | number;

const RANK: Record<DType, number> = { bool: 0, int32: 1, float32: 2 };
export const INT32_MAX = 2 ** 31 - 1;
export const INT32_MIN = -(2 ** 31);

/** The dtype of an operand. A number counts as int32 if int32 can hold it, else as float32. */
function dtypeOf(x: ArrayOrNumber): DType {
  if (typeof x !== "number") return x.dtype;
  return Number.isInteger(x) && x >= INT32_MIN && x <= INT32_MAX ? "int32" : "float32";
}

/** PyTorch's type promotion: bool < int32 < float32. */
function commonDType(a: ArrayOrNumber, b: ArrayOrNumber): DType {
  const [x, y] = [dtypeOf(a), dtypeOf(b)];
  return RANK[x] > RANK[y] ? x : y;
}

/** An operand as an array of a dtype. */
export function toArray(x: ArrayOrNumber, dtype: DType): NDArray {
  return typeof x === "number" ? scalar(x, dtype) : castTo(x, dtype);
}

/** Both operands as arrays of their common dtype (or `atLeast`). */
export function promote(a: ArrayOrNumber, b: ArrayOrNumber, atLeast: DType = "bool"): [NDArray, NDArray] {
  const common = commonDType(a, b);
  const dtype = RANK[common] > RANK[atLeast] ? common : atLeast;
  return [toArray(a, dtype), toArray(b, dtype)];
}

/** Throws if `x` is bool. Used by ops that are not defined for bool. */
export function refuseBool(op: string, x: NDArray): void {
  if (x.dtype === "bool")
    throw new DTypeError(`${op}: expected float32 or int32, got bool; use .int() or logicalNot()`);
}
