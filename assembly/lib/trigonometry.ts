// Further elementary functions of four float32 lanes: inverse and hyperbolic functions, logarithms and powers
// of 2 and 10. As in math.ts, only polynomials and bit operations are used; error bounds are in ulp of the
// float32 result.
//
// Polynomials of arcsine and arctangent: Cephes (S. Moshier, single/asinf.c, atanf.c).

import { constant, cos4, exp2OfTwo, log2OfTwo, ONE, polynomial3, polynomial4, signOf, sin4 } from "./math";
import { demote, promoteHigh } from "./simd";

const HALF: usize = memory.data<f32>([0.5]);
const HALF_PI: usize = memory.data<f32>([1.5707963267948966]);
const QUARTER_PI: usize = memory.data<f32>([0.7853981633974483]);
const PI: usize = memory.data<f32>([3.141592653589793]);
/** tan(pi / 8) */
const TAN_EIGHTH: usize = memory.data<f32>([0.41421356237309503]);

// @ts-ignore: decorator
@inline
function all(value: f32): v128 {
  return f32x4.splat(value);
}

/** log2 x times `scale` for two lanes, in float64; NaN below 0. */
// @ts-ignore: decorator
@inline
function scaledLog(x: v128, scale: f64): v128 {
  const y = f64x2.mul(log2OfTwo(f64x2.abs(x)), f64x2.splat(scale));
  return v128.bitselect(f64x2.splat(NaN), y, f64x2.lt(x, f64x2.splat(0)));
}

// @ts-ignore: decorator
@inline
function logOfBase(x: v128, scale: f64): v128 {
  return demote(scaledLog(f64x2.promote_low_f32x4(x), scale), scaledLog(promoteHigh(x), scale));
}

/** Logarithm to the base 2, to 0.51 ulp: -inf at 0, NaN below. */
// @ts-ignore: decorator
@inline
export function log2Of4(x: v128): v128 {
  return logOfBase(x, 1);
}

/** Logarithm to the base 10, to 0.51 ulp: -inf at 0, NaN below. */
// @ts-ignore: decorator
@inline
export function log10Of4(x: v128): v128 {
  return logOfBase(x, 0.30102999566398120);
}

/** 2^x, to 0.51 ulp. */
// @ts-ignore: decorator
@inline
export function exp2Of4(x: v128): v128 {
  return demote(exp2OfTwo(f64x2.promote_low_f32x4(x), 200), exp2OfTwo(promoteHigh(x), 200));
}

/** Tangent of radians, to 4 ulp. */
// @ts-ignore: decorator
@inline
export function tan4(x: v128): v128 {
  return f32x4.div(sin4(x), cos4(x));
}

const ASIN: usize = memory.data<f32>([
  4.2163199048e-2, 2.4181311049e-2, 4.5470025998e-2, 7.4953002686e-2, 1.6666752422e-1,
]);

/** asin |x| where |x| <= 1/2, else asin of sqrt((1 - |x|) / 2); NaN where |x| > 1. */
// @ts-ignore: decorator
@inline
function asinReduced(x: v128, far: v128): v128 {
  const a = f32x4.abs(x);
  const z = v128.bitselect(f32x4.mul(f32x4.sub(constant(ONE), a), constant(HALF)), f32x4.mul(a, a), far);
  const s = v128.bitselect(f32x4.sqrt(z), a, far);
  return f32x4.add(f32x4.mul(f32x4.mul(polynomial4(ASIN, z), z), s), s);
}

/** Arcsine, to 2.5 ulp; NaN where |x| > 1. */
// @ts-ignore: decorator
@inline
export function asin4(x: v128): v128 {
  const far = f32x4.gt(f32x4.abs(x), constant(HALF));
  const r = asinReduced(x, far);
  const y = v128.bitselect(f32x4.sub(constant(HALF_PI), f32x4.add(r, r)), r, far);
  return v128.or(y, signOf(x));
}

/** Arccosine, to 2 ulp; NaN where |x| > 1. */
// @ts-ignore: decorator
@inline
export function acos4(x: v128): v128 {
  const far = f32x4.gt(f32x4.abs(x), constant(HALF));
  const r = asinReduced(x, far);
  const twice = f32x4.add(r, r);
  const below = v128.bitselect(f32x4.sub(constant(PI), twice), twice, f32x4.lt(x, all(0)));
  return v128.bitselect(below, f32x4.sub(constant(HALF_PI), v128.xor(r, signOf(x))), far);
}

