// Max pooling with any kernel, stride, padding and dilation, by the rules of
// max_pool2d.ts, four windows at a time.

import { storeUpTo } from "../lib/simd";
import { insideMask, loadInside, loadSteps, windowStarts } from "./window";

/**
 * Maxima of four windows whose first columns are `starts`, over rows top, top + dilationHeight … < bottom
 * (all in the plane). INSIDE: all columns are in the plane, too. STEP: the stride if it is 1 or 2, else 0.
 * Only columns first, first + 1 … < kernelWidth of each window are read; `column` and `starts` are the
 * positions of column `first`.
 */
// @ts-ignore: decorator
@inline
function maxOfWindows(
  INSIDE: bool, STEP: i32, plane: usize, width: i32, top: i32, bottom: i32, column: i32, starts: v128, stride: i32,
  first: i32, kernelWidth: i32, dilationHeight: i32, dilationWidth: i32, y: usize, index: usize, count: i32, last: usize,
): void {
  let best = f32x4.splat(-Infinity);
  // a window that contains only -Infinity has a position, too: its first element
  let at = i32x4.splat(-1);
  for (let iy = top; iy < bottom; iy += dilationHeight) {
    const row = plane + (<usize>(iy * width) << 2);
    const rowAt = i32x4.splat(iy * width);
    let from = row + (<usize>column << 2);
    let columns = starts;
    for (let kx = first; kx < kernelWidth; kx++) {
      const value = INSIDE
        ? loadSteps(from, STEP ? STEP : stride, count)
        : loadInside(row, columns, stride, width, last);
      let wins = v128.or(v128.or(f32x4.gt(value, best), f32x4.ne(value, value)), i32x4.lt_s(at, i32x4.splat(0)));
      if (!INSIDE) wins = v128.and(wins, insideMask(columns, width));
      best = v128.bitselect(value, best, wins);
      at = v128.bitselect(i32x4.add(rowAt, columns), at, wins);
      columns = i32x4.add(columns, i32x4.splat(dilationWidth));
      from += <usize>dilationWidth << 2;
    }
  }
  storeUpTo(y, 0, count, best);
  if (index) storeUpTo(index, 0, count, at);
}

/**
 * Windows whose columns span at least this much skip the columns outside the plane; for narrower windows the
 * divisions would cost more.
 */
const FAR: i64 = 16;

/** y[o] = the maximum of window o, index[o] = its position, unless index is 0. Range: planes. */
export function maxPool2d(
  begin: i32, end: i32, x: usize, y: usize, index: usize,
  height: i32, width: i32, outHeight: i32, outWidth: i32,
  kernelHeight: i32, kernelWidth: i32, strideHeight: i32, strideWidth: i32,
  padTop: i32, padLeft: i32, dilationHeight: i32, dilationWidth: i32,
): void {
  const reach = <i64>(kernelWidth - 1) * <i64>dilationWidth;
  const down = <i64>kernelHeight * <i64>dilationHeight;
  const last = x + (<usize>end * height * width << 2);
  // if windows are further apart than the plane is wide, every column could lie in the plane for one of four
  // windows, and none could be skipped
  const lanes = reach >= FAR && strideWidth > width ? 1 : 4;
  for (let p = begin; p < end; p++) {
    const plane = x + (<usize>p * height * width << 2);
    let to = <usize>p * outHeight * outWidth << 2;
    for (let oy = 0; oy < outHeight; oy++) {
      let top = oy * strideHeight - padTop;
      const bottom = <i32>min(<i64>top + down, <i64>height);
      if (top < 0) top += <i32>((<i64>dilationHeight - 1 - top) / dilationHeight * dilationHeight);
      for (let ox = 0; ox < outWidth; ox += lanes) {
        const count = min(lanes, outWidth - ox);
        const column = ox * strideWidth - padLeft;
        const starts = windowStarts(column, strideWidth);
        const toY = y + to;
        const toIndex = index ? index + to : 0;
        const lastColumn = <i64>column + <i64>(count - 1) * <i64>strideWidth;
        if (column < 0 || lastColumn + reach >= width) {
          // skips the columns of the windows that are outside the plane for all four
          let before = 0;
          let after = kernelWidth;
          if (reach >= FAR) {
            before = <i32>min(max(-lastColumn + dilationWidth - 1, 0) / dilationWidth, kernelWidth);
            after = column < width ? <i32>min((<i64>width - 1 - column) / dilationWidth + 1, kernelWidth) : 0;
          }
          const shift = before * dilationWidth;
          maxOfWindows(
            false, 0, plane, width, top, bottom, column + shift, i32x4.add(starts, i32x4.splat(shift)), strideWidth, before, after,
            dilationHeight, dilationWidth, toY, toIndex, count, last,
          );
        } else if (strideWidth == 1) {
          maxOfWindows(
            true, 1, plane, width, top, bottom, column, starts, 1, 0, kernelWidth, dilationHeight, dilationWidth,
            toY, toIndex, count, last,
          );
        } else if (strideWidth == 2) {
          maxOfWindows(
            true, 2, plane, width, top, bottom, column, starts, 2, 0, kernelWidth, dilationHeight, dilationWidth,
            toY, toIndex, count, last,
          );
        } else {
          maxOfWindows(
            true, 0, plane, width, top, bottom, column, starts, strideWidth, 0, kernelWidth, dilationHeight, dilationWidth,
            toY, toIndex, count, last,
          );
        }
        to += <usize>count << 2;
      }
    }
  }
}
