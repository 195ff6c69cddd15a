import type { Tensor } from "wasmgrad";
import { at, build, type OpCase, type Ref } from "../case.ts";

/**
 * A case of an op that moves elements: element `index` of the result is element `source(index)` of the input.
 */
function moving(
  name: string,
  shape: number[],
  run: (x: Tensor) => Tensor,
  result: number[],
  source: (index: number[]) => number[],
): OpCase {
  const reference = (x: Ref) => build(result, (...index) => at(x, ...source(index)));
  return { name: `[${shape}] ${name}`, inputs: [{ shape }], run, reference, tolerance: 0, gradTolerance: 1e-5 };
}

/** The same elements in the same order under another shape. */
function reshaping(name: string, shape: number[], run: (x: Tensor) => Tensor, result: number[]): OpCase {
  const reference = (x: Ref) => ({ shape: result, data: x.data });
  return { name: `[${shape}] ${name}`, inputs: [{ shape }], run, reference, tolerance: 0 };
}

export const reshapeCases: OpCase[] = [
  reshaping("reshape [6,4]", [2, 3, 4], (x) => x.reshape([6, 4]), [6, 4]),
  reshaping("reshape [2,-1]", [2, 3, 4], (x) => x.reshape([2, -1]), [2, 12]),
  reshaping("reshape [-1]", [], (x) => x.reshape([-1]), [1]),
  reshaping("reshape []", [1, 1], (x) => x.reshape([]), []),
  reshaping("reshape [0,5]", [3, 0], (x) => x.reshape([0, 5]), [0, 5]),
  reshaping("reshape [-1,3]", [0, 3], (x) => x.reshape([-1, 3]), [0, 3]),
  reshaping("view [4,-1,1]", [2, 6], (x) => x.view([4, -1, 1]), [4, 3, 1]),
  reshaping("viewAs", [2, 2], (x) => x.viewAs(x.flatten()), [4]),
  reshaping("reshapeAs", [2, 2], (x) => x.reshapeAs(x.unsqueeze(0)), [1, 2, 2]),
  reshaping("flatten", [2, 3, 4], (x) => x.flatten(), [24]),
  reshaping("flatten", [], (x) => x.flatten(), [1]),
  reshaping("flatten 1", [2, 3, 4, 5], (x) => x.flatten(1), [2, 60]),
  reshaping("flatten 0 -2", [2, 3, 4], (x) => x.flatten(0, -2), [6, 4]),
  reshaping("flatten 1", [0, 3, 4], (x) => x.flatten(1), [0, 12]),
  reshaping("unflatten -1 [2,-1]", [3, 8], (x) => x.unflatten(-1, [2, -1]), [3, 2, 4]),
  reshaping("squeeze", [1, 3, 1, 2], (x) => x.squeeze(), [3, 2]),
  reshaping("squeeze 0", [1, 3, 1], (x) => x.squeeze(0), [3, 1]),
  reshaping("squeeze 1: not 1", [1, 3], (x) => x.squeeze(1), [1, 3]),
  reshaping("squeeze [0,-1]", [1, 3, 1], (x) => x.squeeze([0, -1]), [3]),
  reshaping("squeeze", [1], (x) => x.squeeze(), []),
  reshaping("unsqueeze 0", [], (x) => x.unsqueeze(0), [1]),
  reshaping("unsqueeze 1", [2, 3], (x) => x.unsqueeze(1), [2, 1, 3]),
  reshaping("unsqueeze -1", [2, 3], (x) => x.unsqueeze(-1), [2, 3, 1]),
  reshaping("unsqueeze -3", [2, 3], (x) => x.unsqueeze(-3), [1, 2, 3]),
  reshaping("contiguous, clone", [2, 3], (x) => x.contiguous().clone(), [2, 3]),
];

function permuting(shape: number[], dims: number[]): OpCase {
  const order = dims.map((d) => (d < 0 ? d + shape.length : d));
  return moving(
    `permute [${dims}]`,
    shape,
    (x) => x.permute(dims),
    order.map((d) => shape[d]),
    (index) => shape.map((_, d) => index[order.indexOf(d)]),
  );
}

