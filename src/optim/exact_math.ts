/**
 * `Math.pow` and `Math.cos` may differ between JavaScript engines in their last bits. The functions here use
 * only additions and multiplications, whose results the language specifies exactly. Learning rates and
 * weights are therefore the same on every machine.
 */

/**
 * `base ** exponent` for an integer exponent >= 0, by squaring. The relative error is about exponent · 2⁻⁵³.
 */
export function power(base: number, exponent: number): number {
  let result = 1;
  for (let square = base, remaining = exponent; remaining > 0; square *= square) {
    if (remaining % 2 === 1) result *= square;
    remaining = Math.floor(remaining / 2);
  }
  return result;
}

/**
 * Coefficients of sin(x) = x + x³(S0 + S1 x² …) and cos(x) = 1 − x²/2 + x⁴(C0 + C1 x² …) on |x| <= π/4.
 *
 * see: fdlibm k_sin.c, k_cos.c
 */
const SINE = [
  -0.16666666666666632, 0.00833333333332249, -0.0001984126982985795, 2.7557313707070068e-6, -2.5050760253406863e-8,
  1.58969099521155e-10,
];
const COSINE = [
  0.0416666666666666, -0.001388888888887411, 2.480158728947673e-5, -2.7557314351390663e-7, 2.087572321298175e-9,
  -1.1359647557788195e-11,
];

function polynomial(coefficients: readonly number[], x: number): number {
  return coefficients.reduceRight((sum, coefficient) => sum * x + coefficient, 0);
}

/**
 * `cos(π t)` for any finite t, with an absolute error below 3e-16. Multiples of 1/2 give exactly −1, 0 or 1.
 */
export function cosPi(t: number): number {
  let phase = Math.abs(t) % 2; // exact: cos has period 2 in t and is even
  if (phase > 1) phase = 2 - phase;
  const sign = phase > 0.5 ? -1 : 1;
  if (phase > 0.5) phase = 1 - phase;
  if (phase <= 0.25) {
    const x = Math.PI * phase;
    const square = x * x;
    return sign * (1 - (square / 2 - square * square * polynomial(COSINE, square)));
  }
  const x = Math.PI * (0.5 - phase);
  return sign * (x + x * x * x * polynomial(SINE, x * x));
}

/** The natural logarithm of 2 in two parts, whose sum is more precise than one number. */
const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;

/** see: fdlibm e_exp.c, e_log.c */
const EXP = [
  0.16666666666666602, -0.0027777777777015593, 6.613756321437934e-5, -1.6533902205465252e-6, 4.1381367970572385e-8,
];
const LOG = [
  0.6666666666666735, 0.3999999999940942, 0.2857142874366239, 0.22222198432149784, 0.1818357216161805,
  0.15313837699209373, 0.14798198605116586,
];

/** `e ** x`, with a relative error below 3e-16 where the result is a normal number. */
export function exponential(x: number): number {
  if (x < -745) return 0;
  if (x > 710) return Infinity;
  const k = Math.round(x / (LN2_HIGH + LN2_LOW));
  const [high, low] = [x - k * LN2_HIGH, k * LN2_LOW];
  const r = high - low;
  const square = r * r;
  const c = r - square * polynomial(EXP, square);
  const y = 1 - (low - (r * c) / (2 - c) - high);
  return k >= 0 ? y * power(2, k) : y / power(2, -k);
}

/** The natural logarithm of a number > 0, with a relative error below 3e-16. */
export function logarithm(x: number): number {
  let k = 0;
  let m = x; // in [√½, √2)
  for (; m >= Math.SQRT2; m /= 2) k++;
  for (; m < Math.SQRT1_2; m *= 2) k--;
  const f = m - 1;
  const s = f / (2 + f);
  const half = (f * f) / 2;
  const rest = s * s * polynomial(LOG, s * s);
  return k * LN2_HIGH - (half - (s * (half + rest) + k * LN2_LOW) - f);
}

/** `base ** exponent` for base >= 0 and any exponent. */
export function realPower(base: number, exponent: number): number {
  if (Number.isInteger(exponent)) return exponent >= 0 ? power(base, exponent) : 1 / power(base, -exponent);
  if (base === 0) return exponent > 0 ? 0 : Infinity;
  return exponential(exponent * logarithm(base));
}
