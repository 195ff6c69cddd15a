// Rung 1: the definition.

/**
 * y[o][i] = sum over r of x[o][r][i] for x [outer][reduce][inner], one element after the other
 * in one float32. Any sizes.
 *
 * Each addition rounds to the 24 bits of the sum so far: the longer the sum, the more of each term is lost.
 */
export function sumNaive(x: usize, y: usize, outer: i32, reduce: i32, inner: i32): void {
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++, y += 4) {
      let sum: f32 = 0;
      for (let r = 0; r < reduce; r++) sum += load<f32>(x + (<usize>((o * reduce + r) * inner + i) << 2));
      store<f32>(y, sum);
    }
  }
}
