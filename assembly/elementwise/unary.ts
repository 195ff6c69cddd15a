// Functions of one array and their derivatives. To add one, write a formula in `apply`, one in
// `inputGradient`, and the two exports.
//
// All kernels work on elements [begin, end) of contiguous arrays; begin is a multiple of 4. They may read up
// to 12 bytes past an input. The last elements go through the same vector code as the others, so a value does
// not depend on its position.

import {
  constant, cos4, erf4, exp2Term4, exp4, expm14, log1p4, log1pOfPositive, log4, ONE, polynomial3, polynomial4, sigmoid4,
  signOf, sin4, tanh4,
} from "../lib/math";
import { load4, storeUpTo } from "../lib/simd";

const enum F {
  Relu, LeakyRelu, Elu, Gelu, GeluTanh, Silu, Sigmoid, Softplus, Tanh, Clamp,
  Exp, Expm1, Log, Log1p, Sqrt, Rsqrt, Reciprocal, Square, Sin, Cos, Erf, Abs, Sign, Floor, Ceil, Round,
}

const TWO_OVER_SQRT_PI: usize = memory.data<f32>([1.1283791670955126]);
const ONE_OVER_SQRT_2PI: usize = memory.data<f32>([0.39894228040143268]);
const MINUS_HALF: usize = memory.data<f32>([-0.5]);
const HALF: usize = memory.data<f32>([0.5]);
const SQRT_2_OVER_PI: usize = memory.data<f32>([0.79788456080286536]);
const GELU_CUBIC: usize = memory.data<f32>([0.044715]);
const GELU_CUBIC_SLOPE: usize = memory.data<f32>([0.134145]);
const TANH_NEAR: usize = memory.data<f32>([20]);
const TANH_NEAR_BELOW: usize = memory.data<f32>([-20]);

// @ts-ignore: decorator
@inline
function all(value: f32): v128 {
  return f32x4.splat(value);
}

/** -1, 0 or 1; 0 for NaN, as in PyTorch. */
// @ts-ignore: decorator
@inline
function sign4(x: v128): v128 {
  return f32x4.convert_i32x4_s(i32x4.sub(f32x4.lt(x, all(0)), f32x4.gt(x, all(0))));
}

/** From here on the tail of the normal distribution, and `bell` (which becomes 2^-127), are 0 in float32. */
const BELL_END: usize = memory.data<f32>([13.27]);
const BELL_RATE: usize = memory.data<f32>([-0.72134752044448170]);

/** e^(-t^2 / 2) of 0 <= t <= BELL_END, as a power of two, to 1e-7 + t^2 2^-25 of it. */
// @ts-ignore: decorator
@inline
function bell(t: v128): v128 {
  return exp2Term4(f32x4.mul(f32x4.mul(t, t), constant(BELL_RATE)));
}

const TAIL_NUMERATOR: usize = memory.data<f32>([0.011212480254, 0.092903420329, 0.31153967977, 0.5]);
const TAIL_DENOMINATOR: usize = memory.data<f32>([
  2.81567871570587e-2, 0.231805279850959778, 0.81957745552062988, 1.42096340656280518, 1,
]);

/**
 * The normal distribution's tail (1 - erf(t / sqrt 2)) / 2 over `bell`: minimax where their product counts,
 * 6e-9.
 */
// @ts-ignore: decorator
@inline
function tailOverBell(t: v128): v128 {
  return f32x4.div(polynomial3(TAIL_NUMERATOR, t), polynomial4(TAIL_DENOMINATOR, t));
}

/** x times the normal distribution function: of |x| what the tail leaves. */
// @ts-ignore: decorator
@inline
function gelu4(x: v128): v128 {
  const t = f32x4.pmin(f32x4.abs(x), constant(BELL_END));
  return f32x4.sub(f32x4.pmax(x, all(0)), f32x4.mul(t, f32x4.mul(bell(t), tailOverBell(t))));
}

