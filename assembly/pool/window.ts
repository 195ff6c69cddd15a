// Loads for pooling with any kernel, stride and padding: from four windows of a row at a time.

/** The number of bytes from its address that `loadSteps` may read. */
export const REACH: usize = 32;

/**
 * Loads elements 0, step, 2 step, 3 step from an address; the first `count` of them exist. Steps 1 and 2 read
 * whole vectors, up to REACH bytes from `from`; larger steps read only elements that exist.
 */
// @ts-ignore: decorator
@inline
export function loadSteps(from: usize, step: i32, count: i32): v128 {
  if (step == 1) return v128.load(from);
  if (step == 2) return v128.shuffle<f32>(v128.load(from), v128.load(from, 16), 0, 2, 4, 6);
  const bytes = <usize>step << 2;
  let v = v128.load32_splat(from);
  if (count > 1) v = v128.load32_lane(from + bytes, v, 1);
  if (count > 2) v = v128.load32_lane(from + 2 * bytes, v, 2);
  if (count > 3) v = v128.load32_lane(from + 3 * bytes, v, 3);
  return v;
}

/**
 * loadSteps at the edge of a plane: only columns in [0, width) exist, and the other lanes have any value.
 * last: the end of the array.
 */
// @ts-ignore: decorator
@inline
export function loadInside(row: usize, columns: v128, step: i32, width: i32, last: usize): v128 {
  const column = i32x4.extract_lane(columns, 0);
  const from = row + (<usize>column << 2);
  // memory before the array exists, but memory past it may not
  if (step <= 2 && from + REACH <= last) return loadSteps(from, step, 4);
  let v = f32x4.splat(0);
  if (<u32>column < <u32>width) v = v128.load32_lane(from, v, 0);
  const column1 = column + step;
  if (<u32>column1 < <u32>width) v = v128.load32_lane(row + (<usize>column1 << 2), v, 1);
  const column2 = column1 + step;
  if (<u32>column2 < <u32>width) v = v128.load32_lane(row + (<usize>column2 << 2), v, 2);
  const column3 = column2 + step;
  if (<u32>column3 < <u32>width) v = v128.load32_lane(row + (<usize>column3 << 2), v, 3);
  return v;
}

/** A mask of the lanes with 0 <= column < width. */
// @ts-ignore: decorator
@inline
export function insideMask(columns: v128, width: i32): v128 {
  return i32x4.lt_u(columns, i32x4.splat(width));
}

/** The first columns of four neighbouring windows. */
// @ts-ignore: decorator
@inline
export function windowStarts(column: i32, step: i32): v128 {
  return i32x4.add(i32x4.splat(column), i32x4.mul(i32x4(0, 1, 2, 3), i32x4.splat(step)));
}
