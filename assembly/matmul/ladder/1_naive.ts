// Rung 1: the definition.

/**
 * C[i][j] = sum over k of A[i][k] B[k][j]. a: [M][K]; b: [K][N]; c: [M][N], all row-major and contiguous. Any
 * sizes, including 0.
 *
 * One multiplication at a time. From k to k+1 the address in B advances by a whole row, so each float comes
 * from another cache line. Each addition waits for the previous one, which takes about 4 cycles.
 */
export function matmulNaive(a: usize, b: usize, c: usize, m: i32, n: i32, depth: i32): void {
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum: f32 = 0;
      for (let k = 0; k < depth; k++) {
        sum += load<f32>(a + (<usize>(i * depth + k) << 2)) * load<f32>(b + (<usize>(k * n + j) << 2));
      }
      store<f32>(c + (<usize>(i * n + j) << 2), sum);
    }
  }
}
