// The last step of a convolution's input gradient when it is computed as a matrix product (implicit_gemm.ts):
// the product has one entry per tap and output pixel, and entries of the same input pixel are added. With a
// bias it is the last step of a transposed convolution.

import { Geometry } from "./geometry";

/** The smallest output position o >= 0 with o * stride + shift >= 0. */
// @ts-ignore: decorator
@inline
function firstInside(shift: i32, stride: i32): i32 {
  return shift >= 0 ? 0 : (-shift + stride - 1) / stride;
}

/** The end of the output positions o < count with o * stride + shift < size. */
// @ts-ignore: decorator
@inline
function endInside(shift: i32, stride: i32, size: i32, count: i32): i32 {
  return shift >= size ? 0 : min(count, (size - 1 - shift) / stride + 1);
}

/**
 * Adds the entries of the product weight^T * gradOut that belong to the same input pixel. The result is the
 * gradient of a convolution's input, or the output of a transposed convolution.
 *
 * x[plane][y][x] = bias[plane % biasCount] + sum of columns[plane][kh][kw][oy][ox] over all (kh, kw, oy, ox)
 * with y = oy*strideH + kh*dilationH - paddingH and the corresponding x. columns: [planes][KH*KW][OH*OW]; x:
 * [planes][H][W]; bias may be 0 (none). The taps of a plane are added in order of (kh, kw). Unit: one plane.
 */
export function foldColumns(
  begin: i32, end: i32, columns: usize, geometry: usize, bias: usize, biasCount: i32, x: usize,
): void {
  const g = changetype<Geometry>(geometry);
  const planeSize = g.height * g.width;
  for (let plane = begin; plane < end; plane++) {
    const out = x + (<usize>plane * <usize>planeSize << 2);
    const start = bias ? f32.load(bias + (<usize>(plane % biasCount) << 2)) : <f32>0;
    fillPlane(out, planeSize, start);
    let column = columns + (<usize>plane * <usize>(g.kernelHeight * g.kernelWidth) * <usize>(g.outHeight * g.outWidth) << 2);
    for (let kh = 0; kh < g.kernelHeight; kh++) {
      const shiftY = kh * g.dilationHeight - g.paddingHeight;
      const oyEnd = endInside(shiftY, g.strideHeight, g.height, g.outHeight);
      for (let kw = 0; kw < g.kernelWidth; kw++, column += <usize>(g.outHeight * g.outWidth) << 2) {
        const shiftX = kw * g.dilationWidth - g.paddingWidth;
        const oxStart = firstInside(shiftX, g.strideWidth);
        const oxEnd = endInside(shiftX, g.strideWidth, g.width, g.outWidth);
        for (let oy = firstInside(shiftY, g.strideHeight); oy < oyEnd; oy++) {
          let from = column + (<usize>(oy * g.outWidth + oxStart) << 2);
          let to = out + (<usize>((oy * g.strideHeight + shiftY) * g.width + oxStart * g.strideWidth + shiftX) << 2);
          let ox = oxStart;
          if (g.strideWidth == 1) {
            for (; ox + 4 <= oxEnd; ox += 4, from += 16, to += 16) {
              v128.store(to, f32x4.add(v128.load(to), v128.load(from)));
            }
          }
          const step = <usize>g.strideWidth << 2;
          for (; ox < oxEnd; ox++, from += 4, to += step) f32.store(to, f32.load(to) + f32.load(from));
        }
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function fillPlane(out: usize, size: i32, value: f32): void {
  const v = f32x4.splat(value);
  let i = 0;
  for (; i + 4 <= size; i += 4) v128.store(out + (<usize>i << 2), v);
  for (; i < size; i++) f32.store(out + (<usize>i << 2), value);
}
