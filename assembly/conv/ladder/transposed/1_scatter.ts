// Rung 1: the definition. Each input pixel adds the kernel, scaled by the pixel's value, to the output.

import { conv2dGradWeightNaive } from "../1_naive_gradients";
import { offset, Sizes } from "../sizes";

/**
 * out[n][co][iy stride + kh dilation - padding][…] = bias[co] + sum over ci, kh, kw of x[n][ci][iy][ix]
 * weight[ci][co][kh][kw].
 *
 * The sizes are those of the convolution that maps out back to x: so x is [N][G Co][OH][OW], weight [G
 * Co][Ci][KH][KW] and out [N][G Ci][H][W], any sizes. bias may be 0: none. work: not used.
 */
export function convTranspose2dScatter(
  x: usize, weight: usize, bias: usize, sizes: usize, out: usize, work: usize,
): void {
  const s = changetype<Sizes>(sizes);
  let at = out;
  for (let plane = 0; plane < s.N * s.G * s.Ci; plane++) {
    const value: f32 = bias ? load<f32>(bias + (<usize>(plane % (s.G * s.Ci)) << 2)) : 0;
    for (let i = 0; i < s.H * s.W; i++, at += 4) store<f32>(at, value);
  }
  for (let plane = 0; plane < s.N * s.G * s.Co; plane++) {
    const filter = plane % (s.G * s.Co);
    const firstPlane = (plane / s.Co) * s.Ci;
    for (let iy = 0; iy < s.OH; iy++) {
      for (let ix = 0; ix < s.OW; ix++) {
        const value = load<f32>(x + offset(plane, s.OH, s.OW, iy, ix));
        for (let c = 0; c < s.Ci; c++) {
          for (let kh = 0; kh < s.KH; kh++) {
            const y = iy * s.strideH + kh * s.dilationH - s.paddingH;
            if (y < 0 || y >= s.H) continue;
            for (let kw = 0; kw < s.KW; kw++) {
              const column = ix * s.strideW + kw * s.dilationW - s.paddingW;
              if (column < 0 || column >= s.W) continue;
              const to = out + offset(firstPlane + c, s.H, s.W, y, column);
              store<f32>(to, load<f32>(to) + value * load<f32>(weight + offset(filter * s.Ci + c, s.KH, s.KW, kh, kw)));
            }
          }
        }
      }
    }
  }
}

/** dWeight is conv2d's gradient of the weight, with input and output exchanged. (dx is conv2dNaive.) */
export function convTranspose2dGradWeightNaive(
  x: usize, dOut: usize, sizes: usize, dWeight: usize, work: usize,
): void {
  conv2dGradWeightNaive(dOut, x, sizes, dWeight, work);
}
