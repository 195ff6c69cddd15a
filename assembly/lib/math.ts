// Elementary functions of four float32 lanes. They use polynomials and bit operations only, so that every
// machine computes the same bits. Error bounds are in ulp of the float32 result, over the whole range unless
// a range is given; test/unit/ops/math.test.ts measures them against float64. NaN gives NaN, and an infinity
// gives the limit where it exists. Results below 2^-126 are rounded to denormals, not flushed to 0.
//
// Minimax polynomials: Cephes (S. Moshier, single/expf.c, logf.c, sinf.c); erf: N. Juffa.
//
// f32x4.pmin(x, bound) is `bound < x ? bound : x`: a single instruction, which keeps a NaN in its first
// argument.

import { demote, highLanes, joinLow, promoteHigh } from "./simd";

/** 1, in memory: see `constant`. */
export const ONE: usize = memory.data<f32>([1]);
const HALF: usize = memory.data<f32>([0.5]);
const TWO: usize = memory.data<f32>([2]);
const LOG2E: usize = memory.data<f32>([1.44269504088896341]);
/** ln 2 in two parts: n * LN2_HIGH is exact for |n| < 2^15. */
const LN2_HIGH: usize = memory.data<f32>([0.693359375]);
const LN2_LOW: usize = memory.data<f32>([-2.12194440e-4]);
const SIGN_BIT: usize = memory.data<u32>([0x80000000]);

/**
 * 1.5 2^23, added to a float32, rounds it to a whole number n, whose lower bits are then those of the sum;
 * with k added, those of n + k. V8 can do two such additions by one instruction of 256 bits, unlike
 * f32x4.nearest.
 */
const WHOLE_126: usize = memory.data<f32>([12582912 + 126]);
const WHOLE_127: usize = memory.data<f32>([12582912 + 127]);
const WHOLE_254: usize = memory.data<f32>([12582912 + 254]);

// @ts-ignore: decorator
@inline
function all(value: f32): v128 {
  return f32x4.splat(value);
}

/**
 * A constant of four equal lanes, loaded from memory: one instruction. Those in the code V8 puts together
 * again in each iteration, by four instructions (seven for 256 bits), unless it can do so before the loop.
 */
// @ts-ignore: decorator
@inline
export function constant(address: usize): v128 {
  return v128.load32_splat(address);
}

/** a * b + c, rounded twice. */
// @ts-ignore: decorator
@inline
function mulAdd(a: v128, b: v128, c: f32): v128 {
  return f32x4.add(f32x4.mul(a, b), all(c));
}

/** p * x + number i of a table. */
// @ts-ignore: decorator
@inline
export function next(p: v128, x: v128, table: usize, i: usize): v128 {
  return f32x4.add(f32x4.mul(p, x), constant(table + (i << 2)));
}

/** A polynomial of degree 3, coefficients of the highest powers first. */
// @ts-ignore: decorator
@inline
export function polynomial3(table: usize, x: v128): v128 {
  return next(next(next(constant(table), x, table, 1), x, table, 2), x, table, 3);
}

/** Of degree 4. */
// @ts-ignore: decorator
@inline
export function polynomial4(table: usize, x: v128): v128 {
  return next(polynomial3(table, x), x, table, 4);
}

/** Of degree 5. */
// @ts-ignore: decorator
@inline
function polynomial5(table: usize, x: v128): v128 {
  return next(polynomial4(table, x), x, table, 5);
}

/** The bits of `magnitude`, whose sign bit is 0 or that of x, with the sign of x. */
// @ts-ignore: decorator
@inline
function withSignOf(magnitude: v128, x: v128): v128 {
  return v128.or(magnitude, signOf(x));
}

/** The sign bits. */
// @ts-ignore: decorator
@inline
export function signOf(x: v128): v128 {
  return v128.and(x, constant(SIGN_BIT));
}

const MAGNITUDE_BITS: usize = memory.data<u32>([0x7fffffff]);

/** |x|: V8 puts the mask of f32x4.abs together again for each. */
// @ts-ignore: decorator
@inline
export function magnitude(x: v128): v128 {
  return v128.and(x, constant(MAGNITUDE_BITS));
}

