import { cat, nn, stack } from "wasmgrad";
import type { PadOptions } from "../../../src/ops/movement/pad.ts";
import { at, build, type OpCase, type Ref } from "../case.ts";

function joining(shapes: number[][], dim: number): OpCase {
  const d = dim < 0 ? dim + shapes[0].length : dim;
  const result = shapes[0].map((n, i) => (i === d ? shapes.reduce((sum, shape) => sum + shape[d], 0) : n));
  return {
    name: `cat ${shapes.map((shape) => `[${shape}]`).join(" ")} dim ${dim}`,
    inputs: shapes.map((shape) => ({ shape })),
    run: (...xs) => cat(xs, dim),
    reference: (...xs: Ref[]) =>
      build(result, (...index) => {
        let k = 0;
        let position = index[d];
        while (position >= xs[k].shape[d]) position -= xs[k++].shape[d];
        return at(xs[k], ...index.map((own, i) => (i === d ? position : own)));
      }),
    tolerance: 0,
  };
}

export const catCases: OpCase[] = [
  joining([[3]], 0),
  joining([[3], [1], [4]], 0),
  joining(
    [
      [2, 3],
      [5, 3],
    ],
    0,
  ),
  joining(
    [
      [2, 3],
      [2, 1],
      [2, 6],
    ],
    1,
  ),
  joining(
    [
      [2, 3, 4],
      [2, 2, 4],
    ],
    -2,
  ),
  joining(
    [
      [2, 0],
      [2, 3],
    ],
    1,
  ),
  joining(
    [
      [0, 3],
      [0, 3],
    ],
    1,
  ),
  joining(
    [
      [3, 2, 40],
      [3, 1, 40],
    ],
    1,
  ),
];

function stacking(shape: number[], count: number, dim: number): OpCase {
  const d = dim < 0 ? dim + shape.length + 1 : dim;
  return {
    name: `stack ${count} x [${shape}] dim ${dim}`,
    inputs: Array.from({ length: count }, () => ({ shape })),
    run: (...xs) => stack(xs, dim),
    reference: (...xs: Ref[]) =>
      build([...shape.slice(0, d), count, ...shape.slice(d)], (...index) =>
        at(xs[index[d]], ...index.filter((_, i) => i !== d)),
      ),
    tolerance: 0,
  };
}

export const stackCases: OpCase[] = [
  stacking([], 3, 0),
  stacking([2, 3], 2, 0),
  stacking([2, 3], 2, 1),
  stacking([2, 3], 3, -1),
  stacking([0, 2], 2, 0),
  stacking([5], 1, 0),
];

type Mode = NonNullable<PadOptions["mode"]>;

/** The source of position i of a padded dimension; -1 if it has no source. */
function origin(i: number, before: number, length: number, mode: Mode): number {
  const place = i - before;
  if (place >= 0 && place < length) return place;
  if (mode === "constant") return -1;
  if (mode === "replicate") return Math.min(Math.max(place, 0), length - 1);
  if (mode === "circular") return (place + length) % length;
  return place < 0 ? -place : 2 * (length - 1) - place;
}

function padding(shape: number[], amounts: number[], mode: Mode = "constant", value = 0): OpCase {
  const before = shape.map((_, d) => amounts[(shape.length - 1 - d) * 2] ?? 0);
  const after = shape.map((_, d) => amounts[(shape.length - 1 - d) * 2 + 1] ?? 0);
  return {
    name: `pad [${shape}] by [${amounts}] ${mode} ${value}`,
    inputs: [{ shape }],
    run: (x) => nn.functional.pad(x, amounts, { mode, value }),
    reference: (x) =>
      build(
        shape.map((length, d) => length + before[d] + after[d]),
        (...index) => {
          const from = index.map((i, d) => origin(i, before[d], shape[d], mode));
          return from.includes(-1) ? value : at(x, ...from);
        },
      ),
  };
}

export const padCases: OpCase[] = [
  padding([3], [1, 2]),
  padding([3], [0, 0]),
  padding([2, 3], [1, 0, 0, 2], "constant", -1.5),
  padding([2, 3, 4, 5], [1, 2, 0, 3]),
  padding([2, 3, 4], [1, 1, 1, 1, 1, 1]),
  padding([5, 6], [-1, -2, 2, -3]),
  padding([4], [-3, 2]),
  padding([4], [-4, 6], "constant", 2),
  padding([2, 4], [-2, -2]),
  padding([0, 2], [1, 1, 2, 1], "constant", 3),
  padding([2, 1, 1], [3, 3, 3, 3]),
  padding([5], [4, 4], "reflect"),
  padding([2, 3, 4], [2, 3, 2, 0], "reflect"),
  padding([2, 3, 4], [1, -2, -1, 2], "reflect"),
  padding([1, 2], [3, 1, 2, 2], "replicate"),
  padding([2, 3, 4], [2, 0, 0, 5, 1, 1], "replicate"),
  padding([3, 4], [4, 2, 0, 3], "circular"),
];