/** Its derivative, the distribution function plus x times the density. */
// @ts-ignore: decorator
@inline
function geluSlope4(x: v128): v128 {
  const t = f32x4.pmin(f32x4.abs(x), constant(BELL_END));
  // at -t; at t it is 1 - low
  const low = f32x4.mul(bell(t), f32x4.sub(tailOverBell(t), f32x4.mul(t, constant(ONE_OVER_SQRT_2PI))));
  const half = f32x4.sub(constant(HALF), low);
  return f32x4.add(v128.xor(half, signOf(x)), constant(HALF));
}

/** tanh(sqrt(2/pi) (x + 0.044715 x^3)) */
// @ts-ignore: decorator
@inline
function geluInnerTanh(x: v128): v128 {
  const cubic = f32x4.mul(f32x4.mul(f32x4.mul(x, x), x), constant(GELU_CUBIC));
  return tanh4(f32x4.mul(f32x4.add(x, cubic), constant(SQRT_2_OVER_PI)));
}

/** y = f(x). The exported function names its parameters p and q. */
// @ts-ignore: decorator
@inline
function apply(f: F, x: v128, p: f32, q: f32): v128 {
  // pmax(a, b) is a unless a < b, so a NaN in a is kept
  if (f == F.Relu) return f32x4.pmax(x, all(0));
  if (f == F.LeakyRelu) return v128.bitselect(x, f32x4.mul(x, all(p)), f32x4.gt(x, all(0)));
  if (f == F.Elu) return v128.bitselect(x, f32x4.mul(expm14(x), all(p)), f32x4.gt(x, all(0)));
  if (f == F.Gelu) return gelu4(x);
  if (f == F.GeluTanh) return f32x4.mul(f32x4.mul(x, constant(HALF)), f32x4.add(geluInnerTanh(x), constant(ONE)));
  if (f == F.Silu) return f32x4.mul(x, sigmoid4(x));
  if (f == F.Sigmoid) return sigmoid4(x);
  if (f == F.Softplus) {
    // log(1 + e^z) = max(z, 0) + log(1 + e^-|z|) cannot overflow
    const z = f32x4.mul(x, all(p));
    const soft = f32x4.add(f32x4.pmax(z, all(0)), log1pOfPositive(exp4(f32x4.neg(f32x4.abs(z)))));
    return v128.bitselect(x, f32x4.div(soft, all(p)), f32x4.gt(z, all(q)));
  }
  if (f == F.Tanh) return tanh4(x);
  if (f == F.Clamp) return f32x4.pmin(f32x4.pmax(x, all(p)), all(q)); // a NaN bound has no effect
  if (f == F.Exp) return exp4(x);
  if (f == F.Expm1) return expm14(x);
  if (f == F.Log) return log4(x);
  if (f == F.Log1p) return log1p4(x);
  if (f == F.Sqrt) return f32x4.sqrt(x);
  if (f == F.Rsqrt) return f32x4.div(constant(ONE), f32x4.sqrt(x));
  if (f == F.Reciprocal) return f32x4.div(constant(ONE), x);
  if (f == F.Square) return f32x4.mul(x, x);
  if (f == F.Sin) return sin4(x);
  if (f == F.Cos) return cos4(x);
  if (f == F.Erf) return erf4(x);
  if (f == F.Abs) return f32x4.abs(x);
  if (f == F.Sign) return sign4(x);
  if (f == F.Floor) return f32x4.floor(x);
  if (f == F.Ceil) return f32x4.ceil(x);
  return f32x4.nearest(x); // halves to even
}

