// Division of vectors by their length. The vectors run along the middle of x[outer, n, inner]; norms are
// float64.

import { loadDouble } from "../lib/simd";

/** y = x / max(norm, eps), norms[o, i] = norm. Range: outer * inner. */
export function normalizeVectors(
  begin: i32, end: i32, x: usize, y: usize, norms: usize, n: i32, inner: i32, eps: f64,
): void {
  const stride = <usize>inner << 2;
  for (let p = begin; p < end; p++) {
    const o = p / inner;
    const offset = (<usize>o * n * inner + (p - o * inner)) << 2;
    let sum: f64 = 0;
    for (let k = 0; k < n; k++) {
      const v = <f64>load<f32>(x + offset + <usize>k * stride);
      sum += v * v;
    }
    const norm = sqrt(sum);
    store<f64>(norms + (<usize>p << 3), norm);
    const divisor = max(norm, eps);
    for (let k = 0; k < n; k++) {
      const at = offset + <usize>k * stride;
      store<f32>(y + at, <f32>(load<f32>(x + at) / divisor));
    }
  }
}

/** dx = (dy - y (y . dy)) / norm, or dy / eps where norm < eps. Range: outer * inner. */
export function normalizeVectorsGrad(
  begin: i32, end: i32, y: usize, dy: usize, norms: usize, dx: usize, n: i32, inner: i32, eps: f64,
): void {
  const stride = <usize>inner << 2;
  for (let p = begin; p < end; p++) {
    const o = p / inner;
    const offset = (<usize>o * n * inner + (p - o * inner)) << 2;
    const norm = loadDouble(norms, p);
    let dot: f64 = 0;
    if (norm >= eps) {
      for (let k = 0; k < n; k++) {
        const at = offset + <usize>k * stride;
        dot += <f64>load<f32>(y + at) * load<f32>(dy + at);
      }
    }
    const divisor = max(norm, eps);
    for (let k = 0; k < n; k++) {
      const at = offset + <usize>k * stride;
      store<f32>(dx + at, <f32>((load<f32>(dy + at) - load<f32>(y + at) * dot) / divisor));
    }
  }
}
