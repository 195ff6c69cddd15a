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

/** poolCorners without NaN. */
// @ts-ignore: decorator
@inline
function poolWindows(c0: v128, c1: v128, c2: v128, c3: v128): v128 {
  return f32x4.pmax(f32x4.splat(0), f32x4.pmax(f32x4.pmax(c0, c1), f32x4.pmax(c2, c3)));
}

/** poolCodes without NaN, negated: 0 to -4. */
// @ts-ignore: decorator
@inline
function negatedCodes(c0: v128, c1: v128, c2: v128, c3: v128, best: v128): v128 {
  // a true comparison is -1
  const isLower = f32x4.gt(f32x4.pmax(c2, c3), f32x4.pmax(c0, c1));
  const isRight = v128.bitselect(f32x4.gt(c3, c2), f32x4.gt(c1, c0), isLower);
  const isDead = f32x4.eq(best, f32x4.splat(0));
  const corner = i32x4.add(i32x4.add(isLower, isLower), isRight);
  return v128.or(v128.andnot(corner, isDead), i32x4.shl(isDead, 2)); // -4 is all bits but the last two
}

/**
 * Pools two windows of eight tiles, in a row of four pairs of vectors and the row after it. Stores the
 * largest elements and, 32 bytes further on, the negated codes. No element is NaN.
 */
// @ts-ignore: decorator
@inline
function poolWindowPair(row: usize, to: usize): void {
  const c0 = v128.load(row);
  const d0 = v128.load(row, 16);
  const c1 = v128.load(row, 32);
  const d1 = v128.load(row, 48);
  const c2 = v128.load(row, 128);
  const d2 = v128.load(row, 144);
  const c3 = v128.load(row, 160);
  const d3 = v128.load(row, 176);
  const best = poolWindows(c0, c1, c2, c3);
  const best4567 = poolWindows(d0, d1, d2, d3);
  v128.store(to, best4567, 16);
  v128.store(to, best);
  const codes = negatedCodes(c0, c1, c2, c3, best);
  v128.store(to, negatedCodes(d0, d1, d2, d3, best4567), 48);
  v128.store(to, codes, 32);
}

/** The sum of the two vectors of a row of 128 bytes that begin at `row`. */
// @ts-ignore: decorator
@inline
function sumRow(row: usize): v128 {
  return f32x4.add(
    f32x4.add(v128.load(row), v128.load(row, 32)), f32x4.add(v128.load(row, 64), v128.load(row, 96)),
  );
}

/**
 * ReLU and max pooling 2x2 of eight tiles of 4x4. tiles: four rows of four pairs of vectors, one lane per
 * tile; pooled: two rows of 128 bytes, each [left and right window][largest elements and codes][8 tiles]. The
 * codes are int32, 0 to 4 or 0 to -4.
 */
export function poolTiles(tiles: usize, pooled: usize): void {
  poolWindowPair(tiles, pooled);
  poolWindowPair(tiles + 64, pooled + 64);
  poolWindowPair(tiles + 256, pooled + 128);
  poolWindowPair(tiles + 320, pooled + 192);
  // a sum is NaN if a term is. It may also be NaN if terms are infinite: then the same results are computed
  // again
  const lower = f32x4.add(
    f32x4.add(sumRow(tiles), sumRow(tiles + 128)), f32x4.add(sumRow(tiles + 256), sumRow(tiles + 384)),
  );
  const upper = f32x4.add(
    f32x4.add(sumRow(tiles + 16), sumRow(tiles + 144)), f32x4.add(sumRow(tiles + 272), sumRow(tiles + 400)),
  );
  const sum = f32x4.add(lower, upper);
  if (v128.any_true(f32x4.ne(sum, sum))) poolTilesWithNaN(tiles, pooled);
}

/** poolTiles where some elements may be NaN. */
function poolTilesWithNaN(tiles: usize, pooled: usize): void {
  for (let i: usize = 0; i < 8; i++) {
    // i: row of windows, then window in the row, then half of the tiles
    const half = (i & 1) << 4;
    const from = tiles + ((i >> 2) << 8) + ((i & 2) << 5) + half;
    const to = pooled + ((i >> 1) << 6) + half;
    const c0 = v128.load(from);
    const c1 = v128.load(from, 32);
    const c2 = v128.load(from, 128);
    const c3 = v128.load(from, 160);
    const best = poolCorners(c0, c1, c2, c3);
    v128.store(to, best);
    v128.store(to, poolCodes(c0, c1, c2, c3, best), 32);
  }
}