/** x, where lanes with a magnitude below `least` are 0. NaN and infinities stay. */
// @ts-ignore: decorator
@inline
export function flushBelow(x: v128, least: v128): v128 {
  return v128.andnot(x, f32x4.lt(magnitude(x), least));
}

/** x - n ln 2 */
// @ts-ignore: decorator
@inline
function minusPowers(x: v128, n: v128): v128 {
  return f32x4.sub(f32x4.sub(x, f32x4.mul(n, constant(LN2_HIGH))), f32x4.mul(n, constant(LN2_LOW)));
}

const EXP: usize = memory.data<f32>([
  1.3814526610e-3, 8.3687510341e-3, 4.1668392718e-2, 1.6666519642e-1, 4.9999994040e-1,
]);

/** e^r of |r| <= ln 2 / 2, to 0.9 ulp: minimax, 3e-9. */
// @ts-ignore: decorator
@inline
function reducedExp(r: v128): v128 {
  return f32x4.add(f32x4.add(r, f32x4.mul(f32x4.mul(r, r), polynomial4(EXP, r))), constant(ONE));
}

const EXPM1: usize = memory.data<f32>([
  1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1,
]);

/** e^r - 1 of |r| <= ln 2 / 2. */
// @ts-ignore: decorator
@inline
function reducedExpm1(r: v128): v128 {
  return f32x4.add(r, f32x4.mul(f32x4.mul(r, r), polynomial5(EXPM1, r)));
}

/** Of n + WHOLE + 254: the bits of the exponent of 2^floor(n / 2). */
// @ts-ignore: decorator
@inline
function lowerHalf(sum: v128): v128 {
  return i32x4.shr_u(sum, 1);
}

/** A power of two from the bits of its exponent, whose upper bits may be anything. */
// @ts-ignore: decorator
@inline
function powerOfBits(exponent: v128): v128 {
  return i32x4.shl(exponent, 23);
}

const EXP_END: usize = memory.data<f32>([89]);
/** So far below 0 that both factors of 2^n are 0. A product too small for a float32 takes 100 cycles. */
const FAR_BELOW: usize = memory.data<f32>([-176]);
const FAR_ABOVE: usize = memory.data<f32>([176]);

/** e^x, to 1 ulp. */
// @ts-ignore: decorator
@inline
export function exp4(x: v128): v128 {
  const bounded = f32x4.pmax(f32x4.pmin(x, constant(EXP_END)), constant(FAR_BELOW)); // beyond: inf and 0
  const sum = next(bounded, constant(LOG2E), WHOLE_254, 0);
  const y = reducedExp(minusPowers(bounded, f32x4.sub(sum, constant(WHOLE_254))));
  // two factors, because 2^n alone leaves the normal numbers at both ends
  const half = lowerHalf(sum);
  return f32x4.mul(f32x4.mul(y, powerOfBits(half)), powerOfBits(i32x4.sub(sum, half)));
}

/** There n is -127, and 2^n gets the bits of 0. */
const TERM_END: usize = memory.data<f32>([-88.03]);

/**
 * e^x of x <= 0, to 1 ulp, but 0 below the normal numbers (x < -87.7): for the terms of sums. Arguments far
 * below cost no more than others.
 */
// @ts-ignore: decorator
@inline
export function expTerm4(x: v128): v128 {
  const bounded = f32x4.pmax(x, constant(TERM_END));
  const sum = next(bounded, constant(LOG2E), WHOLE_127, 0);
  const y = reducedExp(minusPowers(bounded, f32x4.sub(sum, constant(WHOLE_127))));
  return f32x4.mul(y, powerOfBits(sum));
}

const EXP2: usize = memory.data<f32>([
  1.5353308117e-4, 1.3398939045e-3, 9.6184378490e-3, 5.5503323674e-2, 2.4022647738e-1, 6.9314718246e-1, 1,
]);

/** 2^x of -127.4 < x <= 0, to 1 ulp, but 0 below the normal numbers (x < -126.5). */
// @ts-ignore: decorator
@inline
export function exp2Term4(x: v128): v128 {
  const sum = f32x4.add(x, constant(WHOLE_127));
  const f = f32x4.sub(x, f32x4.sub(sum, constant(WHOLE_127)));
  return f32x4.mul(next(polynomial5(EXP2, f), f, EXP2, 6), powerOfBits(sum));
}

