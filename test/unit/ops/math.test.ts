/**
 * The error bounds that assembly/lib/math.ts states, measured against float64 over all of float32: every
 * 4099th bit pattern (a million values: denormals, both signs, inf, NaN), a dense sweep where the
 * function bends, and its corners.
 */
import { describe, expect, test } from "vitest";
import { nn, pow, scope, type Tensor, tensor } from "wasmgrad";
import { erf } from "../../cases/elementwise/unary.ts";
import { testRandom } from "../../support/random.ts";

const F = nn.functional;

/** The distance between neighbouring float32 numbers at x. */
function ulp(x: number): number {
  const exponent = Math.floor(Math.log2(Math.max(Math.abs(x), 2 ** -126)));
  return 2 ** (Math.min(exponent, 127) - 23);
}

const everywhere = (() => {
  const bits = new Int32Array(1_047_800);
  for (let i = 0; i < bits.length; i++) bits[i] = Math.imul(i, 4099);
  return new Float32Array(bits.buffer);
})();

function dense(low: number, high: number, count = 200_001): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => low + ((high - low) * i) / (count - 1));
}

const corners = Float32Array.from([
  0,
  -0,
  1,
  -1,
  Infinity,
  -Infinity,
  NaN,
  2 ** -149,
  -(2 ** -149),
  2 ** -126,
  -(2 ** -126),
  3.4028235e38,
  -3.4028235e38,
  88.72283,
  88.72284,
  -87.33655,
  -103.97208,
  -103.97209,
  2 ** -24,
  -(2 ** -24),
  Math.PI,
  Math.PI / 2,
]);

/**
 * Errors in ulp of the exact result: 0 if both are NaN, the same infinity or the same zero; infinite if only
 * one of them is.
 */
function ulpsOff(y: number, exact: number): number {
  const expected = Math.fround(exact);
  if (Object.is(y, expected)) return 0;
  if (!Number.isFinite(expected) || !Number.isFinite(y) || (y === 0 && expected === 0)) return Infinity;
  return Math.abs(y - exact) / ulp(exact);
}

type Distance = (y: number, exact: number) => number;

/** Fails with the worst element if its error is above `bound`. */
function expectWithin(
  bound: number,
  inputs: Float32Array[],
  run: (...x: Tensor[]) => Tensor,
  f: (...x: number[]) => number,
  distance: Distance = ulpsOff,
): void {
  scope(() => {
    const ys = run(...inputs.map((values) => tensor(values))).data();
    let worst = 0;
    let where = 0;
    ys.forEach((y, i) => {
      const off = distance(y, f(...inputs.map((values) => values[i])));
      if (off <= worst) return;
      worst = off;
      where = i;
    });
    const x = inputs.map((values) => values[where]);
    expect(worst, `at ${x}: ${ys[where]}, exactly ${f(...x)}`).toBeLessThanOrEqual(bound);
  });
}

type Line = [
  name: string,
  bound: number,
  run: (x: Tensor) => Tensor,
  f: (x: number) => number,
  low: number,
  high: number,
];

const functions: Line[] = [
  ["exp", 1, (x) => x.exp(), Math.exp, -104, 89],
  ["expm1", 1.5, (x) => x.expm1(), Math.expm1, -20, 89],
  ["log", 0.8, (x) => x.log(), Math.log, 0, 4],
  ["log1p", 1.5, (x) => x.log1p(), Math.log1p, -1, 4],
  ["sigmoid", 2.5, (x) => x.sigmoid(), (x) => 1 / (1 + Math.exp(-x)), -104, 20],
  ["tanh", 2.5, (x) => x.tanh(), Math.tanh, -10, 10],
  ["erf", 1.2, (x) => x.erf(), erf, -4.5, 4.5],
  ["log2", 0.51, (x) => x.log2(), Math.log2, 0, 4],
  ["log10", 0.51, (x) => x.log10(), Math.log10, 0, 4],
  ["exp2", 0.51, (x) => x.exp2(), (x) => 2 ** x, -150, 129],
  ["tan", 4, (x) => x.tan(), Math.tan, -20, 20],
  ["asin", 2.5, (x) => x.asin(), Math.asin, -1, 1],
  ["acos", 2, (x) => x.acos(), Math.acos, -1, 1],
  ["atan", 3, (x) => x.atan(), Math.atan, -9, 9],
  ["sinh", 1.5, (x) => x.sinh(), Math.sinh, -4, 4],
  ["cosh", 0.51, (x) => x.cosh(), Math.cosh, -4, 4],
  ["trunc", 0, (x) => x.trunc(), Math.trunc, -4, 4],
  ["sqrt", 0.5, (x) => x.sqrt(), Math.sqrt, 0, 4],
  ["rsqrt", 1.5, (x) => x.rsqrt(), (x) => 1 / Math.sqrt(x), 0, 4],
  ["reciprocal", 0.5, (x) => x.reciprocal(), (x) => 1 / x, -4, 4],
  ["round", 0, (x) => x.round(), roundToEven, -4, 4],
  ["floor", 0, (x) => x.floor(), Math.floor, -4, 4],
  ["ceil", 0, (x) => x.ceil(), Math.ceil, -4, 4],
];