const ATAN: usize = memory.data<f32>([8.05374449538e-2, -1.38776856032e-1, 1.99777106478e-1, -3.33329491539e-1]);

/** Arctangent of 0 <= t <= 1. */
// @ts-ignore: decorator
@inline
function atanOfUnit(t: v128): v128 {
  // tan(a - pi/4) = (t - 1) / (t + 1)
  const far = f32x4.gt(t, constant(TAN_EIGHTH));
  const turned = f32x4.div(f32x4.sub(t, constant(ONE)), f32x4.add(t, constant(ONE)));
  const u = v128.bitselect(turned, t, far);
  const z = f32x4.mul(u, u);
  const r = f32x4.add(f32x4.mul(f32x4.mul(polynomial3(ATAN, z), z), u), u);
  return v128.bitselect(f32x4.add(r, constant(QUARTER_PI)), r, far);
}

/** Arctangent, to 3 ulp. */
// @ts-ignore: decorator
@inline
export function atan4(x: v128): v128 {
  const a = f32x4.abs(x);
  const inverse = f32x4.gt(a, constant(ONE));
  const r = atanOfUnit(v128.bitselect(f32x4.div(constant(ONE), a), a, inverse));
  return v128.or(v128.bitselect(f32x4.sub(constant(HALF_PI), r), r, inverse), signOf(x));
}

/** The angle of the point (x, y), in [-pi, pi], to 3 ulp, as atan2 in C. */
// @ts-ignore: decorator
@inline
export function atan2Of4(y: v128, x: v128): v128 {
  const a = f32x4.abs(x);
  const b = f32x4.abs(y);
  const steep = f32x4.gt(b, a);
  const small = v128.bitselect(a, b, steep);
  const large = v128.bitselect(b, a, steep);
  // 0 / 0 counts as 0, and inf / inf as 1
  let t = v128.andnot(f32x4.div(small, large), f32x4.eq(large, all(0)));
  t = v128.bitselect(constant(ONE), t, f32x4.eq(small, all(Infinity)));
  let r = atanOfUnit(t);
  r = v128.bitselect(f32x4.sub(constant(HALF_PI), r), r, steep);
  const left = i32x4.lt_s(x, i32x4.splat(0)); // also -0
  r = v128.bitselect(f32x4.sub(constant(PI), r), r, left);
  const unordered = v128.or(f32x4.ne(x, x), f32x4.ne(y, y));
  return v128.bitselect(all(NaN), v128.or(r, signOf(y)), unordered);
}

const LOG2E: f64 = 1.4426950408889634;

/** e^x plus `sign` times e^-x, halved, for two lanes, in float64. */
// @ts-ignore: decorator
@inline
function halfSum(x: v128, sign: f64): v128 {
  const e = exp2OfTwo(f64x2.mul(x, f64x2.splat(LOG2E)), 1022);
  return f64x2.mul(f64x2.add(e, f64x2.div(f64x2.splat(sign), e)), f64x2.splat(0.5));
}

const SINH: usize = memory.data<f32>([
  2.5052108385e-8, 2.7557319224e-6, 1.9841269841e-4, 8.3333333333e-3, 1.6666666667e-1,
]);

/** Hyperbolic sine, to 1 ulp. */
// @ts-ignore: decorator
@inline
export function sinh4(x: v128): v128 {
  const z = f32x4.mul(x, x);
  const near = f32x4.add(f32x4.mul(f32x4.mul(polynomial4(SINH, z), z), x), x);
  const far = demote(halfSum(f64x2.promote_low_f32x4(x), -1), halfSum(promoteHigh(x), -1));
  return v128.bitselect(near, far, f32x4.lt(f32x4.abs(x), constant(ONE)));
}

/** Hyperbolic cosine, to 0.51 ulp. */
// @ts-ignore: decorator
@inline
export function cosh4(x: v128): v128 {
  return demote(halfSum(f64x2.promote_low_f32x4(x), 1), halfSum(promoteHigh(x), 1));
}
