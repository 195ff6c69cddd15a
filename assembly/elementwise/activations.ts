// Activation functions and their derivatives, in terms of the argument x: mish, hardswish, hardsigmoid,
// softsign.
//
// As in unary.ts, the kernels work on elements [begin, end) of contiguous arrays; begin is a multiple of 4.

import { exp4, sigmoid4 } from "../lib/math";
import { load4, storeUpTo } from "../lib/simd";

/**
 * tanh(ln(1 + e^x)) = (e^2x + 2 e^x) / (e^2x + 2 e^x + 2), for x above 0 with e^-x, so that nothing
 * overflows.
 */
// @ts-ignore: decorator
@inline
function tanhOfSoftplus(x: v128): v128 {
  const two = f32x4.splat(2);
  const power = exp4(f32x4.neg(f32x4.abs(x)));
  const doubled = f32x4.add(power, power);
  const square = f32x4.mul(power, power);
  const positive = f32x4.gt(x, f32x4.splat(0));
  // for x > 0 numerator and denominator are divided by e^2x
  const numerator = v128.bitselect(f32x4.add(f32x4.splat(1), doubled), f32x4.add(square, doubled), positive);
  const rest = v128.bitselect(f32x4.mul(two, square), two, positive);
  return f32x4.div(numerator, f32x4.add(numerator, rest));
}

/** x tanh(ln(1 + e^x)) */
export function mish(begin: i32, end: i32, x: usize, y: usize): void {
  for (let i = begin; i < end; i += 4) {
    const v = load4(x, i);
    storeUpTo(y, i, end, f32x4.mul(v, tanhOfSoftplus(v)));
  }
}

export function mishGrad(begin: i32, end: i32, dy: usize, x: usize, dx: usize): void {
  for (let i = begin; i < end; i += 4) {
    const v = load4(x, i);
    const t = tanhOfSoftplus(v);
    const slope = f32x4.mul(f32x4.sub(f32x4.splat(1), f32x4.mul(t, t)), sigmoid4(v));
    storeUpTo(dx, i, end, f32x4.mul(load4(dy, i), f32x4.add(t, f32x4.mul(v, slope))));
  }
}

/** min(max(x + 3, 0), 6) / 6 */
// @ts-ignore: decorator
@inline
function hardGate(x: v128): v128 {
  const raised = f32x4.max(f32x4.add(x, f32x4.splat(3)), f32x4.splat(0));
  return f32x4.div(f32x4.min(raised, f32x4.splat(6)), f32x4.splat(6));
}

/** x min(max(x + 3, 0), 6) / 6 */
export function hardswish(begin: i32, end: i32, x: usize, y: usize): void {
  for (let i = begin; i < end; i += 4) {
    const v = load4(x, i);
    storeUpTo(y, i, end, f32x4.mul(v, hardGate(v)));
  }
}

/** The derivative: 0 up to -3, x / 3 + 1 / 2 up to 3, then 1. */
export function hardswishGrad(begin: i32, end: i32, dy: usize, x: usize, dx: usize): void {
  for (let i = begin; i < end; i += 4) {
    const v = load4(x, i);
    const grad = load4(dy, i);
    const middle = f32x4.mul(grad, f32x4.add(f32x4.div(v, f32x4.splat(3)), f32x4.splat(0.5)));
    const upper = v128.bitselect(middle, grad, f32x4.lt(v, f32x4.splat(3)));
    storeUpTo(dx, i, end, v128.andnot(upper, f32x4.le(v, f32x4.splat(-3))));
  }
}

/** min(max(x + 3, 0), 6) / 6 */
export function hardsigmoid(begin: i32, end: i32, x: usize, y: usize): void {
  for (let i = begin; i < end; i += 4) storeUpTo(y, i, end, hardGate(load4(x, i)));
}

/** The derivative: 1 / 6 between -3 and 3, else 0. */
export function hardsigmoidGrad(begin: i32, end: i32, dy: usize, x: usize, dx: usize): void {
  for (let i = begin; i < end; i += 4) {
    const v = load4(x, i);
    const inside = v128.and(f32x4.gt(v, f32x4.splat(-3)), f32x4.lt(v, f32x4.splat(3)));
    storeUpTo(dx, i, end, v128.and(f32x4.div(load4(dy, i), f32x4.splat(6)), inside));
  }
}

/** x / (1 + |x|) */
export function softsign(begin: i32, end: i32, x: usize, y: usize): void {
  for (let i = begin; i < end; i += 4) {
    const v = load4(x, i);
    storeUpTo(y, i, end, f32x4.div(v, f32x4.add(f32x4.splat(1), f32x4.abs(v))));
  }
}

/** The derivative: 1 / (1 + |x|)². */
export function softsignGrad(begin: i32, end: i32, dy: usize, x: usize, dx: usize): void {
  for (let i = begin; i < end; i += 4) {
    const root = f32x4.add(f32x4.splat(1), f32x4.abs(load4(x, i)));
    storeUpTo(dx, i, end, f32x4.div(f32x4.div(load4(dy, i), root), root));
  }
}
