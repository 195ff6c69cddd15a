// The gradients of rung 1, by their definitions. backward.md derives them.

import { padded } from "./1_naive";
import { offset, Sizes } from "./sizes";

/**
 * The output position whose tap `tap` reads the input position `at`, (at + padding - tap dilation) / stride,
 * or -1 if there is none.
 */
// @ts-ignore: decorator
@inline
function outputOf(at: i32, tap: i32, stride: i32, padding: i32, dilation: i32, length: i32): i32 {
  const scaled = at + padding - tap * dilation;
  if (scaled < 0 || scaled % stride != 0) return -1;
  const o = scaled / stride;
  return o < length ? o : -1;
}

/**
 * dx[n][ci][y][x] = bias[ci] + sum over co, kh, kw of weight[co][ci][kh][kw] dOut[n][co][oy][ox], where
 * output pixel (oy, ox) reads input pixel (y, x) through tap (kh, kw). bias may be 0: only a transposed
 * convolution has one. work: not used.
 */
export function conv2dGradInputNaive(
  dOut: usize, weight: usize, bias: usize, sizes: usize, dx: usize, work: usize,
): void {
  const s = changetype<Sizes>(sizes);
  let to = dx;
  for (let n = 0; n < s.N; n++) {
    for (let channel = 0; channel < s.G * s.Ci; channel++) {
      const group = channel / s.Ci;
      const ci = channel - group * s.Ci;
      for (let y = 0; y < s.H; y++) {
        for (let x = 0; x < s.W; x++, to += 4) {
          let sum: f32 = bias ? load<f32>(bias + (<usize>channel << 2)) : 0;
          for (let co = group * s.Co; co < (group + 1) * s.Co; co++) {
            for (let kh = 0; kh < s.KH; kh++) {
              const oy = outputOf(y, kh, s.strideH, s.paddingH, s.dilationH, s.OH);
              if (oy < 0) continue;
              for (let kw = 0; kw < s.KW; kw++) {
                const ox = outputOf(x, kw, s.strideW, s.paddingW, s.dilationW, s.OW);
                if (ox < 0) continue;
                const w = load<f32>(weight + offset(co * s.Ci + ci, s.KH, s.KW, kh, kw));
                sum += w * load<f32>(dOut + offset(n * s.G * s.Co + co, s.OH, s.OW, oy, ox));
              }
            }
          }
          store<f32>(to, sum);
        }
      }
    }
  }
}

/**
 * dWeight[co][ci][kh][kw] = sum over n, oy, ox of dOut[n][co][oy][ox] x[n][ci][oy stride + kh dilation -
 * padding][…].
 */
export function conv2dGradWeightNaive(x: usize, dOut: usize, sizes: usize, dWeight: usize, work: usize): void {
  const s = changetype<Sizes>(sizes);
  let to = dWeight;
  for (let co = 0; co < s.G * s.Co; co++) {
    for (let ci = 0; ci < s.Ci; ci++) {
      for (let kh = 0; kh < s.KH; kh++) {
        for (let kw = 0; kw < s.KW; kw++, to += 4) {
          let sum: f32 = 0;
          for (let n = 0; n < s.N; n++) {
            let from = dOut + offset(n * s.G * s.Co + co, s.OH, s.OW, 0, 0);
            const plane = (n * s.G + co / s.Co) * s.Ci + ci;
            for (let oy = 0; oy < s.OH; oy++) {
              for (let ox = 0; ox < s.OW; ox++, from += 4) {
                const y = oy * s.strideH + kh * s.dilationH - s.paddingH;
                const column = ox * s.strideW + kw * s.dilationW - s.paddingW;
                sum += load<f32>(from) * padded(x, s, plane, y, column);
              }
            }
          }
          store<f32>(to, sum);
        }
      }
    }
  }
}
