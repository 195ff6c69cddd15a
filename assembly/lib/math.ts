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

const LOG2E: f32 = 1.44269504088896341;
/** ln 2 in two parts: n * LN2_HIGH is exact for |n| < 2^15. */
const LN2_HIGH: f32 = 0.693359375;
const LN2_LOW: f32 = -2.12194440e-4;

// @ts-ignore: decorator
@inline
function all(value: f32): v128 {
  return f32x4.splat(value);
}

/** a * b + c, rounded twice. */
// @ts-ignore: decorator
@inline
function mulAdd(a: v128, b: v128, c: f32): v128 {
  return f32x4.add(f32x4.mul(a, b), all(c));
}

/** `magnitude` with the sign of x. The sign bit of `magnitude` must be 0 or equal to the sign bit of x. */
// @ts-ignore: decorator
@inline
function withSignOf(magnitude: v128, x: v128): v128 {
  return v128.or(magnitude, v128.and(x, i32x4.splat(0x80000000)));
}

/** The integer n nearest to x / ln 2. */
// @ts-ignore: decorator
@inline
function nearestPower(x: v128): v128 {
  return f32x4.nearest(f32x4.mul(x, all(LOG2E)));
}

/** exp(r) - 1 for r = x - n ln 2, |r| <= ln 2 / 2. */
// @ts-ignore: decorator
@inline
function reducedExpm1(x: v128, n: v128): v128 {
  const r = f32x4.sub(f32x4.sub(x, f32x4.mul(n, all(LN2_HIGH))), f32x4.mul(n, all(LN2_LOW)));
  let p = mulAdd(all(1.9875691500e-4), r, 1.3981999507e-3);
  p = mulAdd(p, r, 8.3334519073e-3);
  p = mulAdd(p, r, 4.1665795894e-2);
  p = mulAdd(p, r, 1.6666665459e-1);
  p = mulAdd(p, r, 5.0000001201e-1);
  return f32x4.add(r, f32x4.mul(f32x4.mul(r, r), p));
}

/** 2^n for int32 lanes n, -126 <= n <= 127. */
// @ts-ignore: decorator
@inline
function powerOfTwo(n: v128): v128 {
  return i32x4.shl(i32x4.add(n, i32x4.splat(127)), 23);
}

/** e^x, to 1 ulp. */
// @ts-ignore: decorator
@inline
export function exp4(x: v128): v128 {
  const bounded = f32x4.pmax(f32x4.pmin(x, all(89)), all(-104)); // outside these bounds: inf or 0
  const n = nearestPower(bounded);
  const y = f32x4.add(reducedExpm1(bounded, n), all(1));
  // two factors, because 2^n alone is not a normal number at either end of the range
  const exponent = i32x4.trunc_sat_f32x4_s(n);
  const half = i32x4.shr_s(exponent, 1);
  return f32x4.mul(f32x4.mul(y, powerOfTwo(half)), powerOfTwo(i32x4.sub(exponent, half)));
}

/** expm14, except that -0 gives 0. */
// @ts-ignore: decorator
@inline
function expm1OfPositive(x: v128): v128 {
  const bounded = f32x4.pmax(f32x4.pmin(x, all(89)), all(-18)); // outside these bounds: inf or -1
  const n = nearestPower(bounded);
  const y = reducedExpm1(bounded, n);
  // 2^n (y + 1) - 1 = 2 (y t + (t - 1/2)) with t = 2^(n-1), which stays finite for n = 128
  const t = powerOfTwo(i32x4.sub(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(1)));
  const scaled = f32x4.add(f32x4.mul(y, t), f32x4.sub(t, all(0.5)));
  return v128.bitselect(y, f32x4.add(scaled, scaled), f32x4.eq(n, all(0)));
}

/** e^x - 1, without cancellation near 0, to 1.5 ulp. */
// @ts-ignore: decorator
@inline
export function expm14(x: v128): v128 {
  return withSignOf(expm1OfPositive(x), x);
}