const EXPM1_END: usize = memory.data<f32>([-18]);

/** expm14, but 0 of -0. */
// @ts-ignore: decorator
@inline
function expm1OfPositive(x: v128): v128 {
  const bounded = f32x4.pmax(f32x4.pmin(x, constant(EXP_END)), constant(EXPM1_END)); // beyond: inf and -1
  const sum = next(bounded, constant(LOG2E), WHOLE_126, 0);
  const n = f32x4.sub(sum, constant(WHOLE_126));
  const y = reducedExpm1(minusPowers(bounded, n));
  // 2^n (y + 1) - 1 = 2 (y t + (t - 1/2)) with t = 2^(n-1), which stays finite for n = 128
  const t = powerOfBits(sum);
  const scaled = f32x4.add(f32x4.mul(y, t), f32x4.sub(t, constant(HALF)));
  return v128.bitselect(y, f32x4.add(scaled, scaled), f32x4.eq(n, all(0)));
}

/** e^x - 1, without cancellation near 0, to 1.5 ulp. */
// @ts-ignore: decorator
@inline
export function expm14(x: v128): v128 {
  return withSignOf(expm1OfPositive(x), x);
}

const MIN_NORMAL: usize = memory.data<f32>([1.17549435e-38]);
const TWO_23: usize = memory.data<f32>([8388608]);
const TWENTY_THREE: usize = memory.data<f32>([23]);
/** The bits of sqrt(1/2). */
const SQRT_HALF_BITS: usize = memory.data<u32>([0x3f3504f3]);
export const INFINITE: usize = memory.data<f32>([Infinity]);
const LOG: usize = memory.data<f32>([
  7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
  2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
]);

/** Natural logarithm, to 0.8 ulp: -inf at 0, NaN below. */
// @ts-ignore: decorator
@inline
export function log4(x: v128): v128 {
  const denormal = f32x4.lt(x, constant(MIN_NORMAL));
  const bits = v128.bitselect(f32x4.mul(x, constant(TWO_23)), x, denormal);
  // x = 2^e m with sqrt(1/2) <= m < sqrt(2)
  const exponent = i32x4.shr_s(i32x4.sub(bits, constant(SQRT_HALF_BITS)), 23);
  const m = i32x4.sub(bits, i32x4.shl(exponent, 23));
  const e = f32x4.sub(f32x4.convert_i32x4_s(exponent), v128.and(denormal, constant(TWENTY_THREE)));
  const f = f32x4.sub(m, constant(ONE));
  const f2 = f32x4.mul(f, f);
  let p = next(next(polynomial5(LOG, f), f, LOG, 6), f, LOG, 7);
  p = next(p, f, LOG, 8);
  let y = f32x4.add(f32x4.mul(f32x4.mul(f, f2), p), f32x4.mul(e, constant(LN2_LOW)));
  y = f32x4.sub(y, f32x4.mul(f2, constant(HALF)));
  y = f32x4.add(f32x4.add(f, y), f32x4.mul(e, constant(LN2_HIGH)));
  y = v128.bitselect(y, x, f32x4.lt(x, constant(INFINITE))); // inf and NaN
  y = v128.bitselect(all(NaN), y, f32x4.lt(x, all(0)));
  return v128.bitselect(all(-Infinity), y, f32x4.eq(x, all(0)));
}

/**
 * log(1 + x), without cancellation near 0, to 1.5 ulp, except that -0 gives 0. Computed as log(u) + (1 + x -
 * u) / u, where u is 1 + x rounded.
 * see: Goldberg, What every computer scientist should know about floating-point arithmetic (1991), theorem 4
 */
// @ts-ignore: decorator
@inline
export function log1pOfPositive(x: v128): v128 {
  const u = f32x4.add(x, constant(ONE));
  const log = log4(u);
  const lost = f32x4.div(f32x4.sub(x, f32x4.sub(u, constant(ONE))), u);
  // at -1 and inf nothing is lost, and `lost` is NaN
  return v128.bitselect(log, f32x4.add(log, lost), v128.or(f32x4.eq(u, all(0)), f32x4.eq(u, constant(INFINITE))));
}