/**
 * Stores eight pooled tiles (poolTiles): of lanes 0 to 3 tiles 0, 2, 4 and 6, of lanes 4 to 7 tiles 1, 3, 5
 * and 7. Tiles 2 k and 2 k + 1 are side by side, from element `at k` on. argmaxCodes may be 0.
 */
// @ts-ignore: decorator
@inline
export function storePooledPairs(
  pooled: usize, at0: usize, at1: usize, at2: usize, at3: usize, pooledWidth: i32, out: usize, argmaxCodes: usize,
): void {
  let i = 2;
  do {
    const left = v128.load(pooled);
    const leftOdd = v128.load(pooled, 16);
    const right = v128.load(pooled, 64);
    const rightOdd = v128.load(pooled, 80);
    const even01 = v128.shuffle<f32>(left, right, 0, 4, 1, 5);
    const odd01 = v128.shuffle<f32>(leftOdd, rightOdd, 0, 4, 1, 5);
    const even23 = v128.shuffle<f32>(left, right, 2, 6, 3, 7);
    const odd23 = v128.shuffle<f32>(leftOdd, rightOdd, 2, 6, 3, 7);
    v128.store(out + (at0 << 2), v128.shuffle<f32>(even01, odd01, 0, 1, 4, 5));
    v128.store(out + (at1 << 2), v128.shuffle<f32>(even01, odd01, 2, 3, 6, 7));
    v128.store(out + (at2 << 2), v128.shuffle<f32>(even23, odd23, 0, 1, 4, 5));
    v128.store(out + (at3 << 2), v128.shuffle<f32>(even23, odd23, 2, 3, 6, 7));
    if (argmaxCodes) {
      const even = i16x8.narrow_i32x4_s(v128.load(pooled, 32), v128.load(pooled, 96));
      const odd = i16x8.narrow_i32x4_s(v128.load(pooled, 48), v128.load(pooled, 112));
      const bytes = i8x16.abs(i8x16.narrow_i16x8_s(even, odd));
      const codes = v128.shuffle<u8>(bytes, bytes, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
      v128.store32_lane(argmaxCodes + at0, codes, 0);
      v128.store32_lane(argmaxCodes + at1, codes, 1);
      v128.store32_lane(argmaxCodes + at2, codes, 2);
      v128.store32_lane(argmaxCodes + at3, codes, 3);
    }
    pooled += 128;
    at0 += pooledWidth;
    at1 += pooledWidth;
    at2 += pooledWidth;
    at3 += pooledWidth;
  } while (--i > 0);
}

/** Loads four codes from bytes, as int32. */
// @ts-ignore: decorator
@inline
export function loadFourCodes(from: usize): v128 {
  return i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(from)));
}

// tables for unpool: of four windows, with a left and a right corner each
const CODE_BYTES: usize = memory.data<u32>([0xff, 0xff, 0xff00, 0xff00, 0xff0000, 0xff0000, 0xff000000, 0xff000000]);
const UPPER_CORNERS: usize = memory.data<u32>([0, 1, 0, 1 << 8, 0, 1 << 16, 0, 1 << 24]);
const LOWER_CORNERS: usize = memory.data<u32>([2, 3, 2 << 8, 3 << 8, 2 << 16, 3 << 16, 2 << 24, 3 << 24]);

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
  // one byte of the four codes for each lane, and the codes of its corner in the upper and the lower row
  const byte01 = v128.load(CODE_BYTES);
  const byte23 = v128.load(CODE_BYTES, 16);
  const upper01 = v128.load(UPPER_CORNERS);
  const upper23 = v128.load(UPPER_CORNERS, 16);
  const lower01 = v128.load(LOWER_CORNERS);
  const lower23 = v128.load(LOWER_CORNERS, 16);
  for (let plane = begin; plane < end; plane++) {
    const to = out + <usize>plane * planeBytes;
    if (!covers) memory.fill(to, 0, planeBytes);
    for (let py = 0; py < pooledHeight; py++) {
      const from = <usize>(plane * pooledHeight + py) * <usize>pooledWidth;
      const upper = to + <usize>(top + 2 * py) * rowBytes + (<usize>left << 2);
      for (let px = 0; px < pooledWidth; px += 4) {
        // each gradient twice: in the lanes of its left and its right corner
        const gradient = dy + ((from + <usize>px) << 2);
        const single01 = v128.load32x2_u(gradient);
        const single23 = v128.load32x2_u(gradient, 8);
        const gradient01 = v128.or(single01, i64x2.shl(single01, 32));
        const gradient23 = v128.or(single23, i64x2.shl(single23, 32));
        const codes = v128.load32_splat(argmaxCodes + from + <usize>px);
        const code01 = v128.and(codes, byte01);
        const code23 = v128.and(codes, byte23);
        const above01 = v128.and(gradient01, i32x4.eq(code01, upper01));
        const above23 = v128.and(gradient23, i32x4.eq(code23, upper23));
        const below01 = v128.and(gradient01, i32x4.eq(code01, lower01));
        const below23 = v128.and(gradient23, i32x4.eq(code23, lower23));
        const at = upper + (<usize>px << 3);
        if (px + 4 <= pooledWidth) {
          v128.store(at, above23, 16);
          v128.store(at, above01);
          const below = at + rowBytes;
          v128.store(below, below23, 16);
          v128.store(below, below01);
        } else {
          storeWindows(at, above01, above23, pooledWidth - px);
          storeWindows(at + rowBytes, below01, below23, pooledWidth - px);
        }
      }
    }
  }
}

