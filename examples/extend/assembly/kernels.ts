// Kernels of one's own, for AssemblyScript's compiler: a leaky sum along the rows of a matrix, in which each
// element remembers the ones before it. A row is a unit of work, so [begin, end) is a range of rows.

/** y[r, t] = x[r, t] + decay y[r, t - 1], in rows of `length` float32. */
export function leakySum(begin: i32, end: i32, x: usize, y: usize, length: i32, decay: f32): void {
  for (let row = begin; row < end; row++) {
    const start = (<usize>row * <usize>length) << 2;
    let sum: f32 = 0;
    for (let i = start; i < start + (<usize>length << 2); i += 4) {
      sum = load<f32>(x + i) + decay * sum;
      store<f32>(y + i, sum);
    }
  }
}

/** The gradient: dx[r, t] = dy[r, t] + decay dx[r, t + 1]. */
export function leakySumGrad(begin: i32, end: i32, dy: usize, dx: usize, length: i32, decay: f32): void {
  for (let row = begin; row < end; row++) {
    const start = (<usize>row * <usize>length) << 2;
    let sum: f32 = 0;
    for (let i = start + (<usize>length << 2); i > start; i -= 4) {
      sum = load<f32>(dy + i - 4) + decay * sum;
      store<f32>(dx + i - 4, sum);
    }
  }
}
