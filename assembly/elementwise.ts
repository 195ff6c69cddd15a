// Elementwise kernels. Each works on elements [begin, end) of contiguous arrays; begin is a multiple of 4.
// The tail runs through the same vector code, so a value does not depend on its position.

import { load4, storeUpTo } from "./simd";

/** y[i] = max(x[i], 0). A NaN stays NaN. */
export function relu(begin: i32, end: i32, x: usize, y: usize): void {
  const zero = f32x4.splat(0);
  for (let i = begin; i < end; i += 4) storeUpTo(y, i, end, f32x4.pmax(load4(x, i), zero));
}

/** dx[i] = dy[i] where y[i] > 0, else 0. */
export function reluGrad(begin: i32, end: i32, dy: usize, y: usize, dx: usize): void {
  const zero = f32x4.splat(0);
  for (let i = begin; i < end; i += 4) {
    storeUpTo(dx, i, end, v128.and(load4(dy, i), f32x4.gt(load4(y, i), zero)));
  }
}

/** out[i] = a[i] + b[i]; out may be a. */
export function addContiguous(begin: i32, end: i32, a: usize, b: usize, out: usize): void {
  for (let i = begin; i < end; i += 4) storeUpTo(out, i, end, f32x4.add(load4(a, i), load4(b, i)));
}
