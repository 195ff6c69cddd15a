import { formatShape, ShapeError } from "../../errors.ts";
import { type Address, NULL } from "../../runtime/address.ts";
import { intTable, isSameShape, type NDArray } from "./array.ts";

/**
 * The broadcast shape: shapes are aligned at the last dimension, and a length of 1 is expanded to the length
 * in the other shapes.
 */
export function broadcastShapes(op: string, ...shapes: (readonly number[])[]): number[] {
  // by far the most frequent case: all shapes are equal, except for numbers
  let largest = shapes[0];
  for (const shape of shapes) if (shape.length > largest.length) largest = shape;
  if (shapes.every((shape) => shape.length === 0 || isSameShape(shape, largest))) return largest.slice();
  const rank = largest.length;
  return Array.from({ length: rank }, (_, d) => {
    const lengths = shapes.map((shape) => shape[d - rank + shape.length] ?? 1);
    const length = lengths.find((own) => own !== 1) ?? 1;
    if (lengths.some((own) => own !== length && own !== 1)) {
      throw new ShapeError(`${op}: shapes ${shapes.map(formatShape).join(" and ")} cannot be broadcast together`);
    }
    return length;
  });
}

/** How broadcasting kernels iterate over operands: see assembly/elementwise/binary.ts. */
export interface RowLayout {
  /** Elements of a row. */
  inner: number;
  /**
   * For each operand, the step between the elements of a row: 1, or 0 if one element is used for the whole
   * row.
   */
  steps: number[];
  /** Number of dimensions outside the rows, and the address of their sizes and strides. */
  rank: number;
  table: Address;
}

/** Merges adjacent dimensions of an elementwise operation where the layouts of all operands allow it. */
export function rowLayout(shape: readonly number[], size: number, operands: readonly NDArray[]): RowLayout {
  const plain: number[] = [];
  for (const x of operands) if (x.size === size || x.size === 1) plain.push(x.size === size ? 1 : 0);
  if (plain.length === operands.length) return { inner: size, steps: plain, rank: 0, table: NULL };
  // From the last dimension to the first: a dimension is merged with the one inside it if all operands allow
  // it, or else starts a new one.
  const count = operands.length;
  const lengths: number[] = [];
  const strides: number[] = []; // for each length, one stride per operand
  const next = new Array<number>(count).fill(1);
  for (let d = shape.length - 1; d >= 0; d--) {
    const length = shape[d];
    if (length === 1) continue;
    const inside = lengths.length - 1;
    const first = strides.length;
    let continues = inside >= 0;
    for (let k = 0; k < count; k++) {
      const x = operands[k];
      const own = x.shape[d - shape.length + x.shape.length] ?? 1;
      const stride = own === 1 ? 0 : next[k];
      next[k] *= own;
      strides.push(stride);
      continues &&= stride === strides[first - count + k] * lengths[inside];
    }
    if (continues) {
      lengths[inside] *= length;
      strides.length = first;
    } else lengths.push(length);
  }
  const entries: number[] = [];
  for (let g = lengths.length - 1; g > 0; g--) {
    entries.push(lengths[g]);
    for (let k = 0; k < count; k++) entries.push(strides[g * count + k]);
  }
  return { inner: lengths[0], steps: strides.slice(0, count), rank: lengths.length - 1, table: intTable(entries) };
}
