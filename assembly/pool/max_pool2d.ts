// Max pooling of planes x[H][W] (P = N*C of them, one after the other) to y[OH][OW]. The position of each
// maximum in its plane, row * W + column, is stored in `index` (int32, with the shape of y) unless index is
// 0.
//
// PyTorch's rules: the first maximum in row-major order wins; a NaN beats every number (and the last NaN an
// earlier one); positions outside the plane are ignored. A window without elements gives -Infinity and index
// -1.
//
// The range of all kernels here is planes. Windows overlap, but planes do not, so any split gives the same
// bits. max_windows.ts has the forward pass for any kernel, stride and padding.

import { storePartial } from "../lib/simd";

/**
 * Stores the maximum of a plane's 2x2 window at row `top` and column `left` in y, and its position in index
 * unless index is 0. It uses selects rather than branches, because which element wins cannot be predicted.
 */
// @ts-ignore: decorator
@inline
function maxOfWindow(plane: usize, width: i32, top: i32, left: i32, y: usize, index: usize): void {
  // a window that contains only -Infinity has a position, too: its first element
  let at = top * width + left;
  let best: f32 = -Infinity;
  for (let iy = top; iy < top + 2; iy++) {
    for (let ix = left; ix < left + 2; ix++) {
      const position = iy * width + ix;
      const value = load<f32>(plane + (<usize>position << 2));
      const wins = i32(value > best) | i32(value != value);
      best = select<f32>(value, best, wins);
      at = select<i32>(position, at, wins);
    }
  }
  store<f32>(y, best);
  if (index) store<i32>(index, at);
}

/**
 * dx = 0, then dx[index[o]] += dy[o] in the order of o: the gradient of maxPool2d. outputs = OH*OW, inputs =
 * H*W.
 */
export function maxPool2dGrad(
  begin: i32, end: i32, dy: usize, index: usize, dx: usize, outputs: i32, inputs: i32,
): void {
  for (let p = begin; p < end; p++) {
    const plane = dx + (<usize>p * inputs << 2);
    memory.fill(plane, 0, <usize>inputs << 2);
    for (let from = <usize>p * outputs << 2, last = from + (<usize>outputs << 2); from < last; from += 4) {
      const at = load<i32>(index + from);
      if (at < 0) continue;
      const to = plane + (<usize>at << 2);
      store<f32>(to, load<f32>(to) + load<f32>(dy + from));
    }
  }
}

/**
 * Kernel 2x2, stride 2, no padding: OH = H >> 1, OW = W >> 1; an odd last row or column is ignored. Computes
 * four windows at a time, with their corners split into even and odd columns; windows with a NaN are computed
 * one at a time. Reads up to 24 bytes past the last plane.
 */
