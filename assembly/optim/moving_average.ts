// A running mean of weights. Arrays are float32; the range is elements [begin, end), and begin is a multiple
// of 4.

import { flushBelow, load4, storeUpTo } from "../lib/simd";

/**
 * mean[i] += (x[i] - mean[i]) weight, and 0 instead of a magnitude below 1e-30: see steps.ts.
 * @inPlace
 */
export function averageStep(begin: i32, end: i32, mean: usize, x: usize, weight: f32): void {
  const weights = f32x4.splat(weight);
  for (let i = begin; i < end; i += 4) {
    const old = load4(mean, i);
    const next = f32x4.add(old, f32x4.mul(f32x4.sub(load4(x, i), old), weights));
    storeUpTo(mean, i, end, flushBelow(next, 1e-30));
  }
}
