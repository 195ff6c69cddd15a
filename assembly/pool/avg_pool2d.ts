// Average pooling of planes x[H][W] (P = N*C of them, one after the other) to y[OH][OW]. The windows lie on a
// regular grid (avgPool2d), or divide the plane as evenly as integers allow (adaptiveAvgPool2d). Sums are
// float64.
//
// The range of all kernels here is planes. Windows may overlap, but planes do not, so any split gives the
// same bits. The gradient of a plane is added up window by window, in row-major order.

import { demote, highLanes, load4, promoteHigh, storeUpTo } from "../lib/simd";
import { insideMask, loadInside, loadSteps, windowStarts } from "./window";

/**
 * With this stride or a larger one, windows are summed one at a time, along their rows; with a smaller
 * stride, four neighbours at a time.
 * @shared
 */
const WIDE_STRIDE = 4;

/** Sum of rows [top, bottom) and columns [left, right) of a plane. */
// @ts-ignore: decorator
@inline
function windowSum(plane: usize, width: i32, top: i32, bottom: i32, left: i32, right: i32): f64 {
  let even = f64x2.splat(0);
  let odd = even;
  let rest: f64 = 0;
  for (let iy = top; iy < bottom; iy++) {
    const row = plane + (<usize>(iy * width) << 2);
    let ix = left;
    for (; ix + 4 <= right; ix += 4) {
      const v = load4(row, ix);
      even = f64x2.add(even, f64x2.promote_low_f32x4(v));
      odd = f64x2.add(odd, f64x2.promote_low_f32x4(v128.shuffle<f32>(v, v, 2, 3, 2, 3)));
    }
    for (; ix < right; ix++) rest += <f64>load<f32>(row + (<usize>ix << 2));
  }
  const sums = f64x2.add(even, odd);
  return f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1) + rest;
}

/** Adds `value` to rows [top, bottom) and columns [left, right) of a plane. */
// @ts-ignore: decorator
@inline
function addToWindow(plane: usize, width: i32, top: i32, bottom: i32, left: i32, right: i32, value: f32): void {
  const values = f32x4.splat(value);
  for (let iy = top; iy < bottom; iy++) {
    const row = plane + (<usize>(iy * width) << 2);
    for (let ix = left; ix < right; ix += 4) storeUpTo(row, ix, right, f32x4.add(load4(row, ix), values));
  }
}

/** A regular grid of windows, as the kernels of avgPool2d receive it. */
@unmanaged
class Grid {
  height!: i32;
  width!: i32;
  outHeight!: i32;
  outWidth!: i32;
  kernelHeight!: i32;
  kernelWidth!: i32;
  strideHeight!: i32;
  strideWidth!: i32;
  padTop!: i32;
  padLeft!: i32;
  /** Whether the padding counts as elements. */
  countPadding!: i32;
  /** The divisor of all windows, unless it is 0. */
  divisorOverride!: i32;
}

// Windows may be so large that their ends or divisors exceed int32. So ends are never computed, only the
// distance to the end of the plane, and products are float64. A window starts in [-padLeft, width + padLeft),
// so this distance is below 2^32.

/**
 * The number of columns (int32) that count for the divisors of four windows that start at `starts`; 0 for a
 * window without elements.
 */
// @ts-ignore: decorator
@inline
function divisorColumns(g: Grid, starts: v128): v128 {
  const kernel = i32x4.splat(g.kernelWidth);
  const left = i32x4.max_s(starts, i32x4.splat(0));
  const inside = i32x4.sub(i32x4.add(starts, i32x4.min_s(kernel, i32x4.sub(i32x4.splat(g.width), starts))), left);
  const holds = i32x4.gt_s(inside, i32x4.splat(0));
  if (!g.countPadding) return v128.and(inside, holds);
  return v128.and(i32x4.min_u(kernel, i32x4.sub(i32x4.splat(g.width + g.padLeft), starts)), holds);
}

/**
 * The number of rows that count for the divisor of windows that start at `startY`; 0 if none is in the plane.
 */
// @ts-ignore: decorator
@inline
function divisorRows(g: Grid, startY: i32): i32 {
  const inside = startY + min(g.kernelHeight, g.height - startY) - max(startY, 0);
  if (inside <= 0) return 0;
  return g.countPadding ? <i32>min(<u32>g.kernelHeight, <u32>(g.height + g.padTop - startY)) : inside;
}

