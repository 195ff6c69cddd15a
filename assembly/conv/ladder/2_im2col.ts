// Rung 2: a convolution is a matrix product. Every window is copied into a column of a matrix (im2col), and a
// fast matrix product computes the rest: here the register tile of matmul. The gradients are in
// 2_im2col_gradients.ts.
//
//   out[co][p] = sum over t of weight[co][t] column[t][p]      t = (ci, kh, kw): one of T = Ci KH KW taps
//                                                              p = (oy, ox): one of P = OH OW output pixels
//
// The price is the matrix: each pixel of x is copied into it up to KH KW times.

import { matmulRegisterTile } from "../../matmul/ladder/4_register_tile";
import { offset, Sizes } from "./sizes";

/** The position in x of an output position and a tap. */
// @ts-ignore: decorator
@inline
export function source(o: i32, tap: i32, stride: i32, padding: i32, dilation: i32): i32 {
  return o * stride + tap * dilation - padding;
}

/**
 * columns[t tStep + p pStep] = the pixel that tap t reads for output pixel p, in one group of one image; 0 in
 * the padding. The steps, in bytes, give the matrix or its transpose.
 */
export function im2col(x: usize, s: Sizes, columns: usize, tStep: usize, pStep: usize): void {
  for (let ci = 0; ci < s.Ci; ci++) {
    for (let kh = 0; kh < s.KH; kh++) {
      for (let kw = 0; kw < s.KW; kw++, columns += tStep) {
        let to = columns;
        for (let oy = 0; oy < s.OH; oy++) {
          const y = source(oy, kh, s.strideH, s.paddingH, s.dilationH);
          for (let ox = 0; ox < s.OW; ox++, to += pStep) {
            const column = source(ox, kw, s.strideW, s.paddingW, s.dilationW);
            const inside = y >= 0 && y < s.H && column >= 0 && column < s.W;
            store<f32>(to, inside ? load<f32>(x + offset(ci, s.H, s.W, y, column)) : 0);
          }
        }
      }
    }
  }
}

/** Adds values[plane] to all `size` elements of each plane; values may be 0: none. */
// @ts-ignore: decorator
@inline
export function addToPlanes(values: usize, planes: i32, size: i32, to: usize): void {
  if (!values) return;
  for (let plane = 0; plane < planes; plane++, values += 4) {
    const value = load<f32>(values);
    for (let i = 0; i < size; i++, to += 4) store<f32>(to, load<f32>(to) + value);
  }
}

/**
 * Bytes of work that each pass here needs: the matrix of all images, and dOut or the weight in another order.
 */
export function conv2dIm2colWork(sizes: usize): i32 {
  const s = changetype<Sizes>(sizes);
  const taps = s.Ci * s.KH * s.KW;
  return (max(s.N, 1) * s.OH * s.OW * (taps + s.Co) + s.G * taps * s.Co) << 2;
}

/**
 * conv2dNaive by im2col and one product per group and image. work: conv2dIm2colWork(sizes) bytes. Any sizes.
 */
export function conv2dIm2col(x: usize, weight: usize, bias: usize, sizes: usize, out: usize, work: usize): void {
  const s = changetype<Sizes>(sizes);
  const taps = s.Ci * s.KH * s.KW;
  const pixels = s.OH * s.OW;
  for (let n = 0; n < s.N; n++) {
    for (let g = 0; g < s.G; g++) {
      const group = n * s.G + g;
      im2col(x + offset(group * s.Ci, s.H, s.W, 0, 0), s, work, <usize>pixels << 2, 4);
      const to = out + (<usize>(group * s.Co * pixels) << 2);
      matmulRegisterTile(weight + (<usize>(g * s.Co * taps) << 2), work, to, s.Co, pixels, taps);
    }
    addToPlanes(bias, s.G * s.Co, pixels, out + (<usize>(n * s.G * s.Co * pixels) << 2));
  }
}
