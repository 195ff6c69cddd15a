import { type Tensor, where } from "wasmgrad";
import { build, type OpCase, type Ref } from "../case.ts";

/** A function of one array of 37 elements in [low, high). */
function unary(name: string, low: number, high: number, f: (x: number) => number, run: (x: Tensor) => Tensor): OpCase {
  const reference = (x: Ref): Ref => ({ shape: x.shape, data: x.data.map(f) });
  return { name: `${name} [37]`, inputs: [{ shape: [37], low, high }], run, reference };
}

/** The y with `erf y = x`, by Newton's method on the series of erf. */
function inverseErf(x: number): number {
  let y = 0;
  for (let i = 0; i < 60; i++) {
    let [term, sum] = [y, y];
    for (let k = 1; k < 90; k++) {
      term *= -(y * y) / k;
      sum += term / (2 * k + 1);
    }
    y -= (sum - (x * Math.sqrt(Math.PI)) / 2) * Math.exp(y * y);
  }
  return y;
}

/** Derivative n of `ln Γ`, for x > 0: its recurrence, and the first terms of the series for large x. */
function lnGammaDerivative(n: number, x: number): number {
  const from = 60;
  let steps = 0;
  for (let k = 0; k < from; k++) {
    const y = x + k;
    steps += n === 0 ? Math.log(y) : n === 1 ? 1 / y : n === 2 ? -1 / y ** 2 : 2 / y ** 3;
  }
  const y = x + from;
  if (n === 0) return (y - 0.5) * Math.log(y) - y + 0.5 * Math.log(2 * Math.PI) + 1 / (12 * y) - y ** -3 / 360 - steps;
  if (n === 1) return Math.log(y) - 0.5 / y - y ** -2 / 12 + y ** -4 / 120 - steps;
  if (n === 2) return 1 / y + 0.5 / y ** 2 + y ** -3 / 6 - y ** -5 / 30 - steps;
  return -(y ** -2) - y ** -3 - y ** -4 / 2 + y ** -6 / 6 - steps;
}

export const specialFunctionCases: OpCase[] = [
  unary("erfinv", -0.95, 0.95, inverseErf, (x) => x.erfinv()),
  unary(
    "lgamma",
    0.3,
    6,
    (x) => lnGammaDerivative(0, x),
    (x) => x.lgamma(),
  ),
  unary(
    "digamma",
    0.5,
    6,
    (x) => lnGammaDerivative(1, x),
    (x) => x.digamma(),
  ),
  unary(
    "polygamma 2",
    0.7,
    6,
    (x) => lnGammaDerivative(3, x),
    (x) => x.polygamma(2),
  ),
];

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