/** dx = dy f'(x). `saved` is x, or y where the derivative is simpler in terms of y. */
// @ts-ignore: decorator
@inline
function inputGradient(f: F, dy: v128, saved: v128, p: f32, q: f32): v128 {
  const x = saved;
  const y = saved;
  if (f == F.Relu) return v128.andnot(dy, f32x4.le(y, all(0))); // dx = dy where y is NaN, as in PyTorch
  if (f == F.LeakyRelu) return v128.bitselect(dy, f32x4.mul(dy, all(p)), f32x4.gt(x, all(0)));
  if (f == F.Elu) {
    // dx = dy where x is NaN, as in PyTorch
    return v128.bitselect(f32x4.mul(dy, f32x4.mul(exp4(x), all(p))), dy, f32x4.le(x, all(0)));
  }
  if (f == F.Gelu) return f32x4.mul(dy, geluSlope4(x));
  if (f == F.GeluTanh) {
    const t = geluInnerTanh(x);
    // beyond, 1 - t^2 is 0, and must not meet an infinity
    const near = f32x4.pmax(f32x4.pmin(x, constant(TANH_NEAR)), constant(TANH_NEAR_BELOW));
    const inner = f32x4.add(f32x4.mul(f32x4.mul(near, near), constant(GELU_CUBIC_SLOPE)), constant(ONE));
    const bend = f32x4.mul(f32x4.mul(near, f32x4.sub(constant(ONE), f32x4.mul(t, t))), f32x4.mul(inner, constant(SQRT_2_OVER_PI)));
    return f32x4.mul(dy, f32x4.mul(f32x4.add(f32x4.add(t, constant(ONE)), bend), constant(HALF)));
  }
  if (f == F.Silu) {
    const s = sigmoid4(x);
    return f32x4.mul(dy, f32x4.mul(s, f32x4.add(f32x4.mul(x, f32x4.sub(constant(ONE), s)), constant(ONE))));
  }
  if (f == F.Sigmoid) return f32x4.mul(dy, f32x4.mul(y, f32x4.sub(constant(ONE), y)));
  if (f == F.Softplus) {
    const z = f32x4.mul(x, all(p));
    return v128.bitselect(dy, f32x4.mul(dy, sigmoid4(z)), f32x4.gt(z, all(q)));
  }
  if (f == F.Tanh) return f32x4.mul(dy, f32x4.sub(constant(ONE), f32x4.mul(y, y)));
  if (f == F.Clamp) {
    const bounded = v128.or(f32x4.le(x, all(p)), f32x4.ge(x, all(q)));
    return v128.andnot(v128.and(dy, f32x4.eq(x, x)), bounded);
  }
  if (f == F.Exp) return f32x4.mul(dy, y);
  if (f == F.Expm1) return f32x4.mul(dy, f32x4.add(y, constant(ONE)));
  if (f == F.Log) return f32x4.div(dy, x);
  if (f == F.Log1p) return f32x4.div(dy, f32x4.add(x, constant(ONE)));
  if (f == F.Sqrt) return f32x4.div(dy, f32x4.add(y, y));
  // factor by factor: then the intermediate results cannot overflow unless dy or the result does
  if (f == F.Rsqrt) return f32x4.mul(f32x4.mul(f32x4.mul(f32x4.mul(dy, y), constant(MINUS_HALF)), y), y);
  if (f == F.Reciprocal) return f32x4.neg(f32x4.mul(f32x4.mul(dy, y), y));
  if (f == F.Square) {
    const half = f32x4.mul(dy, x);
    return f32x4.add(half, half);
  }
  if (f == F.Sin) return f32x4.mul(dy, cos4(x));
  if (f == F.Cos) return f32x4.neg(f32x4.mul(dy, sin4(x)));
  if (f == F.Erf) return f32x4.mul(dy, f32x4.mul(exp4(f32x4.neg(f32x4.mul(x, x))), constant(TWO_OVER_SQRT_PI)));
  return f32x4.mul(dy, sign4(x)); // Abs
}

// Two vectors per iteration: while one waits, the other computes. They lie side by side from load to store,
// with one address and the offsets 0 and 16, so that V8 can make one instruction of 256 bits of each pair;
// the second half is stored first, because else V8 emits another store for the case that only the second one
// fails.
//
// `do … while` rather than `for`: only where a loop's body runs at least once does V8 build those vectors of
// constants that are not loaded (`constant` in math.ts) before the loop. A launch's range is never empty.

// @ts-ignore: decorator
@inline
function forward(f: F, begin: i32, end: i32, x: usize, y: usize, p: f32, q: f32): void {
  let i = begin;
  if (i + 8 <= end) {
    do {
      const at = <usize>i << 2;
      const value = apply(f, v128.load(x + at), p, q);
      const next = apply(f, v128.load(x + at, 16), p, q);
      v128.store(y + at, next, 16);
      v128.store(y + at, value);
      i += 8;
    } while (i + 8 <= end);
  }
  for (; i < end; i += 4) storeUpTo(y, i, end, apply(f, load4(x, i), p, q));
}

