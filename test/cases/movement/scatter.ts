import { tensor } from "wasmgrad";
import { at, build, type OpCase, type Ref } from "../case.ts";

/** scatter or scatterAdd of a [2,n] source along dimension 1 of a [3,5] tensor. */
function scattering(name: "scatter" | "scatterAdd", n: number, values: number[]): OpCase {
  return {
    name: `${name} [3,5] [2,${n}]`,
    inputs: [{ shape: [3, 5] }, { shape: [2, n], dtype: "int32", values }, { shape: [2, n] }],
    run: (x, index, source) => x[name](1, index, source),
    reference: (x, index, source) => {
      const out: Ref = { shape: x.shape, data: x.data.slice() };
      build([2, n], (i, j) => {
        const place = i * 5 + at(index, i, j);
        out.data[place] = (name === "scatter" ? 0 : out.data[place]) + at(source, i, j);
        return 0;
      });
      return out;
    },
  };
}

/** scatterReduce of a [2,4] source along dimension 1 of a [3,5] tensor; the index is [2,n]. */
function reducing(reduce: "sum" | "prod" | "mean" | "amax" | "amin", n: number, includeSelf: boolean): OpCase {
  const places = [4, 0, 4, 4, 1, 1, 3, 0].filter((_, i) => i % 4 < n);
  const combine = { sum: add, mean: add, prod: (a: number, b: number) => a * b, amax: Math.max, amin: Math.min }[
    reduce
  ];
  return {
    name: `scatterReduce ${reduce} [3,5] [2,${n}]${includeSelf ? "" : " without self"}`,
    inputs: [{ shape: [3, 5] }, { shape: [2, n], dtype: "int32", values: places }, { shape: [2, 4] }],
    run: (x, index, source) => x.scatterReduce(1, index, source, reduce, { includeSelf }),
    reference: (x, index, source) =>
      build([3, 5], (i, j) => {
        const own = Array.from({ length: i < 2 ? n : 0 }, (_, k) => k).filter((k) => at(index, i, k) === j);
        const terms = own.map((k) => at(source, i, k));
        if (includeSelf || own.length === 0) terms.unshift(at(x, i, j));
        const total = terms.reduce((a, b) => combine(a, b));
        return reduce === "mean" ? total / terms.length : total;
      }),
  };
}

const add = (a: number, b: number) => a + b;

/** indexAdd or indexCopy of two positions of dimension 1 of a [2,4,5] tensor. */
function rows(name: "indexAdd" | "indexCopy", values: number[], dtype: "float32" | "int32"): OpCase {
  return {
    name: `${name} ${dtype} [2,4,5]`,
    inputs: [
      { shape: [2, 4, 5], dtype },
      { shape: [2], dtype: "int32", values },
      { shape: [2, 2, 5], dtype },
    ],
    run: (x, index, source) => x[name](1, index, source),
    reference: (x, index, source) => {
      const out: Ref = { shape: x.shape, data: x.data.slice() };
      build([2, 2, 5], (i, j, k) => {
        const place = (i * 4 + index.data[j]) * 5 + k;
        out.data[place] = (name === "indexCopy" ? 0 : out.data[place]) + at(source, i, j, k);
        return 0;
      });
      return out;
    },
  };
}