export const permuteCases: OpCase[] = [
  permuting([], []),
  permuting([3], [0]),
  permuting([1, 1], [1, 0]),
  ...[
    [4, 4],
    [1, 5],
    [5, 1],
    [3, 5],
    [16, 16],
    [17, 33],
    [35, 6],
    [2, 50],
  ].map((shape) => permuting(shape, [1, 0])),
  ...[
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ].flatMap((dims) => [permuting([2, 3, 5], dims), permuting([4, 1, 6], dims), permuting([18, 3, 7], dims)]),
  permuting([2, 6, 512], [0, 2, 1]), // source lines a power of two apart
  permuting([2, 3, 4, 5], [0, 2, 3, 1]),
  permuting([2, 3, 4, 5], [0, -1, 1, 2]),
  permuting([2, 3, 4, 5], [3, 1, 2, 0]),
  permuting([2, 3, 2, 3, 2], [4, 1, 3, 0, 2]),
  permuting([2, 0, 3], [2, 1, 0]),
  moving(
    "transpose 0 -1",
    [2, 3, 4],
    (x) => x.transpose(0, -1),
    [4, 3, 2],
    ([i, j, k]) => [k, j, i],
  ),
  moving(
    "transpose 1 1",
    [2, 3],
    (x) => x.transpose(1, 1),
    [2, 3],
    (index) => index,
  ),
  moving(
    "transpose 0 0",
    [],
    (x) => x.transpose(0, 0),
    [],
    (index) => index,
  ),
  moving(
    "t",
    [2, 3],
    (x) => x.t(),
    [3, 2],
    ([i, j]) => [j, i],
  ),
];

export const sliceCases: OpCase[] = [
  moving(
    "narrow 0",
    [5],
    (x) => x.narrow(0, 1, 3),
    [3],
    ([i]) => [i + 1],
  ),
  moving(
    "narrow 1",
    [3, 7, 2],
    (x) => x.narrow(1, 2, 4),
    [3, 4, 2],
    ([i, j, k]) => [i, j + 2, k],
  ),
  moving(
    "narrow -1, from the end",
    [2, 9],
    (x) => x.narrow(-1, -3, 2),
    [2, 2],
    ([i, j]) => [i, j + 6],
  ),
  moving(
    "narrow to nothing",
    [2, 3],
    (x) => x.narrow(1, 3, 0),
    [2, 0],
    (index) => index,
  ),
  moving(
    "narrow to all",
    [2, 3],
    (x) => x.narrow(1, 0, 3),
    [2, 3],
    (index) => index,
  ),
  moving(
    "slice 0",
    [6, 2],
    (x) => x.slice(0),
    [6, 2],
    (index) => index,
  ),
  moving(
    "slice 0 2",
    [6, 2],
    (x) => x.slice(0, 2),
    [4, 2],
    ([i, j]) => [i + 2, j],
  ),
  moving(
    "slice 1 -3 -1",
    [2, 6],
    (x) => x.slice(1, -3, -1),
    [2, 2],
    ([i, j]) => [i, j + 3],
  ),
  moving(
    "slice 1 0 7 3",
    [2, 7],
    (x) => x.slice(1, 0, 7, 3),
    [2, 3],
    ([i, j]) => [i, 3 * j],
  ),
  moving(
    "slice 0 1 100 2",
    [6, 5],
    (x) => x.slice(0, 1, 100, 2),
    [3, 5],
    ([i, j]) => [2 * i + 1, j],
  ),
  moving(
    "slice 0 4 2: empty",
    [6],
    (x) => x.slice(0, 4, 2),
    [0],
    (index) => index,
  ),
  moving(
    "select 0",
    [3, 4],
    (x) => x.select(0, 2),
    [4],
    ([j]) => [2, j],
  ),
  moving(
    "select 1 -1",
    [3, 4, 2],
    (x) => x.select(1, -1),
    [3, 2],
    ([i, k]) => [i, 3, k],
  ),
  moving(
    "index",
    [3],
    (x) => x.index(1),
    [],
    () => [1],
  ),
  moving(
    "index",
    [2, 0],
    (x) => x.index(1),
    [0],
    (index) => index,
  ),
  moving(
    "split 2, the last part",
    [3, 5],
    (x) => x.split(2, 1)[2],
    [3, 1],
    ([i]) => [i, 4],
  ),
  moving(
    "split [1,0,4]",
    [5, 2],
    (x) => x.split([1, 0, 4])[2],
    [4, 2],
    ([i, j]) => [i + 1, j],
  ),
  moving(
    "chunk 3 of 7",
    [7],
    (x) => x.chunk(3)[1],
    [3],
    ([i]) => [i + 3],
  ),
  moving(
    "chunk 2 of dim -1",
    [2, 6],
    (x) => x.chunk(2, -1)[1],
    [2, 3],
    ([i, j]) => [i, j + 3],
  ),
];

