// Steps of the optimizers with a step size per element: Adagrad, Adadelta, Adamax, NAdam, RAdam, Rprop; and
// ASGD. As in steps.ts, each kernel reads a parameter p and its gradient g once and writes p and the state in
// place; the range is elements, begin is a multiple of 4, and means that decay are flushed to 0.

import { constant, flushBelow } from "../lib/math";
import { load4, storeUpTo } from "../lib/simd";

const LEAST_MEAN: usize = memory.data<f32>([1e-30]);
const LEAST_SQUARE: usize = memory.data<f32>([1e-36]);

/** g + weightDecay p; g where weightDecay is 0, even if p is infinite. */
// @ts-ignore: decorator
@inline
function penalized(g: usize, i: i32, weightDecay: f32, p: v128): v128 {
  const grad = load4(g, i);
  return weightDecay == 0 ? grad : f32x4.add(grad, f32x4.mul(f32x4.splat(weightDecay), p));
}

/** factor a + part b, where a is element i to i + 3 of an array. */
// @ts-ignore: decorator
@inline
function mixed(a: usize, i: i32, factor: f32, part: f32, b: v128): v128 {
  return f32x4.add(f32x4.mul(f32x4.splat(factor), load4(a, i)), f32x4.mul(f32x4.splat(part), b));
}

/**
 * d = g + weightDecay p; sum += d²; p -= lr d / (sqrt(sum) + eps).
 * see: Duchi, Hazan & Singer, Adaptive subgradient methods, 2011
 * @inPlace
 */
export function adagradStep(
  begin: i32, end: i32, p: usize, g: usize, sum: usize, lr: f32, eps: f32, weightDecay: f32,
): void {
  for (let i = begin; i < end; i += 4) {
    const param = load4(p, i);
    const grad = penalized(g, i, weightDecay, param);
    const total = f32x4.add(load4(sum, i), f32x4.mul(grad, grad));
    storeUpTo(sum, i, end, total);
    const root = f32x4.add(f32x4.sqrt(total), f32x4.splat(eps));
    storeUpTo(p, i, end, f32x4.sub(param, f32x4.div(f32x4.mul(f32x4.splat(lr), grad), root)));
  }
}

/**
 * d = g + weightDecay p; squareAvg = rho squareAvg + (1 - rho) d²;
 * u = d sqrt(accDelta + eps) / sqrt(squareAvg + eps); accDelta = rho accDelta + (1 - rho) u²; p -= lr u.
 * see: Zeiler, ADADELTA, 2012
 * @inPlace
 */
export function adadeltaStep(
  begin: i32, end: i32, p: usize, g: usize, squareAvg: usize, accDelta: usize,
  lr: f32, rho: f32, oneMinusRho: f32, eps: f32, weightDecay: f32,
): void {
  const epsilon = f32x4.splat(eps);
  for (let i = begin; i < end; i += 4) {
    const param = load4(p, i);
    const grad = penalized(g, i, weightDecay, param);
    const square = flushBelow(mixed(squareAvg, i, rho, oneMinusRho, f32x4.mul(grad, grad)), constant(LEAST_SQUARE));
    storeUpTo(squareAvg, i, end, square);
    const before = f32x4.sqrt(f32x4.add(load4(accDelta, i), epsilon));
    const update = f32x4.mul(f32x4.div(before, f32x4.sqrt(f32x4.add(square, epsilon))), grad);
    const moved = flushBelow(mixed(accDelta, i, rho, oneMinusRho, f32x4.mul(update, update)), constant(LEAST_SQUARE));
    storeUpTo(accDelta, i, end, moved);
    storeUpTo(p, i, end, f32x4.sub(param, f32x4.mul(f32x4.splat(lr), update)));
  }
}

/**
 * d = g + weightDecay p; expAvg = beta1 expAvg + (1 - beta1) d; expInf = max(beta2 expInf, |d| + eps);
 * p -= stepSize expAvg / expInf.
 * see: Kingma & Ba 2015, Algorithm 2
 * @inPlace
 */
export function adamaxStep(
  begin: i32, end: i32, p: usize, g: usize, expAvg: usize, expInf: usize,
  stepSize: f32, beta1: f32, oneMinusBeta1: f32, beta2: f32, eps: f32, weightDecay: f32,
): void {
  for (let i = begin; i < end; i += 4) {
    const param = load4(p, i);
    const grad = penalized(g, i, weightDecay, param);
    const mean = flushBelow(mixed(expAvg, i, beta1, oneMinusBeta1, grad), constant(LEAST_MEAN));
    storeUpTo(expAvg, i, end, mean);
    const present = f32x4.add(f32x4.abs(grad), f32x4.splat(eps));
    const largest = f32x4.max(f32x4.mul(f32x4.splat(beta2), load4(expInf, i)), present);
    storeUpTo(expInf, i, end, largest);
    storeUpTo(p, i, end, f32x4.sub(param, f32x4.div(f32x4.mul(f32x4.splat(stepSize), mean), largest)));
  }
}

/**
 * p = shrink p; d = g + weightDecay p; expAvg = beta1 expAvg + (1 - beta1) d;
 * expAvgSq = beta2 expAvgSq + (1 - beta2) d²;
 * p -= (gradStep d + meanStep expAvg) / (sqrt(expAvgSq) correction + eps).
 * see: Dozat, Incorporating Nesterov momentum into Adam, 2016
 * @inPlace
 */
