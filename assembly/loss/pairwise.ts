// Losses of pairs (input x, target t), one term per element. The forward pass computes the sum as well; one
// pass computes both gradients.
//
//   Mse       (x - t)^2
//   L1        |x - t|
//   SmoothL1  d^2 / (2 beta) for d = |x - t| < beta, else d - beta / 2
//   Bce       -(t log x + (1 - t) log(1 - x)), logarithms not below -100
//   Logits    (1 - t) x + (1 + (p - 1) t) log(1 + e^-x), p the weight of positive answers
//   Kl        t (log t - x), 0 where t = 0
//   KlLog     e^t (t - x)
//
// A term is multiplied by weight[i] unless `weight` is null. Only Logits reads `positive` (p), which may be
// null as well. All arrays have `size` elements, and up to 12 bytes past them may be read.

import { exp4, log1pOfPositive, log4, sigmoid4 } from "../lib/math";
import { lanesBelow, load4, loadDouble, promoteHigh, storeUpTo, sumLanes } from "../lib/simd";

/** Which loss: see above. @shared */
const enum PairLossKind { Mse, L1, SmoothL1, Bce, Logits, Kl, KlLog }

// @ts-ignore: decorator
@inline
function all(value: f32): v128 {
  return f32x4.splat(value);
}

/** log x, not below -100: a certain and wrong answer costs 100, not infinity. */
// @ts-ignore: decorator
@inline
function boundedLog(x: v128): v128 {
  return f32x4.max(log4(x), all(-100));
}

/** log(1 - x), not below -100. It is not computed from 1 - x, which rounds to 1 for a small x. */
// @ts-ignore: decorator
@inline
function boundedLogOfRest(x: v128): v128 {
  return f32x4.max(log1pOfPositive(f32x4.neg(x)), all(-100));
}

/** -1, 0 or 1 */
// @ts-ignore: decorator
@inline
function sign(x: v128): v128 {
  return f32x4.sub(v128.and(f32x4.gt(x, all(0)), all(1)), v128.and(f32x4.lt(x, all(0)), all(1)));
}

/** log(1 + e^-x) = max(-x, 0) + log(1 + e^-|x|) */
// @ts-ignore: decorator
@inline
function softplusOfNegative(x: v128): v128 {
  const tail = log1pOfPositive(exp4(f32x4.neg(f32x4.abs(x))));
  return f32x4.add(f32x4.max(f32x4.neg(x), all(0)), tail);
}

// @ts-ignore: decorator
@inline
function term(kind: i32, x: v128, t: v128, positive: v128, beta: v128): v128 {
  const d = f32x4.sub(x, t);
  if (kind == PairLossKind.Mse) return f32x4.mul(d, d);
  if (kind == PairLossKind.L1) return f32x4.abs(d);
  if (kind == PairLossKind.SmoothL1) {
    const a = f32x4.abs(d);
    const near = f32x4.mul(f32x4.mul(a, all(0.5)), f32x4.div(a, beta)); // a * a could overflow
    return v128.bitselect(near, f32x4.sub(a, f32x4.mul(beta, all(0.5))), f32x4.lt(a, beta));
  }
  if (kind == PairLossKind.Bce) {
    const no = f32x4.mul(f32x4.sub(t, all(1)), boundedLogOfRest(x));
    return f32x4.sub(no, f32x4.mul(t, boundedLog(x)));
  }
  if (kind == PairLossKind.Logits) {
    const factor = f32x4.add(all(1), f32x4.mul(f32x4.sub(positive, all(1)), t));
    return f32x4.add(f32x4.mul(f32x4.sub(all(1), t), x), f32x4.mul(factor, softplusOfNegative(x)));
  }
  if (kind == PairLossKind.Kl) {
    const v = f32x4.mul(t, f32x4.sub(log4(t), x));
    // 0 log 0 is 0, and so is 0 times an infinite x; a NaN stays
    return v128.andnot(v, v128.and(f32x4.eq(t, all(0)), f32x4.eq(x, x)));
  }
  return f32x4.mul(exp4(t), f32x4.neg(d));
}

