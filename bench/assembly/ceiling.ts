// The highest rates that the machine reaches: the arithmetic of a matrix product without any loads, and the
// plainest copy. A share of these rates, measured in the same rounds, says more than GFLOP/s on an unnamed,
// busy processor.

/**
 * `steps` steps of a 3 x 8 tile, acc[i][j] += row[i] * b[j], as in assembly/matmul but with all operands in
 * registers. Returns the sum of the accumulators, in which the right half counts twice.
 *
 * The two vectors of b have opposite signs and are exchanged at each step. So the accumulators stay small (0
 * after an even number of steps), and no compiler can move a product out of the loop. Two additions per cycle
 * with a latency of 3 cycles need 6 accumulators; with 8, V8 has no registers left for the products and
 * spills.
 */
export function mulAddSteps(steps: i32, a: f32, b: f32): f32 {
  const row0 = f32x4.splat(a);
  const row1 = f32x4.splat(2 * a);
  const row2 = f32x4.splat(3 * a);
  let b0123 = f32x4.splat(b);
  let b4567 = f32x4.splat(-b);
  let acc0x0123 = f32x4.splat(0);
  let acc0x4567 = acc0x0123, acc1x0123 = acc0x0123, acc1x4567 = acc0x0123, acc2x0123 = acc0x0123, acc2x4567 = acc0x0123;
  do {
    acc0x0123 = f32x4.add(acc0x0123, f32x4.mul(row0, b0123));
    acc0x4567 = f32x4.add(acc0x4567, f32x4.mul(row0, b4567));
    acc1x0123 = f32x4.add(acc1x0123, f32x4.mul(row1, b0123));
    acc1x4567 = f32x4.add(acc1x4567, f32x4.mul(row1, b4567));
    acc2x0123 = f32x4.add(acc2x0123, f32x4.mul(row2, b0123));
    acc2x4567 = f32x4.add(acc2x4567, f32x4.mul(row2, b4567));
    const other = b0123;
    b0123 = b4567;
    b4567 = other;
  } while (--steps > 0);
  const left = f32x4.add(f32x4.add(acc0x0123, acc1x0123), acc2x0123);
  const right = f32x4.add(f32x4.add(acc0x4567, acc1x4567), acc2x4567);
  return sumOfLanes(f32x4.add(left, f32x4.mul(right, f32x4.splat(2))));
}

/**
 * The same with fused multiply-adds, whose latency of 4 cycles needs 8 accumulators: a 4 x 8 tile. Only in
 * the relaxed build.
 */
export function fusedSteps(steps: i32, a: f32, b: f32): f32 {
  if (!ASC_FEATURE_RELAXED_SIMD) return NaN;
  const row0 = f32x4.splat(a);
  const row1 = f32x4.splat(2 * a);
  const row2 = f32x4.splat(3 * a);
  const row3 = f32x4.splat(4 * a);
  let b0123 = f32x4.splat(b);
  let b4567 = f32x4.splat(-b);
  let acc0x0123 = f32x4.splat(0);
  let acc0x4567 = acc0x0123, acc1x0123 = acc0x0123, acc1x4567 = acc0x0123;
  let acc2x0123 = acc0x0123, acc2x4567 = acc0x0123, acc3x0123 = acc0x0123, acc3x4567 = acc0x0123;
  do {
    acc0x0123 = f32x4.relaxed_madd(row0, b0123, acc0x0123);
    acc0x4567 = f32x4.relaxed_madd(row0, b4567, acc0x4567);
    acc1x0123 = f32x4.relaxed_madd(row1, b0123, acc1x0123);
    acc1x4567 = f32x4.relaxed_madd(row1, b4567, acc1x4567);
    acc2x0123 = f32x4.relaxed_madd(row2, b0123, acc2x0123);
    acc2x4567 = f32x4.relaxed_madd(row2, b4567, acc2x4567);
    acc3x0123 = f32x4.relaxed_madd(row3, b0123, acc3x0123);
    acc3x4567 = f32x4.relaxed_madd(row3, b4567, acc3x4567);
    const other = b0123;
    b0123 = b4567;
    b4567 = other;
  } while (--steps > 0);
  const left = f32x4.add(f32x4.add(acc0x0123, acc1x0123), f32x4.add(acc2x0123, acc3x0123));
  const right = f32x4.add(f32x4.add(acc0x4567, acc1x4567), f32x4.add(acc2x4567, acc3x4567));
  return sumOfLanes(f32x4.add(left, f32x4.mul(right, f32x4.splat(2))));
}

// @ts-ignore: decorator
@inline
function sumOfLanes(x: v128): f32 {
  return f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1) + f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3);
}

/** Copies `bytes` bytes, a multiple of 64, vector by vector. */
export function copyVectors(from: usize, to: usize, bytes: usize): void {
  for (let at: usize = 0; at < bytes; at += 64) {
    v128.store(to + at, v128.load(from + at));
    v128.store(to + at, v128.load(from + at, 16), 16);
    v128.store(to + at, v128.load(from + at, 32), 32);
    v128.store(to + at, v128.load(from + at, 48), 48);
  }
}
