// Optimizer steps: each reads a parameter p and its gradient g once, and writes p and the state in place.
// Arrays are contiguous float32. Unless a unit is given, the range is elements, and begin is a multiple of 4.
// Factors that are the same for all elements (bias corrections, 1 - beta …) are arguments, computed in
// float64.
//
// Means are flushed: a mean below LEAST_MEAN, and a mean of squares below LEAST_SQUARE, is stored as 0.
// Without gradients a mean decays by a factor in each step and ends among the subnormal numbers, below
// 2^-126. There it would stay, because 0.9 times the smallest one is rounded back to it, and Intel processors
// multiply such numbers up to a hundred times more slowly.
//
// Two vectors per iteration, side by side from load to store: see elementwise/unary.ts. Conditions hold for
// both of them.

import { constant, flushBelow, INFINITE } from "../lib/math";
import { load4, storeUpTo } from "../lib/simd";

const LEAST_MEAN: usize = memory.data<f32>([1e-30]);
/** Its root, 1e-18, vanishes beside the usual eps of 1e-8. */
const LEAST_SQUARE: usize = memory.data<f32>([1e-36]);
const LEAST_ROOT: usize = memory.data<f32>([1e-18]);

/** a x + b y */
// @ts-ignore: decorator
@inline
function mixed(a: v128, x: v128, b: v128, y: v128): v128 {
  return f32x4.add(f32x4.mul(a, x), f32x4.mul(b, y));
}

/** A mean, where those below LEAST_MEAN are 0. */
// @ts-ignore: decorator
@inline
function flushMean(mean: v128): v128 {
  return flushBelow(mean, constant(LEAST_MEAN));
}

/** A mean of squares, where those below LEAST_SQUARE are 0. */
// @ts-ignore: decorator
@inline
function flushSquare(square: v128): v128 {
  return v128.andnot(square, f32x4.lt(square, constant(LEAST_SQUARE)));
}

/** A mean of squares after a step. */
// @ts-ignore: decorator
@inline
function nextSquare(beta: v128, square: v128, rest: v128, grad: v128): v128 {
  return mixed(beta, square, f32x4.mul(rest, grad), grad);
}

/** x - factor d */
// @ts-ignore: decorator
@inline
function minus(x: v128, factor: v128, d: v128): v128 {
  return f32x4.sub(x, f32x4.mul(factor, d));
}

/** x + factor d */
// @ts-ignore: decorator
@inline
function plus(x: v128, factor: v128, d: v128): v128 {
  return f32x4.add(x, f32x4.mul(factor, d));
}

// @ts-ignore: decorator
@inline
function sgdElements(
  DECAY: bool, MOMENTUM: bool, NESTEROV: bool, begin: i32, end: i32, p: usize, g: usize, b: usize,
  lr: f32, momentum: f32, gradScale: f32, weightDecay: f32,
): void {
  const rate = f32x4.splat(lr);
  const factor = f32x4.splat(momentum);
  const scale = f32x4.splat(gradScale);
  const decay = f32x4.splat(weightDecay);
  let i = begin;
  if (i + 8 <= end) {
    do {
      const at = <usize>i << 2;
      const param0 = v128.load(p + at);
      const param1 = v128.load(p + at, 16);
      let d0 = v128.load(g + at);
      let d1 = v128.load(g + at, 16);
      if (DECAY) {
        d0 = plus(d0, decay, param0);
        d1 = plus(d1, decay, param1);
      }
      if (MOMENTUM) {
        const buffer0 = mixed(factor, v128.load(b + at), scale, d0);
        const buffer1 = mixed(factor, v128.load(b + at, 16), scale, d1);
        v128.store(b + at, flushMean(buffer1), 16);
        v128.store(b + at, flushMean(buffer0));
        d0 = NESTEROV ? plus(d0, factor, buffer0) : buffer0;
        d1 = NESTEROV ? plus(d1, factor, buffer1) : buffer1;
      }
      const next0 = minus(param0, rate, d0);
      const next1 = minus(param1, rate, d1);
      v128.store(p + at, next1, 16);
      v128.store(p + at, next0);
      i += 8;
    } while (i + 8 <= end);
  }
  for (; i < end; i += 4) {
    const param = load4(p, i);
    let d = load4(g, i);
    if (DECAY) d = plus(d, decay, param);
    if (MOMENTUM) {
      const buffer = mixed(factor, load4(b, i), scale, d);
      storeUpTo(b, i, end, flushMean(buffer));
      d = NESTEROV ? plus(d, factor, buffer) : buffer;
    }
    storeUpTo(p, i, end, minus(param, rate, d));
  }
}