/** d term / dx */
// @ts-ignore: decorator
@inline
function slope(kind: i32, x: v128, t: v128, positive: v128, beta: v128): v128 {
  const d = f32x4.sub(x, t);
  if (kind == PairLossKind.Mse) return f32x4.add(d, d);
  if (kind == PairLossKind.L1) return sign(d);
  // a NaN fails the comparison, and stays
  if (kind == PairLossKind.SmoothL1) return v128.bitselect(sign(d), f32x4.div(d, beta), f32x4.ge(f32x4.abs(d), beta));
  if (kind == PairLossKind.Bce) return f32x4.div(d, f32x4.max(f32x4.mul(x, f32x4.sub(all(1), x)), all(1e-12)));
  if (kind == PairLossKind.Logits) {
    const yes = f32x4.mul(positive, t);
    return f32x4.sub(f32x4.mul(f32x4.add(yes, f32x4.sub(all(1), t)), sigmoid4(x)), yes);
  }
  return f32x4.neg(kind == PairLossKind.Kl ? t : exp4(t));
}

/** d term / dt */
// @ts-ignore: decorator
@inline
function targetSlope(kind: i32, x: v128, t: v128, positive: v128, beta: v128): v128 {
  if (kind == PairLossKind.Bce) return f32x4.sub(boundedLogOfRest(x), boundedLog(x));
  if (kind == PairLossKind.Logits) {
    const extra = f32x4.mul(f32x4.sub(positive, all(1)), softplusOfNegative(x));
    return f32x4.sub(v128.andnot(extra, f32x4.eq(positive, all(1))), x); // avoids 0 times infinity
  }
  if (kind == PairLossKind.Kl) {
    const v = f32x4.add(f32x4.sub(log4(t), x), all(1));
    return v128.andnot(v, f32x4.eq(t, all(0)));
  }
  if (kind == PairLossKind.KlLog) return f32x4.mul(exp4(t), f32x4.add(f32x4.sub(t, x), all(1)));
  return f32x4.neg(slope(kind, x, t, positive, beta));
}

/** g d term / dx. For Mse the factor 2 comes last: 2 d alone could overflow. */
// @ts-ignore: decorator
@inline
function pulled(kind: i32, x: v128, t: v128, positive: v128, beta: v128, g: v128): v128 {
  if (kind != PairLossKind.Mse) return f32x4.mul(slope(kind, x, t, positive, beta), g);
  const half = f32x4.mul(f32x4.sub(x, t), g);
  return f32x4.add(half, half);
}

/** g d term / dt */
// @ts-ignore: decorator
@inline
function targetPulled(kind: i32, x: v128, t: v128, positive: v128, beta: v128, g: v128): v128 {
  if (kind == PairLossKind.Mse) return f32x4.neg(pulled(kind, x, t, positive, beta, g));
  return f32x4.mul(targetSlope(kind, x, t, positive, beta), g);
}

/** The weighted terms at i to i + 3. */
// @ts-ignore: decorator
@inline
function termAt(kind: i32, i: i32, x: usize, t: usize, weight: usize, positive: usize, beta: v128): v128 {
  const p = kind == PairLossKind.Logits && positive ? load4(positive, i) : all(1);
  const v = term(kind, load4(x, i), load4(t, i), p, beta);
  return weight ? f32x4.mul(v, load4(weight, i)) : v;
}

// @ts-ignore: decorator
@inline
function terms(
  kind: i32, begin: i32, end: i32, x: usize, t: usize, weight: usize, positive: usize, beta: f32, y: usize,
): void {
  let i = begin;
  do {
    storeUpTo(y, i, end, termAt(kind, i, x, t, weight, positive, all(beta)));
    i += 4;
  } while (i < end);
}

/** y[i] = term i; range: elements, from a multiple of 4. */
export function pairLoss(
  begin: i32, end: i32, kind: i32, x: usize, t: usize, weight: usize, positive: usize, beta: f32, y: usize,
): void {
  switch (kind) {
    case PairLossKind.Mse: return terms(PairLossKind.Mse, begin, end, x, t, weight, positive, beta, y);
    case PairLossKind.L1: return terms(PairLossKind.L1, begin, end, x, t, weight, positive, beta, y);
    case PairLossKind.SmoothL1: return terms(PairLossKind.SmoothL1, begin, end, x, t, weight, positive, beta, y);
    case PairLossKind.Bce: return terms(PairLossKind.Bce, begin, end, x, t, weight, positive, beta, y);
    case PairLossKind.Logits: return terms(PairLossKind.Logits, begin, end, x, t, weight, positive, beta, y);
    case PairLossKind.Kl: return terms(PairLossKind.Kl, begin, end, x, t, weight, positive, beta, y);
    default: return terms(PairLossKind.KlLog, begin, end, x, t, weight, positive, beta, y);
  }
}

