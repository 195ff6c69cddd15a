// The kernel that adds gradients. It works on elements [begin, end) of contiguous arrays; begin is a multiple
// of 4. The last elements go through the same vector code as the others, so a value does not depend on its
// position.

import { load4, storeUpTo } from "../lib/simd";

/**
 * out[i] = a[i] + b[i]; out may be a.
 * @inPlace
 */
export function addContiguous(begin: i32, end: i32, a: usize, b: usize, out: usize): void {
  let i = begin;
  for (; i + 8 <= end; i += 8) { // two vectors per iteration: see unary.ts
    const at = <usize>i << 2;
    const v0 = f32x4.add(v128.load(a + at), v128.load(b + at));
    const v1 = f32x4.add(v128.load(a + at, 16), v128.load(b + at, 16));
    v128.store(out + at, v1, 16);
    v128.store(out + at, v0);
  }
  for (; i < end; i += 4) storeUpTo(out, i, end, f32x4.add(load4(a, i), load4(b, i)));
}
