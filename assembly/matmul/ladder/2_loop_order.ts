// Rung 2: the same three loops in another order.

/**
 * C = A B as in 1_naive.ts. c is zeroed here.
 *
 * With k outside j, the inner loop walks along a row of B and a row of C: neighbouring floats, whole cache
 * lines, and additions that do not wait for each other. The price: C is loaded and stored for each k.
 */
export function matmulLoopOrder(a: usize, b: usize, c: usize, m: i32, n: i32, depth: i32): void {
  memory.fill(c, 0, (<usize>m * <usize>n) << 2);
  for (let i = 0; i < m; i++) {
    for (let k = 0; k < depth; k++) {
      const factor = load<f32>(a + (<usize>(i * depth + k) << 2));
      let to = c + (<usize>(i * n) << 2);
      let from = b + (<usize>(k * n) << 2);
      for (const end = from + (<usize>n << 2); from < end; from += 4, to += 4) {
        store<f32>(to, load<f32>(to) + factor * load<f32>(from));
      }
    }
  }
}
