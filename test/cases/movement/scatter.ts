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
  rows("indexAdd", [3, 3], "float32"),
  rows("indexAdd", [0, 2], "int32"),
  rows("indexCopy", [3, 1], "float32"),
  {
    name: "scatterAdd int32 [4]",
    inputs: [
      { shape: [4], dtype: "int32" },
      { shape: [3], dtype: "int32", values: [1, 3, 1] },
      { shape: [3], dtype: "int32" },
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
