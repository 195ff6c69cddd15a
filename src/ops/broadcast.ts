import { formatShape, ShapeError } from "../errors.ts";
import { intTable, type NDArray } from "./array.ts";

/** The shape that shapes broadcast to: aligned at the last dimension, a 1 stretches to the others' length. */
export function broadcastShapes(op: string, ...shapes: (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, d) => {
    const lengths = shapes.map((shape) => shape[d - rank + shape.length] ?? 1);
    const length = lengths.find((own) => own !== 1) ?? 1;
    if (lengths.some((own) => own !== length && own !== 1)) {
      throw new ShapeError(`${op}: shapes ${shapes.map(formatShape).join(" and ")} cannot be broadcast together`);
    }
    return length;
  });
}

/** How broadcasting kernels walk over operands: see assembly/broadcast.ts. */
export interface RowLayout {
  /** Elements of a row. */
  inner: number;
  /** For each operand 1, or 0 where one element serves the whole row. */
  steps: number[];
  /** Number of dimensions outside the rows, and the address of their sizes and strides. */
  rank: number;
  table: number;
}

/** Merges the dimensions of an elementwise operation as far as all operands allow. */
export function rowLayout(shape: readonly number[], size: number, operands: readonly NDArray[]): RowLayout {
  if (operands.every((x) => x.size === size || x.size === 1)) {
    return { inner: size, steps: operands.map((x) => (x.size === size ? 1 : 0)), rank: 0, table: 0 };
  }
  // from the last dimension to the first: each either continues the one inside it, for every operand, or starts a new one
  const merged: { length: number; strides: number[] }[] = [];
  const next = operands.map(() => 1);
  for (let d = shape.length - 1; d >= 0; d--) {
    const length = shape[d];
    if (length === 1) continue;
    const strides = operands.map((x, k) => {
      const own = x.shape[d - shape.length + x.shape.length] ?? 1;
      if (own === 1) return 0;
      const stride = next[k];
      next[k] *= own;
      return stride;
    });
    const inside = merged.at(-1);
    if (inside && strides.every((stride, k) => stride === inside.strides[k] * inside.length)) inside.length *= length;
    else merged.push({ length, strides });
  }
  const [row, ...outer] = merged;
  const table = intTable(outer.reverse().flatMap(({ length, strides }) => [length, ...strides]));
  return { inner: row.length, steps: row.strides, rank: outer.length, table };
}