export function maxPool2x2(begin: i32, end: i32, x: usize, y: usize, index: usize, height: i32, width: i32): void {
  const outHeight = height >> 1;
  const outWidth = width >> 1;
  const rowBytes = <usize>width << 2;
  const columns = i32x4(0, 2, 4, 6);
  for (let p = begin; p < end; p++) {
    const plane = x + (<usize>p * height * width << 2);
    let to = <usize>p * outHeight * outWidth << 2;
    for (let oy = 0; oy < outHeight; oy++) {
      const row = plane + 2 * <usize>oy * rowBytes;
      for (let ox = 0; ox < outWidth; ox += 4) {
        const count = min(outWidth - ox, 4);
        const from = row + (<usize>ox << 3);
        const upper0123 = v128.load(from);
        const upper4567 = v128.load(from, 16);
        const lower0123 = v128.load(from + rowBytes);
        const lower4567 = v128.load(from + rowBytes, 16);
        const upperEven = v128.shuffle<f32>(upper0123, upper4567, 0, 2, 4, 6);
        const upperOdd = v128.shuffle<f32>(upper0123, upper4567, 1, 3, 5, 7);
        const lowerEven = v128.shuffle<f32>(lower0123, lower4567, 0, 2, 4, 6);
        const lowerOdd = v128.shuffle<f32>(lower0123, lower4567, 1, 3, 5, 7);
        // a sum is NaN where a term is (or where infinities cancel, which does no harm here)
        const sum = f32x4.add(f32x4.add(upperEven, upperOdd), f32x4.add(lowerEven, lowerOdd));
        if (v128.any_true(f32x4.ne(sum, sum))) {
          for (let i = 0; i < count; i++, to += 4) {
            maxOfWindow(plane, width, 2 * oy, 2 * (ox + i), y + to, index ? index + to : 0);
          }
          continue;
        }
        // if both are equal, pmax returns its first argument
        const upper = f32x4.pmax(upperEven, upperOdd);
        const lower = f32x4.pmax(lowerEven, lowerOdd);
        const best = f32x4.pmax(upper, lower);
        if (count == 4) v128.store(y + to, best);
        else storePartial(y + to, best, count);
        if (index) {
          const corner = i32x4.add(i32x4.splat(2 * (oy * width + ox)), columns);
          // a true comparison is -1
          const upperAt = i32x4.sub(corner, f32x4.gt(upperOdd, upperEven));
          const lowerAt = i32x4.sub(i32x4.add(corner, i32x4.splat(width)), f32x4.gt(lowerOdd, lowerEven));
          const at = v128.bitselect(lowerAt, upperAt, f32x4.gt(lower, upper));
          if (count == 4) v128.store(index + to, at);
          else storePartial(index + to, at, count);
        }
        to += <usize>count << 2;
      }
    }
  }
}

/** dy where the window's maximum is at `position`, else 0. */
// @ts-ignore: decorator
@inline
function gradientAt(dy: v128, at: v128, position: v128): v128 {
  return v128.and(dy, i32x4.eq(at, position));
}

/** The gradient of maxPool2x2: windows do not overlap, so each element of dx is written once. */
export function maxPool2x2Grad(
  begin: i32, end: i32, dy: usize, index: usize, dx: usize, height: i32, width: i32,
): void {
  const outHeight = height >> 1;
  const outWidth = width >> 1;
  const rowBytes = <usize>width << 2;
  const columns = i32x4(0, 2, 4, 6);
  const one = i32x4.splat(1);
  for (let p = begin; p < end; p++) {
    const plane = dx + (<usize>p * height * width << 2);
    let from = <usize>p * outHeight * outWidth << 2;
    for (let oy = 0; oy < outHeight; oy++) {
      const row = plane + 2 * <usize>oy * rowBytes;
      let ox = 0;
      for (; ox + 4 <= outWidth; ox += 4, from += 16) {
        const grad = v128.load(dy + from);
        const at = v128.load(index + from);
        const corner = i32x4.add(i32x4.splat(2 * (oy * width + ox)), columns);
        const below = i32x4.add(corner, i32x4.splat(width));
        const upperEven = gradientAt(grad, at, corner);
        const upperOdd = gradientAt(grad, at, i32x4.add(corner, one));
        const lowerEven = gradientAt(grad, at, below);
        const lowerOdd = gradientAt(grad, at, i32x4.add(below, one));
        const to = row + (<usize>ox << 3);
        v128.store(to, v128.shuffle<f32>(upperEven, upperOdd, 0, 4, 1, 5));
        v128.store(to, v128.shuffle<f32>(upperEven, upperOdd, 2, 6, 3, 7), 16);
        v128.store(to + rowBytes, v128.shuffle<f32>(lowerEven, lowerOdd, 0, 4, 1, 5));
        v128.store(to + rowBytes, v128.shuffle<f32>(lowerEven, lowerOdd, 2, 6, 3, 7), 16);
      }
      const rest = <usize>(width - 2 * ox) << 2;
      memory.fill(row + (<usize>ox << 3), 0, rest);
      memory.fill(row + rowBytes + (<usize>ox << 3), 0, rest);
      for (; ox < outWidth; ox++, from += 4) {
        store<f32>(plane + (<usize>load<i32>(index + from) << 2), load<f32>(dy + from));
      }
    }
    if (height & 1) memory.fill(plane + (<usize>(height - 1) * rowBytes), 0, rowBytes);
  }
}
