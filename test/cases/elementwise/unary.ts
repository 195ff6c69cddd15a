import { nn, type Tensor } from "wasmgrad";
import type { InputSpec, OpCase } from "../case.ts";

const F = nn.functional;

const SHAPES = [[], [1], [3], [4], [5], [2, 3, 7], [0, 3]];

function table(
  op: string,
  run: (x: Tensor) => Tensor,
  f: (x: number) => number,
  input: Partial<InputSpec> = { low: -4, high: 4 },
  shapes = SHAPES,
): OpCase[] {
  return shapes.map((shape) => ({
    name: `${op} [${shape}]`,
    inputs: [{ shape, ...input }],
    run: (x) => run(x),
    reference: (x) => ({ shape: x.shape, data: x.data.map(f) }),
  }));
}

const positive = { low: 0.3, high: 5 };

const relu = (x: number) => Math.max(x, 0);
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const silu = (x: number) => x * sigmoid(x);

const gelu = (x: number) => (x * (1 + erf(x / Math.SQRT2))) / 2;

/**
 * The error function, by the series 2/sqrt(pi) e^(-x^2) sum 2^n x^(2n+1) / (2n+1)!!, whose
 * terms are all of one sign.
 */
export function erf(x: number): number {
  if (Number.isNaN(x) || Math.abs(x) > 6) return x > 0 ? 1 : x < 0 ? -1 : x;
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

const hardGate = (x: number) => Math.min(Math.max(x + 3, 0), 6) / 6;

export const unaryCases: Record<string, OpCase[]> = {
  mish: table(
    "mish",
    (x) => F.mish(x),
    (v) => v * Math.tanh(Math.log1p(Math.exp(v))),
    { low: -30, high: 30 },
  ),
  hardswish: table(
    "hardswish",
    (x) => F.hardswish(x),
    (v) => v * hardGate(v),
    { low: -5, high: 5 },
  ),
  hardsigmoid: table("hardsigmoid", (x) => F.hardsigmoid(x), hardGate, { low: -5, high: 5 }),
  softsign: table(
    "softsign",
    (x) => F.softsign(x),
    (v) => v / (1 + Math.abs(v)),
  ),
  neg: table(
    "neg",
    (x) => x.neg(),
    (v) => -v,
  ),
  abs: table("abs", (x) => x.abs(), Math.abs),
  square: table(
    "square",
    (x) => x.square(),
    (v) => v * v,
  ),
  exp: table("exp", (x) => x.exp(), Math.exp, { low: -4, high: 2 }),
  expm1: table("expm1", (x) => x.expm1(), Math.expm1, { low: -4, high: 2 }),
  log: table("log", (x) => x.log(), Math.log, positive),
  log1p: table("log1p", (x) => x.log1p(), Math.log1p, { low: -0.7, high: 5 }),
  sqrt: table("sqrt", (x) => x.sqrt(), Math.sqrt, positive),
  rsqrt: table(
    "rsqrt",
    (x) => x.rsqrt(),
    (v) => 1 / Math.sqrt(v),
    positive,
  ),
  reciprocal: table(
    "reciprocal",
    (x) => x.reciprocal(),
    (v) => 1 / v,
    positive,
  ),
  sin: table("sin", (x) => x.sin(), Math.sin),
  cos: table("cos", (x) => x.cos(), Math.cos),
  erf: table("erf", (x) => x.erf(), erf, { low: -3, high: 3 }),
  relu: table("relu", (x) => x.relu(), relu),
  sigmoid: table("sigmoid", (x) => x.sigmoid(), sigmoid),
  tanh: table("tanh", (x) => x.tanh(), Math.tanh),
  silu: table("silu", (x) => F.silu(x), silu),
  gelu: [
    ...table("gelu", (x) => F.gelu(x), gelu),
    ...table(
      "gelu tanh",
      (x) => F.gelu(x, { approximate: "tanh" }),
      (v) => {
        return (v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3)))) / 2;
      },
    ),
  ],
  softplus: [
    ...table(
      "softplus",
      (x) => F.softplus(x),
      (v) => Math.log1p(Math.exp(v)),
    ),
    ...table(
      "softplus beta 3 threshold 6",
      (x) => F.softplus(x, { beta: 3, threshold: 6 }),
      (v) => (3 * v > 6 ? v : Math.log1p(Math.exp(3 * v)) / 3),
    ),
  ],
  leakyRelu: [
    ...table(
      "leakyRelu",
      (x) => F.leakyRelu(x),
      (v) => (v > 0 ? v : 0.01 * v),
    ),
    ...table(
      "leakyRelu -0.5",
      (x) => F.leakyRelu(x, { negativeSlope: -0.5 }),
      (v) => (v > 0 ? v : -0.5 * v),
    ),
  ],
  elu: [
    ...table(
      "elu",
      (x) => F.elu(x),
      (v) => (v > 0 ? v : Math.expm1(v)),
    ),
    ...table(
      "elu 2.5",
      (x) => F.elu(x, { alpha: 2.5 }),
      (v) => (v > 0 ? v : 2.5 * Math.expm1(v)),
    ),
  ],
  clamp: [
    ...table(
      "clamp -1 2",
      (x) => x.clamp({ min: -1, max: 2 }),
      (v) => Math.min(Math.max(v, -1), 2),
    ),
    ...table(
      "clamp min 0.5",
      (x) => x.clamp({ min: 0.5 }),
      (v) => Math.max(v, 0.5),
    ),
    ...table(
      "clamp max 0.5",
      (x) => x.clamp({ max: 0.5 }),
      (v) => Math.min(v, 0.5),
    ),
    ...table(
      "clamp min above max",
      (x) => x.clamp({ min: 2, max: -1 }),
      () => -1,
    ),
  ],
  floor: table("floor", (x) => x.floor(), Math.floor),
  ceil: table("ceil", (x) => x.ceil(), Math.ceil),
  round: table("round", (x) => x.round(), Math.round),
  sign: table("sign", (x) => x.sign(), Math.sign),
};

const large = (cases: OpCase[]) => cases.map((testCase) => ({ ...testCase, batched: [0] }));

/** Large sizes, which are timed. */
export const largeUnaryCases: Record<string, OpCase[]> = {
  relu: large(
    table("relu", (x) => x.relu(), relu, {}, [
      [4, 64, 32, 32],
      [64, 64, 32, 32],
    ]),
  ),
  sigmoid: large(table("sigmoid", (x) => x.sigmoid(), sigmoid, {}, [[64, 3, 32, 32]])),
  gelu: large(table("gelu", (x) => F.gelu(x), gelu, {}, [[64, 3, 32, 32]])),
  others: large([
    ...table("tanh", (x) => x.tanh(), Math.tanh, {}, [[64, 3, 32, 32]]),
    ...table("silu", (x) => F.silu(x), silu, {}, [[64, 3, 32, 32]]),
    ...table("exp", (x) => x.exp(), Math.exp, {}, [[64, 3, 32, 32]]),
  ]),
};