// @ts-ignore: decorator
@inline
function sums(
  kind: i32, begin: i32, end: i32, x: usize, t: usize, weight: usize, positive: usize, beta: f32,
  y: usize, size: i32, chunk: i32,
): void {
  for (let c = begin; c < end; c++) {
    const stop = min((c + 1) * chunk, size);
    // two vectors at a time: four independent chains of additions
    let low0 = f64x2.splat(0);
    let high0 = low0;
    let low1 = low0;
    let high1 = low0;
    let i = c * chunk;
    if (i + 8 <= stop) {
      do {
        const v = termAt(kind, i, x, t, weight, positive, all(beta));
        const w = termAt(kind, i + 4, x, t, weight, positive, all(beta));
        low0 = f64x2.add(low0, f64x2.promote_low_f32x4(v));
        high0 = f64x2.add(high0, promoteHigh(v));
        low1 = f64x2.add(low1, f64x2.promote_low_f32x4(w));
        high1 = f64x2.add(high1, promoteHigh(w));
        i += 8;
      } while (i + 8 <= stop);
    }
    for (; i < stop; i += 4) {
      const v = v128.and(termAt(kind, i, x, t, weight, positive, all(beta)), lanesBelow(stop - i));
      low0 = f64x2.add(low0, f64x2.promote_low_f32x4(v));
      high0 = f64x2.add(high0, promoteHigh(v));
    }
    store<f64>(y + (<usize>c << 3), sumLanes(f64x2.add(f64x2.add(low0, high0), f64x2.add(low1, high1))));
  }
}

// Terms and sums may overflow in float32 although the result would fit. This is detected after the loops, so
// as not to slow them down, and the results are computed again in float64. The losses that need it have no
// weights.

// @ts-ignore: decorator
@inline
function wide(from: usize, i: i32): f64 {
  return <f64>load<f32>(from + (<usize>i << 2));
}

/**
 * Computes the chunks whose sum is infinite or NaN again, in float64: a term or a difference may exceed
 * float32 although the mean does not.
 */
function wideSums(
  begin: i32, end: i32, kind: i32, x: usize, t: usize, beta: f32, y: usize, size: i32, chunk: i32,
): void {
  const b = <f64>beta;
  for (let c = begin; c < end; c++) {
    if (isFinite(loadDouble(y, c))) continue;
    let sum: f64 = 0;
    for (let i = c * chunk, stop = min((c + 1) * chunk, size); i < stop; i++) {
      const d = abs(wide(x, i) - wide(t, i));
      sum += kind == PairLossKind.Mse ? d * d : kind == PairLossKind.L1 ? d : d < b ? d * d / (2 * b) : d - b / 2;
    }
    store<f64>(y + (<usize>c << 3), sum);
  }
}

/** Computes the infinite gradients dx of Mse (dt if `sign` is -1) again, in float64. */
function wideGradients(
  begin: i32, end: i32, x: usize, t: usize, dy: usize, single: i32, divisor: f32, dx: usize, sign: f64,
): void {
  for (let i = begin; i < end; i++) {
    const at = dx + (<usize>i << 2);
    if (abs(load<f32>(at)) != Infinity) continue;
    const g = single ? wide(dy, 0) / divisor : wide(dy, i);
    store<f32>(at, <f32>(sign * 2 * (wide(x, i) - wide(t, i)) * g));
  }
}