/** log(1 + x), to 1.5 ulp; -0 gives -0. */
// @ts-ignore: decorator
@inline
export function log1p4(x: v128): v128 {
  return withSignOf(log1pOfPositive(x), x);
}

const BITS_254: usize = memory.data<u32>([254]);

/**
 * 1 / (1 + e^-x), to 2.5 ulp: w / (v + w) of e^x = w / v, two numbers of which neither overflows or vanishes
 * where it counts.
 */
// @ts-ignore: decorator
@inline
export function sigmoid4(x: v128): v128 {
  // beyond: v is 0, or w is
  const bounded = f32x4.pmax(f32x4.pmin(x, constant(FAR_ABOVE)), constant(FAR_BELOW));
  const sum = next(bounded, constant(LOG2E), WHOLE_254, 0);
  const y = reducedExp(minusPowers(bounded, f32x4.sub(sum, constant(WHOLE_254))));
  const half = lowerHalf(sum);
  const w = f32x4.mul(y, powerOfBits(half));
  const v = powerOfBits(i32x4.add(i32x4.sub(half, sum), constant(BITS_254)));
  return f32x4.div(w, f32x4.add(v, w));
}

const TANH_END: usize = memory.data<f32>([10]);

/** Hyperbolic tangent, to 2.5 ulp: m / (m + 2) of m = e^2|x| - 1. */
// @ts-ignore: decorator
@inline
export function tanh4(x: v128): v128 {
  const half = f32x4.pmin(f32x4.abs(x), constant(TANH_END)); // beyond, tanh is 1 in float32
  const bounded = f32x4.add(half, half);
  const sum = next(bounded, constant(LOG2E), WHOLE_127, 0);
  const y = reducedExpm1(minusPowers(bounded, f32x4.sub(sum, constant(WHOLE_127))));
  const t = powerOfBits(sum);
  const m = f32x4.add(f32x4.mul(y, t), f32x4.sub(t, constant(ONE)));
  return withSignOf(f32x4.div(m, f32x4.add(m, constant(TWO))), x);
}

const ERF_END: usize = memory.data<f32>([4]);
const ERF_LARGE: usize = memory.data<f32>([0.927734375]);
const ERF: usize = memory.data<f32>([
  -5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1, -3.76125336e-1, 1.28379166e-1,
]);
const ERF_TAIL: usize = memory.data<f32>([
  -1.72853470e-5, 3.83197126e-4, -3.88396438e-3, 2.42546219e-2, -1.06777877e-1, -6.34846687e-1, -1.28717512e-1,
]);

/**
 * The error function, 2/sqrt(pi) times the integral of e^-t^2 from 0 to x, to 1.2 ulp.
 * see: N. Juffa, stackoverflow.com/a/35148199
 */
// @ts-ignore: decorator
@inline
export function erf4(x: v128): v128 {
  const t = f32x4.pmin(f32x4.abs(x), constant(ERF_END)); // beyond, erf is 1 in float32
  const s = f32x4.mul(t, t);
  // |x| small: t + t P(t^2)
  const small = f32x4.add(f32x4.mul(polynomial5(ERF, s), t), t);
  // |x| large: 1 - exp(-t Q(t))
  let large = next(constant(ERF_TAIL), t, ERF_TAIL, 1);
  large = f32x4.add(f32x4.mul(large, s), next(constant(ERF_TAIL + 8), t, ERF_TAIL, 3));
  large = next(next(next(large, t, ERF_TAIL, 4), t, ERF_TAIL, 5), t, ERF_TAIL, 6);
  large = f32x4.sub(f32x4.mul(large, t), t);
  large = f32x4.sub(constant(ONE), expTerm4(large));
  return withSignOf(v128.bitselect(large, small, f32x4.gt(t, constant(ERF_LARGE))), x);
}

// --- sine and cosine ---------------------------------------------------------------------------------------

const TWO_OVER_PI: f64 = 0.63661977236758134308;
/** pi/2 in two parts: n * PI_2_HIGH is exact for |n| < 2^20. */
const PI_2_HIGH: f64 = 1.57079632673412561417;
const PI_2_LOW: f64 = 6.07710050650619224932e-11;