/** Natural logarithm, to 0.8 ulp: -inf at 0, NaN for negative x. */
// @ts-ignore: decorator
@inline
export function log4(x: v128): v128 {
  const denormal = f32x4.lt(x, all(1.17549435e-38));
  const bits = v128.bitselect(f32x4.mul(x, all(8388608)), x, denormal);
  // x = 2^e m with sqrt(1/2) <= m < sqrt(2)
  const exponent = i32x4.shr_s(i32x4.sub(bits, i32x4.splat(0x3f3504f3)), 23);
  const m = i32x4.sub(bits, i32x4.shl(exponent, 23));
  const e = f32x4.sub(f32x4.convert_i32x4_s(exponent), v128.and(denormal, all(23)));
  const f = f32x4.sub(m, all(1));
  const f2 = f32x4.mul(f, f);
  let p = mulAdd(all(7.0376836292e-2), f, -1.1514610310e-1);
  p = mulAdd(p, f, 1.1676998740e-1);
  p = mulAdd(p, f, -1.2420140846e-1);
  p = mulAdd(p, f, 1.4249322787e-1);
  p = mulAdd(p, f, -1.6668057665e-1);
  p = mulAdd(p, f, 2.0000714765e-1);
  p = mulAdd(p, f, -2.4999993993e-1);
  p = mulAdd(p, f, 3.3333331174e-1);
  let y = f32x4.add(f32x4.mul(f32x4.mul(f, f2), p), f32x4.mul(e, all(LN2_LOW)));
  y = f32x4.sub(y, f32x4.mul(f2, all(0.5)));
  y = f32x4.add(f32x4.add(f, y), f32x4.mul(e, all(LN2_HIGH)));
  y = v128.bitselect(y, x, f32x4.lt(x, all(Infinity))); // inf and NaN give themselves
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
  const u = f32x4.add(x, all(1));
  const log = log4(u);
  const lost = f32x4.div(f32x4.sub(x, f32x4.sub(u, all(1))), u);
  // for x = -1 and inf nothing is lost by rounding, but `lost` is NaN
  return v128.bitselect(log, f32x4.add(log, lost), v128.or(f32x4.eq(u, all(0)), f32x4.eq(u, all(Infinity))));
}

/** log(1 + x), to 1.5 ulp; -0 gives -0. */
// @ts-ignore: decorator
@inline
export function log1p4(x: v128): v128 {
  return withSignOf(log1pOfPositive(x), x);
}

/** 1 / (1 + e^-x), to 2.5 ulp, computed from e^-|x|, which cannot overflow. */
// @ts-ignore: decorator
@inline
export function sigmoid4(x: v128): v128 {
  const e = exp4(f32x4.neg(f32x4.abs(x)));
  return f32x4.div(v128.bitselect(e, all(1), f32x4.lt(x, all(0))), f32x4.add(e, all(1)));
}

/** Hyperbolic tangent, to 2.5 ulp: m / (m + 2) for m = e^(2|x|) - 1, with the sign of x. */
// @ts-ignore: decorator
@inline
export function tanh4(x: v128): v128 {
  const bounded = f32x4.pmin(f32x4.abs(x), all(10)); // where |x| > 10, tanh is 1 in float32
  const m = expm1OfPositive(f32x4.add(bounded, bounded));
  return withSignOf(f32x4.div(m, f32x4.add(m, all(2))), x);
}

/**
 * The error function, 2/sqrt(pi) times the integral of e^-t^2 from 0 to x, to 1.2 ulp.
 * see: N. Juffa, stackoverflow.com/a/35148199
 */
// @ts-ignore: decorator
@inline
export function erf4(x: v128): v128 {
  const t = f32x4.pmin(f32x4.abs(x), all(4)); // where |x| > 4, erf is 1 in float32
  const s = f32x4.mul(t, t);
  // |x| small: t + t P(t^2)
  let small = mulAdd(all(-5.96761703e-4), s, 4.99119423e-3);
  small = mulAdd(small, s, -2.67681349e-2);
  small = mulAdd(small, s, 1.12819925e-1);
  small = mulAdd(small, s, -3.76125336e-1);
  small = mulAdd(small, s, 1.28379166e-1);
  small = f32x4.add(f32x4.mul(small, t), t);
  // |x| large: 1 - exp(-t Q(t))
  let large = mulAdd(all(-1.72853470e-5), t, 3.83197126e-4);
  large = f32x4.add(f32x4.mul(large, s), mulAdd(all(-3.88396438e-3), t, 2.42546219e-2));
  large = mulAdd(large, t, -1.06777877e-1);
  large = mulAdd(large, t, -6.34846687e-1);
  large = mulAdd(large, t, -1.28717512e-1);
  large = f32x4.sub(f32x4.mul(large, t), t);
  large = f32x4.sub(all(1), exp4(large));
  return withSignOf(v128.bitselect(large, small, f32x4.gt(t, all(0.927734375))), x);
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
const WHOLE: f64 = 6755399441055744;

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
  const n01 = f64x2.add(f64x2.mul(x01, f64x2.splat(TWO_OVER_PI)), f64x2.splat(WHOLE));
  const n23 = f64x2.add(f64x2.mul(x23, f64x2.splat(TWO_OVER_PI)), f64x2.splat(WHOLE));
  const r01 = reduceAngle(x01, f64x2.sub(n01, f64x2.splat(WHOLE)));
  const r = demote(r01, reduceAngle(x23, f64x2.sub(n23, f64x2.splat(WHOLE))));
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
function log2OfTwo(x: v128): v128 {
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
function exp2OfTwo(x: v128, limit: f64): v128 {
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
