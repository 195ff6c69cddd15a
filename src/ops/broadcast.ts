import { formatShape, ShapeError } from "../errors.ts";

/** The shape that two shapes broadcast to: aligned at the last dimension, a 1 stretches to the other's length. */
export function broadcastShapes(op: string, a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, d) => {
    const [left, right] = [a[d - rank + a.length] ?? 1, b[d - rank + b.length] ?? 1];
    if (left !== right && left !== 1 && right !== 1) {
      throw new ShapeError(`${op}: shapes ${formatShape(a)} and ${formatShape(b)} cannot be broadcast together`);
    }
    return left === 1 ? right : left;
  });
}
