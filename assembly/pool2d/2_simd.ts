// Rung 2 of max pooling: four neighbouring windows at a time. Which element wins is not predictable, so that a branch costs more
// than to select: value and position live in two vectors, and a comparison says lane by lane which is kept.

import { loadEvery } from "../simd";
import { maxOfWindow } from "./1_naive";

/** maxPool2dNaive. Windows that reach out of the plane at the left or right are left to it. */
export function maxPool2dSimd(
  planes: i32, x: usize, y: usize, index: usize, height: i32, width: i32, outH: i32, outW: i32,
  kernelH: i32, kernelW: i32, strideH: i32, strideW: i32, paddingH: i32, paddingW: i32, dilationH: i32, dilationW: i32,
): void {
  const step = <usize>strideW << 2;
  const firstInside = (paddingW + strideW - 1) / strideW;
  const room = width - 1 - (kernelW - 1) * dilationW + paddingW;
  const endInside = room < 0 ? 0 : min(outW, room / strideW + 1);
  let to: usize = 0;
  for (let p = 0; p < planes; p++) {
    const plane = x + (<usize>(p * height * width) << 2);
    for (let oy = 0; oy < outH; oy++) {
      const top = oy * strideH - paddingH;
      let firstRow = top;
      while (firstRow < 0) firstRow += dilationH;
      const endRow = min(height, top + kernelH * dilationH);
      for (let ox = 0; ox < outW; ) {
        const left = ox * strideW - paddingW;
        if (ox < firstInside || ox + 4 > endInside || firstRow >= endRow) {
          const indexTo = index ? index + to : 0;
          maxOfWindow(plane, height, width, top, left, kernelH, kernelW, dilationH, dilationW, y + to, indexTo);
          ox++;
          to += 4;
          continue;
        }
        const lefts = i32x4.mul(i32x4(0, 1, 2, 3), i32x4.splat(strideW));
        let best = f32x4.splat(-Infinity);
        let at = i32x4.add(i32x4.splat(firstRow * width + left), lefts);
        for (let row = firstRow; row < endRow; row += dilationH) {
          let position = row * width + left;
          for (let kw = 0; kw < kernelW; kw++, position += dilationW) {
            const value = loadEvery(plane + (<usize>position << 2), step);
            const wins = v128.or(f32x4.gt(value, best), f32x4.ne(value, value));
            best = v128.bitselect(value, best, wins);
            at = v128.bitselect(i32x4.add(i32x4.splat(position), lefts), at, wins);
          }
        }
        v128.store(y + to, best);
        if (index) v128.store(index + to, at);
        ox += 4;
        to += 16;
      }
    }
  }
}