// @ts-ignore: decorator
@inline
function sgdOf(
  DECAY: bool, begin: i32, end: i32, p: usize, g: usize, b: usize,
  lr: f32, momentum: f32, gradScale: f32, nesterov: i32, weightDecay: f32,
): void {
  // `return` rather than `else`, here and below: of two calls that are branches of an `if` the compiler makes
  // one
  if (!b) {
    sgdElements(DECAY, false, false, begin, end, p, g, b, lr, momentum, gradScale, weightDecay);
    return;
  }
  if (nesterov) {
    sgdElements(DECAY, true, true, begin, end, p, g, b, lr, momentum, gradScale, weightDecay);
    return;
  }
  sgdElements(DECAY, true, false, begin, end, p, g, b, lr, momentum, gradScale, weightDecay);
}

/**
 * d = g + weightDecay p. With a momentum buffer b (0: none), b = momentum b + gradScale d, and d becomes b
 * or, with nesterov, d + momentum b. p -= lr d.
 * @inPlace
 */
export function sgdStep(
  begin: i32, end: i32, p: usize, g: usize, b: usize,
  lr: f32, momentum: f32, gradScale: f32, nesterov: i32, weightDecay: f32,
): void {
  if (weightDecay == 0) {
    sgdOf(false, begin, end, p, g, b, lr, momentum, gradScale, nesterov, weightDecay);
    return;
  }
  sgdOf(true, begin, end, p, g, b, lr, momentum, gradScale, nesterov, weightDecay);
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
    adamUnit(
      first, min(first + ADAM_CHUNK, row.size), row.param, row.grad, row.expAvg, row.expAvgSq, row.maxExpAvgSq,
      beta1, oneMinusBeta1, beta2, oneMinusBeta2, weightDecay, shrink, f32.load(scale), f32.load(scale, 4), eps,
    );
  }
}

function adamUnit(
  begin: i32, end: i32, p: usize, g: usize, expAvg: usize, expAvgSq: usize, maxExpAvgSq: usize,
  beta1: f32, oneMinusBeta1: f32, beta2: f32, oneMinusBeta2: f32,
  weightDecay: f32, shrink: f32, stepSize: f32, correction: f32, eps: f32,
): void {
  if (weightDecay == 0) {
    adamOf(
      false, begin, end, p, g, expAvg, expAvgSq, maxExpAvgSq,
      beta1, oneMinusBeta1, beta2, oneMinusBeta2, weightDecay, shrink, stepSize, correction, eps,
    );
    return;
  }
  adamOf(
    true, begin, end, p, g, expAvg, expAvgSq, maxExpAvgSq,
    beta1, oneMinusBeta1, beta2, oneMinusBeta2, weightDecay, shrink, stepSize, correction, eps,
  );
}

// @ts-ignore: decorator
@inline
function adamOf(
  DECAY: bool,
  begin: i32, end: i32, p: usize, g: usize, expAvg: usize, expAvgSq: usize, maxExpAvgSq: usize,
  beta1: f32, oneMinusBeta1: f32, beta2: f32, oneMinusBeta2: f32,
  weightDecay: f32, shrink: f32, stepSize: f32, correction: f32, eps: f32,
): void {
  if (maxExpAvgSq) {
    adamElements(
      DECAY, true, begin, end, p, g, expAvg, expAvgSq, maxExpAvgSq,
      beta1, oneMinusBeta1, beta2, oneMinusBeta2, weightDecay, shrink, stepSize, correction, eps,
    );
    return;
  }
  adamElements(
    DECAY, false, begin, end, p, g, expAvg, expAvgSq, maxExpAvgSq,
    beta1, oneMinusBeta1, beta2, oneMinusBeta2, weightDecay, shrink, stepSize, correction, eps,
  );
}

