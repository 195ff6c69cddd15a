// The gradients of rung 2: matrix products, before or after which the columns are added up or transposed.

import { matmulRegisterTile } from "../../matmul/ladder/4_register_tile";
import { addToPlanes, im2col, source } from "./2_im2col";
import { offset, Sizes } from "./sizes";

/** The reverse of im2col: adds each element of columns [T][P] to the pixel that im2col copied it from. */
function col2im(columns: usize, s: Sizes, dx: usize): void {
  for (let ci = 0; ci < s.Ci; ci++) {
    for (let kh = 0; kh < s.KH; kh++) {
      for (let kw = 0; kw < s.KW; kw++) {
        for (let oy = 0; oy < s.OH; oy++) {
          const y = source(oy, kh, s.strideH, s.paddingH, s.dilationH);
          for (let ox = 0; ox < s.OW; ox++, columns += 4) {
            const column = source(ox, kw, s.strideW, s.paddingW, s.dilationW);
            if (y < 0 || y >= s.H || column < 0 || column >= s.W) continue;
            const to = dx + offset(ci, s.H, s.W, y, column);
            store<f32>(to, load<f32>(to) + load<f32>(columns));
          }
        }
      }
    }
  }
}

/**
 * conv2dGradInputNaive as dColumn [T][P] = weight' dOut (' transposes), then col2im. work:
 * conv2dIm2colWork(sizes) bytes. Any sizes.
 */
export function conv2dGradInputIm2col(
  dOut: usize, weight: usize, bias: usize, sizes: usize, dx: usize, work: usize,
): void {
  const s = changetype<Sizes>(sizes);
  const taps = s.Ci * s.KH * s.KW;
  const pixels = s.OH * s.OW;
  const transposed = work + (<usize>(taps * pixels) << 2);
  let to = transposed;
  for (let g = 0; g < s.G; g++) {
    for (let t = 0; t < taps; t++) {
      for (let co = g * s.Co; co < (g + 1) * s.Co; co++, to += 4) {
        store<f32>(to, load<f32>(weight + (<usize>(co * taps + t) << 2)));
      }
    }
  }
  memory.fill(dx, 0, offset(s.N * s.G * s.Ci, s.H, s.W, 0, 0));
  for (let n = 0; n < s.N; n++) {
    for (let g = 0; g < s.G; g++) {
      const group = n * s.G + g;
      const from = dOut + (<usize>(group * s.Co * pixels) << 2);
      matmulRegisterTile(transposed + (<usize>(g * taps * s.Co) << 2), from, work, taps, pixels, s.Co);
      col2im(work, s, dx + offset(group * s.Ci, s.H, s.W, 0, 0));
    }
    addToPlanes(bias, s.G * s.Ci, s.H * s.W, dx + offset(n * s.G * s.Ci, s.H, s.W, 0, 0));
  }
}

/**
 * conv2dGradWeightNaive as dWeight [Co][T] = dOut column': one product per group, whose sums run over the
 * pixels of all images. work: conv2dIm2colWork(sizes) bytes. Any sizes.
 */
export function conv2dGradWeightIm2col(x: usize, dOut: usize, sizes: usize, dWeight: usize, work: usize): void {
  const s = changetype<Sizes>(sizes);
  const taps = s.Ci * s.KH * s.KW;
  const pixels = s.OH * s.OW;
  const depth = s.N * pixels;
  const rows = work + (<usize>(depth * taps) << 2); // dOut as [Co][N P]
  for (let g = 0; g < s.G; g++) {
    for (let n = 0; n < s.N; n++) {
      const group = n * s.G + g;
      im2col(x + offset(group * s.Ci, s.H, s.W, 0, 0), s, work + (<usize>(n * pixels * taps) << 2), 4, <usize>taps << 2);
      for (let co = 0; co < s.Co; co++) {
        memory.copy(
          rows + (<usize>(co * depth + n * pixels) << 2), dOut + (<usize>((group * s.Co + co) * pixels) << 2),
          <usize>pixels << 2,
        );
      }
    }
    matmulRegisterTile(rows, work, dWeight + (<usize>(g * s.Co * taps) << 2), s.Co, taps, depth);
  }
}
