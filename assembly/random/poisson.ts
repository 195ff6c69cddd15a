// Numbers of the Poisson distribution. Element i of a draw takes words of the generator of draw.ts with its
// counter and c2 = 0, 1, 2 ..., as many as it needs; so the length of a draw stays fixed.

import { exp2OfTwo, log2OfTwo } from "../lib/math";
import { philoxWord } from "./draw";

const LN2: f64 = 0.6931471805599453;
const LOG2E: f64 = 1.4426950408889634;

function logOf(x: f64): f64 {
  return f64x2.extract_lane(log2OfTwo(f64x2.splat(x)), 0) * LN2;
}

function expOf(x: f64): f64 {
  return f64x2.extract_lane(exp2OfTwo(f64x2.splat(x * LOG2E), 1000), 0);
}

/** A number in (0, 1): number `attempt` of element i. */
function unitOf(i: i32, attempt: u32, seed: f64, offset: f64): f64 {
  const counter = <u64>offset + ((<u64>i >> 4) << 2) + <u64>(i & 3);
  const key = <u64>seed;
  const bits = philoxWord(
    <u32>counter, <u32>(counter >> 32), attempt, 0, <u32>key, <u32>(key >> 32), (i >> 2) & 3,
  );
  return (<f64>bits + 0.5) * (1.0 / 4294967296.0);
}

/** log k!, by Stirling's series for k >= 10. */
function logFactorial(k: f64): f64 {
  if (k < 10) {
    let product: f64 = 1;
    for (let i: f64 = 2; i <= k; i++) product *= i;
    return logOf(product);
  }
  const n = k + 1;
  const r = 1.0 / (n * n);
  return (n - 0.5) * logOf(n) - n + 0.9189385332046727 + (1.0 / 12.0 - r * (1.0 / 360.0 - r / 1260.0)) / n;
}

/** For rates below 10: how many factors in (0, 1) it takes until the product is below e^-rate. */
function smallPoisson(rate: f64, i: i32, seed: f64, offset: f64): f64 {
  const end = expOf(-rate);
  let product = unitOf(i, 0, seed, offset);
  let count: u32 = 0;
  while (product > end) {
    count++;
    product *= unitOf(i, count, seed, offset);
  }
  return <f64>count;
}

/**
 * For rates from 10 on: transformed rejection.
 * see: Hörmann, "The transformed rejection method for generating Poisson random variables", 1993, PTRS
 */
function largePoisson(rate: f64, i: i32, seed: f64, offset: f64): f64 {
  const b = 0.931 + 2.53 * sqrt<f64>(rate);
  const a = -0.059 + 0.02483 * b;
  const logInverse = logOf(1.1239 + 1.1328 / (b - 3.4));
  const accepted = 0.9277 - 3.6224 / (b - 2);
  const logRate = logOf(rate);
  let result: f64 = -1;
  for (let attempt: u32 = 0; result < 0; attempt += 2) {
    const u = unitOf(i, attempt, seed, offset) - 0.5;
    const v = unitOf(i, attempt + 1, seed, offset);
    const edge = 0.5 - abs<f64>(u);
    const k = floor<f64>((2 * a / edge + b) * u + rate + 0.43);
    if (k < 0 || (edge < 0.013 && v > edge)) continue;
    const isInside = edge >= 0.07 && v <= accepted;
    if (isInside || logOf(v) + logInverse - logOf(a / (edge * edge) + b) <= k * logRate - rate - logFactorial(k)) {
      result = k;
    }
  }
  return result;
}

/** out[i] = a number of the Poisson distribution with the rate rates[i] >= 0. */
export function randomPoisson(begin: i32, end: i32, out: usize, seed: f64, offset: f64, rates: usize): void {
  for (let i = begin; i < end; i++) {
    const rate = <f64>load<f32>(rates + (<usize>i << 2));
    const value = rate < 10 ? smallPoisson(rate, i, seed, offset) : largePoisson(rate, i, seed, offset);
    store<f32>(out + (<usize>i << 2), rate == 0 ? 0 : <f32>value);
  }
}