export function nadamStep(
  begin: i32, end: i32, p: usize, g: usize, expAvg: usize, expAvgSq: usize,
  gradStep: f32, meanStep: f32, correction: f32,
  beta1: f32, oneMinusBeta1: f32, beta2: f32, oneMinusBeta2: f32, eps: f32, weightDecay: f32, shrink: f32,
): void {
  for (let i = begin; i < end; i += 4) {
    const param = f32x4.mul(f32x4.splat(shrink), load4(p, i));
    const grad = penalized(g, i, weightDecay, param);
    const mean = flushBelow(mixed(expAvg, i, beta1, oneMinusBeta1, grad), constant(LEAST_MEAN));
    storeUpTo(expAvg, i, end, mean);
    const square = flushBelow(mixed(expAvgSq, i, beta2, oneMinusBeta2, f32x4.mul(grad, grad)), constant(LEAST_SQUARE));
    storeUpTo(expAvgSq, i, end, square);
    const step = f32x4.add(f32x4.mul(f32x4.splat(gradStep), grad), f32x4.mul(f32x4.splat(meanStep), mean));
    const root = f32x4.add(f32x4.mul(f32x4.sqrt(square), f32x4.splat(correction)), f32x4.splat(eps));
    storeUpTo(p, i, end, f32x4.sub(param, f32x4.div(step, root)));
  }
}

/**
 * p = shrink p; d = g + weightDecay p; expAvg and expAvgSq as in nadamStep; u = stepSize expAvg;
 * if scale is not 0, u = u scale / (sqrt(expAvgSq) + eps); p -= u.
 * see: Liu et al., On the variance of the adaptive learning rate and beyond, 2020
 * @inPlace
 */
export function radamStep(
  begin: i32, end: i32, p: usize, g: usize, expAvg: usize, expAvgSq: usize,
  stepSize: f32, scale: f32,
  beta1: f32, oneMinusBeta1: f32, beta2: f32, oneMinusBeta2: f32, eps: f32, weightDecay: f32, shrink: f32,
): void {
  for (let i = begin; i < end; i += 4) {
    const param = f32x4.mul(f32x4.splat(shrink), load4(p, i));
    const grad = penalized(g, i, weightDecay, param);
    const mean = flushBelow(mixed(expAvg, i, beta1, oneMinusBeta1, grad), constant(LEAST_MEAN));
    storeUpTo(expAvg, i, end, mean);
    const square = flushBelow(mixed(expAvgSq, i, beta2, oneMinusBeta2, f32x4.mul(grad, grad)), constant(LEAST_SQUARE));
    storeUpTo(expAvgSq, i, end, square);
    let step = f32x4.mul(f32x4.splat(stepSize), mean);
    if (scale != 0) {
      step = f32x4.div(f32x4.mul(f32x4.splat(scale), step), f32x4.add(f32x4.sqrt(square), f32x4.splat(eps)));
    }
    storeUpTo(p, i, end, f32x4.sub(param, step));
  }
}

/**
 * With g and the gradient before, b: if g b > 0, size = min(size etaPlus, most); if g b < 0,
 * size = max(size etaMinus, least) and g = 0. p -= sign(g) size; b = g.
 * see: Riedmiller & Braun, A direct adaptive method for faster backpropagation learning, 1993
 * @inPlace
 */
export function rpropStep(
  begin: i32, end: i32, p: usize, g: usize, b: usize, size: usize,
  etaMinus: f32, etaPlus: f32, least: f32, most: f32,
): void {
  const zero = f32x4.splat(0);
  for (let i = begin; i < end; i += 4) {
    const param = load4(p, i);
    const grad = load4(g, i);
    const before = load4(b, i);
    // signs, not a product, which may underflow
    const same = v128.or(
      v128.and(f32x4.gt(grad, zero), f32x4.gt(before, zero)),
      v128.and(f32x4.lt(grad, zero), f32x4.lt(before, zero)),
    );
    const opposite = v128.or(
      v128.and(f32x4.gt(grad, zero), f32x4.lt(before, zero)),
      v128.and(f32x4.lt(grad, zero), f32x4.gt(before, zero)),
    );
    let factor = v128.bitselect(f32x4.splat(etaPlus), f32x4.splat(1), same);
    factor = v128.bitselect(f32x4.splat(etaMinus), factor, opposite);
    const scaled = f32x4.mul(load4(size, i), factor);
    const bounded = f32x4.min(f32x4.max(scaled, f32x4.splat(least)), f32x4.splat(most));
    const used = v128.andnot(grad, opposite);
    const down = v128.and(f32x4.gt(used, zero), bounded);
    const up = v128.and(f32x4.lt(used, zero), bounded);
    storeUpTo(size, i, end, bounded);
    storeUpTo(b, i, end, used);
    storeUpTo(p, i, end, f32x4.add(f32x4.sub(param, down), up));
  }
}

/**
 * d = g + weightDecay p; p = shrink p - eta d; average += share (p - average).
 * see: Polyak & Juditsky, Acceleration of stochastic approximation by averaging, 1992
 * @inPlace
 */
export function asgdStep(
  begin: i32, end: i32, p: usize, g: usize, average: usize, eta: f32, shrink: f32, share: f32, weightDecay: f32,
): void {
  for (let i = begin; i < end; i += 4) {
    const param = load4(p, i);
    const grad = penalized(g, i, weightDecay, param);
    const next = f32x4.sub(f32x4.mul(f32x4.splat(shrink), param), f32x4.mul(f32x4.splat(eta), grad));
    storeUpTo(p, i, end, next);
    const before = load4(average, i);
    const change = f32x4.mul(f32x4.splat(share), f32x4.sub(next, before));
    storeUpTo(average, i, end, share == 1 ? next : f32x4.add(before, change));
  }
}
