import { nn } from "wasmgrad";
import { forcePacking } from "../../../src/ops/matmul/skinny.ts";
import { forceTile } from "../../../src/ops/matmul/tile.ts";
import { at, build, type OpCase } from "../case.ts";
import { matmulCase } from "./product.ts";

const { functional: F } = nn;

const pairs: [number[], number[]][] = [
  [
    [1, 1],
    [1, 1],
  ],
  [
    [4, 8],
    [8, 8],
  ],
  [
    [3, 5],
    [5, 7],
  ],
  [
    [5, 1],
    [1, 9],
  ],
  [
    [7, 13],
    [13, 3],
  ],
  [
    [33, 17],
    [17, 29],
  ],
  [
    [66, 40],
    [40, 131],
  ], // more than one block of rows and of columns
  [
    [5, 515],
    [515, 9],
  ], // more than one slice of depth
  [
    [517, 12],
    [12, 20],
  ], // and more than one slice in the second gradient
  [
    [2, 3, 4],
    [4, 5],
  ],
  [
    [2, 3, 4],
    [2, 4, 5],
  ],
  [
    [2, 1, 4, 3],
    [5, 3, 2],
  ],
  [
    [4, 3],
    [5, 3, 2],
  ],
  [
    [1, 4, 3],
    [5, 3, 2],
  ],
  // read in place: one row, few rows, few columns that are transposed, short sums, more than one block of
  // depth
  [
    [1, 70],
    [70, 75],
  ],
  [
    [3, 9],
    [9, 141],
  ],
  [
    [2, 40, 70],
    [2, 70, 3],
  ],
  [
    [69, 3],
    [3, 22],
  ],
  [
    [6, 70],
    [70, 66],
  ],
  [
    [3, 1, 11, 10],
    [2, 10, 6],
  ],
  [[7], [7]],
  [[5, 4], [4]],
  [[4], [4, 6]],
  [[3, 5, 4], [4]],
  [[4], [3, 4, 5]],
  [
    [0, 3],
    [3, 4],
  ],
  [
    [3, 0],
    [0, 4],
  ],
  [
    [2, 0, 3],
    [3, 4],
  ],
  [
    [0, 2, 3],
    [0, 3, 4],
  ],
];

/**
 * The ways to multiply: by default; with packed operands, even those that would be read in place; and as
 * with vectors of 256 bits, where only the right operand is packed.
 */
const WAYS = ["", " packed", " by rows"] as const;
type Way = (typeof WAYS)[number];

function forcing<T>(way: Way, run: () => T): T {
  forcePacking(way !== "");
  const before = way === " by rows" && forceTile("4x16");
  try {
    return run();
  } finally {
    forcePacking(false);
    if (before) forceTile(before);
  }
}

/** All cases of a matrix product, run by `run`. */
export function matmulCasesBy(run: OpCase["run"], by = ""): OpCase[] {
  return pairs.map(([a, b]) => matmulCase(a, b, run, by));
}

export const matmulCases: OpCase[] = WAYS.flatMap((way) =>
  matmulCasesBy((x, y) => forcing(way, () => x.matmul(y)), way),
);

const linears = [
  [[4, 7], 3, true],
  [[2, 3, 5], 6, true],
  [[7], 2, true],
  [[1, 1], 1, false],
  [[0, 3], 4, true],
  [[9, 16], 17, false],
  [[5, 0], 3, true],
  [[40, 33], 5, true],
  [[3, 70], 37, true],
] as const;

export const linearCases: OpCase[] = WAYS.flatMap((way) =>
  linears
    // an empty sum has no panels
    .filter(([x]) => !way || x.at(-1) !== 0)
    .map(([x, out, bias]) => ({
      name: `linear [${x}] to ${out}${bias ? " with bias" : ""}${way}`,
      inputs: [{ shape: [...x] }, { shape: [out, x.at(-1)!] }, ...(bias ? [{ shape: [out] }] : [])],
      run: (input, weight, b) => forcing(way, () => F.linear(input, weight, b ?? null)),
      reference: (input, weight, b) =>
        build([...input.shape.slice(0, -1), out], (...index) => {
          const row = index.slice(0, -1);
          const o = index[index.length - 1];
          let sum = b ? b.data[o] : 0;
          for (let k = 0; k < weight.shape[1]; k++) sum += at(input, ...row, k) * at(weight, o, k);
          return sum;
        }),
      tolerance: 1e-5,
      flops: 2 * x.reduce<number>((size, length) => size * length, out),
    })),
);
