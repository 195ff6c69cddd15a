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
import { microKernel4x16 } from "../matmul/micro_kernel_4x16";
import { NR, TILE_BYTES } from "../matmul/pack";

/**
 * aPanels: the weight as [Co][Ci][4 taps]; bPanels: x as [images][ceil(P/8)][Ci][8], P = H W. bias: [Co], or
 * 0. out: [images][Co][2 H][2 W]. W is a multiple of 4. relu: 1 applies max(., 0). tileColumns: 8 or 16, see
 * gemm. tiles: scratch of 2 x Co x TILE_BYTES per chunk. Unit: 8 pixels of an image, all output channels.
 */
export function upsample2x2(
  begin: i32, end: i32, aPanels: usize, bPanels: usize, outChannels: i32, inChannels: i32, bias: usize, relu: i32,
  out: usize, height: i32, width: i32, tileColumns: i32, tiles: usize, grain: i32,
): void {
  assert((width & 3) == 0, "upsample2x2: rows are whole vectors");
  const pixels = height * width;
  const panels = (pixels + 7) >> 3;
  const panelBytes = <usize>inChannels << 5;
  const rowBytes = <usize>width << 3;
  const planeBytes = <usize>pixels << 4;
  const aStep = <usize>inChannels << 4;
  const start = bias ? Start.TileBias : Start.Zero;
  const ownTiles = tiles + <usize>(begin / grain) * 2 * <usize>outChannels * TILE_BYTES;
  let count = 1;
  for (let unit = begin; unit < end; unit += count) {
    const bPanel = bPanels + <usize>unit * panelBytes;
    // the panels of two units, in one image or two, lie side by side
    count = tileColumns > NR && unit + 1 < end ? 2 : 1;
    const tileBytes = <usize>count * TILE_BYTES;
    const tileRow = tileBytes >> 2;
    if (count == 2) {
      microKernel4x16(outChannels, inChannels, aPanels, aStep, bPanel, panelBytes, ownTiles, tileRow, start, bias, relu);
    } else {
      microKernel4x8(outChannels, inChannels, aPanels, aStep, bPanel, ownTiles, tileRow, start, bias, relu);
    }
    // each quarter, or half, of a tile is 4 pixels of one row
    for (let part = 0; part < 2 * count; part++) {
      const panel = unit + (part >> 1);
      const image = panel / panels;
      const pixel = ((panel - image * panels) << 3) + ((part & 1) << 2);
      if (pixel >= pixels) continue;
      const iy = pixel / width;
      let to = out + <usize>(image * outChannels) * planeBytes + <usize>(2 * iy) * rowBytes + (<usize>(pixel - iy * width) << 3);
      let tile = ownTiles + (<usize>part << 4);
      for (let co = 0; co < outChannels; co++, to += planeBytes, tile += tileBytes) {
        const below = tile + 2 * tileRow;
        interleave(v128.load(tile), v128.load(tile + tileRow), to);
        interleave(v128.load(below), v128.load(below + tileRow), to + rowBytes);
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function interleave(even: v128, odd: v128, to: usize): void {
  v128.store(to, v128.shuffle<f32>(even, odd, 0, 4, 1, 5));
  v128.store(to, v128.shuffle<f32>(even, odd, 2, 6, 3, 7), 16);
}
