// ReLU and max pooling 2x2 (stride 2) as the last step of a convolution. Only the largest of four
// neighbouring outputs is written, and one byte, the code, that says where it was. The backward pass needs no
// more: neither the output before pooling, four times as large, nor int32 positions, nor the mask of the
// ReLU.
//
//   corners of a window:  0 1     code 0 to 3: the corner that was largest (the first, where several are equal)
//                         2 3     code 4: none: the ReLU returned 0, so no gradient passes

import { lanesBelow, promoteHigh, storePartial, sumLanes } from "../lib/simd";

/** The code of a window whose largest element is not above 0. */
export const NO_GRADIENT = 4;

/**
 * max(0, the largest of four corners), or NaN if any corner is NaN. (f32x4.max keeps NaN as well, but takes
 * several instructions each time.)
 */
// @ts-ignore: decorator
@inline
export function poolCorners(c0: v128, c1: v128, c2: v128, c3: v128): v128 {
  const upper = f32x4.pmax(c0, c1);
  const lower = f32x4.pmax(c2, c3);
  const best = f32x4.pmax(f32x4.splat(0), f32x4.pmax(upper, lower));
  const isNaN01 = v128.or(f32x4.ne(c0, c0), f32x4.ne(c1, c1));
  const isNaN23 = v128.or(f32x4.ne(c2, c2), f32x4.ne(c3, c3));
  return v128.or(best, v128.or(isNaN01, isNaN23)); // all bits set are a NaN
}

/**
 * The codes (int32) of four windows whose results are `best`. If several corners are NaN, the last of them
 * gets the gradient, as in maxPool2d.
 */
// @ts-ignore: decorator
@inline
export function poolCodes(c0: v128, c1: v128, c2: v128, c3: v128, best: v128): v128 {
  // counts down from corner 3: each true comparison, which is -1, moves one corner back, so sums of masks are
  // counts
  const is0 = f32x4.eq(c0, best);
  const is01 = v128.or(is0, f32x4.eq(c1, best));
  const is012 = v128.or(is01, f32x4.eq(c2, best));
  let corner = i32x4.add(i32x4.add(i32x4.splat(3), is0), i32x4.add(is01, is012));
  const isNaN = f32x4.ne(best, best);
  if (v128.any_true(isNaN)) {
    const no3 = f32x4.eq(c3, c3);
    const no23 = v128.and(no3, f32x4.eq(c2, c2));
    const no123 = v128.and(no23, f32x4.eq(c1, c1));
    const last = i32x4.add(i32x4.add(i32x4.splat(3), no3), i32x4.add(no23, no123));
    corner = v128.bitselect(last, corner, isNaN);
  }
  return v128.bitselect(i32x4.splat(NO_GRADIENT), corner, f32x4.le(best, f32x4.splat(0)));
}

/** Stores eight codes as bytes. */
// @ts-ignore: decorator
@inline
export function storeEightCodes(to: usize, code0123: v128, code4567: v128): void {
  const halves = i16x8.narrow_i32x4_u(code0123, code4567);
  v128.store64_lane(to, i8x16.narrow_i16x8_u(halves, halves), 0);
}

/** Loads four codes from bytes, as int32. */
// @ts-ignore: decorator
@inline
export function loadFourCodes(from: usize): v128 {
  return i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(from)));
}

/**
 * The gradient through ReLU and pooling:
 * out[plane][top + 2 py + corner row][left + 2 px + corner column] = dy[plane][py][px] for the corner given
 * by the code, and 0 elsewhere, including the padding.
 *
 * dy: [planes][PH][PW]; argmaxCodes: one byte for each element of dy;
 * out: [planes][outHeight][outWidth]. Unit: one plane.
 */