/**
 * The divisors of two windows, from the number of rows that count, and the numbers of columns in lanes 0 and
 * 1; 0 for a window without elements.
 */
// @ts-ignore: decorator
@inline
function divisorsOfTwo(g: Grid, rows: i32, columns: v128): v128 {
  const both = f64x2.mul(f64x2.convert_low_i32x4_s(columns), f64x2.splat(<f64>rows));
  if (g.divisorOverride == 0) return both;
  return v128.and(f64x2.splat(<f64>g.divisorOverride), f64x2.ne(both, f64x2.splat(0)));
}

/**
 * Stores the averages of four windows over rows [top, bottom) of a plane in y. For INSIDE and STEP see
 * max_windows.ts.
 */
// @ts-ignore: decorator
@inline
function averagesOfWindows(
  INSIDE: bool, STEP: i32, g: Grid, plane: usize, top: i32, bottom: i32, column: i32, starts: v128, rows: i32,
  y: usize, count: i32, last: usize,
): void {
  let low = f64x2.splat(0);
  let high = low;
  // skips the columns of the windows that are outside the plane for all four
  const lastColumn = column + (count - 1) * g.strideWidth;
  const before = INSIDE ? 0 : min(max(-lastColumn, 0), g.kernelWidth);
  const after = INSIDE ? g.kernelWidth : min(g.kernelWidth, g.width - column);
  for (let iy = top; iy < bottom; iy++) {
    const row = plane + (<usize>(iy * g.width) << 2);
    let from = row + (<usize>(column + before) << 2);
    let columns = i32x4.add(starts, i32x4.splat(before));
    for (let kx = before; kx < after; kx++, from += 4) {
      let v: v128;
      if (INSIDE) v = loadSteps(from, STEP ? STEP : g.strideWidth, count);
      else {
        v = v128.and(loadInside(row, columns, g.strideWidth, g.width, last), insideMask(columns, g.width));
        columns = i32x4.add(columns, i32x4.splat(1));
      }
      low = f64x2.add(low, f64x2.promote_low_f32x4(v));
      high = f64x2.add(high, promoteHigh(v));
    }
  }
  const counted = divisorColumns(g, starts);
  const divisorLow = divisorsOfTwo(g, rows, counted);
  const divisorHigh = divisorsOfTwo(g, rows, highLanes(counted));
  // a window that contains only padding gives 0
  const zero = f64x2.splat(0);
  const averages = demote(
    v128.andnot(f64x2.div(low, divisorLow), f64x2.eq(divisorLow, zero)),
    v128.andnot(f64x2.div(high, divisorHigh), f64x2.eq(divisorHigh, zero)),
  );
  storeUpTo(y, 0, count, averages);
}

/**
 * Averages of four neighbouring 2x2 windows whose rows start at `upper` and `lower`; the sums have the same
 * bits as in averagesOfWindows.
 */
// @ts-ignore: decorator
@inline
function averagesOf2x2(upper: usize, lower: usize): v128 {
  const a = v128.load(upper);
  const b = v128.load(upper, 16);
  const c = v128.load(lower);
  const d = v128.load(lower, 16);
  let low = f64x2.splat(0);
  let high = low;
  low = f64x2.add(low, f64x2.promote_low_f32x4(v128.shuffle<f32>(a, a, 0, 2, 0, 2)));
  high = f64x2.add(high, f64x2.promote_low_f32x4(v128.shuffle<f32>(b, b, 0, 2, 0, 2)));
  low = f64x2.add(low, f64x2.promote_low_f32x4(v128.shuffle<f32>(a, a, 1, 3, 1, 3)));
  high = f64x2.add(high, f64x2.promote_low_f32x4(v128.shuffle<f32>(b, b, 1, 3, 1, 3)));
  low = f64x2.add(low, f64x2.promote_low_f32x4(v128.shuffle<f32>(c, c, 0, 2, 0, 2)));
  high = f64x2.add(high, f64x2.promote_low_f32x4(v128.shuffle<f32>(d, d, 0, 2, 0, 2)));
  low = f64x2.add(low, f64x2.promote_low_f32x4(v128.shuffle<f32>(c, c, 1, 3, 1, 3)));
  high = f64x2.add(high, f64x2.promote_low_f32x4(v128.shuffle<f32>(d, d, 1, 3, 1, 3)));
  const quarter = f64x2.splat(0.25);
  return demote(f64x2.mul(low, quarter), f64x2.mul(high, quarter));
}