const pairs: [string, number, (x: Tensor, y: Tensor) => Tensor, (x: number, y: number) => number][] = [
  ["fmod", 0, (x, y) => x.fmod(y), (x, y) => x % y],
  ["remainder", 0.5, (x, y) => x.remainder(y), remainderOf],
  ["atan2", 3, (x, y) => x.atan2(y), Math.atan2],
];

/** As Python's %, of which the sum is rounded. */
function remainderOf(x: number, y: number): number {
  const rest = x % y;
  return rest !== 0 && rest < 0 !== y < 0 ? rest + y : rest;
}

test.each(pairs)("%s is off by at most %d ulp, for any two numbers", (_name, bound, run, f) => {
  const other = everywhere.map((_, i) => everywhere[(i * 7919 + 5) % everywhere.length]);
  expectWithin(bound, [everywhere, other], run, f);
  expectWithin(bound, [dense(-9, 9, 20_001), dense(3, -4, 20_001)], run, f);
});

/** The bounds of gradients, with the derivatives. A derivative smaller than any float32 counts as 0. */
const derivatives: [string, number, (x: Tensor) => Tensor, (x: number) => number][] = [
  ["exp", 1, (x) => x.exp(), Math.exp],
  ["log", 0.5, (x) => x.log(), (x) => 1 / x],
  ["log1p", 1.5, (x) => x.log1p(), (x) => 1 / (1 + x)],
  ["sqrt", 1.5, (x) => x.sqrt(), (x) => 0.5 / Math.sqrt(x)],
  ["rsqrt", 5.5, (x) => x.rsqrt(), (x) => -0.5 / Math.sqrt(x) / x],
  ["reciprocal", 2, (x) => x.reciprocal(), (x) => -1 / x / x],
  ["square", 0.5, (x) => x.square(), (x) => 2 * x],
  ["softplus", 2.5, (x) => F.softplus(x), (x) => (x > 20 ? 1 : 1 / (1 + Math.exp(-x)))],
  ["elu", 1, (x) => F.elu(x), (x) => (x > 0 ? 1 : Math.exp(x))],
  ["pow -1.5", 0.51, (x) => x.pow(-1.5), (x) => -1.5 / Math.sqrt(x) / x / x],
  ["3^x", 0.51, (x) => pow(3, x), (x) => 3 ** x * Math.log(3)],
];

test.each(derivatives)("the gradient of %s is off by at most %d ulp, everywhere", (_name, bound, run, f) => {
  const positive = everywhere.filter((x, i) => i % 5 === 0 && x > 0);
  for (const values of [positive, dense(0.001, 40, 20_001)]) {
    scope(() => {
      const x = tensor(values, { requiresGrad: true });
      run(x).sum().backward();
      const slopes = (x.grad as Tensor).data();
      let worst = 0;
      let where = 0;
      slopes.forEach((slope, i) => {
        const off = slope === 0 && Math.fround(f(values[i])) === 0 ? 0 : ulpsOff(slope, f(values[i]));
        if (off <= worst) return;
        worst = off;
        where = i;
      });
      expect(worst, `at ${values[where]}: ${slopes[where]}, exactly ${f(values[where])}`).toBeLessThanOrEqual(bound);
    });
  }
});

function roundToEven(x: number): number {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Object.is(Math.round(x), 0) && x < 0 ? -0 : Math.round(x);
  return low % 2 === 0 ? low : low === -1 ? -0 : low + 1;
}

test.each(functions)("%s is off by at most %d ulp, everywhere", (_name, bound, run, f, low, high) => {
  for (const values of [corners, dense(low, high), everywhere]) expectWithin(bound, [values], run, f);
});

/** 2/pi to 256 bits. */
const TWO_OVER_PI = 0xa2f9836e4e441529fc2757d1f534ddc0db6295993c439041fe5163abdebbc561n;

/** sin(x + quarters π/2) of a float32 x, whose angle is reduced with integers. */
function sinExact(x: number, quarters: number): number {
  if (!Number.isFinite(x)) return NaN;
  if (Math.abs(x) < 2 ** -20) return quarters === 0 ? x : 1 - (x * x) / 2;
  // |x| = mantissa 2^-43, and so |x| 2/pi = product 2^-299
  const product = BigInt(Math.abs(x) * 2 ** 43) * TWO_OVER_PI;
  const nearest = (product + (1n << 298n)) >> 299n;
  const angle = ((Number(product - (nearest << 299n)) * 2 ** -299 * Math.PI) / 2) * (x < 0 ? -1 : 1);
  const n = (Number(nearest % 4n) * (x < 0 ? -1 : 1) + quarters + 4) % 4;
  return (n < 2 ? 1 : -1) * (n % 2 === 0 ? Math.sin(angle) : Math.cos(angle));
}

