import type { OpCase, Ref } from "../case.ts";

/** Shapes and the dimensions reduced: rows, columns, several groups, odd sizes, one element, no element. */
const reductions: { shape: number[]; dim?: number | number[]; keepdim?: boolean }[] = [
  { shape: [] },
  { shape: [1] },
  { shape: [7] },
  { shape: [3, 5] },
  { shape: [3, 5], dim: 0 },
  { shape: [3, 5], dim: 1 },
  { shape: [3, 5], dim: -1, keepdim: true },
  { shape: [], dim: 0 },
  { shape: [], dim: -1, keepdim: true },
  { shape: [1, 1, 1], dim: [0, 2] },
  { shape: [5, 1, 3], dim: 1 },
  { shape: [2, 3, 4, 5], dim: [0, 2, 3] },
  { shape: [2, 3, 4, 5], dim: [0, 2, 3], keepdim: true },
  { shape: [2, 3, 4, 5], dim: [1, 3] },
  { shape: [2, 3, 4, 5], dim: [0, 2] },
  { shape: [2, 3, 4, 5], dim: [-1, 0], keepdim: true },
  { shape: [2, 3, 2, 3, 2], dim: [0, 2, 4] },
  { shape: [2, 3, 2, 3, 2], dim: [1, 3] },
  { shape: [70, 17], dim: 0 },
  { shape: [3, 9, 21], dim: 1 },
  { shape: [3, 33], dim: 1 },
  { shape: [130, 2], dim: 0 },
  { shape: [2, 66, 3], dim: [1] },
  { shape: [0], dim: 0 },
  { shape: [3, 0], dim: 0 },
  { shape: [0, 3], dim: 1, keepdim: true },
];

const asList = (dim: number | number[] | undefined, rank: number): number[] => {
  if (dim === undefined) return Array.from({ length: rank }, (_, d) => d);
  return (Array.isArray(dim) ? dim : [dim]).map((d) => (d < 0 ? d + Math.max(rank, 1) : d));
};

/** Gathers the values that are reduced to each element of the result, and reduces them with `combine`. */
export function referenceReduce(
  x: Ref,
  dim: number | number[] | undefined,
  keepdim: boolean,
  combine: (values: number[]) => number,
): Ref {
  const rank = x.shape.length;
  const dims = asList(dim, rank);
  const keptLengths = x.shape.map((length, d) => (dims.includes(d) ? 1 : length));
  const groups: number[][] = Array.from({ length: keptLengths.reduce((a, b) => a * b, 1) }, () => []);
  for (let i = 0; i < x.data.length; i++) {
    let rest = i;
    let group = 0;
    let stride = 1;
    for (let d = rank - 1; d >= 0; d--) {
      const index = rest % x.shape[d];
      rest = (rest - index) / x.shape[d];
      if (!dims.includes(d)) {
        group += index * stride;
        stride *= x.shape[d];
      }
    }
    groups[group].push(x.data[i]);
  }
  const shape = keepdim ? keptLengths : x.shape.filter((_, d) => !dims.includes(d));
  return { shape, data: Float64Array.from(groups, combine) };
}

const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
const mean = (values: number[]) => sum(values) / values.length;

const named = (op: string, { shape, dim, keepdim }: (typeof reductions)[number]) =>
  `${op} [${shape}]${dim === undefined ? "" : ` over ${JSON.stringify(dim)}`}${keepdim ? " keepdim" : ""}`;

/** All cases of a float32 sum, run by `run`. */
export function sumCasesBy(
  run: (
    x: Parameters<OpCase["run"]>[0],
    options: { dim?: number | number[]; keepdim?: boolean },
  ) => ReturnType<OpCase["run"]>,
  lines = reductions,
): OpCase[] {
  return lines.map(({ shape, ...options }) => ({
    name: named("sum", { shape, ...options }),
    inputs: [{ shape }],
    run: (x) => run(x, options),
    reference: (x) => referenceReduce(x, options.dim, options.keepdim ?? false, sum),
  }));
}

const runSum: Parameters<typeof sumCasesBy>[0] = (x, { dim, keepdim }) => x.sum(dim, { keepdim });

/** Large sizes, which are timed. */
export const largeSumCases: OpCase[] = sumCasesBy(runSum, [
  { shape: [8192, 512], dim: 1 },
  { shape: [8192, 512], dim: 0 },
]).map((testCase, i) => ({
  ...testCase,
  name: `sum over axis ${1 - i} [8192,512]`,
  batched: i === 0 ? [0] : undefined,
  tolerance: 1e-5,
}));