export const flipCases: OpCase[] = [
  moving(
    "flip 0",
    [5],
    (x) => x.flip(0),
    [5],
    ([i]) => [4 - i],
  ),
  moving(
    "flip [0]",
    [3, 4],
    (x) => x.flip([0]),
    [3, 4],
    ([i, j]) => [2 - i, j],
  ),
  moving(
    "flip [-1]",
    [3, 4],
    (x) => x.flip([-1]),
    [3, 4],
    ([i, j]) => [i, 3 - j],
  ),
  moving(
    "flip [0,2]",
    [2, 3, 4],
    (x) => x.flip([0, 2]),
    [2, 3, 4],
    ([i, j, k]) => [1 - i, j, 3 - k],
  ),
  moving(
    "flip []",
    [2, 3],
    (x) => x.flip([]),
    [2, 3],
    (index) => index,
  ),
  moving(
    "flip [0]",
    [0, 2],
    (x) => x.flip([0]),
    [0, 2],
    (index) => index,
  ),
  moving(
    "flip 0",
    [],
    (x) => x.flip(0),
    [],
    (index) => index,
  ),
];

export const expandCases: OpCase[] = [
  moving(
    "expand [3,4]",
    [3, 1],
    (x) => x.expand([3, 4]),
    [3, 4],
    ([i]) => [i, 0],
  ),
  moving(
    "expand [5,3]",
    [3],
    (x) => x.expand([5, 3]),
    [5, 3],
    ([, j]) => [j],
  ),
  moving(
    "expand [2,-1,4]",
    [3, 1],
    (x) => x.expand([2, -1, 4]),
    [2, 3, 4],
    ([, j]) => [j, 0],
  ),
  moving(
    "expand [2,2]",
    [],
    (x) => x.expand([2, 2]),
    [2, 2],
    () => [],
  ),
  moving(
    "expand [2,6,5]",
    [2, 1, 5],
    (x) => x.expand([2, 6, 5]),
    [2, 6, 5],
    ([i, , k]) => [i, 0, k],
  ),
  moving(
    "expand [0,3]",
    [1, 3],
    (x) => x.expand([0, 3]),
    [0, 3],
    ([, j]) => [0, j],
  ),
  moving(
    "expandAs",
    [1, 2],
    (x) => x.expandAs(x.repeat([3, 1])),
    [3, 2],
    ([, j]) => [0, j],
  ),
  moving(
    "repeat [2,3]",
    [2, 2],
    (x) => x.repeat([2, 3]),
    [4, 6],
    ([i, j]) => [i % 2, j % 2],
  ),
  moving(
    "repeat [2,1,3]",
    [2, 2],
    (x) => x.repeat([2, 1, 3]),
    [2, 2, 6],
    ([, j, k]) => [j, k % 2],
  ),
  moving(
    "repeat [0]",
    [3],
    (x) => x.repeat([0]),
    [0],
    (index) => index,
  ),
];

function triangular(shape: number[], name: "tril" | "triu", diagonal: number): OpCase {
  const keeps = (offset: number) => (name === "tril" ? offset <= diagonal : offset >= diagonal);
  return {
    name: `[${shape}] ${name} ${diagonal}`,
    inputs: [{ shape }],
    run: (x) => x[name](diagonal),
    reference: (x) =>
      build(shape, (...index) => {
        const [row, column] = index.slice(-2);
        return keeps(column - row) ? at(x, ...index) : 0;
      }),
  };
}

export const triangleCases: OpCase[] = [
  triangular([3, 3], "tril", 0),
  triangular([3, 3], "triu", 0),
  triangular([4, 6], "tril", 1),
  triangular([6, 4], "triu", -2),
  triangular([2, 3, 5], "triu", 1),
  triangular([1, 1], "tril", -1),
  triangular([0, 3], "tril", 0),
];

export const maskedFillCases: OpCase[] = [
  {
    name: "maskedFill [2,3,4] by [3,1]",
    inputs: [{ shape: [2, 3, 4] }, { shape: [3, 1], dtype: "int32", values: [1, 0, 1] }],
    run: (x, mask) => x.maskedFill(mask.bool(), -1.5),
    reference: (x, mask) => build([2, 3, 4], (...index) => (mask.data[index[1]] ? -1.5 : at(x, ...index))),
  },
  {
    name: "maskedFill [5] by -inf",
    inputs: [{ shape: [5] }, { shape: [5], dtype: "int32", values: [1, 0, 1, 0, 0] }],
    run: (x, mask) => x.maskedFill(mask.bool(), -Infinity).exp(),
    reference: (x, mask) => build([5], (i) => (mask.data[i] ? 0 : Math.exp(x.data[i]))),
    gradTolerance: 1e-4,
  },
];