/** x - n pi/2 for two lanes. */
// @ts-ignore: decorator
@inline
function reduceAngle(x: v128, n: v128): v128 {
  const high = f64x2.sub(x, f64x2.mul(n, f64x2.splat(PI_2_HIGH)));
  return f64x2.sub(high, f64x2.mul(n, f64x2.splat(PI_2_LOW)));
}

/**
 * 1.5 * 2^52. Adding it to a float64 rounds that number to an integer, whose lower bits are the lower bits of
 * the sum.
 */
const WHOLE_64: f64 = 6755399441055744;

/** Up to this |x|, reduction by the two parts of pi/2 is exact enough, because n stays below 2^20. */
const FAR: f32 = 1.6e6;

/** sin(r + n pi/2) for |r| <= pi/4. */
// @ts-ignore: decorator
@inline
function sinOfReduced(r: v128, n: v128): v128 {
  const r2 = f32x4.mul(r, r);
  let sine = mulAdd(all(-1.9515295891e-4), r2, 8.3321608736e-3);
  sine = mulAdd(sine, r2, -1.6666654611e-1);
  // the sum already has the sign of r, except for r = -0
  sine = withSignOf(f32x4.add(f32x4.mul(f32x4.mul(sine, r2), r), r), r);
  let cosine = mulAdd(all(2.443315711809948e-5), r2, -1.388731625493765e-3);
  cosine = mulAdd(cosine, r2, 4.166664568298827e-2);
  cosine = f32x4.add(f32x4.sub(f32x4.mul(cosine, f32x4.mul(r2, r2)), f32x4.mul(r2, all(0.5))), all(1));
  // n mod 4: 0 sin, 1 cos, 2 -sin, 3 -cos
  const odd = i32x4.eq(v128.and(n, i32x4.splat(1)), i32x4.splat(1));
  const sign = i32x4.shl(v128.and(n, i32x4.splat(2)), 30);
  return v128.xor(v128.bitselect(cosine, sine, odd), sign);
}

/**
 * sin(x + quarters pi/2), to 1.6 ulp. The angle is reduced in float64, or with integers if it is too large
 * for that.
 */
// @ts-ignore: decorator
@inline
function sinShifted(x: v128, quarters: i32): v128 {
  const x01 = f64x2.promote_low_f32x4(x);
  const x23 = promoteHigh(x);
  const n01 = f64x2.add(f64x2.mul(x01, f64x2.splat(TWO_OVER_PI)), f64x2.splat(WHOLE_64));
  const n23 = f64x2.add(f64x2.mul(x23, f64x2.splat(TWO_OVER_PI)), f64x2.splat(WHOLE_64));
  const r01 = reduceAngle(x01, f64x2.sub(n01, f64x2.splat(WHOLE_64)));
  const r = demote(r01, reduceAngle(x23, f64x2.sub(n23, f64x2.splat(WHOLE_64))));
  const turns = v128.shuffle<i32>(n01, n23, 0, 2, 4, 6);
  const y = sinOfReduced(r, i32x4.add(turns, i32x4.splat(quarters)));
  const far = f32x4.gt(f32x4.abs(x), all(FAR));
  return v128.any_true(far) ? v128.bitselect(sinFar(x, quarters), y, far) : y;
}

/**
 * 32 zero bits, then the first 224 bits of 2/pi after the binary point. Not a table, which would be static
 * data of this module: the ladder's module shares the memory, and could put its static data at the same
 * addresses.
 */
function twoOverPiBits(word: u32): u64 {
  switch (word) {
    case 0: return 0;
    case 1: return 0xa2f9836e;
    case 2: return 0x4e441529;
    case 3: return 0xfc2757d1;
    case 4: return 0xf534ddc0;
    case 5: return 0xdb629599;
    case 6: return 0x3c439041;
    default: return 0xfe5163ab;
  }
}

/**
 * x 2/pi modulo 4 for |x| > 1e6, in units of 2^-62. x is an integer, its mantissa, times a power of two. Bits
 * of 2/pi whose products are multiples of 4 are left out; of the other bits, the first 96 are used.
 * see: Payne and Hanek 1983; ARM optimized-routines, math/sinf.h, reduce_large
 */