export const sumCases: OpCase[] = [
  ...sumCasesBy(runSum),
  ...reductions.slice(2, 14).map((line) => ({
    name: `${named("sum", line)} int32`,
    inputs: [{ shape: line.shape, dtype: "int32" as const, low: -9, high: 9 }],
    run: (x: Parameters<OpCase["run"]>[0]) => x.sum(line.dim, { keepdim: line.keepdim }),
    reference: (x: Ref) => referenceReduce(x, line.dim, line.keepdim ?? false, sum),
  })),
];

export const meanCases: OpCase[] = reductions.map((line) => ({
  name: named("mean", line),
  inputs: [{ shape: line.shape }],
  run: (x) => x.mean(line.dim, { keepdim: line.keepdim }),
  reference: (x) => referenceReduce(x, line.dim, line.keepdim ?? false, mean),
}));

/** Two-pass variance, by the definition. */
const variance = (correction: number) => (values: number[]) =>
  sum(values.map((v) => (v - mean(values)) ** 2)) / Math.max(0, values.length - correction);

const lengths = ({ shape, dim }: (typeof reductions)[number]) =>
  asList(dim, shape.length).reduce((product, d) => product * (shape[d] ?? 1), 1);

export const varianceCases: OpCase[] = reductions.flatMap((line) =>
  [1, 0].flatMap((correction) => {
    // the unbiased variance of one value is NaN, and so is its gradient; of no values, so are both variances
    const grad = lengths(line) > 1;
    const options = { keepdim: line.keepdim, unbiased: correction === 1 };
    return [
      {
        name: `${named("var", line)} correction ${correction}`,
        inputs: [{ shape: line.shape, grad }],
        run: (x: Parameters<OpCase["run"]>[0]) => x.var(line.dim, options),
        reference: (x: Ref) => referenceReduce(x, line.dim, line.keepdim ?? false, variance(correction)),
      },
      {
        name: `${named("std", line)} correction ${correction}`,
        inputs: [{ shape: line.shape, grad }],
        run: (x: Parameters<OpCase["run"]>[0]) => x.std(line.dim, options),
        reference: (x: Ref) =>
          referenceReduce(x, line.dim, line.keepdim ?? false, (values) => Math.sqrt(variance(correction)(values))),
      },
    ];
  }),
);

const extremumLines: { shape: number[]; dim?: number; keepdim?: boolean; values?: number[] }[] = [
  { shape: [] },
  { shape: [1] },
  { shape: [37] },
  { shape: [3, 5] },
  { shape: [], dim: 0 },
  { shape: [3, 5], dim: 0 },
  { shape: [3, 5], dim: 1, keepdim: true },
  { shape: [2, 9, 6], dim: 1 },
  { shape: [2, 4, 17], dim: -1 },
  { shape: [4, 2, 3, 1], dim: 0, keepdim: true },
  { shape: [0, 3], dim: 1 },
  { shape: [3, 0, 2], dim: 0 },
];

export const extremumCases: OpCase[] = extremumLines.flatMap(({ shape, dim, keepdim }) =>
  (["max", "min"] as const).flatMap((op) => {
    const name = `${named(op, { shape, dim, keepdim })}`;
    const combine = (values: number[]) => Math[op](...values);
    const position = (values: number[]) => values.indexOf(combine(values));
    type X = Parameters<OpCase["run"]>[0];
    return [
      {
        name,
        inputs: [{ shape }],
        run: (x: X) => (dim === undefined ? x[op]() : x[op](dim, { keepdim }).values),
        reference: (x: Ref) => referenceReduce(x, dim, keepdim ?? false, combine),
      },
      {
        name: `arg${name}`,
        inputs: [{ shape, grad: false }],
        run: (x: X) => x[`arg${op}`](dim, { keepdim }),
        reference: (x: Ref) => referenceReduce(x, dim, keepdim ?? false, position),
      },
      {
        // few distinct values, so that the first of equal values matters
        name: `arg${name} int32 ties`,
        inputs: [{ shape, dtype: "int32" as const, low: -1, high: 2 }],
        run: (x: X) => x[`arg${op}`](dim, { keepdim }),
        reference: (x: Ref) => referenceReduce(x, dim, keepdim ?? false, position),
      },
    ];
  }),
);
