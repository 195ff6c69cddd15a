// The most frequent value of a slice, found in its sorted elements.

/**
 * The most frequent element of x[o, :, i], given its elements in ascending order and their positions: of
 * several the smallest one. The position is the last one where it occurs. No
 * NaN equals another.
 */
export function modeOfSorted(
  begin: i32, end: i32, sorted: usize, positions: usize, values: usize, indices: usize, n: i32, inner: i32, isInt: i32,
): void {
  const step = <usize>inner << 2;
  for (let slice = begin; slice < end; slice++) {
    const start = (<usize>(slice / inner) * <usize>n * <usize>inner + <usize>(slice % inner)) << 2;
    let most = 0;
    let run = 0;
    let last = 0;
    for (let k = 0; k < n; k++) {
      const at = start + <usize>k * step;
      run = k > 0 && isSame(sorted + at, sorted + at - step, isInt) ? run + 1 : 1;
      if (run <= most) continue;
      most = run;
      last = k;
    }
    const at = start + <usize>last * step;
    store<i32>(values + (<usize>slice << 2), load<i32>(sorted + at));
    store<i32>(indices + (<usize>slice << 2), load<i32>(positions + at));
  }
}

function isSame(a: usize, b: usize, isInt: i32): bool {
  return isInt ? load<i32>(a) == load<i32>(b) : load<f32>(a) == load<f32>(b);
}