/** float64 y[c] = sum of the terms [c * chunk, (c + 1) * chunk); range: chunks. */
export function pairLossSum(
  begin: i32, end: i32, kind: i32, x: usize, t: usize, weight: usize, positive: usize, beta: f32,
  y: usize, size: i32, chunk: i32,
): void {
  switch (kind) {
    case PairLossKind.Mse: sums(PairLossKind.Mse, begin, end, x, t, weight, positive, beta, y, size, chunk); break;
    case PairLossKind.L1: sums(PairLossKind.L1, begin, end, x, t, weight, positive, beta, y, size, chunk); break;
    case PairLossKind.SmoothL1: sums(PairLossKind.SmoothL1, begin, end, x, t, weight, positive, beta, y, size, chunk); break;
    case PairLossKind.Bce: sums(PairLossKind.Bce, begin, end, x, t, weight, positive, beta, y, size, chunk); break;
    case PairLossKind.Logits: sums(PairLossKind.Logits, begin, end, x, t, weight, positive, beta, y, size, chunk); break;
    case PairLossKind.Kl: sums(PairLossKind.Kl, begin, end, x, t, weight, positive, beta, y, size, chunk); break;
    default: sums(PairLossKind.KlLog, begin, end, x, t, weight, positive, beta, y, size, chunk);
  }
  if (kind <= PairLossKind.SmoothL1) wideSums(begin, end, kind, x, t, beta, y, size, chunk);
}

// @ts-ignore: decorator
@inline
function gradients(
  kind: i32, begin: i32, end: i32, x: usize, t: usize, weight: usize, positive: usize, beta: f32,
  dy: usize, single: i32, divisor: f32, dx: usize, dt: usize,
): void {
  const b = all(beta);
  const one = f32x4.div(v128.load32_splat(dy), all(divisor));
  let i = begin;
  if (single && dx && !dt && !weight && !positive) {
    // the usual case in training: the gradient of a mean or a sum, without weights
    do {
      storeUpTo(dx, i, end, pulled(kind, load4(x, i), load4(t, i), all(1), b, one));
      i += 4;
    } while (i < end);
    return;
  }
  do {
    const xs = load4(x, i);
    const ts = load4(t, i);
    const p = kind == PairLossKind.Logits && positive ? load4(positive, i) : all(1);
    let g = single ? one : load4(dy, i);
    if (weight) g = f32x4.mul(g, load4(weight, i));
    if (dx) storeUpTo(dx, i, end, pulled(kind, xs, ts, p, b, g));
    if (dt) storeUpTo(dt, i, end, targetPulled(kind, xs, ts, p, b, g));
    i += 4;
  } while (i < end);
}

/**
 * dx[i] = g[i] * d term / dx, dt[i] = g[i] * d term / dt; dx or dt may be null. g[i] is dy[i]; or, if
 * `single`, it is dy[0] / divisor, and `loss` is the address of the loss. Range: elements, from a multiple of
 * 4.
 */
export function pairLossGrad(
  begin: i32, end: i32, kind: i32, x: usize, t: usize, weight: usize, positive: usize, beta: f32,
  dy: usize, single: i32, divisor: f32, loss: usize, dx: usize, dt: usize,
): void {
  switch (kind) {
    case PairLossKind.Mse: gradients(PairLossKind.Mse, begin, end, x, t, weight, positive, beta, dy, single, divisor, dx, dt); break;
    case PairLossKind.L1: gradients(PairLossKind.L1, begin, end, x, t, weight, positive, beta, dy, single, divisor, dx, dt); break;
    case PairLossKind.SmoothL1: gradients(PairLossKind.SmoothL1, begin, end, x, t, weight, positive, beta, dy, single, divisor, dx, dt); break;
    case PairLossKind.Bce: gradients(PairLossKind.Bce, begin, end, x, t, weight, positive, beta, dy, single, divisor, dx, dt); break;
    case PairLossKind.Logits: gradients(PairLossKind.Logits, begin, end, x, t, weight, positive, beta, dy, single, divisor, dx, dt); break;
    case PairLossKind.Kl: gradients(PairLossKind.Kl, begin, end, x, t, weight, positive, beta, dy, single, divisor, dx, dt); break;
    default: gradients(PairLossKind.KlLog, begin, end, x, t, weight, positive, beta, dy, single, divisor, dx, dt);
  }
  // if a difference exceeds float32, the loss is infinite
  if (kind != PairLossKind.Mse || (single && abs(load<f32>(loss)) != Infinity)) return;
  if (dx) wideGradients(begin, end, x, t, dy, single, divisor, dx, 1);
  if (dt) wideGradients(begin, end, x, t, dy, single, divisor, dt, -1);
}

/** Index of the first x[i] outside [low, high], or -1. A NaN does not count as outside. */
export function firstOutside(x: usize, size: i32, low: f32, high: f32): i32 {
  for (let i = 0; i < size; i++) {
    const value = load<f32>(x + (<usize>i << 2));
    if (value < low || value > high) return i;
  }
  return -1;
}