function farQuarters(x: f32): i64 {
  const bits = reinterpret<u32>(x);
  const exponent = (bits >> 23) & 0xff;
  const mantissa = <u64>((bits & 0x7fffff) | 0x800000);
  const start = exponent - 120; // the first bit of twoOverPiBits that is used
  const word = start >> 5;
  const shift = <u64>(start & 31);
  const high = twoOverPiBits(word) << 32 | twoOverPiBits(word + 1);
  const low = twoOverPiBits(word + 2) << 32 | twoOverPiBits(word + 3);
  const first = (high << shift) >> 32;
  const second = ((high << 32 | low >> 32) << shift) >> 32;
  const third = (low << shift) >> 32;
  const product = (mantissa * first << 32) + mantissa * second + (mantissa * third >> 32);
  return x < 0 ? -(<i64>product) : <i64>product;
}

const HALF_PI_OF_UNITS: f64 = 3.4061215800865545e-19; // pi/2 2^-62

/** sin(x + quarters pi/2) where |x| > FAR; NaN for inf. Not inlined, because it is long and seldom needed. */
function sinFar(x: v128, quarters: i32): v128 {
  let r = all(0);
  let n = i32x4.splat(0);
  for (let lane = 0; lane < 4; lane++) {
    const units = farQuarters(f32x4.extract_lane(x, 0));
    const nearest = (units + (<i64>1 << 61)) >> 62;
    // the lower 62 bits as a signed number: the shift up drops whole quarters
    const angle = <f32>(<f64>((units << 2) >> 2) * HALF_PI_OF_UNITS);
    // lanes are computed one at a time, in lane 0: after four rotations each lane is back in its place
    x = v128.shuffle<i32>(x, x, 1, 2, 3, 0);
    r = v128.shuffle<i32>(f32x4.replace_lane(r, 0, angle), r, 1, 2, 3, 0);
    n = v128.shuffle<i32>(i32x4.replace_lane(n, 0, <i32>nearest), n, 1, 2, 3, 0);
  }
  const y = sinOfReduced(r, i32x4.add(n, i32x4.splat(quarters)));
  return v128.bitselect(y, all(NaN), f32x4.lt(f32x4.abs(x), all(Infinity)));
}

/** Sine of radians. */
// @ts-ignore: decorator
@inline
export function sin4(x: v128): v128 {
  return sinShifted(x, 0);
}

/** Cosine of radians. */
// @ts-ignore: decorator
@inline
export function cos4(x: v128): v128 {
  return sinShifted(x, 1);
}

// --- powers ------------------------------------------------------------------------------------------------

/**
 * log2 x for two lanes x >= 0, to 2^-40: 2 atanh((m - 1) / (m + 1)) / ln 2 for the mantissa m, plus the
 * exponent.
 */
// @ts-ignore: decorator
@inline
export function log2OfTwo(x: v128): v128 {
  // the upper halves of the lanes hold the exponent; 0x3fe6a09e is the upper half of sqrt(1/2)
  const upper = v128.shuffle<i32>(x, x, 1, 3, 1, 3);
  const exponent = i32x4.shr_s(i32x4.sub(upper, i32x4.splat(0x3fe6a09e)), 20);
  const m = i64x2.sub(x, i64x2.shl(i64x2.extend_low_i32x4_s(exponent), 52));
  const s = f64x2.div(f64x2.sub(m, f64x2.splat(1)), f64x2.add(m, f64x2.splat(1)));
  const s2 = f64x2.mul(s, s);
  // 2 / (ln 2 (2k + 1))
  let p = f64x2.splat(0.2219530832136867);
  p = f64x2.add(f64x2.mul(p, s2), f64x2.splat(0.2623081892525388));
  p = f64x2.add(f64x2.mul(p, s2), f64x2.splat(0.3205988979753252));
  p = f64x2.add(f64x2.mul(p, s2), f64x2.splat(0.41219858311113244));
  p = f64x2.add(f64x2.mul(p, s2), f64x2.splat(0.5770780163555853));
  p = f64x2.add(f64x2.mul(p, s2), f64x2.splat(0.9617966939259757));
  p = f64x2.add(f64x2.mul(p, s2), f64x2.splat(2.8853900817779268));
  const y = f64x2.add(f64x2.mul(p, s), f64x2.convert_low_i32x4_s(exponent));
  const finite = v128.bitselect(y, x, f64x2.lt(x, f64x2.splat(Infinity)));
  return v128.bitselect(f64x2.splat(-Infinity), finite, f64x2.eq(x, f64x2.splat(0)));
}