// @ts-ignore: decorator
@inline
function adamElements(
  DECAY: bool, AMSGRAD: bool,
  begin: i32, end: i32, p: usize, g: usize, expAvg: usize, expAvgSq: usize, maxExpAvgSq: usize,
  beta1: f32, oneMinusBeta1: f32, beta2: f32, oneMinusBeta2: f32,
  weightDecay: f32, shrink: f32, stepSize: f32, correction: f32, eps: f32,
): void {
  const decay = f32x4.splat(weightDecay);
  const keep1 = f32x4.splat(beta1);
  const rest1 = f32x4.splat(oneMinusBeta1);
  const keep2 = f32x4.splat(beta2);
  const rest2 = f32x4.splat(oneMinusBeta2);
  const shrinks = f32x4.splat(shrink);
  const steps = f32x4.splat(stepSize);
  const corrections = f32x4.splat(correction);
  const epsilons = f32x4.splat(eps);
  let i = begin;
  if (i + 8 <= end) {
    do {
      const at = <usize>i << 2;
      const param0 = v128.load(p + at);
      const param1 = v128.load(p + at, 16);
      let grad0 = v128.load(g + at);
      let grad1 = v128.load(g + at, 16);
      if (DECAY) {
        grad0 = plus(grad0, decay, param0);
        grad1 = plus(grad1, decay, param1);
      }
      const mean0 = mixed(keep1, v128.load(expAvg + at), rest1, grad0);
      const mean1 = mixed(keep1, v128.load(expAvg + at, 16), rest1, grad1);
      let square0 = nextSquare(keep2, v128.load(expAvgSq + at), rest2, grad0);
      let square1 = nextSquare(keep2, v128.load(expAvgSq + at, 16), rest2, grad1);
      v128.store(expAvg + at, flushMean(mean1), 16);
      v128.store(expAvg + at, flushMean(mean0));
      v128.store(expAvgSq + at, flushSquare(square1), 16);
      v128.store(expAvgSq + at, flushSquare(square0));
      if (AMSGRAD) {
        square0 = f32x4.pmax(square0, v128.load(maxExpAvgSq + at));
        square1 = f32x4.pmax(square1, v128.load(maxExpAvgSq + at, 16));
        v128.store(maxExpAvgSq + at, flushSquare(square1), 16);
        v128.store(maxExpAvgSq + at, flushSquare(square0));
      }
      const step0 = adamDelta(mean0, square0, steps, corrections, epsilons);
      const step1 = adamDelta(mean1, square1, steps, corrections, epsilons);
      const next0 = f32x4.sub(f32x4.mul(shrinks, param0), step0);
      const next1 = f32x4.sub(f32x4.mul(shrinks, param1), step1);
      v128.store(p + at, next1, 16);
      v128.store(p + at, next0);
      i += 8;
    } while (i + 8 <= end);
  }
  for (; i < end; i += 4) {
    const param = load4(p, i);
    let grad = load4(g, i);
    if (DECAY) grad = plus(grad, decay, param);
    const mean = mixed(keep1, load4(expAvg, i), rest1, grad);
    storeUpTo(expAvg, i, end, flushMean(mean));
    let square = nextSquare(keep2, load4(expAvgSq, i), rest2, grad);
    storeUpTo(expAvgSq, i, end, flushSquare(square));
    if (AMSGRAD) {
      square = f32x4.pmax(square, load4(maxExpAvgSq, i));
      storeUpTo(maxExpAvgSq, i, end, flushSquare(square));
    }
    const step = adamDelta(mean, square, steps, corrections, epsilons);
    storeUpTo(p, i, end, f32x4.sub(f32x4.mul(shrinks, param), step));
  }
}

// @ts-ignore: decorator
@inline
function adamDelta(mean: v128, square: v128, stepSize: v128, correction: v128, eps: v128): v128 {
  const root = f32x4.add(f32x4.mul(f32x4.sqrt(square), correction), eps);
  return f32x4.div(f32x4.mul(stepSize, mean), root);
}

