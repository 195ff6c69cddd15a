// A running mean of weights. Arrays are float32; the range is elements [begin, end), and begin is a multiple
// of 4.

import { constant, flushBelow } from "../lib/math";
import { load4, storeUpTo } from "../lib/simd";

const LEAST: usize = memory.data<f32>([1e-30]);

// @ts-ignore: decorator
@inline
function nextMean(mean: v128, x: v128, weight: v128): v128 {
  return flushBelow(f32x4.add(mean, f32x4.mul(f32x4.sub(x, mean), weight)), constant(LEAST));
}

/**
 * mean[i] += (x[i] - mean[i]) weight, and 0 instead of a magnitude below 1e-30: see steps.ts.
 * @inPlace
 */
export function averageStep(begin: i32, end: i32, mean: usize, x: usize, weight: f32): void {
  const weights = f32x4.splat(weight);
  let i = begin;
  if (i + 8 <= end) {
    do { // two vectors per iteration: see elementwise/unary.ts
      const at = <usize>i << 2;
      const next0 = nextMean(v128.load(mean + at), v128.load(x + at), weights);
      const next1 = nextMean(v128.load(mean + at, 16), v128.load(x + at, 16), weights);
      v128.store(mean + at, next1, 16);
      v128.store(mean + at, next0);
      i += 8;
    } while (i + 8 <= end);
  }
  for (; i < end; i += 4) storeUpTo(mean, i, end, nextMean(load4(mean, i), load4(x, i), weights));
}
