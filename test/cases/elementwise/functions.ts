import { type Tensor, where } from "wasmgrad";
import { build, type OpCase, type Ref } from "../case.ts";

/** A function of one array of 37 elements in [low, high). */
function unary(name: string, low: number, high: number, f: (x: number) => number, run: (x: Tensor) => Tensor): OpCase {
  const reference = (x: Ref): Ref => ({ shape: x.shape, data: x.data.map(f) });
  return { name: `${name} [37]`, inputs: [{ shape: [37], low, high }], run, reference };
}

export const mathFunctionCases: OpCase[] = [
  unary("log2", 0.2, 9, Math.log2, (x) => x.log2()),
  unary("log10", 0.2, 9, Math.log10, (x) => x.log10()),
  unary(
    "exp2",
    -4,
    4,
    (x) => 2 ** x,
    (x) => x.exp2(),
  ),
  unary("tan", -1.2, 1.2, Math.tan, (x) => x.tan()),
  unary("asin", -0.9, 0.9, Math.asin, (x) => x.asin()),
  unary("acos", -0.9, 0.9, Math.acos, (x) => x.acos()),
  unary("atan", -5, 5, Math.atan, (x) => x.atan()),
  unary("sinh", -3, 3, Math.sinh, (x) => x.sinh()),
  unary("cosh", -3, 3, Math.cosh, (x) => x.cosh()),
  unary(
    "frac",
    -4,
    4,
    (x) => x - Math.trunc(x),
    (x) => x.frac(),
  ),
  unary("trunc", -4, 4, Math.trunc, (x) => x.trunc()),
  unary(
    "nanToNum",
    -4,
    4,
    (x) => x,
    (x) => x.nanToNum(),
  ),
  unary(
    "nanToNum of NaN",
    0.5,
    4,
    (x) => (x > 2 ? -1 : x),
    (x) => where(x.gt(2), NaN, x).nanToNum({ nan: -1 }),
  ),
];

/** An operation on [3,5] and [5] arrays. */
function binary(
  name: "fmod" | "remainder" | "atan2",
  f: (a: number, b: number) => number,
  shapes: [number[], number[]] = [[3, 5], [5]],
): OpCase {
  const [a, b] = shapes;
  return {
    name: `${name} [${a}] [${b}]`,
    inputs: [
      { shape: a, low: -9, high: 9 },
      { shape: b, low: 1.1, high: 3 },
    ],
    run: (x, y) => x[name](y),
    reference: (x, y) => build(a, (i, j) => f(x.data[i * a[1] + j], y.data[b.length === 1 ? j : i])),
    tolerance: 4e-6,
    gradTolerance: 1e-4,
  };
}

const modulo = (a: number, b: number) => a - b * Math.floor(a / b);

/** An operation on int32 arrays. */
function integers(name: "fmod" | "remainder" | "floorDivide", f: (a: number, b: number) => number): OpCase {
  const values = [3, -3, 7, -1, 2, 5, -4];
  return {
    name: `${name} int32 [7]`,
    inputs: [
      { shape: [7], dtype: "int32", low: -20, high: 20 },
      { shape: [7], dtype: "int32", values },
    ],
    run: (a, b) => a[name](b),
    reference: (a, b) => ({ shape: [7], data: a.data.map((x, i) => f(x, b.data[i])) }),
    tolerance: 0,
  };
}

export const remainderCases: OpCase[] = [
  binary("fmod", (a, b) => a % b),
  binary("remainder", modulo),
  binary("remainder", modulo, [
    [3, 5],
    [3, 1],
  ]),
  integers("fmod", (a, b) => a % b),
  integers("remainder", modulo),
];

export const floorDivideCases: OpCase[] = [
  {
    name: "floorDivide [9]",
    inputs: [{ shape: [9], low: -9, high: 9, grad: false }],
    run: (x) => x.floorDivide(2.5),
    reference: (x) => ({ shape: x.shape, data: x.data.map((value) => Math.floor(value / 2.5)) }),
  },
  integers("floorDivide", (a, b) => Math.floor(a / b)),
];

export const atan2Cases: OpCase[] = [
  binary("atan2", Math.atan2),
  binary("atan2", Math.atan2, [
    [3, 5],
    [3, 1],
  ]),
];

/** An operation on arrays of shapes [2,5], [5] and [2,1]. */
function ternary(
  name: string,
  run: (x: Tensor, a: Tensor, b: Tensor) => Tensor,
  f: (x: number, a: number, b: number) => number,
): OpCase {
  return {
    name: `${name} [2,5] [5] [2,1]`,
    inputs: [{ shape: [2, 5] }, { shape: [5] }, { shape: [2, 1], low: 0.2, high: 0.9 }],
    run,
    reference: (x, a, b) => build([2, 5], (i, j) => f(x.data[i * 5 + j], a.data[j], b.data[i])),
  };
}

export const ternaryCases: OpCase[] = [
  ternary(
    "lerp",
    (x, a, w) => x.lerp(a, w),
    (x, a, w) => x + w * (a - x),
  ),
  ternary(
    "addcmul",
    (x, a, b) => x.addcmul(a, b, { value: 0.5 }),
    (x, a, b) => x + 0.5 * a * b,
  ),
  ternary(
    "addcdiv",
    (x, a, b) => x.addcdiv(a, b, { value: -2 }),
    (x, a, b) => x - (2 * a) / b,
  ),
];
