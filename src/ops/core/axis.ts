import { checkBoolean, readOptions } from "../../checks.ts";
import { OptionError } from "../../errors.ts";
import { LANES } from "../../runtime/kernels.generated.ts";
import { normalizeDim, sizeOf } from "./array.ts";

/**
 * A shape as seen from one dimension: the product of the sizes before it, its size, and the product of the
 * sizes after it.
 */
export interface AxisView {
  outer: number;
  length: number;
  inner: number;
}

/** A scalar is treated as having one dimension, as in PyTorch. */
export function axisView(shape: readonly number[], dim: number): AxisView {
  return { outer: sizeOf(shape.slice(0, dim)), length: shape[dim] ?? 1, inner: sizeOf(shape.slice(dim + 1)) };
}

/**
 * The range of kernels that iterate along an axis, and the number of units that a thread takes at a time. A
 * unit is one row (if inner = 1) or LANES columns.
 */
export function axisRange({ outer, length, inner }: AxisView): { total: number; grain: number } {
  const total = length === 0 ? 0 : outer * (inner === 1 ? 1 : Math.ceil(inner / LANES));
  return { total, grain: Math.ceil(4096 / Math.max(1, length * Math.min(inner, LANES))) };
}

/** The dimensions an op reduces: one, several, or all (if omitted, null or an empty list, as in PyTorch). */
export type Dims = number | readonly number[] | null;

export interface ReduceOptions {
  /** Whether reduced dimensions are kept with length 1. Default false. */
  keepdim?: boolean;
}

export function readKeepdim(op: string, options: ReduceOptions | undefined): boolean {
  return checkBoolean(op, "keepdim", readOptions(op, options, { keepdim: false }).keepdim);
}

/**
 * Checks that `dims` are in range for a rank and not repeated. Returns for each dimension whether it is
 * listed.
 */
export function checkDims(op: string, dims: Dims | undefined, rank: number): boolean[] {
  const list = dims === undefined || dims === null ? [] : Array.isArray(dims) ? dims : [dims];
  const reduced = new Array<boolean>(rank).fill(list.length === 0);
  for (const dim of list as number[]) {
    const d = normalizeDim(op, dim, rank);
    if (reduced[d]) throw new OptionError(`${op}: dim ${dim} appears twice in [${list.join(", ")}]`);
    reduced[d] = true;
  }
  return reduced.slice(0, rank);
}

/** The shape after the reduction. */
export function reducedShape(shape: readonly number[], reduced: readonly boolean[], keepdim: boolean): number[] {
  if (keepdim) return shape.map((length, d) => (reduced[d] ? 1 : length));
  return shape.filter((_, d) => !reduced[d]);
}

/**
 * The axes that a reduction of a shape sums over, one after the other, from the last reduced dimensions to
 * the first. Adjacent dimensions that are both reduced or both kept are merged, and dimensions of length 1
 * are ignored: [N,C,H,W] over [0,2,3] gives [N*C, H*W, 1] and then [1, N, C].
 */
export function reductionAxes(shape: readonly number[], reduced: readonly boolean[]): AxisView[] {
  const groups: { length: number; reduced: boolean }[] = [];
  shape.forEach((length, d) => {
    const last = groups.at(-1);
    if (length === 1) return;
    if (last?.reduced === reduced[d]) last.length *= length;
    else groups.push({ length, reduced: reduced[d] });
  });
  const axes: AxisView[] = [];
  let inner = 1;
  for (let g = groups.length - 1; g >= 0; g--) {
    if (groups[g].reduced) {
      const outer = groups.slice(0, g).reduce((product, group) => product * group.length, 1);
      axes.push({ outer, length: groups[g].length, inner });
    } else inner *= groups[g].length;
  }
  return axes;
}