/** 2^x for two lanes, to 2^-36. x is clamped to [-limit, limit], where limit is at most 1022. */
// @ts-ignore: decorator
@inline
export function exp2OfTwo(x: v128, limit: f64): v128 {
  const bounded = f64x2.pmax(f64x2.pmin(x, f64x2.splat(limit)), f64x2.splat(-limit));
  const n = f64x2.nearest(bounded);
  const f = f64x2.sub(bounded, n);
  // (ln 2)^k / k!
  let p = f64x2.splat(1.0178086009239696e-7);
  p = f64x2.add(f64x2.mul(p, f), f64x2.splat(1.3215486790144305e-6));
  p = f64x2.add(f64x2.mul(p, f), f64x2.splat(1.5252733804059838e-5));
  p = f64x2.add(f64x2.mul(p, f), f64x2.splat(1.5403530393381606e-4));
  p = f64x2.add(f64x2.mul(p, f), f64x2.splat(1.3333558146428441e-3));
  p = f64x2.add(f64x2.mul(p, f), f64x2.splat(9.618129107628477e-3));
  p = f64x2.add(f64x2.mul(p, f), f64x2.splat(5.5504108664821576e-2));
  p = f64x2.add(f64x2.mul(p, f), f64x2.splat(2.402265069591007e-1));
  p = f64x2.add(f64x2.mul(p, f), f64x2.splat(6.931471805599453e-1));
  p = f64x2.add(f64x2.mul(p, f), f64x2.splat(1));
  const exponent = i32x4.add(i32x4.trunc_sat_f64x2_s_zero(n), i32x4.splat(1023));
  return f64x2.mul(p, i64x2.shl(i64x2.extend_low_i32x4_s(exponent), 52));
}

/** The power |x|^y for the low two lanes, rounded to float32. */
// @ts-ignore: decorator
@inline
function powerOfTwoLanes(x: v128, y: v128): v128 {
  const log = log2OfTwo(f64x2.promote_low_f32x4(f32x4.abs(x)));
  return f32x4.demote_f64x2_zero(exp2OfTwo(f64x2.mul(log, f64x2.promote_low_f32x4(y)), 200));
}

/** A mask of the lanes in which y is an integer. */
// @ts-ignore: decorator
@inline
function isWhole(y: v128): v128 {
  return f32x4.eq(f32x4.trunc(y), y);
}

/** A mask of the lanes in which y is an odd integer. */
// @ts-ignore: decorator
@inline
function isOdd(y: v128): v128 {
  return v128.andnot(isWhole(y), isWhole(f32x4.mul(y, all(0.5))));
}

/**
 * x^y, as pow in C: 1 where y = 0 or x = 1 (even if the other is NaN), NaN for a negative x and a fractional
 * y, and the sign of x for odd y. Computed in float64: to 0.51 ulp.
 */
// @ts-ignore: decorator
@inline
export function pow4(x: v128, y: v128): v128 {
  const low = powerOfTwoLanes(x, y);
  const high = powerOfTwoLanes(highLanes(x), highLanes(y));
  let p = joinLow(low, high);
  const one = all(1);
  // (+-1)^(+-inf) is 1, where the product of logarithm and exponent is NaN
  p = v128.bitselect(one, p, v128.and(f32x4.eq(f32x4.abs(x), one), f32x4.eq(f32x4.abs(y), all(Infinity))));
  p = v128.xor(p, v128.and(isOdd(y), v128.and(x, i32x4.splat(0x80000000))));
  const finiteNegative = v128.and(f32x4.lt(x, all(0)), f32x4.gt(x, all(-Infinity)));
  p = v128.bitselect(all(NaN), p, v128.andnot(finiteNegative, v128.or(isWhole(y), f32x4.ne(y, y))));
  return v128.bitselect(one, p, v128.or(f32x4.eq(y, all(0)), f32x4.eq(x, one)));
}

const LN2: f64 = 0.6931471805599453;

