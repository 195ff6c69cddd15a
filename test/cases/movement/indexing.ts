import { nn } from "wasmgrad";
import { at, build, type OpCase, type Ref } from "../case.ts";

function selecting(shape: number[], dim: number, values: number[]): OpCase {
  const d = dim < 0 ? dim + shape.length : dim;
  return {
    name: `indexSelect [${shape}] dim ${dim} of ${values.length}`,
    inputs: [{ shape }, { shape: [values.length], dtype: "int32", values }],
    run: (x, index) => x.indexSelect(dim, index),
    reference: (x) =>
      build(
        shape.map((n, i) => (i === d ? values.length : n)),
        (...index) => at(x, ...index.map((own, i) => (i === d ? values[own] : own))),
      ),
  };
}

export const indexSelectCases: OpCase[] = [
  selecting([5], 0, [4, 0, 0, 2]),
  selecting([3, 4], 0, [2, 2, 2]),
  selecting([3, 4], 1, [3, 0, 1, 1, 3]),
  selecting([2, 5, 3], 1, [4, 1]),
  selecting([2, 5, 3], -1, [0, 2, 0]),
  selecting([2, 3], 0, []),
  selecting([0, 3], 1, [1, 2]),
  selecting([1, 1], 0, [0]),
];

function gathering(shape: number[], dim: number, indexShape: number[]): OpCase {
  const d = dim < 0 ? dim + shape.length : dim;
  return {
    name: `gather [${shape}] dim ${dim} index [${indexShape}]`,
    inputs: [{ shape }, { shape: indexShape, dtype: "int32", low: 0, high: shape[d] ?? 1 }],
    run: (x, index) => x.gather(dim, index),
    reference: (x, index: Ref) =>
      build(indexShape, (...place) => at(x, ...place.map((own, i) => (i === d ? at(index, ...place) : own)))),
  };
}

export const gatherCases: OpCase[] = [
  gathering([5], 0, [7]),
  gathering([3, 4], 0, [5, 4]),
  gathering([3, 4], 1, [3, 2]),
  gathering([3, 4], -1, [2, 9]),
  gathering([4, 3, 5], 1, [2, 6, 3]),
  gathering([4, 3, 5], 0, [1, 3, 5]),
  gathering([2, 3], 1, [2, 0]),
  gathering([2, 3], 1, [0, 3]),
  gathering([], 0, []),
];

function embedding(rows: number, width: number, shape: number[], values: number[]): OpCase {
  return {
    name: `embedding [${rows},${width}] index [${shape}]`,
    inputs: [{ shape, dtype: "int32", values }, { shape: [rows, width] }],
    run: (index, weight) => nn.functional.embedding(index, weight),
    reference: (index, weight) =>
      build([...shape, width], (...place) => at(weight, at(index, ...place.slice(0, -1)), place[shape.length])),
  };
}

export const embeddingCases: OpCase[] = [
  embedding(7, 5, [2, 3], [1, 2, 2, 6, 0, 1]),
  embedding(3, 1, [4], [0, 0, 0, 0]),
  embedding(2, 130, [3], [1, 1, 0]),
  embedding(4, 3, [], [2]),
  embedding(4, 3, [0, 2], []),
];

function oneHot(values: number[], classes?: number): OpCase {
  const columns = classes ?? Math.max(...values) + 1;
  return {
    name: `oneHot of ${values.length}${classes === undefined ? "" : ` in ${classes}`}`,
    inputs: [{ shape: [values.length], dtype: "int32", values }],
    run: (index) => nn.functional.oneHot(index, classes),
    reference: (index) => build([values.length, columns], (i, c) => (index.data[i] === c ? 1 : 0)),
  };
}

export const oneHotCases: OpCase[] = [
  oneHot([2, 0, 1], 3),
  oneHot([0, 2, 2], 5),
  oneHot([], 2),
  oneHot([1, 3, 0, 3, 2, 0]), // the largest index determines the number of classes
];