describe("sin and cos", () => {
  const both: [string, (x: Tensor) => Tensor, number][] = [
    ["sin", (x) => x.sin(), 0],
    ["cos", (x) => x.cos(), 1],
  ];
  // the ulp of very small results is the ulp at 1e-12: no float32 except 0 comes so close to a zero
  const far = Float32Array.from([
    1.6e6,
    1600000.125,
    2 ** 21,
    6e9,
    1e15,
    2 ** 64,
    16367173 * 2 ** 72,
    3e38,
    3.4028235e38,
  ]);

  test.each(both)("%s is off by at most 1.6 ulp, everywhere", (_name, run, quarters) => {
    const exact = (x: number) => sinExact(x, quarters);
    for (const values of [corners, far, far.map((x) => -x)]) expectWithin(1.6, [values], run, exact);
    for (const high of [4, 100, 1e5, 1.6e6, 1e10, 3.4e38]) expectWithin(1.6, [dense(-high, high, 50_001)], run, exact);
    expectWithin(1.6, [everywhere.filter((_, i) => i % 3 === 0)], run, exact);
  });

  test.each(both)("the gradient of %s, beside ordinary values and infinities", (_name, run, quarters) => {
    const x = tensor([1, 3e38, -6e9, Infinity, 0.5, 1e20, NaN, -2e6, 2], { requiresGrad: true });
    run(x).backward(tensor(Array(9).fill(2)));
    const slopes = (x.grad as Tensor).data();
    [...x.data()].forEach((value, i) => {
      const exact = 2 * sinExact(value, quarters + 1);
      if (Number.isNaN(exact)) expect(slopes[i]).toBeNaN();
      else expect(Math.abs(slopes[i] - exact), `at ${value}`).toBeLessThanOrEqual(1.6 * ulp(exact));
    });
  });
});

describe("pow", () => {
  /** pow as in C, where it differs from JavaScript's. */
  const power = (x: number, y: number) => (x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : x ** y);

  test("all pairs of special values, as in C", () => {
    const specials = [
      0,
      -0,
      1,
      -1,
      2,
      -2,
      3,
      -3,
      0.5,
      -0.5,
      2.5,
      -2.5,
      Infinity,
      -Infinity,
      NaN,
      16777217,
      2 ** -149,
      3e38,
    ];
    const x = Float32Array.from(specials.flatMap((a) => specials.map(() => a)));
    const y = Float32Array.from(specials.flatMap(() => specials));
    expectWithin(0.51, [x, y], pow, power);
  });

  test("is off by at most 0.51 ulp", () => {
    const random = testRandom(3);
    const draw = (low: number, high: number) =>
      Float32Array.from({ length: 100_000 }, () => low + (high - low) * random());
    expectWithin(0.51, [draw(0, 4), draw(-60, 60)], pow, power);
    expectWithin(0.51, [draw(0.99, 1.01), draw(-9000, 9000)], pow, power);
    expectWithin(0.51, [everywhere, everywhere.map(() => 1.7)], pow, power);
    expectWithin(0.51, [everywhere, everywhere.map(() => -3)], pow, power);
  });

  test("small integer powers are exact", () => {
    const x = Float32Array.from({ length: 101 }, (_, i) => i - 50);
    for (const exponent of [0, 1, 2, 3, 4]) {
      expect(tensor(x).pow(exponent).data()).toEqual(x.map((v) => v ** exponent));
      expect(pow(tensor(x), tensor([exponent])).data()).toEqual(x.map((v) => v ** exponent));
    }
  });
});

describe("activations, relative to max(1, |y|)", () => {
  const lines: [string, (x: Tensor) => Tensor, (x: number) => number][] = [
    ["gelu", (x) => F.gelu(x), (x) => (x * (1 + erf(x / Math.SQRT2))) / 2],
    [
      "gelu tanh",
      (x) => F.gelu(x, { approximate: "tanh" }),
      (x) => (x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))) / 2,
    ],
    ["silu", (x) => F.silu(x), (x) => x / (1 + Math.exp(-x))],
    ["softplus", (x) => F.softplus(x), (x) => (x > 20 ? x : Math.log1p(Math.exp(x)))],
    ["elu", (x) => F.elu(x), (x) => (x > 0 ? x : Math.expm1(x))],
  ];

  test.each(lines)("%s is off by at most 3e-7 from -200 to 200", (_name, run, f) => {
    const distance: Distance = (y, exact) => Math.abs(y - exact) / Math.max(1, Math.abs(exact));
    for (const high of [1, 10, 200]) expectWithin(3e-7, [dense(-high, high)], run, f, distance);
  });

  test.each(lines)("%s of NaN is NaN", (_name, run) => {
    expect(run(tensor([NaN])).item()).toBeNaN();
  });
});