// @ts-ignore: decorator
@inline
function rmspropElements(
  DECAY: bool, CENTERED: bool, MOMENTUM: bool,
  begin: i32, end: i32, p: usize, g: usize, squareAvg: usize, gradAvg: usize, b: usize,
  lr: f32, alpha: f32, oneMinusAlpha: f32, eps: f32, momentum: f32, weightDecay: f32,
): void {
  const rate = f32x4.splat(lr);
  const keep = f32x4.splat(alpha);
  const rest = f32x4.splat(oneMinusAlpha);
  const epsilons = f32x4.splat(eps);
  const factor = f32x4.splat(momentum);
  const decay = f32x4.splat(weightDecay);
  let i = begin;
  if (i + 8 <= end) {
    do {
      const at = <usize>i << 2;
      const param0 = v128.load(p + at);
      const param1 = v128.load(p + at, 16);
      let d0 = v128.load(g + at);
      let d1 = v128.load(g + at, 16);
      if (DECAY) {
        d0 = plus(d0, decay, param0);
        d1 = plus(d1, decay, param1);
      }
      let variance0 = nextSquare(keep, v128.load(squareAvg + at), rest, d0);
      let variance1 = nextSquare(keep, v128.load(squareAvg + at, 16), rest, d1);
      v128.store(squareAvg + at, flushSquare(variance1), 16);
      v128.store(squareAvg + at, flushSquare(variance0));
      if (CENTERED) {
        const mean0 = mixed(keep, v128.load(gradAvg + at), rest, d0);
        const mean1 = mixed(keep, v128.load(gradAvg + at, 16), rest, d1);
        v128.store(gradAvg + at, flushMean(mean1), 16);
        v128.store(gradAvg + at, flushMean(mean0));
        variance0 = minusSquare(variance0, mean0);
        variance1 = minusSquare(variance1, mean1);
      }
      d0 = f32x4.div(d0, f32x4.add(f32x4.sqrt(variance0), epsilons));
      d1 = f32x4.div(d1, f32x4.add(f32x4.sqrt(variance1), epsilons));
      if (MOMENTUM) {
        d0 = plus(d0, factor, v128.load(b + at));
        d1 = plus(d1, factor, v128.load(b + at, 16));
        v128.store(b + at, flushMean(d1), 16);
        v128.store(b + at, flushMean(d0));
      }
      const next0 = minus(param0, rate, d0);
      const next1 = minus(param1, rate, d1);
      v128.store(p + at, next1, 16);
      v128.store(p + at, next0);
      i += 8;
    } while (i + 8 <= end);
  }
  for (; i < end; i += 4) {
    const param = load4(p, i);
    let d = load4(g, i);
    if (DECAY) d = plus(d, decay, param);
    let variance = nextSquare(keep, load4(squareAvg, i), rest, d);
    storeUpTo(squareAvg, i, end, flushSquare(variance));
    if (CENTERED) {
      const mean = mixed(keep, load4(gradAvg, i), rest, d);
      storeUpTo(gradAvg, i, end, flushMean(mean));
      variance = minusSquare(variance, mean);
    }
    d = f32x4.div(d, f32x4.add(f32x4.sqrt(variance), epsilons));
    if (MOMENTUM) {
      d = plus(d, factor, load4(b, i));
      storeUpTo(b, i, end, flushMean(d));
    }
    storeUpTo(p, i, end, minus(param, rate, d));
  }
}

// @ts-ignore: decorator
@inline
function rmspropOf(
  DECAY: bool, CENTERED: bool,
  begin: i32, end: i32, p: usize, g: usize, squareAvg: usize, gradAvg: usize, b: usize,
  lr: f32, alpha: f32, oneMinusAlpha: f32, eps: f32, momentum: f32, weightDecay: f32,
): void {
  if (b) {
    rmspropElements(
      DECAY, CENTERED, true, begin, end, p, g, squareAvg, gradAvg, b,
      lr, alpha, oneMinusAlpha, eps, momentum, weightDecay,
    );
    return;
  }
  rmspropElements(
    DECAY, CENTERED, false, begin, end, p, g, squareAvg, gradAvg, b,
    lr, alpha, oneMinusAlpha, eps, momentum, weightDecay,
  );
}

// @ts-ignore: decorator
@inline
function rmspropWith(
  DECAY: bool,
  begin: i32, end: i32, p: usize, g: usize, squareAvg: usize, gradAvg: usize, b: usize,
  lr: f32, alpha: f32, oneMinusAlpha: f32, eps: f32, momentum: f32, weightDecay: f32,
): void {
  if (gradAvg) {
    rmspropOf(
      DECAY, true, begin, end, p, g, squareAvg, gradAvg, b,
      lr, alpha, oneMinusAlpha, eps, momentum, weightDecay,
    );
    return;
  }
  rmspropOf(
    DECAY, false, begin, end, p, g, squareAvg, gradAvg, b,
    lr, alpha, oneMinusAlpha, eps, momentum, weightDecay,
  );
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
  if (weightDecay == 0) {
    rmspropWith(
      false, begin, end, p, g, squareAvg, gradAvg, b,
      lr, alpha, oneMinusAlpha, eps, momentum, weightDecay,
    );
    return;
  }
  rmspropWith(
    true, begin, end, p, g, squareAvg, gradAvg, b,
    lr, alpha, oneMinusAlpha, eps, momentum, weightDecay,
  );
}

/** max(square - mean², 0), because rounding can take the difference below 0. */
// @ts-ignore: decorator
@inline
function minusSquare(square: v128, mean: v128): v128 {
  const root = flushBelow(mean, constant(LEAST_ROOT));
  const about = f32x4.pmax(f32x4.sub(square, f32x4.mul(root, root)), f32x4.splat(0));
  // both may be infinite, and their difference NaN
  return v128.bitselect(square, about, f32x4.eq(square, constant(INFINITE)));
}