/** Whether the windows are 2x2, with stride 2 and no padding, with which networks halve images. */
// @ts-ignore: decorator
@inline
function isHalving(g: Grid): bool {
  return g.kernelHeight == 2 && g.kernelWidth == 2 && g.strideHeight == 2 && g.strideWidth == 2 && g.padTop == 0 &&
    g.padLeft == 0 && g.divisorOverride == 0 && 2 * g.outHeight <= g.height && 2 * g.outWidth <= g.width;
}

function halve(g: Grid, plane: usize, y: usize): void {
  const rowBytes = <usize>g.width << 2;
  for (let oy = 0; oy < g.outHeight; oy++, plane += 2 * rowBytes, y += <usize>g.outWidth << 2) {
    for (let ox = 0; ox < g.outWidth; ox += 4) {
      const upper = plane + (<usize>ox << 3);
      storeUpTo(y, ox, g.outWidth, averagesOf2x2(upper, upper + rowBytes));
    }
  }
}

/**
 * y[o] = (sum of the window) / divisor. The divisor is divisorOverride if that is not 0, else the number of
 * the window's elements inside the plane. With countPadding, elements in the padding count too, but not those
 * that ceil mode adds beyond it.
 */
export function avgPool2d(begin: i32, end: i32, x: usize, y: usize, grid: usize): void {
  const g = changetype<Grid>(grid);
  const planeSize = g.height * g.width;
  const stride = g.strideWidth;
  const last = x + (<usize>end * planeSize << 2);
  const halves = isHalving(g);
  for (let p = begin; p < end; p++) {
    const plane = x + (<usize>p * planeSize << 2);
    let to = y + (<usize>p * g.outHeight * g.outWidth << 2);
    if (halves) {
      halve(g, plane, to);
      continue;
    }
    for (let oy = 0; oy < g.outHeight; oy++) {
      const startY = oy * g.strideHeight - g.padTop;
      const top = max(startY, 0);
      const bottom = startY + min(g.kernelHeight, g.height - startY);
      const rows = divisorRows(g, startY);
      for (let ox = 0; ox < g.outWidth; ox += 4) {
        const count = min(4, g.outWidth - ox);
        const column = ox * stride - g.padLeft;
        const starts = windowStarts(column, stride);
        if (stride >= WIDE_STRIDE) {
          for (let i = 0; i < count; i++) {
            const startX = column + i * stride;
            const left = max(startX, 0);
            const right = startX + min(g.kernelWidth, g.width - startX);
            const empty = rows == 0 || left >= right;
            const sum = empty ? 0 : windowSum(plane, g.width, top, bottom, left, right);
            store<f32>(to + (<usize>i << 2), empty ? 0 : <f32>(sum / divisorOf(g, rows, startX)));
          }
        } else if (column < 0 || g.kernelWidth > g.width - column - (count - 1) * stride) {
          averagesOfWindows(false, 0, g, plane, top, bottom, column, starts, rows, to, count, last);
        } else if (stride == 1) {
          averagesOfWindows(true, 1, g, plane, top, bottom, column, starts, rows, to, count, last);
        } else if (stride == 2) {
          averagesOfWindows(true, 2, g, plane, top, bottom, column, starts, rows, to, count, last);
        } else {
          averagesOfWindows(true, 0, g, plane, top, bottom, column, starts, rows, to, count, last);
        }
        to += <usize>count << 2;
      }
    }
  }
}

/**
 * The divisor of a window with elements: `rows` times the number of columns that count, starting at `startX`.
 */
// @ts-ignore: decorator
@inline
function divisorOf(g: Grid, rows: i32, startX: i32): f64 {
  if (g.divisorOverride != 0) return <f64>g.divisorOverride;
  const columns = g.countPadding
    ? <i32>min(<u32>g.kernelWidth, <u32>(g.width + g.padLeft - startX))
    : startX + min(g.kernelWidth, g.width - startX) - max(startX, 0);
  return <f64>rows * <f64>columns;
}

/**
 * shares[o] = dy[o] / divisor, or 0 for windows without elements. Each element of window o gets shares[o] as
 * part of its gradient. The sum of these parts is the input gradient of a depthwise convolution with a kernel
 * of ones (src/ops/pool/avg_pool2d.ts).
 */
