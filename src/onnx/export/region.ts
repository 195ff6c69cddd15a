import { type NDArray, sizeOf, stridesOf } from "../../ops/core/array.ts";
import type { Region } from "../../ops/movement/strided.ts";

/** A region of an array as slices of its dimensions, whose remaining dimensions are then put in order. */
export interface Slices {
  /**
   * For each dimension of the array: the first position, the number of positions, and the step between them.
   */
  readonly starts: readonly number[];
  readonly counts: readonly number[];
  readonly steps: readonly number[];
  /**
   * For each dimension of the result: the dimension of the array that it is, or -1 for a new one of length 1.
   */
  readonly order: readonly number[];
}

/** The slices that a region is, or undefined if it is none (such as a diagonal). */
export function slicesOf({ shape }: Pick<NDArray, "shape">, region: Region): Slices | undefined {
  const strides = stridesOf(shape);
  const free = new Set(shape.keys());
  const steps = shape.map(() => 1);
  const counts = shape.map(() => 1);
  const order = region.shape.map((length, i) => {
    if (length === 1) return -1;
    const stride = Math.abs(region.strides[i]);
    // the outermost dimension whose stride fits: the steps of an inner one would leave its dimension
    const d = shape.findIndex((n, k) => n > 1 && strides[k] <= stride);
    if (d < 0 || !free.delete(d) || stride % strides[d] !== 0) return undefined;
    steps[d] = region.strides[i] / strides[d];
    counts[d] = length;
    return (length - 1) * Math.abs(steps[d]) < shape[d] ? d : undefined;
  });
  if (order.includes(undefined) || sizeOf(region.shape) === 0) return undefined;
  // positions that remain are of length 1, so any of them can be any dimension of length 1: the same order is
  // shortest
  const sources = order as number[];
  sources.forEach((source, i) => {
    if (source >= 0) return;
    const next = sources.slice(i + 1).find((d) => d >= 0) ?? shape.length;
    const last = Math.max(
      -1,
      ...sources
        .slice(0, i)
        .filter((d) => d >= 0)
        .slice(-1),
    );
    for (const d of free) {
      if (d <= last || d >= next || sources[i] >= 0) continue;
      sources[i] = d;
      free.delete(d);
    }
  });
  let rest = region.offset;
  const starts = shape.map((n, d) => {
    const start = n > 1 ? Math.floor(rest / strides[d]) : 0;
    rest -= start * strides[d];
    return start;
  });
  return { starts, counts, steps, order: sources };
}
