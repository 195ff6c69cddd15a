// Rung 2: four elements at a time, in four independent sums, so that additions do not wait for each other.

import { load4, storeUpTo, sumFloats } from "../../lib/simd";

/** The sum of a row, from 16 partial sums: each adds every 16th element. */
// @ts-ignore: decorator
@inline
function sumRow(x: usize, n: i32): f32 {
  let sum0 = f32x4.splat(0), sum1 = sum0, sum2 = sum0, sum3 = sum0;
  let i = 0;
  for (; i + 16 <= n; i += 16) {
    sum0 = f32x4.add(sum0, load4(x, i));
    sum1 = f32x4.add(sum1, load4(x, i + 4));
    sum2 = f32x4.add(sum2, load4(x, i + 8));
    sum3 = f32x4.add(sum3, load4(x, i + 12));
  }
  let sum = sumFloats(f32x4.add(f32x4.add(sum0, sum1), f32x4.add(sum2, sum3)));
  for (; i < n; i++) sum += load<f32>(x + (<usize>i << 2));
  return sum;
}

/** sumNaive. Where inner > 1, vectors run across four neighbouring columns. Reads up to 12 bytes past x. */
export function sumSimd(x: usize, y: usize, outer: i32, reduce: i32, inner: i32): void {
  for (let o = 0; o < outer; o++) {
    const from = x + (<usize>(o * reduce * inner) << 2);
    const to = y + (<usize>(o * inner) << 2);
    if (inner == 1) {
      store<f32>(to, sumRow(from, reduce));
      continue;
    }
    for (let i = 0; i < inner; i += 4) {
      let sum = f32x4.splat(0);
      for (let r = 0; r < reduce; r++) sum = f32x4.add(sum, load4(from + (<usize>(r * inner) << 2), i));
      storeUpTo(to, i, inner, sum);
    }
  }
}
