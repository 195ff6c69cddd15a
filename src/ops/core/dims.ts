import { checkBoolean, readOptions } from "../../checks.ts";
import { OptionError } from "../../errors.ts";
import { normalizeDim } from "./array.ts";

/**
 * The dimensions an op reduces: one, several, or all where left out (or null, or an
 * empty list, as in PyTorch).
 */
export type Dims = number | readonly number[] | null;

export interface ReduceOptions {
  /** Whether reduced dimensions stay with length 1. Default false. */
  keepdim?: boolean;
}

/** The effect of a reduction on a shape. */
export interface Reduction {
  /** Which dimensions are reduced. */
  reduced: boolean[];
  keepdim: boolean;
}

export function readKeepdim(op: string, options: ReduceOptions | undefined): boolean {
  return checkBoolean(op, "keepdim", readOptions(op, options, { keepdim: false }).keepdim);
}

/** Checks `dims` against a rank: in range, none twice. Returns which dimensions they name. */
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

/** The shape that is left. */
export function reducedShape(shape: readonly number[], reduced: readonly boolean[], keepdim: boolean): number[] {
  if (keepdim) return shape.map((length, d) => (reduced[d] ? 1 : length));
  return shape.filter((_, d) => !reduced[d]);
}

/** One step of a reduction: `[outer, reduce, inner]` becomes `[outer, inner]`. */
export interface Step {
  outer: number;
  reduce: number;
  inner: number;
}

/**
 * The steps of reducing a shape, from its last reduced dimensions to its first. Neighbours that go
 * the same way count as one dimension, those of length 1 as none: [N,C,H,W] over [0,2,3] is
 * [N*C, H*W, 1] and then [1, N, C].
 */
export function reductionSteps(shape: readonly number[], reduced: readonly boolean[]): Step[] {
  const groups: { length: number; reduced: boolean }[] = [];
  shape.forEach((length, d) => {
    const last = groups.at(-1);
    if (length === 1) return;
    if (last?.reduced === reduced[d]) last.length *= length;
    else groups.push({ length, reduced: reduced[d] });
  });
  const steps: Step[] = [];
  let inner = 1;
  for (let g = groups.length - 1; g >= 0; g--) {
    if (groups[g].reduced) {
      const outer = groups.slice(0, g).reduce((product, group) => product * group.length, 1);
      steps.push({ outer, reduce: groups[g].length, inner });
    } else inner *= groups[g].length;
  }
  return steps;
}
