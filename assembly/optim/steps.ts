// Optimizer steps: each reads a parameter p and its gradient g once, and writes p and the state in place.
// Arrays are contiguous float32. Unless a unit is given, the range is elements, and begin is a multiple of 4.
// Factors that are the same for all elements (bias corrections, 1 - beta …) are arguments, computed in
// float64.

//
// Means are flushed: a mean below LEAST_MEAN, and a mean of squares below LEAST_SQUARE, becomes 0. Without
// gradients a mean decays by a factor in each step and ends among the subnormal numbers, below 2^-126. There
// it would stay, because 0.9 times the smallest one is rounded back to it, and Intel processors multiply such
// numbers up to a hundred times more slowly.

import { flushBelow, load4, storeUpTo } from "../lib/simd";

const LEAST_MEAN: f32 = 1e-30;
/** Its root, 1e-18, vanishes beside the usual eps of 1e-8. */
const LEAST_SQUARE: f32 = 1e-36;

/**
 * d = g + weightDecay p. With a momentum buffer b (0: none), b = momentum b + gradScale d, and d becomes b
 * or, with nesterov, d + momentum b. p -= lr d.
 * @inPlace
 */
export function sgdStep(
  begin: i32, end: i32, p: usize, g: usize, b: usize,
  lr: f32, momentum: f32, gradScale: f32, nesterov: i32, weightDecay: f32,
): void {
  for (let i = begin; i < end; i += 4) {
    const param = load4(p, i);
    let update = decayed(load4(g, i), weightDecay, param);
    if (b) {
      const scaled = f32x4.mul(f32x4.splat(gradScale), update);
      const buffer = flushBelow(f32x4.add(f32x4.mul(f32x4.splat(momentum), load4(b, i)), scaled), LEAST_MEAN);
      storeUpTo(b, i, end, buffer);
      update = nesterov ? f32x4.add(update, f32x4.mul(f32x4.splat(momentum), buffer)) : buffer;
    }
    storeUpTo(p, i, end, f32x4.sub(param, f32x4.mul(f32x4.splat(lr), update)));
  }
}

/** g + weightDecay p; g where weightDecay is 0, even if p is infinite. */
// @ts-ignore: decorator
@inline
function decayed(g: v128, weightDecay: f32, p: v128): v128 {
  return weightDecay == 0 ? g : f32x4.add(g, f32x4.mul(f32x4.splat(weightDecay), p));
}

/** Elements of a parameter in a unit of adamStep's range. @shared */
const ADAM_CHUNK = 4096;

/**
 * A row of adamStep's table, for one parameter. A struct without a constructor: its fields are read straight
 * from the table.
 */
@unmanaged
class AdamRow {
  param!: usize;
  grad!: usize;
  expAvg!: usize;
  expAvgSq!: usize;
  /** 0 without AMSGrad. */
  maxExpAvgSq!: usize;
  size!: i32;
  /** The number of units of all parameters up to and including this one. */
  endUnit!: i32;
}

/**
 * Updates all parameters of a group in one call: most parameters are so small that a call for each would cost
 * more than updating its elements.
 *
 * d = grad + weightDecay param; expAvg = beta1 expAvg + (1 - beta1) d; expAvgSq = beta2
 * expAvgSq + (1 - beta2) d²; v = expAvgSq or, unless maxExpAvgSq is 0,
 * maxExpAvgSq = max(maxExpAvgSq, expAvgSq);
 * param = shrink param - stepSize expAvg / (sqrt(v) correction + eps).
 * rows: an AdamRow per parameter; scales: for each parameter stepSize = lr / (1 - beta1^t) and correction = 1
 * / sqrt(1 - beta2^t), float32. Adam has shrink 1, AdamW weightDecay 0. Unit: ADAM_CHUNK elements of one
 * parameter.
 * see: Kingma & Ba 2015, Algorithm 1; Loshchilov & Hutter 2019, Algorithm 2
 * @inPlace
 */
export function adamStep(
  begin: i32, end: i32, rows: usize, scales: usize,
  beta1: f32, oneMinusBeta1: f32, beta2: f32, oneMinusBeta2: f32, weightDecay: f32, shrink: f32, eps: f32,
): void {
  let number = 0;
  for (let unit = begin; unit < end; unit++) {
    while (changetype<AdamRow>(rows + <usize>number * offsetof<AdamRow>()).endUnit <= unit) number++;
    const row = changetype<AdamRow>(rows + <usize>number * offsetof<AdamRow>());
    const scale = scales + (<usize>number << 3);
    const firstUnit = row.endUnit - (row.size + ADAM_CHUNK - 1) / ADAM_CHUNK;
    const first = (unit - firstUnit) * ADAM_CHUNK;
    adamElements(
      first, min(first + ADAM_CHUNK, row.size), row.param, row.grad, row.expAvg, row.expAvgSq, row.maxExpAvgSq,
      beta1, oneMinusBeta1, beta2, oneMinusBeta2, weightDecay, shrink, f32.load(scale), f32.load(scale, 4), eps,
    );
  }
}