/**
 * The transpose of `unpool`: out[plane][py][px] = x[plane][2 py + corner row][2 px + corner column] for the
 * corner given by the code, or 0 if there is none. x: [planes][height][width]. Unit: one plane.
 */
export function pickMaxima(
  begin: i32, end: i32, x: usize, argmaxCodes: usize, height: i32, width: i32, out: usize,
  pooledHeight: i32, pooledWidth: i32,
): void {
  for (let plane = begin; plane < end; plane++) {
    for (let py = 0; py < pooledHeight; py++) {
      const to = <usize>(plane * pooledHeight + py) * <usize>pooledWidth;
      const upper = <usize>(plane * height + 2 * py) * <usize>width;
      for (let px = 0; px < pooledWidth; px++) {
        const code = <i32>load<u8>(argmaxCodes + to + <usize>px);
        const at = upper + <usize>((code >> 1) * width + 2 * px + (code & 1));
        store<f32>(out + ((to + <usize>px) << 2), code == NO_GRADIENT ? 0 : load<f32>(x + (at << 2)));
      }
    }
  }
}

/** Stores a row of 1 to 3 windows. */
// @ts-ignore: decorator
@inline
function storeWindows(to: usize, row01: v128, row23: v128, windows: i32): void {
  if (windows == 1) {
    storePartial(to, row01, 2);
    return;
  }
  v128.store(to, row01);
  if (windows == 3) storePartial(to + 16, row23, 2);
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
      let from = dy + (plane << 2);
      let codes = argmaxCodes + plane;
      let left = pixels;
      for (; left >= 16; left -= 16, from += 64, codes += 16) {
        const dead = i8x16.eq(v128.load(codes), i8x16.splat(<i8>NO_GRADIENT));
        const dead01 = i16x8.extend_low_i8x16_s(dead);
        const dead23 = i16x8.extend_high_i8x16_s(dead);
        const g0 = v128.andnot(v128.load(from), i32x4.extend_low_i16x8_s(dead01));
        const g1 = v128.andnot(v128.load(from, 16), i32x4.extend_high_i16x8_s(dead01));
        const g2 = v128.andnot(v128.load(from, 32), i32x4.extend_low_i16x8_s(dead23));
        const g3 = v128.andnot(v128.load(from, 48), i32x4.extend_high_i16x8_s(dead23));
        low = f64x2.add(low, f64x2.promote_low_f32x4(g0));
        high = f64x2.add(high, promoteHigh(g0));
        low = f64x2.add(low, f64x2.promote_low_f32x4(g1));
        high = f64x2.add(high, promoteHigh(g1));
        low = f64x2.add(low, f64x2.promote_low_f32x4(g2));
        high = f64x2.add(high, promoteHigh(g2));
        low = f64x2.add(low, f64x2.promote_low_f32x4(g3));
        high = f64x2.add(high, promoteHigh(g3));
      }
      for (; left > 0; left -= 4, from += 16, codes += 4) {
        const dead = i32x4.eq(loadFourCodes(codes), i32x4.splat(NO_GRADIENT));
        const gradient = v128.and(v128.load(from), v128.andnot(lanesBelow(left), dead));
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
