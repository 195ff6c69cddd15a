// Transposed convolution with a 2x2 kernel, stride 2 and no padding, with which decoders double the size of
// images. Windows do not overlap, so each output pixel is one sum over the input channels, and the whole is
// one matrix product
//
//   column[co][kh][kw][p] = sum over ci of weight[ci][co][kh][kw] * x[ci][p]        out[co][2 iy + kh][2 ix + kw] = column[co][kh][kw][p]
//
// whose tiles suit the micro-kernel: the 4 rows of a tile are the 4 taps of one output channel. A tile of 8
// pixels is computed in scratch memory that stays in the L1 cache. It is then interleaved into two rows of
// the output, with ReLU on the way. The columns, as large as the output, are never written.

import { microKernel4x8, Start } from "../matmul/micro_kernel";
import { TILE_BYTES } from "../matmul/pack";

/**
 * aPanels: the weight as [Co][Ci][4 taps]; bPanels: x as [images][ceil(P/8)][Ci][8], P = H W. bias: [Co], or
 * 0. out: [images][Co][2 H][2 W]. W is a multiple of 4. relu: 1 applies max(., 0). tiles: scratch of Co x
 * TILE_BYTES per chunk. Unit: 8 pixels of an image, all output channels.
 */
export function upsample2x2(
  begin: i32, end: i32, aPanels: usize, bPanels: usize, outChannels: i32, inChannels: i32, bias: usize, relu: i32,
  out: usize, height: i32, width: i32, tiles: usize, grain: i32,
): void {
  assert((width & 3) == 0, "upsample2x2: rows are whole vectors");
  const pixels = height * width;
  const panels = (pixels + 7) >> 3;
  const panelBytes = <usize>inChannels << 5;
  const rowBytes = <usize>width << 3;
  const planeBytes = <usize>pixels << 4;
  const ownTiles = tiles + <usize>(begin / grain) * <usize>outChannels * TILE_BYTES;
  for (let unit = begin; unit < end; unit++) {
    const image = unit / panels;
    const p = (unit - image * panels) << 3;
    microKernel4x8(
      outChannels, inChannels, aPanels, <usize>inChannels << 4, bPanels + <usize>unit * panelBytes,
      ownTiles, 32, bias ? Start.TileBias : Start.Zero, bias, relu,
    );
    // each half of a tile is 4 pixels of one row
    for (let half = 0; half < 2; half++) {
      const pixel = p + (half << 2);
      if (pixel >= pixels) break;
      const iy = pixel / width;
      let to = out + <usize>(image * outChannels) * planeBytes + <usize>(2 * iy) * rowBytes + (<usize>(pixel - iy * width) << 3);
      let tile = ownTiles + (<usize>half << 4);
      for (let co = 0; co < outChannels; co++, to += planeBytes, tile += TILE_BYTES) {
        interleave(v128.load(tile), v128.load(tile, 32), to);
        interleave(v128.load(tile, 64), v128.load(tile, 96), to + rowBytes);
      }
    }
  }
}

/** Stores even[0] odd[0] even[1] odd[1] … */
// @ts-ignore: decorator
@inline
function interleave(even: v128, odd: v128, to: usize): void {
  v128.store(to, v128.shuffle<f32>(even, odd, 0, 4, 1, 5));
  v128.store(to, v128.shuffle<f32>(even, odd, 2, 6, 3, 7), 16);
}
