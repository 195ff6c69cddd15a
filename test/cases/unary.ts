import type { Tensor } from "wasmgrad";
import type { InputSpec, OpCase } from "./case.ts";

const SHAPES = [[], [1], [3], [4], [5], [2, 3, 7], [0, 3]];

function table(
  op: string,
  run: (x: Tensor) => Tensor,
  f: (x: number) => number,
  input: Partial<InputSpec> = { low: -4, high: 4 },
): OpCase[] {
  return SHAPES.map((shape) => ({
    name: `${op} [${shape}]`,
    inputs: [{ shape, ...input }],
    run: (x) => run(x),
    reference: (x) => ({ shape: x.shape, data: x.data.map(f) }),
  }));
}

const positive = { low: 0.3, high: 5 };

/** The error function: its Maclaurin series, which converges everywhere and keeps 1e-12 for |x| < 4. */
export function erf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 200; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

export const unaryCases: Record<string, OpCase[]> = {
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
  relu: table(
    "relu",
    (x) => x.relu(),
    (v) => Math.max(v, 0),
  ),
  sigmoid: table(
    "sigmoid",
    (x) => x.sigmoid(),
    (v) => 1 / (1 + Math.exp(-v)),
  ),
  tanh: table("tanh", (x) => x.tanh(), Math.tanh),
};
