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
