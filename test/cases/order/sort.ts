import type { Tensor } from "wasmgrad";
import { at, build, type OpCase, type Ref } from "../case.ts";

/** A case whose result is, along `dim`, a function of the slices in ascending order. */
function sorted(
  name: string,
  shape: number[],
  dim: number,
  run: (x: Tensor) => Tensor,
  length: number,
  pick: (ascending: number[], k: number) => number,
): OpCase {
  const reference = (x: Ref) =>
    build(
      shape.map((n, d) => (d === dim ? length : n)),
      (...index) => {
        const slice = Array.from({ length: shape[dim] }, (_, k) => at(x, ...index.map((i, d) => (d === dim ? k : i))));
        return pick(
          slice.sort((a, b) => a - b),
          index[dim],
        );
      },
    );
  return {
    name: `${name} [${shape}] dim ${dim}`,
    inputs: [{ shape }],
    run,
    reference,
    tolerance: 0,
    gradTolerance: 1e-5,
  };
}

const ascending = (values: number[], k: number) => values[k];
const fromEnd = (values: number[], k: number) => values[values.length - 1 - k];

export const sortCases: OpCase[] = [
  sorted("sort", [3, 7], 1, (x) => x.sort().values, 7, ascending),
  sorted("sort descending", [3, 7], 1, (x) => x.sort(1, { descending: true }).values, 7, fromEnd),
  sorted("sort", [2, 5, 3], 1, (x) => x.sort(1).values, 5, ascending),
  sorted("sort many", [2, 90], 1, (x) => x.sort().values, 90, ascending),
  {
    ...sorted("sort very many", [3100], 0, (x) => x.sort().values, 3100, ascending),
    inputs: [{ shape: [3100], grad: false }],
  },
  sorted("sort", [0], 0, (x) => x.sort().values, 0, ascending),
];

export const topkCases: OpCase[] = [
  sorted("topk 3", [4, 9], 1, (x) => x.topk(3).values, 3, fromEnd),
  sorted("topk 2 smallest", [2, 6, 3], 1, (x) => x.topk(2, 1, { largest: false }).values, 2, ascending),
  sorted("topk 5 of many", [3, 101], 1, (x) => x.topk(5).values, 5, fromEnd),
  sorted("topk 60 of many", [2, 101], 1, (x) => x.topk(60).values, 60, fromEnd),
  sorted("topk 0", [2, 3], 1, (x) => x.topk(0).values, 0, fromEnd),
];

export const selectionCases: OpCase[] = [
  sorted(
    "kthvalue 2",
    [3, 6],
    1,
    (x) => x.kthvalue(2, 1, { keepdim: true }).values,
    1,
    (values) => values[1],
  ),
  sorted(
    "median of 6",
    [3, 6],
    1,
    (x) => x.median(1, { keepdim: true }).values,
    1,
    (values) => values[2],
  ),
  sorted(
    "median of 5",
    [2, 5, 3],
    1,
    (x) => x.median(1, { keepdim: true }).values,
    1,
    (values) => values[2],
  ),
  sorted(
    "nanmedian",
    [2, 5],
    1,
    (x) => x.nanmedian(1, { keepdim: true }).values,
    1,
    (values) => values[2],
  ),
  // all values differ, so the smallest one is chosen
  sorted("mode", [2, 5, 3], 1, (x) => x.mode(1, { keepdim: true }).values, 1, ascending),
];

const values = [3, -1, 3, 0, 7, -1, 3];

export const uniqueCases: OpCase[] = [
  {
    name: "unique [7]",
    inputs: [{ shape: [7], values, grad: false }],
    run: (x) => x.unique(),
    reference: () => ({ shape: [4], data: Float64Array.of(-1, 0, 3, 7) }),
    tolerance: 0,
  },
  {
    name: "inverse of unique int32 [7]",
    inputs: [{ shape: [7], values, dtype: "int32" }],
    run: (x) => x.unique({ returnInverse: true }).inverse,
    reference: () => ({ shape: [7], data: Float64Array.of(2, 0, 2, 1, 3, 0, 2) }),
    tolerance: 0,
  },
];

/** How many elements of a sorted row are below a value, or not above it. */
function searching(rows: number, right: boolean): OpCase {
  const below = (own: number, value: number) => (right ? own <= value : own < value);
  return {
    name: `searchsorted [${rows ? `${rows},` : ""}6] [2,5]${right ? " right" : ""}`,
    inputs: [
      { shape: rows ? [rows, 6] : [6], grad: false },
      { shape: [2, 5], grad: false },
    ],
    run: (sequence, places) => sequence.sort().values.searchsorted(places, { right }),
    reference: (sequence, places) =>
      build([2, 5], (i, j) => {
        const row = Array.from({ length: 6 }, (_, k) => (rows ? at(sequence, i, k) : at(sequence, k)));
        return row.filter((own) => below(own, at(places, i, j))).length;
      }),
    tolerance: 0,
  };
}

export const binsCases: OpCase[] = [
  searching(0, false),
  searching(2, true),
  {
    name: "bucketize [4]",
    inputs: [
      { shape: [4], low: 0, high: 9, grad: false },
      { shape: [3], values: [2, 4, 6], grad: false },
    ],
    run: (x, boundaries) => x.bucketize(boundaries),
    reference: (x) => ({ shape: [4], data: x.data.map((value) => [2, 4, 6].filter((own) => own < value).length) }),
    tolerance: 0,
  },
  {
    name: "bincount [9]",
    inputs: [{ shape: [9], dtype: "int32", low: 0, high: 5 }],
    run: (x) => x.bincount({ minlength: 6 }),
    reference: (x) => build([6], (b) => x.data.filter((value) => value === b).length),
    tolerance: 0,
  },
  {
    name: "bincount of weights [9]",
    inputs: [
      { shape: [9], dtype: "int32", low: 0, high: 5 },
      { shape: [9], grad: false },
    ],
    run: (x, weights) => x.bincount({ weights, minlength: 6 }),
    reference: (x, weights) =>
      build([6], (b) => weights.data.reduce((sum, weight, i) => (x.data[i] === b ? sum + weight : sum), 0)),
  },
  {
    name: "histc [40]",
    inputs: [{ shape: [40], grad: false }],
    run: (x) => x.histc(4, { min: -1, max: 1 }),
    reference: (x) => build([4], (b) => x.data.filter((value) => value >= -1 + b / 2 && value < -0.5 + b / 2).length),
    tolerance: 0,
  },
];
