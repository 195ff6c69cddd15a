import { nn } from "wasmgrad";
import { forcePacking } from "../../../src/ops/matmul/skinny.ts";
import { at, build, type OpCase, type Ref } from "../case.ts";

const { functional: F } = nn;

/** torch.matmul for two operands of at least two dimensions, stacks broadcast. */
function reference(a: Ref, b: Ref): Ref {
  const rank = Math.max(a.shape.length, b.shape.length);
  const pad = (x: Ref) => [...new Array(rank - x.shape.length).fill(1), ...x.shape];
  const [as, bs] = [pad(a), pad(b)];
  const depth = as[rank - 1];
  const shape = as.map((length, d) =>
    d < rank - 2 ? (length === 1 ? bs[d] : length) : d === rank - 2 ? length : bs[d],
  );
  const clip = (stack: number[], s: number[]) => stack.map((i, d) => (s[d] === 1 ? 0 : i));
  const [a4, b4] = [
    { shape: as, data: a.data },
    { shape: bs, data: b.data },
  ];
  return build(shape, (...index) => {
    const stack = index.slice(0, -2);
    const [i, j] = index.slice(-2);
    let sum = 0;
    for (let k = 0; k < depth; k++) sum += at(a4, ...clip(stack, as), i, k) * at(b4, ...clip(stack, bs), k, j);
    return sum;
  });
}

function withVectors(a: Ref, b: Ref): Ref {
  const left = a.shape.length === 1 ? { shape: [1, ...a.shape], data: a.data } : a;
  const right = b.shape.length === 1 ? { shape: [...b.shape, 1], data: b.data } : b;
  const out = reference(left, right);
  let shape = out.shape;
  if (b.shape.length === 1) shape = shape.slice(0, -1);
  if (a.shape.length === 1) shape = shape.filter((_, d) => d !== shape.length - (b.shape.length === 1 ? 1 : 2));
  return { shape, data: out.data };
}

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
  ], // and that in the second gradient
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
  // read where they lie: one row, few rows, few columns that are turned, short sums,
  // more than one block of depth
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

/** "packed": also what would be read where it lies. */
function forcing<T>(packed: boolean, run: () => T): T {
  forcePacking(packed);
  try {
    return run();
  } finally {
    forcePacking(false);
  }
}

/** All cases of a matrix product, run by `run`. */
export function matmulCasesBy(run: OpCase["run"], by = ""): OpCase[] {
  return pairs.map(([a, b]) => ({
    name: `matmul [${a}] x [${b}]${by}`,
    inputs: [{ shape: a }, { shape: b }],
    run,
    reference: withVectors,
    tolerance: 1e-5,
  }));
}

export const matmulCases: OpCase[] = [false, true].flatMap((packed) =>
  matmulCasesBy((x, y) => forcing(packed, () => x.matmul(y)), packed ? " packed" : ""),
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

export const linearCases: OpCase[] = [false, true].flatMap((packed) =>
  linears
    // an empty sum has no panels
    .filter(([x]) => !packed || x.at(-1) !== 0)
    .map(([x, out, bias]) => ({
      name: `linear [${x}] to ${out}${bias ? " with bias" : ""}${packed ? " packed" : ""}`,
      inputs: [{ shape: [...x] }, { shape: [out, x.at(-1)!] }, ...(bias ? [{ shape: [out] }] : [])],
      run: (input, weight, b) => forcing(packed, () => F.linear(input, weight, b ?? null)),
      reference: (input, weight, b) =>
        build([...input.shape.slice(0, -1), out], (...index) => {
          const row = index.slice(0, -1);
          const o = index[index.length - 1];
          let sum = b ? b.data[o] : 0;
          for (let k = 0; k < weight.shape[1]; k++) sum += at(input, ...row, k) * at(weight, o, k);
          return sum;
        }),
      tolerance: 1e-5,
    })),
);