export const scatterCases: OpCase[] = [
  scattering("scatter", 3, [4, 0, 2, 1, 3, 0]),
  scattering("scatterAdd", 3, [4, 0, 4, 1, 1, 1]),
  scattering("scatterAdd", 1, [2, 2]),
  reducing("sum", 4, false),
  reducing("mean", 4, true),
  reducing("mean", 3, false),
  reducing("prod", 4, true),
  reducing("prod", 3, false),
  reducing("amax", 4, true),
  reducing("amax", 3, false),
  reducing("amin", 4, true),
  {
    name: "scatterReduce prod [3] with zeros",
    inputs: [
      { shape: [3], values: [2, 0, 3] },
      { shape: [5], dtype: "int32", values: [0, 1, 0, 2, 2] },
      { shape: [5], values: [0, 5, 7, 0, 0] },
    ],
    run: (x, index, source) => x.scatterReduce(0, index, source, "prod"),
    reference: (x, _, { data: [a, b, c, d, e] }) => ({
      shape: [3],
      data: Float64Array.of(x.data[0] * a * c, x.data[1] * b, x.data[2] * d * e),
    }),
  },
  {
    name: "scatterReduce prod int32 [4]",
    inputs: [
      { shape: [4], dtype: "int32", values: [1, 2, 3, 4] },
      { shape: [3], dtype: "int32", values: [1, 3, 1] },
      { shape: [3], dtype: "int32", values: [5, 2, 3] },
    ],
    run: (x, index, source) => x.scatterReduce(0, index, source, "prod"),
    reference: (x, index, source) => {
      const data = x.data.slice();
      for (let i = 0; i < 3; i++) data[index.data[i]] *= source.data[i];
      return { shape: [4], data };
    },
    tolerance: 0,
  },
  rows("indexAdd", [3, 3], "float32"),
  rows("indexAdd", [0, 2], "int32"),
  rows("indexCopy", [3, 1], "float32"),
  {
    name: "scatterAdd int32 [4]",
    inputs: [
      { shape: [4], dtype: "int32", values: [1, 2, 3, 4] },
      { shape: [3], dtype: "int32", values: [1, 3, 1] },
      { shape: [3], dtype: "int32", values: [5, 2, 3] },
    ],
    run: (x, index, source) => x.scatterAdd(0, index, source),
    reference: (x, index, source) => {
      const data = x.data.slice();
      for (let i = 0; i < 3; i++) data[index.data[i]] += source.data[i];
      return { shape: [4], data };
    },
    tolerance: 0,
  },
];

const bits = [1, 0, 0, 1, 1, 0, 1, 0, 1, 1, 1];
const mask = () => tensor(bits, { dtype: "bool" });
const places = bits.flatMap((bit, i) => (bit ? [i] : []));

export const maskedCases: OpCase[] = [
  {
    name: "maskedSelect [11]",
    inputs: [{ shape: [11] }],
    run: (x) => x.maskedSelect(mask()),
    reference: (x) => ({ shape: [places.length], data: Float64Array.from(places, (i) => x.data[i]) }),
    tolerance: 0,
  },
  {
    name: "maskedScatter [11] [8]",
    inputs: [{ shape: [11] }, { shape: [8] }],
    run: (x, source) => x.maskedScatter(mask(), source),
    reference: (x, source) => build([11], (i) => (bits[i] ? source.data[places.indexOf(i)] : x.data[i])),
    tolerance: 0,
  },
  {
    name: "nonzero [2,3]",
    inputs: [{ shape: [2, 3], values: [0, 1, 0, 2, 0, -1], grad: false }],
    run: (x) => x.nonzero(),
    reference: () => ({ shape: [3, 2], data: Float64Array.of(0, 1, 1, 0, 1, 2) }),
    tolerance: 0,
  },
];

/** Reading and writing by index expressions. */
export const atCases: OpCase[] = [
  {
    name: "at ::2, [2,0], -1 of [4,3,5]",
    inputs: [{ shape: [4, 3, 5] }],
    run: (x) => x.at("::2", [2, 0], -1),
    reference: (x) => build([2, 2], (i, j) => at(x, 2 * i, j === 0 ? 2 : 0, 4)),
    tolerance: 0,
  },
  {
    name: "at ::-1 of [4,3]",
    inputs: [{ shape: [4, 3] }],
    run: (x) => x.at("::-1"),
    reference: (x) => build([4, 3], (i, j) => at(x, 3 - i, j)),
    tolerance: 0,
  },
  {
    name: "indexPut [3,4]",
    inputs: [{ shape: [3, 4] }, { shape: [2], dtype: "int32", values: [2, 0] }, { shape: [2, 4] }],
    run: (x, index, values) => x.indexPut([index], values, { accumulate: true }),
    reference: (x, _, values) => build([3, 4], (i, j) => at(x, i, j) + (i === 1 ? 0 : at(values, i === 2 ? 0 : 1, j))),
  },
];
