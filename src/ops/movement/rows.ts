import { offset } from "../../runtime/address.ts";
import { kernels } from "../../runtime/kernels.ts";
import { empty, expectSameShape, type NDArray, sizeOf } from "../core/array.ts";

// Rows are contiguous, so each one is copied with a single call, without a kernel for batches.

/**
 * Copies the rows `[rows[0], rows[1] …]` of x (its first dimension), without a gradient. The caller must
 * check the indices.
 */
export function copyRows(x: NDArray, rows: readonly number[]): NDArray {
  const shape = x.shape.slice(1);
  const out = empty([rows.length, ...shape], x.dtype);
  const bytes = sizeOf(shape) * 4;
  rows.forEach((row, i) => {
    kernels().copyBytes(offset(out.address, i * bytes), offset(x.address, row * bytes), bytes);
  });
  return out;
}

/** Stacks one or more arrays of equal shape and dtype as the rows of a new array, without a gradient. */
export function joinRows(op: string, arrays: readonly NDArray[]): NDArray {
  const [{ shape, dtype, size }] = arrays;
  const out = empty([arrays.length, ...shape], dtype);
  arrays.forEach((array, i) => {
    expectSameShape(op, `sample ${i}`, shape, array.shape);
    kernels().copyBytes(offset(out.address, i * size * 4), array.address, size * 4);
  });
  return out;
}
