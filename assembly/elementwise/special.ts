// Functions around the gamma and the error function. Elements are computed one at a time, in float64, with
// errors far below a unit in the last place of float32, except next to zeros of the function. The kernels
// work on elements [begin, end) of contiguous arrays.

import { exp4 } from "../lib/math";
import { load4, storeUpTo } from "../lib/simd";

const LN2: f64 = 0.6931471805599453;
const PI: f64 = 3.141592653589793;

/** Natural logarithm of a positive, normal number. */
function ln(x: f64): f64 {
  const bits = reinterpret<u64>(x);
  let exponent = <i32>(bits >> 52) - 1023;
  let m = reinterpret<f64>((bits & 0x000fffffffffffff) | 0x3ff0000000000000);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    exponent++;
  }
  // ln m = 2 (s + s³/3 + s⁵/5 + …), |s| < 0.1716
  const s = (m - 1) / (m + 1);
  const z = s * s;
  let sum: f64 = 0;
  for (let k = 21; k > 1; k -= 2) sum = (sum + 1 / <f64>k) * z;
  return <f64>exponent * LN2 + 2 * s * (1 + sum);
}

/** sin(pi x) for |x| <= 1/2, or its derivative divided by pi. */
function sinOrCosOfPi(x: f64, isCos: bool): f64 {
  const y = PI * x;
  const z = y * y;
  let sum: f64 = 0;
  for (let k = 24; k > 0; k -= 2) {
    const n = isCos ? <f64>k : <f64>(k + 1);
    sum = (1 + sum) * (-z / (n * (n - 1)));
  }
  return (isCos ? 1 : y) * (1 + sum);
}

/** Horner's rule for 8 coefficients, the constant first. */
function polynomial8(table: usize, x: f64): f64 {
  let y = load<f64>(table + 56);
  for (let i = 48; i >= 0; i -= 8) y = y * x + load<f64>(table + <usize>i);
  return y;
}

// The normal quantile: Wichura, Algorithm AS 241 (1988), PPND16.
const CENTRE: usize = memory.data<f64>([
  3.3871328727963666080, 133.14166789178437745, 1971.5909503065514427, 13731.693765509461125,
  45921.953931549871457, 67265.770927008700853, 33430.575583588128105, 2509.0809287301226727,
]);
const CENTRE_DIVISOR: usize = memory.data<f64>([
  1, 42.313330701600911252, 687.18700749205790830, 5394.1960214247511077,
  21213.794301586595867, 39307.895800092710610, 28729.085735721942674, 5226.4952788528545610,
]);
const TAIL: usize = memory.data<f64>([
  1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550, 3.64784832476320460504,
  1.27045825245236838258, 0.241780725177450611770, 0.0227238449892691845833, 0.000774545014278341407640,
]);
const TAIL_DIVISOR: usize = memory.data<f64>([
  1, 2.05319162663775882187, 1.67638483018380384940, 0.689767334985100004550,
  0.148103976427480074590, 0.0151986665636164571966, 0.000547593808499534494600, 1.05075007164441684324e-9,
]);

/** The y with erf y = x. The algorithm's third part is for numbers closer to 1 than 1 - 2^-24. */
function inverseErf(x: f64): f64 {
  if (!(x > -1 && x < 1)) return x == 1 ? Infinity : x == -1 ? -Infinity : NaN;
  const q = 0.5 * x;
  const size = abs(q);
  if (size <= 0.425) {
    const r = 0.180625 - q * q;
    return 0.7071067811865476 * q * (polynomial8(CENTRE, r) / polynomial8(CENTRE_DIVISOR, r));
  }
  const r = sqrt(-ln(0.5 - size)) - 1.6;
  return copysign(0.7071067811865476 * (polynomial8(TAIL, r) / polynomial8(TAIL_DIVISOR, r)), x);
}

/** ln |gamma(x)| for x >= 1/2: Stirling's series, from 10 on. */
function lnGammaOfPositive(x: f64): f64 {
  let product: f64 = 1;
  while (x < 10) {
    product *= x;
    x += 1;
  }
  const z = 1 / (x * x);
  const series = (((((-691.0 / 360360) * z + 1.0 / 1188) * z - 1.0 / 1680) * z + 1.0 / 1260) * z - 1.0 / 360) * z + 1.0 / 12;
  return (x - 0.5) * ln(x) - x + 0.9189385332046728 + series / x - ln(product);
}

/** ln |gamma(x)|: infinite at 0, -1, -2, …. */
function lnGamma(x: f64): f64 {
  if (abs(x) == Infinity) return Infinity;
  if (!(x < 0.5)) return x == x ? lnGammaOfPositive(x) : x;
  const rest = x - nearest(x);
  if (rest == 0) return Infinity;
  return ln(PI / abs(sinOrCosOfPi(rest, false))) - lnGammaOfPositive(1 - x);
}

