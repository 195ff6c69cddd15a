// Average pooling of planes x[H][W] (P = N*C of them, one after the other) to y[OH][OW], with windows on a regular grid
// (avgPool2d) or dividing the plane as evenly as integers allow (adaptiveAvgPool2d). Sums are float64.
//
// The range of all kernels here is planes: windows may overlap, planes do not, so any split gives the same bits.
// The gradient of a plane is gathered window by window, in row-major order.

import { load4, storeUpTo } from "../simd";

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

/** Forward (y = average of x) and gradient (x += y / divisor) visit the same windows. */
// @ts-ignore: decorator
@inline
function regularWindows(
  gradient: bool, begin: i32, end: i32, x: usize, y: usize,
  height: i32, width: i32, outHeight: i32, outWidth: i32,
  kernelHeight: i32, kernelWidth: i32, strideHeight: i32, strideWidth: i32,
  padTop: i32, padLeft: i32, countPadding: i32, divisorOverride: i32,
): void {
  for (let p = begin; p < end; p++) {
    const plane = x + (<usize>p * height * width << 2);
    let at = y + (<usize>p * outHeight * outWidth << 2);
    if (gradient) memory.fill(plane, 0, <usize>(height * width) << 2);
    for (let oy = 0; oy < outHeight; oy++) {
      const startY = oy * strideHeight - padTop;
      const endY = min(startY + kernelHeight, height + padTop);
      const top = max(startY, 0);
      const bottom = min(endY, height);
      for (let ox = 0; ox < outWidth; ox++, at += 4) {
        const startX = ox * strideWidth - padLeft;
        const endX = min(startX + kernelWidth, width + padLeft);
        const left = max(startX, 0);
        const right = min(endX, width);
        const divisor = divisorOverride != 0
          ? divisorOverride
          : countPadding ? (endY - startY) * (endX - startX) : (bottom - top) * (right - left);
        if (gradient) addToWindow(plane, width, top, bottom, left, right, load<f32>(at) / <f32>divisor);
        // a window of nothing but padding gives 0
        else if (top >= bottom || left >= right) store<f32>(at, 0);
        else store<f32>(at, <f32>(windowSum(plane, width, top, bottom, left, right) / <f64>divisor));
      }
    }
  }
}

/**
 * y[o] = (sum of the window) / divisor. The divisor is divisorOverride if not 0, else the elements of the window inside the
 * plane, with countPadding also those in the padding (but not what ceil mode adds beyond it).
 */
export function avgPool2d(
  begin: i32, end: i32, x: usize, y: usize,
  height: i32, width: i32, outHeight: i32, outWidth: i32,
  kernelHeight: i32, kernelWidth: i32, strideHeight: i32, strideWidth: i32,
  padTop: i32, padLeft: i32, countPadding: i32, divisorOverride: i32,
): void {
  regularWindows(
    false, begin, end, x, y, height, width, outHeight, outWidth,
    kernelHeight, kernelWidth, strideHeight, strideWidth, padTop, padLeft, countPadding, divisorOverride,
  );
}

/** dx[i] = sum of dy[o] / divisor over the windows o that hold i: the gradient of avgPool2d. */
export function avgPool2dGrad(
  begin: i32, end: i32, dy: usize, dx: usize,
  height: i32, width: i32, outHeight: i32, outWidth: i32,
  kernelHeight: i32, kernelWidth: i32, strideHeight: i32, strideWidth: i32,
  padTop: i32, padLeft: i32, countPadding: i32, divisorOverride: i32,
): void {
  regularWindows(
    true, begin, end, dx, dy, height, width, outHeight, outWidth,
    kernelHeight, kernelWidth, strideHeight, strideWidth, padTop, padLeft, countPadding, divisorOverride,
  );
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
