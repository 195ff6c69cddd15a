import { maximum, minimum, pow, type Tensor, where } from "wasmgrad";
import { at, build, type InputSpec, type OpCase, type Ref } from "../case.ts";

/**
 * Pairs of shapes that reach every path: equal, scalar, row, column, channel and general shapes, odd sizes,
 * and no elements.
 */
const SHAPES: [number[], number[]][] = [
  [[], []],
  [[1], []],
  [[5], [5]],
  [[2, 3, 7], []],
  [[], [6]],
  [[4, 5], [5]],
  [[3], [2, 2, 3]],
  [
    [4, 5],
    [4, 1],
  ],
  [
    [2, 3, 3, 3],
    [1, 3, 1, 1],
  ],
  [
    [3, 1, 1],
    [2, 3, 2, 5],
  ],
  [
    [2, 1, 5],
    [3, 1],
  ],
  [
    [2, 1, 3, 1],
    [4, 1, 5],
  ],
  [
    [0, 3],
    [1, 3],
  ],
  [[2, 0], []],
];

function broadcastShape(...shapes: number[][]): number[] {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, d) => {
    const lengths = shapes.map((shape) => shape[d - rank + shape.length] ?? 1);
    return lengths.find((length) => length !== 1) ?? 1;
  });
}

/** The element of `x` that broadcasting puts at position `index` of the result. */
function seen(x: Ref, index: number[]): number {
  const own = index.slice(index.length - x.shape.length);
  return at(x, ...own.map((i, d) => (x.shape[d] === 1 ? 0 : i)));
}

function broadcast(f: (...values: number[]) => number, ...inputs: Ref[]): Ref {
  const shape = broadcastShape(...inputs.map((x) => x.shape));
  return build(shape, (...index) => f(...inputs.map((x) => seen(x, index))));
}

interface Options {
  a?: Partial<InputSpec>;
  b?: Partial<InputSpec>;
  gradTolerance?: number;
}

function table(
  op: string,
  run: (a: Tensor, b: Tensor) => Tensor,
  f: (a: number, b: number) => number,
  { a, b, gradTolerance }: Options = {},
): OpCase[] {
  return SHAPES.map(([shapeA, shapeB]) => ({
    name: `${op} [${shapeA}] [${shapeB}]`,
    inputs: [
      { shape: shapeA, ...a },
      { shape: shapeB, ...b },
    ],
    run: (x, y) => run(x, y),
    reference: (x, y) => broadcast(f, x, y),
    gradTolerance,
  }));
}

const positive = { low: 0.5, high: 3 };
const int = { dtype: "int32", low: -3, high: 4 } as const;

export const binaryCases: Record<string, OpCase[]> = {
  add: [
    ...table(
      "add",
      (a, b) => a.add(b),
      (a, b) => a + b,
    ),
    ...table(
      "add int32",
      (a, b) => a.add(b),
      (a, b) => a + b,
      { a: int, b: int },
    ),
    ...table(
      "add float32 int32",
      (a, b) => a.add(b),
      (a, b) => a + b,
      { b: int },
    ),
  ],
  sub: [
    ...table(
      "sub",
      (a, b) => a.sub(b),
      (a, b) => a - b,
    ),
    ...table(
      "sub int32",
      (a, b) => a.sub(b),
      (a, b) => a - b,
      { a: int, b: int },
    ),
  ],
  mul: [
    ...table(
      "mul",
      (a, b) => a.mul(b),
      (a, b) => a * b,
    ),
    ...table(
      "mul int32",
      (a, b) => a.mul(b),
      (a, b) => a * b,
      { a: int, b: int },
    ),
    ...table(
      "mul float32 int32",
      (a, b) => a.mul(b),
      (a, b) => a * b,
      { b: int },
    ),
    ...table(
      "mul bool float32",
      (a, b) => a.bool().mul(b),
      (a, b) => (a ? b : 0),
      { a: int },
    ),
  ],
  div: [
    ...table(
      "div",
      (a, b) => a.div(b),
      (a, b) => a / b,
      { b: positive },
    ),
    ...table(
      "div int32",
      (a, b) => a.div(b),
      (a, b) => a / b,
      { a: int, b: { ...int, low: 1 } },
    ),
  ],
  maximum: [...table("maximum", maximum, Math.max), ...table("maximum int32", maximum, Math.max, { a: int, b: int })],
  minimum: [...table("minimum", minimum, Math.min), ...table("minimum int32", minimum, Math.min, { a: int, b: int })],
  pow: [
    ...table("pow", pow, Math.pow, { a: positive }),
    ...table("pow int32", pow, Math.pow, { a: int, b: { ...int, low: 0 } }),
    ...[-2, -1, -0.5, 0, 0.5, 1, 1.7, 2, 3].map(
      (exponent): OpCase => ({
        name: `pow [7] ^ ${exponent}`,
        inputs: [{ shape: [7], ...positive }],
        run: (x) => x.pow(exponent),
        reference: (x) => broadcast((v) => v ** exponent, x),
      }),
    ),
    {
      name: "pow 1.5 ^ [7]",
      inputs: [{ shape: [7] }],
      run: (x) => pow(1.5, x),
      reference: (x) => broadcast((v) => 1.5 ** v, x),
    },
  ],
  comparisons: (
    [
      ["eq", (a, b) => a === b],
      ["ne", (a, b) => a !== b],
      ["lt", (a, b) => a < b],
      ["le", (a, b) => a <= b],
      ["gt", (a, b) => a > b],
      ["ge", (a, b) => a >= b],
    ] as [name: "eq", holds: (a: number, b: number) => boolean][]
  ).flatMap(([name, holds]) => [
    ...table(
      `${name} int32`,
      (a, b) => a[name](b),
      (a, b) => (holds(a, b) ? 1 : 0),
      { a: int, b: int },
    ),
    ...table(
      `${name} float32 int32`,
      (a, b) => a.int().float()[name](b),
      (a, b) => (holds(Math.trunc(a), b) ? 1 : 0),
      { a: { grad: false }, b: int },
    ),
  ]),
  where: [
    ...table("where", (a, b) => where(a.gt(b), a, b), Math.max),
    {
      name: "where [2,1,3] ? [4,1] : [3]",
      inputs: [{ shape: [2, 1, 3], grad: false }, { shape: [4, 1] }, { shape: [3] }],
      run: (c, a, b) => where(c.lt(0.5), a, b),
      reference: (c, a, b) => broadcast((v, x, y) => (v < 0.5 ? x : y), c, a, b),
    },
    {
      name: "where [5] ? [5] : number",
      inputs: [{ shape: [5] }],
      run: (x) => where(x.lt(0.5), x, -3),
      reference: (x) => broadcast((v) => (v < 0.5 ? v : -3), x),
    },
  ],
};

/** Large sizes, which are timed. */
export const largeBinaryCases: Record<string, OpCase[]> = {
  add: [4, 64].map((batch) => ({
    name: `add [${batch},64,32,32]`,
    inputs: [{ shape: [batch, 64, 32, 32] }, { shape: [batch, 64, 32, 32] }],
    run: (a, b) => a.add(b),
    reference: (a, b) => broadcast((x, y) => x + y, a, b),
    batched: [0, 1],
  })),
};
