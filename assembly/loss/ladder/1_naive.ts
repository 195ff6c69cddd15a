// Rung 1: the definition, in three loops over each row.

/**
 * y = e^(x - m) / s along the middle of [outer][n][inner], with m the largest x and s the sum of e^(x - m);
 * or, if `log`, the logarithm x - m - log s. Without m, the exponentials would overflow from x = 89 on. n >
 * 0.
 */
export function softmaxNaive(x: usize, y: usize, outer: i32, n: i32, inner: i32, log: i32): void {
  for (let row = 0; row < outer * inner; row++) {
    const first = <usize>(row / inner * n * inner + row % inner) << 2;
    const last = first + (<usize>(n * inner) << 2);
    const step = <usize>inner << 2;
    let m: f32 = -Infinity;
    for (let at = first; at < last; at += step) m = max(m, load<f32>(x + at));
    let s: f32 = 0;
    for (let at = first; at < last; at += step) s += Mathf.exp(load<f32>(x + at) - m);
    for (let at = first; at < last; at += step) {
      const d = load<f32>(x + at) - m;
      store<f32>(y + at, log ? d - Mathf.log(s) : Mathf.exp(d) / s);
    }
  }
}

/** dx = y (dy - sum of dy y) or, if `log`, dx = dy - e^y (sum of dy). */
export function softmaxGradNaive(y: usize, dy: usize, dx: usize, outer: i32, n: i32, inner: i32, log: i32): void {
  for (let row = 0; row < outer * inner; row++) {
    const first = <usize>(row / inner * n * inner + row % inner) << 2;
    const last = first + (<usize>(n * inner) << 2);
    const step = <usize>inner << 2;
    let sum: f32 = 0;
    for (let at = first; at < last; at += step) sum += load<f32>(dy + at) * (log ? 1 : load<f32>(y + at));
    for (let at = first; at < last; at += step) {
      const value = load<f32>(y + at);
      const gradient = load<f32>(dy + at);
      store<f32>(dx + at, log ? gradient - Mathf.exp(value) * sum : value * (gradient - sum));
    }
  }
}
