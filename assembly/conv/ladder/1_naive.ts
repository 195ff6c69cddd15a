// Rung 1: the definition, one element of the result at a time. The gradients are in 1_naive_gradients.ts.

import { offset, Sizes } from "./sizes";

/** x at (plane, y, x): 0 in the padding. */
// @ts-ignore: decorator
@inline
export function padded(input: usize, s: Sizes, plane: i32, y: i32, x: i32): f32 {
  if (y < 0 || y >= s.H || x < 0 || x >= s.W) return 0;
  return load<f32>(input + offset(plane, s.H, s.W, y, x));
}

/**
 * out[n][co][oy][ox] = bias[co] + sum over ci, kh, kw of weight[co][ci][kh][kw] x[n][ci][oy stride + kh
 * dilation - padding][…].
 *
 * Any sizes (sizes.ts has the shapes). bias may be 0: none. work: not used.
 */
export function conv2dNaive(x: usize, weight: usize, bias: usize, sizes: usize, out: usize, work: usize): void {
  const s = changetype<Sizes>(sizes);
  let to = out;
  for (let n = 0; n < s.N; n++) {
    for (let co = 0; co < s.G * s.Co; co++) {
      const firstPlane = (n * s.G + co / s.Co) * s.Ci;
      for (let oy = 0; oy < s.OH; oy++) {
        for (let ox = 0; ox < s.OW; ox++, to += 4) {
          let sum: f32 = bias ? load<f32>(bias + (<usize>co << 2)) : 0;
          for (let ci = 0; ci < s.Ci; ci++) {
            for (let kh = 0; kh < s.KH; kh++) {
              for (let kw = 0; kw < s.KW; kw++) {
                const y = oy * s.strideH + kh * s.dilationH - s.paddingH;
                const column = ox * s.strideW + kw * s.dilationW - s.paddingW;
                const w = load<f32>(weight + offset(co * s.Ci + ci, s.KH, s.KW, kh, kw));
                sum += w * padded(x, s, firstPlane + ci, y, column);
              }
            }
          }
          store<f32>(to, sum);
        }
      }
    }
  }
}
