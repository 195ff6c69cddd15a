// Rung 3: four columns at a time.

import { load4, storeUpTo } from "../../lib/simd";
import { mulAdd } from "../micro_kernel";

/**
 * Rows [iBegin, iEnd) and columns [jBegin, N) of C = A B. Reads up to 12 bytes past b and c.
 *
 * The loops have the order of 2_loop_order.ts; the inner loop computes four neighbouring columns per
 * instruction. Each multiplication of vectors still needs two loads and a store.
 */
// @ts-ignore: decorator
@inline
export function multiplyColumns(
  a: usize, b: usize, c: usize, n: i32, depth: i32, iBegin: i32, iEnd: i32, jBegin: i32,
): void {
  for (let i = iBegin; i < iEnd; i++) {
    const row = c + (<usize>(i * n) << 2);
    memory.fill(row + (<usize>jBegin << 2), 0, <usize>(n - jBegin) << 2);
    for (let k = 0; k < depth; k++) {
      const factor = v128.load32_splat(a + (<usize>(i * depth + k) << 2));
      const from = b + (<usize>(k * n) << 2);
      for (let j = jBegin; j < n; j += 4) storeUpTo(row, j, n, mulAdd(load4(row, j), factor, load4(from, j)));
    }
  }
}

/** C = A B as in 1_naive.ts. */
export function matmulSimd(a: usize, b: usize, c: usize, m: i32, n: i32, depth: i32): void {
  multiplyColumns(a, b, c, n, depth, 0, m, 0);
}