export function avgPool2dShares(begin: i32, end: i32, dy: usize, shares: usize, grid: usize): void {
  const g = changetype<Grid>(grid);
  for (let p = begin; p < end; p++) {
    let at = <usize>p * g.outHeight * g.outWidth << 2;
    for (let oy = 0; oy < g.outHeight; oy++, at += <usize>g.outWidth << 2) {
      const rows = divisorRows(g, oy * g.strideHeight - g.padTop);
      for (let ox = 0; ox < g.outWidth; ox += 4) {
        const starts = windowStarts(ox * g.strideWidth - g.padLeft, g.strideWidth);
        const columns = divisorColumns(g, starts);
        const divisor = demote(divisorsOfTwo(g, rows, columns), divisorsOfTwo(g, rows, highLanes(columns)));
        const share = f32x4.div(load4(dy + at, ox), divisor);
        storeUpTo(shares + at, ox, g.outWidth, v128.andnot(share, f32x4.eq(divisor, f32x4.splat(0))));
      }
    }
  }
}

/**
 * dx[i] = sum of dy[o] / divisor over the windows o that contain i, for large windows, and windows at least
 * WIDE_STRIDE apart: whole vectors of dx are updated at a time.
 */
export function avgPool2dGrad(begin: i32, end: i32, dy: usize, dx: usize, grid: usize): void {
  const g = changetype<Grid>(grid);
  for (let p = begin; p < end; p++) {
    const plane = dx + (<usize>p * g.height * g.width << 2);
    let at = dy + (<usize>p * g.outHeight * g.outWidth << 2);
    memory.fill(plane, 0, <usize>(g.height * g.width) << 2);
    for (let oy = 0; oy < g.outHeight; oy++) {
      const startY = oy * g.strideHeight - g.padTop;
      const top = max(startY, 0);
      const bottom = startY + min(g.kernelHeight, g.height - startY);
      const rows = divisorRows(g, startY);
      for (let ox = 0; ox < g.outWidth; ox++, at += 4) {
        const startX = ox * g.strideWidth - g.padLeft;
        const left = max(startX, 0);
        const right = startX + min(g.kernelWidth, g.width - startX);
        const share = load<f32>(at) / <f32>divisorOf(g, rows, startX);
        addToWindow(plane, g.width, top, bottom, left, right, share);
      }
    }
  }
}

/** Output o of `outputs` averages inputs [floor(o * n / outputs), ceil((o + 1) * n / outputs)). */
// @ts-ignore: decorator
@inline
function windowStart(o: i32, n: i32, outputs: i32): i32 {
  return <i32>(<i64>o * n / outputs);
}

// @ts-ignore: decorator
@inline
function windowEnd(o: i32, n: i32, outputs: i32): i32 {
  return <i32>((<i64>(o + 1) * n + outputs - 1) / outputs);
}

// @ts-ignore: decorator
@inline
function adaptiveWindows(
  gradient: bool, begin: i32, end: i32, x: usize, y: usize, height: i32, width: i32, outHeight: i32, outWidth: i32,
): void {
  for (let p = begin; p < end; p++) {
    const plane = x + (<usize>p * height * width << 2);
    let at = y + (<usize>p * outHeight * outWidth << 2);
    if (gradient) memory.fill(plane, 0, <usize>(height * width) << 2);
    for (let oy = 0; oy < outHeight; oy++) {
      const top = windowStart(oy, height, outHeight);
      const bottom = windowEnd(oy, height, outHeight);
      for (let ox = 0; ox < outWidth; ox++, at += 4) {
        const left = windowStart(ox, width, outWidth);
        const right = windowEnd(ox, width, outWidth);
        const count = (bottom - top) * (right - left);
        if (gradient) addToWindow(plane, width, top, bottom, left, right, load<f32>(at) / <f32>count);
        else store<f32>(at, <f32>(windowSum(plane, width, top, bottom, left, right) / <f64>count));
      }
    }
  }
}

/** y[oy][ox] = average of x over rows [floor(oy*H/OH), ceil((oy+1)*H/OH)), columns likewise. */
export function adaptiveAvgPool2d(
  begin: i32, end: i32, x: usize, y: usize, height: i32, width: i32, outHeight: i32, outWidth: i32,
): void {
  adaptiveWindows(false, begin, end, x, y, height, width, outHeight, outWidth);
}

/** The gradient of adaptiveAvgPool2d. */
export function adaptiveAvgPool2dGrad(
  begin: i32, end: i32, dy: usize, dx: usize, height: i32, width: i32, outHeight: i32, outWidth: i32,
): void {
  adaptiveWindows(true, begin, end, dx, dy, height, width, outHeight, outWidth);
}