// @ts-ignore: decorator
@inline
function backward(f: F, begin: i32, end: i32, dy: usize, saved: usize, dx: usize, p: f32, q: f32): void {
  let i = begin;
  if (i + 8 <= end) {
    do {
      const at = <usize>i << 2;
      const value = inputGradient(f, v128.load(dy + at), v128.load(saved + at), p, q);
      const next = inputGradient(f, v128.load(dy + at, 16), v128.load(saved + at, 16), p, q);
      v128.store(dx + at, next, 16);
      v128.store(dx + at, value);
      i += 8;
    } while (i + 8 <= end);
  }
  for (; i < end; i += 4) storeUpTo(dx, i, end, inputGradient(f, load4(dy, i), load4(saved, i), p, q));
}

// --- exports: y = f(x), and dx = dy f'(x), which reads dy and the saved x or y ----------------

/** max(x, 0) */
export function relu(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.Relu, begin, end, x, y, 0, 0);
}

export function reluGrad(begin: i32, end: i32, dy: usize, y: usize, dx: usize): void {
  backward(F.Relu, begin, end, dy, y, dx, 0, 0);
}

/** x (1 + erf(x / sqrt 2)) / 2 */
export function gelu(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.Gelu, begin, end, x, y, 0, 0);
}

export function geluGrad(begin: i32, end: i32, dy: usize, x: usize, dx: usize): void {
  backward(F.Gelu, begin, end, dy, x, dx, 0, 0);
}

/** x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2 */
export function geluTanh(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.GeluTanh, begin, end, x, y, 0, 0);
}

export function geluTanhGrad(begin: i32, end: i32, dy: usize, x: usize, dx: usize): void {
  backward(F.GeluTanh, begin, end, dy, x, dx, 0, 0);
}

/** x / (1 + e^-x) */
export function silu(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.Silu, begin, end, x, y, 0, 0);
}

export function siluGrad(begin: i32, end: i32, dy: usize, x: usize, dx: usize): void {
  backward(F.Silu, begin, end, dy, x, dx, 0, 0);
}

/** 1 / (1 + e^-x) */
export function sigmoid(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.Sigmoid, begin, end, x, y, 0, 0);
}

export function sigmoidGrad(begin: i32, end: i32, dy: usize, y: usize, dx: usize): void {
  backward(F.Sigmoid, begin, end, dy, y, dx, 0, 0);
}

/** tanh x */
export function tanh(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.Tanh, begin, end, x, y, 0, 0);
}

export function tanhGrad(begin: i32, end: i32, dy: usize, y: usize, dx: usize): void {
  backward(F.Tanh, begin, end, dy, y, dx, 0, 0);
}

/** e^x */
export function exp(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.Exp, begin, end, x, y, 0, 0);
}

export function expGrad(begin: i32, end: i32, dy: usize, y: usize, dx: usize): void {
  backward(F.Exp, begin, end, dy, y, dx, 0, 0);
}

/** e^x - 1 */
export function expm1(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.Expm1, begin, end, x, y, 0, 0);
}

export function expm1Grad(begin: i32, end: i32, dy: usize, y: usize, dx: usize): void {
  backward(F.Expm1, begin, end, dy, y, dx, 0, 0);
}

/** ln x */
export function log(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.Log, begin, end, x, y, 0, 0);
}

export function logGrad(begin: i32, end: i32, dy: usize, x: usize, dx: usize): void {
  backward(F.Log, begin, end, dy, x, dx, 0, 0);
}

/** ln(1 + x) */
export function log1p(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.Log1p, begin, end, x, y, 0, 0);
}

export function log1pGrad(begin: i32, end: i32, dy: usize, x: usize, dx: usize): void {
  backward(F.Log1p, begin, end, dy, x, dx, 0, 0);
}

/** sqrt x */
export function sqrt(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.Sqrt, begin, end, x, y, 0, 0);
}

export function sqrtGrad(begin: i32, end: i32, dy: usize, y: usize, dx: usize): void {
  backward(F.Sqrt, begin, end, dy, y, dx, 0, 0);
}

