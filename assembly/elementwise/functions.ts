// Functions of one array that are used less often than those of unary.ts, and their derivatives. The kernels
// work on elements [begin, end) of contiguous arrays; begin is a multiple of 4. They may read up to 12 bytes
// past an input.

import { load4, storeUpTo } from "../lib/simd";
import {
  acos4, asin4, atan4, cosh4, exp2Of4, log10Of4, log2Of4, sinh4, tan4,
} from "../lib/trigonometry";

const enum F { Log2, Log10, Exp2, Tan, Asin, Acos, Atan, Sinh, Cosh, Trunc, Frac }

// @ts-ignore: decorator
@inline
function all(value: f32): v128 {
  return f32x4.splat(value);
}

// @ts-ignore: decorator
@inline
function apply(f: F, x: v128): v128 {
  if (f == F.Log2) return log2Of4(x);
  if (f == F.Log10) return log10Of4(x);
  if (f == F.Exp2) return exp2Of4(x);
  if (f == F.Tan) return tan4(x);
  if (f == F.Asin) return asin4(x);
  if (f == F.Acos) return acos4(x);
  if (f == F.Atan) return atan4(x);
  if (f == F.Sinh) return sinh4(x);
  if (f == F.Cosh) return cosh4(x);
  if (f == F.Trunc) return f32x4.trunc(x);
  return f32x4.sub(x, f32x4.trunc(x));
}

/** sqrt(1 - x^2) */
// @ts-ignore: decorator
@inline
function otherLeg(x: v128): v128 {
  return f32x4.sqrt(f32x4.mul(f32x4.sub(all(1), x), f32x4.add(all(1), x)));
}

/** dx = dy f'(x). `saved` is x, or y where the derivative is simpler in terms of y. */
// @ts-ignore: decorator
@inline
function inputGradient(f: F, dy: v128, saved: v128): v128 {
  if (f == F.Log2) return f32x4.div(dy, f32x4.mul(saved, all(0.6931471805599453)));
  if (f == F.Log10) return f32x4.div(dy, f32x4.mul(saved, all(2.302585092994046)));
  if (f == F.Exp2) return f32x4.mul(f32x4.mul(dy, saved), all(0.6931471805599453));
  if (f == F.Tan) return f32x4.mul(dy, f32x4.add(f32x4.mul(saved, saved), all(1)));
  if (f == F.Asin) return f32x4.div(dy, otherLeg(saved));
  if (f == F.Acos) return f32x4.neg(f32x4.div(dy, otherLeg(saved)));
  if (f == F.Atan) return f32x4.div(dy, f32x4.add(f32x4.mul(saved, saved), all(1)));
  return f32x4.mul(dy, f == F.Sinh ? cosh4(saved) : sinh4(saved));
}

// @ts-ignore: decorator
@inline
function forward(f: F, begin: i32, end: i32, x: usize, y: usize): void {
  for (let i = begin; i < end; i += 4) storeUpTo(y, i, end, apply(f, load4(x, i)));
}

// @ts-ignore: decorator
@inline
function backward(f: F, begin: i32, end: i32, dy: usize, saved: usize, dx: usize): void {
  for (let i = begin; i < end; i += 4) {
    storeUpTo(dx, i, end, inputGradient(f, load4(dy, i), load4(saved, i)));
  }
}

/** log2 x */
export function log2(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.Log2, begin, end, x, y);
}

export function log2Grad(begin: i32, end: i32, dy: usize, x: usize, dx: usize): void {
  backward(F.Log2, begin, end, dy, x, dx);
}

/** log10 x */
export function log10(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.Log10, begin, end, x, y);
}

export function log10Grad(begin: i32, end: i32, dy: usize, x: usize, dx: usize): void {
  backward(F.Log10, begin, end, dy, x, dx);
}

/** 2^x */
export function exp2(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.Exp2, begin, end, x, y);
}

export function exp2Grad(begin: i32, end: i32, dy: usize, y: usize, dx: usize): void {
  backward(F.Exp2, begin, end, dy, y, dx);
}

/** tan x */
export function tan(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.Tan, begin, end, x, y);
}

export function tanGrad(begin: i32, end: i32, dy: usize, y: usize, dx: usize): void {
  backward(F.Tan, begin, end, dy, y, dx);
}

/** arcsine */
export function asin(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.Asin, begin, end, x, y);
}

export function asinGrad(begin: i32, end: i32, dy: usize, x: usize, dx: usize): void {
  backward(F.Asin, begin, end, dy, x, dx);
}

/** arccosine */
export function acos(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.Acos, begin, end, x, y);
}

export function acosGrad(begin: i32, end: i32, dy: usize, x: usize, dx: usize): void {
  backward(F.Acos, begin, end, dy, x, dx);
}

/** arctangent */
export function atan(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.Atan, begin, end, x, y);
}

export function atanGrad(begin: i32, end: i32, dy: usize, x: usize, dx: usize): void {
  backward(F.Atan, begin, end, dy, x, dx);
}

/** (e^x - e^-x) / 2 */
export function sinh(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.Sinh, begin, end, x, y);
}

export function sinhGrad(begin: i32, end: i32, dy: usize, x: usize, dx: usize): void {
  backward(F.Sinh, begin, end, dy, x, dx);
}

/** (e^x + e^-x) / 2 */
export function cosh(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.Cosh, begin, end, x, y);
}

export function coshGrad(begin: i32, end: i32, dy: usize, x: usize, dx: usize): void {
  backward(F.Cosh, begin, end, dy, x, dx);
}

/** x rounded towards 0 */
export function trunc(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.Trunc, begin, end, x, y);
}

/** x - trunc x */
export function frac(begin: i32, end: i32, x: usize, y: usize): void {
  forward(F.Frac, begin, end, x, y);
}

/** y = x, where `nan` replaces NaN, and `positive` and `negative` the infinities. */
export function nanToNum(begin: i32, end: i32, x: usize, y: usize, nan: f32, positive: f32, negative: f32): void {
  for (let i = begin; i < end; i += 4) {
    const v = load4(x, i);
    let r = v128.bitselect(v, all(nan), f32x4.eq(v, v));
    r = v128.bitselect(all(positive), r, f32x4.eq(v, all(Infinity)));
    storeUpTo(y, i, end, v128.bitselect(all(negative), r, f32x4.eq(v, all(-Infinity))));
  }
}

/** dx = dy where x is finite, else 0. */
export function nanToNumGrad(begin: i32, end: i32, dy: usize, x: usize, dx: usize): void {
  for (let i = begin; i < end; i += 4) {
    storeUpTo(dx, i, end, v128.and(load4(dy, i), f32x4.lt(f32x4.abs(load4(x, i)), all(Infinity))));
  }
}
