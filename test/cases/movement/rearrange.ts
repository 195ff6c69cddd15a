import type { Tensor } from "wasmgrad";
import { at, build, type OpCase, type Ref } from "../case.ts";

/** A case whose result at `index` is the element `source(index)` of the input, or 0 where that is null. */
function taking(
  name: string,
  shape: number[],
  run: (x: Tensor) => Tensor,
  result: number[],
  source: (...index: number[]) => number[] | null,
): OpCase {
  const value = (x: Ref, from: number[] | null) => (from === null ? 0 : at(x, ...from));
  const reference = (x: Ref) => build(result, (...index) => value(x, source(...index)));
  return { name: `[${shape}] ${name}`, inputs: [{ shape }], run, reference, tolerance: 0, gradTolerance: 1e-5 };
}

export const rollCases: OpCase[] = [
  taking(
    "roll 1",
    [5],
    (x) => x.roll(1, 0),
    [5],
    (i) => [(i + 4) % 5],
  ),
  taking(
    "roll -3",
    [2, 5, 3],
    (x) => x.roll(-3, 1),
    [2, 5, 3],
    (i, j, k) => [i, (j + 3) % 5, k],
  ),
  taking(
    "roll 2 times",
    [3, 4],
    (x) => x.roll([1, 5], [0, 1]),
    [3, 4],
    (i, j) => [(i + 2) % 3, (j + 3) % 4],
  ),
  taking(
    "roll 0",
    [3],
    (x) => x.roll(0, 0),
    [3],
    (i) => [i],
  ),
  taking(
    "roll",
    [0, 3],
    (x) => x.roll(1, 1),
    [0, 3],
    (i, j) => [i, j],
  ),
];

export const unfoldCases: OpCase[] = [
  taking(
    "unfold 3 step 2",
    [7, 2],
    (x) => x.unfold(0, 3, 2),
    [3, 2, 3],
    (i, j, k) => [2 * i + k, j],
  ),
  taking(
    "unfold 2 step 3",
    [2, 9],
    (x) => x.unfold(1, 2, 3),
    [2, 3, 2],
    (i, j, k) => [i, 3 * j + k],
  ),
  taking(
    "unfold all",
    [4],
    (x) => x.unfold(0, 4, 1),
    [1, 4],
    (_, k) => [k],
  ),
];

export const repeatInterleaveCases: OpCase[] = [
  {
    name: "repeatInterleave each [3,2]",
    inputs: [{ shape: [3, 2] }, { shape: [3], dtype: "int32", values: [2, 0, 3] }],
    run: (x, repeats) => x.repeatInterleave(repeats, 0),
    reference: (x) => build([5, 2], (i, j) => at(x, i < 2 ? 0 : 2, j)),
    tolerance: 0,
  },
];

export const diagonalCases: OpCase[] = [
  taking(
    "diagonal",
    [3, 4],
    (x) => x.diagonal(),
    [3],
    (i) => [i, i],
  ),
  taking(
    "diagonal 2",
    [3, 4],
    (x) => x.diagonal(2),
    [2],
    (i) => [i, i + 2],
  ),
  taking(
    "diagonal -1 of 2, 0",
    [3, 2, 5],
    (x) => x.diagonal(-1, 2, 0),
    [2, 3],
    (j, i) => [i, j, i + 1],
  ),
  taking(
    "diagonal 4",
    [3, 4],
    (x) => x.diagonal(4),
    [0],
    () => null,
  ),
];

export const diagEmbedCases: OpCase[] = [
  taking(
    "diagEmbed",
    [2, 3],
    (x) => x.diagEmbed(),
    [2, 3, 3],
    (n, i, j) => (i === j ? [n, i] : null),
  ),
  taking(
    "diagEmbed -2",
    [3],
    (x) => x.diagEmbed(-2),
    [5, 5],
    (i, j) => (i === j + 2 ? [j] : null),
  ),
  taking(
    "diagEmbed 1 in 0, 2",
    [2, 3],
    (x) => x.diagEmbed(1, 0, 2),
    [4, 2, 4],
    (i, n, j) => (i + 1 === j ? [n, i] : null),
  ),
];