/**
 * The power |x|^y for two lanes, in float64. The caller multiplies the result, so it is clamped to [2^-1000,
 * 2^1000], rather than rounded to 0 or infinity, unless the exponent is infinite. `log` is log2 |x|.
 */
// @ts-ignore: decorator
@inline
function powerOfLog(log: v128, y: v128): v128 {
  const exponent = f64x2.mul(log, y);
  let p = exp2OfTwo(exponent, 1000);
  p = v128.bitselect(f64x2.splat(0), p, f64x2.eq(exponent, f64x2.splat(-Infinity)));
  p = v128.bitselect(f64x2.splat(Infinity), p, f64x2.eq(exponent, f64x2.splat(Infinity)));
  // 1 where the exponent is 0 times infinity, which is NaN, as well
  return v128.bitselect(f64x2.splat(1), p, v128.or(f64x2.eq(y, f64x2.splat(0)), f64x2.eq(log, f64x2.splat(0))));
}

/** dy y |x|^(y-1) for the low two lanes, rounded to float32. */
// @ts-ignore: decorator
@inline
function powGradBaseOfTwo(dy: v128, x: v128, y: v128): v128 {
  const exponent = f64x2.promote_low_f32x4(y);
  const log = log2OfTwo(f64x2.promote_low_f32x4(f32x4.abs(x)));
  const p = powerOfLog(log, f64x2.sub(exponent, f64x2.splat(1)));
  return f32x4.demote_f64x2_zero(f64x2.mul(f64x2.promote_low_f32x4(dy), f64x2.mul(exponent, p)));
}

/** dy |x|^y ln |x| for the low two lanes, rounded to float32. */
// @ts-ignore: decorator
@inline
function powGradExponentOfTwo(dy: v128, x: v128, y: v128): v128 {
  const log = log2OfTwo(f64x2.promote_low_f32x4(f32x4.abs(x)));
  const p = powerOfLog(log, f64x2.promote_low_f32x4(y));
  const slope = f64x2.mul(p, f64x2.mul(log, f64x2.splat(LN2)));
  return f32x4.demote_f64x2_zero(f64x2.mul(f64x2.promote_low_f32x4(dy), slope));
}

/**
 * The gradient of x in x^y: dy y x^(y-1), and 0 where y = 0. Computed in float64 and rounded once at the end,
 * because intermediate results may exceed float32.
 */
// @ts-ignore: decorator
@inline
export function powGradBase4(dy: v128, x: v128, y: v128): v128 {
  const low = powGradBaseOfTwo(dy, x, y);
  const high = powGradBaseOfTwo(highLanes(dy), highLanes(x), highLanes(y));
  let slope = joinLow(low, high);
  // y - 1 is odd where y is even. Infinities are not even. Neither is the smallest denormal, although half of
  // it rounds to 0
  const even = v128.and(v128.and(isWhole(f32x4.mul(y, all(0.5))), isWhole(y)), f32x4.lt(f32x4.abs(y), all(Infinity)));
  slope = v128.xor(slope, v128.and(even, v128.and(x, i32x4.splat(0x80000000))));
  const finiteNegative = v128.and(f32x4.lt(x, all(0)), f32x4.gt(x, all(-Infinity)));
  slope = v128.bitselect(all(NaN), slope, v128.andnot(finiteNegative, isWhole(y)));
  return v128.andnot(slope, f32x4.eq(y, all(0)));
}

/** The gradient of y in x^y: dy x^y ln x, and 0 where x = 0 and y >= 0. NaN for a negative x. */
// @ts-ignore: decorator
@inline
export function powGradExponent4(dy: v128, x: v128, y: v128): v128 {
  const low = powGradExponentOfTwo(dy, x, y);
  const high = powGradExponentOfTwo(highLanes(dy), highLanes(x), highLanes(y));
  let slope = joinLow(low, high);
  // x may be -0
  slope = v128.xor(slope, v128.and(isOdd(y), v128.and(x, i32x4.splat(0x80000000))));
  slope = v128.bitselect(all(NaN), slope, f32x4.lt(x, all(0)));
  return v128.andnot(slope, v128.and(f32x4.eq(x, all(0)), f32x4.ge(y, all(0))));
}