function adamElements(
  begin: i32, end: i32, p: usize, g: usize, expAvg: usize, expAvgSq: usize, maxExpAvgSq: usize,
  beta1: f32, oneMinusBeta1: f32, beta2: f32, oneMinusBeta2: f32,
  weightDecay: f32, shrink: f32, stepSize: f32, correction: f32, eps: f32,
): void {
  let i = begin;
  for (; i + 4 <= end; i += 4) {
    adamVector(
      i, i + 4, p, g, expAvg, expAvgSq, maxExpAvgSq,
      beta1, oneMinusBeta1, beta2, oneMinusBeta2, weightDecay, shrink, stepSize, correction, eps,
    );
  }
  if (i < end) {
    adamVector(
      i, end, p, g, expAvg, expAvgSq, maxExpAvgSq,
      beta1, oneMinusBeta1, beta2, oneMinusBeta2, weightDecay, shrink, stepSize, correction, eps,
    );
  }
}

/**
 * Updates elements i to i + 3, except those at or after `end`. Inlined with i + 4 for `end`, it has only one
 * branch, for `maxExpAvgSq`.
 */
// @ts-ignore: decorator
@inline
function adamVector(
  i: i32, end: i32, p: usize, g: usize, expAvg: usize, expAvgSq: usize, maxExpAvgSq: usize,
  beta1: f32, oneMinusBeta1: f32, beta2: f32, oneMinusBeta2: f32,
  weightDecay: f32, shrink: f32, stepSize: f32, correction: f32, eps: f32,
): void {
  const param = load4(p, i);
  const grad = decayed(load4(g, i), weightDecay, param);
  const newPart = f32x4.mul(f32x4.splat(oneMinusBeta1), grad);
  const mean = flushBelow(f32x4.add(f32x4.mul(f32x4.splat(beta1), load4(expAvg, i)), newPart), LEAST_MEAN);
  storeUpTo(expAvg, i, end, mean);
  const newSquare = f32x4.mul(f32x4.mul(f32x4.splat(oneMinusBeta2), grad), grad);
  let square = f32x4.add(f32x4.mul(f32x4.splat(beta2), load4(expAvgSq, i)), newSquare);
  square = flushBelow(square, LEAST_SQUARE);
  storeUpTo(expAvgSq, i, end, square);
  if (maxExpAvgSq) {
    // the one before may come from a checkpoint and be very small
    square = flushBelow(f32x4.max(load4(maxExpAvgSq, i), square), LEAST_SQUARE);
    storeUpTo(maxExpAvgSq, i, end, square);
  }
  const root = f32x4.add(f32x4.mul(f32x4.sqrt(square), f32x4.splat(correction)), f32x4.splat(eps));
  const step = f32x4.div(f32x4.mul(f32x4.splat(stepSize), mean), root);
  storeUpTo(p, i, end, f32x4.sub(f32x4.mul(f32x4.splat(shrink), param), step));
}

/**
 * d = g + weightDecay p; squareAvg = alpha squareAvg + (1 - alpha) d²; variance = squareAvg or, unless
 * gradAvg is 0, gradAvg = alpha gradAvg + (1 - alpha) d and variance = max(squareAvg - gradAvg², 0);
 * d = d / (sqrt(variance) + eps); with a momentum buffer b (0: none) b = momentum b + d and d = b; p -= lr d.
 * @inPlace
 */
export function rmspropStep(
  begin: i32, end: i32, p: usize, g: usize, squareAvg: usize, gradAvg: usize, b: usize,
  lr: f32, alpha: f32, oneMinusAlpha: f32, eps: f32, momentum: f32, weightDecay: f32,
): void {
  for (let i = begin; i < end; i += 4) {
    const param = load4(p, i);
    const grad = decayed(load4(g, i), weightDecay, param);
    const newSquare = f32x4.mul(f32x4.mul(f32x4.splat(oneMinusAlpha), grad), grad);
    let variance = f32x4.add(f32x4.mul(f32x4.splat(alpha), load4(squareAvg, i)), newSquare);
    variance = flushBelow(variance, LEAST_SQUARE);
    storeUpTo(squareAvg, i, end, variance);
    if (gradAvg) {
      const newPart = f32x4.mul(f32x4.splat(oneMinusAlpha), grad);
      const mean = flushBelow(f32x4.add(f32x4.mul(f32x4.splat(alpha), load4(gradAvg, i)), newPart), LEAST_MEAN);
      storeUpTo(gradAvg, i, end, mean);
      const meanRoot = flushBelow(mean, 1e-18);
      // rounding can take the difference below 0
      const about = f32x4.max(f32x4.sub(variance, f32x4.mul(meanRoot, meanRoot)), f32x4.splat(0));
      // both may be infinite, and their difference NaN
      variance = v128.bitselect(variance, about, f32x4.eq(variance, f32x4.splat(Infinity)));
    }
    let update = f32x4.div(grad, f32x4.add(f32x4.sqrt(variance), f32x4.splat(eps)));
    if (b) {
      update = flushBelow(f32x4.add(f32x4.mul(f32x4.splat(momentum), load4(b, i)), update), LEAST_MEAN);
      storeUpTo(b, i, end, update);
    }
    storeUpTo(p, i, end, f32x4.sub(param, f32x4.mul(f32x4.splat(lr), update)));
  }
}
