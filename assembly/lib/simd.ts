// Helpers that the kernels share. All of them are inlined.

/** Lanes of a vector: four float32 or int32 elements. @shared */
// @ts-ignore: decorator
@inline
export const LANES = 4;

/**
 * Stores the first `count` (1 to 3) lanes of v, for the last elements of an array. Memory after them must
 * not change.
 */
// @ts-ignore: decorator
@inline
export function storePartial(to: usize, v: v128, count: i32): void {
  assert(count >= 1 && count <= 3, "storePartial: count is 1, 2 or 3");
  v128.store32_lane(to, v, 0);
  if (count > 1) v128.store32_lane(to, v, 1, 4);
  if (count > 2) v128.store32_lane(to, v, 2, 8);
}

/** Stores the lanes of `v` in elements i to i+3 of an array, except those at or after element `end`. */
// @ts-ignore: decorator
@inline
export function storeUpTo(base: usize, i: i32, end: i32, v: v128): void {
  assert(i >= 0 && i < end, "storeUpTo: the element lies in the range");
  if (i + 4 <= end) v128.store(base + (<usize>i << 2), v);
  else storePartial(base + (<usize>i << 2), v, end - i);
}

/**
 * Loads elements i to i+3. May read up to 12 bytes past the array: every memory block has readable bytes
 * after it.
 */
// @ts-ignore: decorator
@inline
export function load4(base: usize, i: i32): v128 {
  assert((base & 3) == 0 && i >= 0, "load4: elements are aligned, and not before the array");
  return v128.load(base + (<usize>i << 2));
}

/** A mask that selects the first `count` lanes. */
// @ts-ignore: decorator
@inline
export function lanesBelow(count: i32): v128 {
  return i32x4.gt_s(i32x4.splat(count), i32x4(0, 1, 2, 3));
}

/** The vector (v[2], v[3], v[2], v[3]). */
// @ts-ignore: decorator
@inline
export function highLanes(v: v128): v128 {
  return v128.shuffle<i32>(v, v, 2, 3, 2, 3);
}

/** Converts lanes 2 and 3 to float64 (f64x2.promote_low_f32x4 converts lanes 0 and 1). */
// @ts-ignore: decorator
@inline
export function promoteHigh(v: v128): v128 {
  return f64x2.promote_low_f32x4(highLanes(v));
}

/** Lanes 0 and 1 plus lanes 2 and 3, as float64. */
// @ts-ignore: decorator
@inline
export function widened(v: v128): v128 {
  return f64x2.add(f64x2.promote_low_f32x4(v), promoteHigh(v));
}

/**
 * Whether a or b has a lane other than 0: at the end of a loop, only sums other than 0 have to be added to
 * the rest. V8 packs two sums into one of 256 bits only if it starts from an operation such as this addition
 * of their bits, which is 0 only if both are: see matmul/wide.md.
 */
// @ts-ignore: decorator
@inline
export function areNonZero(a: v128, b: v128): bool {
  return v128.any_true(i32x4.add(f32x4.abs(a), f32x4.abs(b)));
}

/** The vector (low[0], low[1], high[0], high[1]). */
// @ts-ignore: decorator
@inline
export function joinLow(low: v128, high: v128): v128 {
  return v128.shuffle<i32>(low, high, 0, 1, 4, 5);
}

/** Rounds four float64 values, held in two vectors, to one vector of float32. */
// @ts-ignore: decorator
@inline
export function demote(low: v128, high: v128): v128 {
  return joinLow(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high));
}

/** Sum of the two lanes of a float64 vector. */
// @ts-ignore: decorator
@inline
export function sumLanes(v: v128): f64 {
  return f64x2.extract_lane(v, 0) + f64x2.extract_lane(v, 1);
}

/** Element i of a float64 array. */
// @ts-ignore: decorator
@inline
export function loadDouble(base: usize, i: i32): f64 {
  return load<f64>(base + (<usize>i << 3));
}

/** Sum of the four lanes of a float32 vector. */
// @ts-ignore: decorator
@inline
export function sumFloats(v: v128): f32 {
  const pairs = f32x4.add(v, v128.shuffle<f32>(v, v, 2, 3, 0, 1));
  return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1);
}