/** The derivative of ln |gamma(x)|: infinite at 0, NaN at -1, -2, …. */
function digamma(x: f64): f64 {
  if (x == 0) return copysign(Infinity, -x);
  if (x == Infinity) return x;
  let sum: f64 = 0;
  if (x < 0.5) {
    const rest = x - nearest(x);
    if (rest == 0 || x == -Infinity) return NaN;
    sum = (-PI * sinOrCosOfPi(rest, true)) / sinOrCosOfPi(rest, false);
    x = 1 - x;
  }
  while (x < 10) {
    sum -= 1 / x;
    x += 1;
  }
  const z = 1 / (x * x);
  const series =
    (((((-691.0 / 32760) * z + 1.0 / 132) * z - 1.0 / 240) * z + 1.0 / 252) * z - 1.0 / 120) * z + 1.0 / 12;
  return sum + ln(x) - 0.5 / x - series * z;
}

function power(x: f64, n: i32): f64 {
  let y: f64 = 1;
  for (let i = 0; i < n; i++) y *= x;
  return y;
}

// B(2j) / (2j)!
const BERNOULLI: usize = memory.data<f64>([
  8.333333333333333e-2, -1.388888888888889e-3, 3.306878306878307e-5, -8.267195767195767e-7,
  2.08767569878681e-8, -5.284190138687493e-10, 1.3382536530684679e-11, -3.3896802963225827e-13,
]);

/** Σ (x + k)^-s over k = 0, 1, … for x > 0 and s >= 2: the Euler-Maclaurin formula. */
function zetaOfPositive(s: i32, x: f64): f64 {
  let sum: f64 = 0;
  while (x < <f64>(s + 10)) {
    sum += 1 / power(x, s);
    x += 1;
  }
  const inverse = 1 / power(x, s);
  sum += (inverse * x) / <f64>(s - 1) + 0.5 * inverse;
  let factor = (<f64>s * inverse) / x;
  for (let j = 0; j < 8; j++) {
    sum += load<f64>(BERNOULLI + (<usize>j << 3)) * factor;
    factor *= ((<f64>(s + 2 * j + 1) / x) * <f64>(s + 2 * j + 2)) / x;
  }
  return sum;
}

/** Derivative n >= 1 of digamma: (-1)^(n+1) n! Σ (x + k)^-(n+1); infinite at 0, -1, -2, …. */
function polygammaOf(n: i32, x: f64): f64 {
  if (x != x) return x;
  const s = n + 1;
  let factor: f64 = n & 1 ? 1 : -1;
  for (let i = 2; i <= n; i++) factor *= <f64>i;
  if (x == Infinity) return 0 * factor;
  if (x > 0) return factor * zetaOfPositive(s, x);
  const fraction = x - floor(x);
  if (fraction == 0 || x == -Infinity) return factor * Infinity;
  // the terms below 0 are those of 1 - fraction, 2 - fraction, …, -x, with the sign (-1)^s
  const below = zetaOfPositive(s, 1 - fraction) - zetaOfPositive(s, 1 - x);
  return factor * (zetaOfPositive(s, fraction) + (s & 1 ? -below : below));
}

/** y = the inverse of erf at x. */
export function erfinv(begin: i32, end: i32, x: usize, y: usize): void {
  for (let i = <usize>begin << 2; i < <usize>end << 2; i += 4) store<f32>(y + i, <f32>inverseErf(load<f32>(x + i)));
}

/** dx = dy sqrt(pi) / 2 e^(y²), with the result y. */
export function erfinvGrad(begin: i32, end: i32, dy: usize, y: usize, dx: usize): void {
  for (let i = begin; i < end; i += 4) {
    const value = load4(y, i);
    const slope = f32x4.mul(exp4(f32x4.mul(value, value)), f32x4.splat(0.886226925452758));
    storeUpTo(dx, i, end, f32x4.mul(load4(dy, i), slope));
  }
}

/** y = ln |gamma(x)|. */
export function lgamma(begin: i32, end: i32, x: usize, y: usize): void {
  for (let i = <usize>begin << 2; i < <usize>end << 2; i += 4) store<f32>(y + i, <f32>lnGamma(load<f32>(x + i)));
}

/** y = derivative n of digamma at x; digamma itself for n = 0. */
export function polygamma(begin: i32, end: i32, x: usize, y: usize, n: i32): void {
  for (let i = <usize>begin << 2; i < <usize>end << 2; i += 4) {
    const value = <f64>load<f32>(x + i);
    store<f32>(y + i, <f32>(n == 0 ? digamma(value) : polygammaOf(n, value)));
  }
}