export function unpool(
  begin: i32, end: i32, dy: usize, argmaxCodes: usize, pooledHeight: i32, pooledWidth: i32,
  out: usize, outHeight: i32, outWidth: i32, top: i32, left: i32,
): void {
  assert(top + 2 * pooledHeight <= outHeight && left + 2 * pooledWidth <= outWidth, "unpool: the windows fit");
  const rowBytes = <usize>outWidth << 2;
  const planeBytes = <usize>outHeight * rowBytes;
  const covers = outHeight == 2 * pooledHeight && outWidth == 2 * pooledWidth;
  for (let plane = begin; plane < end; plane++) {
    const to = out + <usize>plane * planeBytes;
    if (!covers) memory.fill(to, 0, planeBytes);
    for (let py = 0; py < pooledHeight; py++) {
      const from = <usize>(plane * pooledHeight + py) * <usize>pooledWidth;
      const upper = to + <usize>(top + 2 * py) * rowBytes + (<usize>left << 2);
      for (let px = 0; px < pooledWidth; px += 4) {
        const gradient = v128.load(dy + ((from + <usize>px) << 2));
        const code = loadFourCodes(argmaxCodes + from + <usize>px);
        const corner0 = v128.and(gradient, i32x4.eq(code, i32x4.splat(0)));
        const corner1 = v128.and(gradient, i32x4.eq(code, i32x4.splat(1)));
        const corner2 = v128.and(gradient, i32x4.eq(code, i32x4.splat(2)));
        const corner3 = v128.and(gradient, i32x4.eq(code, i32x4.splat(3)));
        const at = upper + (<usize>px << 3);
        storeSpread(at, corner0, corner1, pooledWidth - px);
        storeSpread(at + rowBytes, corner2, corner3, pooledWidth - px);
      }
    }
  }
}

/** Stores even[0] odd[0] even[1] odd[1] …: the first `windows` pairs, or four if there are more. */
// @ts-ignore: decorator
@inline
function storeSpread(to: usize, even: v128, odd: v128, windows: i32): void {
  const first = v128.shuffle<f32>(even, odd, 0, 4, 1, 5);
  const second = v128.shuffle<f32>(even, odd, 2, 6, 3, 7);
  if (windows >= 4) {
    v128.store(to, first);
    v128.store(to, second, 16);
    return;
  }
  if (windows == 1) {
    storePartial(to, first, 2);
    return;
  }
  v128.store(to, first);
  if (windows == 3) storePartial(to + 16, second, 2);
}

/**
 * The gradient of a bias through ReLU and pooling: sums[c] = sum of dy[image][c][p] over all images and all
 * elements p that have a gradient. dy: [images][channels][pixels]. Terms are added in float64, in order.
 * Unit: one channel.
 */
export function pooledChannelSums(
  begin: i32, end: i32, dy: usize, argmaxCodes: usize, images: i32, channels: i32, pixels: i32, sums: usize,
): void {
  for (let c = begin; c < end; c++) {
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    for (let image = 0; image < images; image++) {
      const plane = <usize>(image * channels + c) * <usize>pixels;
      for (let p = 0; p < pixels; p += 4) {
        const dead = i32x4.eq(loadFourCodes(argmaxCodes + plane + <usize>p), i32x4.splat(NO_GRADIENT));
        const alive = v128.andnot(lanesBelow(pixels - p), dead);
        const gradient = v128.and(v128.load(dy + ((plane + <usize>p) << 2)), alive);
        low = f64x2.add(low, f64x2.promote_low_f32x4(gradient));
        high = f64x2.add(high, promoteHigh(gradient));
      }
    }
    f32.store(sums + (<usize>c << 2), <f32>sumLanes(f64x2.add(low, high)));
  }
}

/** Whether all `size` floats are finite. Only for finite floats is the sum of 0 times each of them 0. */
export function allFinite(x: usize, size: i32): bool {
  let sum0 = f32x4.splat(0);
  let sum1 = sum0;
  let sum2 = sum0;
  let sum3 = sum0;
  const end = x + (<usize>size << 2);
  for (; end - x >= 64; x += 64) {
    sum0 = f32x4.add(sum0, f32x4.mul(v128.load(x), f32x4.splat(0)));
    sum1 = f32x4.add(sum1, f32x4.mul(v128.load(x, 16), f32x4.splat(0)));
    sum2 = f32x4.add(sum2, f32x4.mul(v128.load(x, 32), f32x4.splat(0)));
    sum3 = f32x4.add(sum3, f32x4.mul(v128.load(x, 48), f32x4.splat(0)));
  }
  for (; x < end; x += 4) sum0 = f32x4.add(sum0, f32x4.mul(v128.load32_splat(x), f32x4.splat(0)));
  const sum = f32x4.add(f32x4.add(sum0, sum1), f32x4.add(sum2, sum3));
  return !v128.any_true(f32x4.ne(sum, sum));
}