/** 1 / sqrt x */
export function rsqrt(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.Rsqrt, begin, end, x, y, 0, 0);
}

export function rsqrtGrad(begin: i32, end: i32, dy: usize, y: usize, dx: usize): void {
  backward(F.Rsqrt, begin, end, dy, y, dx, 0, 0);
}

/** 1 / x */
export function reciprocal(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.Reciprocal, begin, end, x, y, 0, 0);
}

export function reciprocalGrad(begin: i32, end: i32, dy: usize, y: usize, dx: usize): void {
  backward(F.Reciprocal, begin, end, dy, y, dx, 0, 0);
}

/** x^2 */
export function square(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.Square, begin, end, x, y, 0, 0);
}

export function squareGrad(begin: i32, end: i32, dy: usize, x: usize, dx: usize): void {
  backward(F.Square, begin, end, dy, x, dx, 0, 0);
}

/** sin x */
export function sin(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.Sin, begin, end, x, y, 0, 0);
}

export function sinGrad(begin: i32, end: i32, dy: usize, x: usize, dx: usize): void {
  backward(F.Sin, begin, end, dy, x, dx, 0, 0);
}

/** cos x */
export function cos(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.Cos, begin, end, x, y, 0, 0);
}

export function cosGrad(begin: i32, end: i32, dy: usize, x: usize, dx: usize): void {
  backward(F.Cos, begin, end, dy, x, dx, 0, 0);
}

/** erf x */
export function erf(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.Erf, begin, end, x, y, 0, 0);
}

export function erfGrad(begin: i32, end: i32, dy: usize, x: usize, dx: usize): void {
  backward(F.Erf, begin, end, dy, x, dx, 0, 0);
}

/** |x| */
export function abs(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.Abs, begin, end, x, y, 0, 0);
}

export function absGrad(begin: i32, end: i32, dy: usize, x: usize, dx: usize): void {
  backward(F.Abs, begin, end, dy, x, dx, 0, 0);
}

/** -1, 0 or 1 */
export function sign(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.Sign, begin, end, x, y, 0, 0);
}

/** the largest integer <= x */
export function floor(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.Floor, begin, end, x, y, 0, 0);
}

/** the smallest integer >= x */
export function ceil(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.Ceil, begin, end, x, y, 0, 0);
}

/** the nearest integer, halves to even */
export function round(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.Round, begin, end, x, y, 0, 0);
}

/** x > 0 ? x : slope x */
export function leakyRelu(begin: i32, end: i32, x: usize, y: usize, slope: f32): void {
  forward(F.LeakyRelu, begin, end, x, y, slope, 0);
}

export function leakyReluGrad(begin: i32, end: i32, dy: usize, x: usize, dx: usize, slope: f32): void {
  backward(F.LeakyRelu, begin, end, dy, x, dx, slope, 0);
}

/** x > 0 ? x : alpha (e^x - 1) */
export function elu(begin: i32, end: i32, x: usize, y: usize, alpha: f32): void {
  forward(F.Elu, begin, end, x, y, alpha, 0);
}

export function eluGrad(begin: i32, end: i32, dy: usize, x: usize, dx: usize, alpha: f32): void {
  backward(F.Elu, begin, end, dy, x, dx, alpha, 0);
}

/** ln(1 + e^(beta x)) / beta; x where beta x > threshold */
export function softplus(begin: i32, end: i32, x: usize, y: usize, beta: f32, threshold: f32): void {
  forward(F.Softplus, begin, end, x, y, beta, threshold);
}

export function softplusGrad(begin: i32, end: i32, dy: usize, x: usize, dx: usize, beta: f32, threshold: f32): void {
  backward(F.Softplus, begin, end, dy, x, dx, beta, threshold);
}

/** min(max(x, low), high); NaN stays */
export function clamp(begin: i32, end: i32, x: usize, y: usize, low: f32, high: f32): void {
  forward(F.Clamp, begin, end, x, y, low, high);
}

export function clampGrad(begin: i32, end: i32, dy: usize, x: usize, dx: usize, low: f32, high: f32): void {
  backward(F.Clamp, begin, end, dy, x, dx, low, high);
}
