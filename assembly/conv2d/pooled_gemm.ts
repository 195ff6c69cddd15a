// Convolution + bias + ReLU + max pooling 2x2 in one pass, for convolutions that run as a matrix product (columns.ts): those of few
// channels above all, whose large output would cost more to write and read again than to compute.

import { microKernel4x8, START_ROW_BIAS, START_ZERO } from "../matmul/micro_kernel";
import { storePartial } from "../simd";
import { Geometry } from "./columns";
import { poolCodes, poolCorners } from "./pooled";

/**
 * out[image][co][py][px] = max(0, largest of the convolution's four outputs of window (py, px)), plus bias[co] in each of them.
 *
 * aPanels: the weight in panels of 4 channels, [ceil(Co/4)][K][4]; bPanels: pooled pixel panels, [images][PH][ceil(PW/2)][K][8]
 * (packPixelPanels): 4 pixels of an even row and the 4 below. codes: a byte for each element of out (pooled.ts), or 0.
 * bias may be 0. Unit: one row of pooled pixels of an image, all channels.
 * tiles: scratch of 2 x ceil(Co/4) x 128 bytes for each call's `begin / grain`.
 */
export function convolvePooled(
  begin: i32, end: i32, aPanels: usize, bPanels: usize, channels: i32, depth: i32, bias: usize,
  out: usize, codes: usize, pooledHeight: i32, pooledWidth: i32, tiles: usize, grain: i32,
): void {
  const rowsOfTiles = (channels + 3) >> 2;
  const half = <usize>rowsOfTiles << 7;
  const left = tiles + <usize>(begin / grain) * 2 * half;
  const right = left + half;
  const start = bias ? START_ROW_BIAS : START_ZERO;
  const panelBytes = <usize>depth << 5;
  const panelsPerRow = (pooledWidth + 1) >> 1;
  for (let unit = begin; unit < end; unit++) {
    const image = unit / pooledHeight;
    const py = unit - image * pooledHeight;
    let panel = bPanels + <usize>(unit * panelsPerRow) * panelBytes;
    for (let px = 0; px < pooledWidth; px += 4, panel += 2 * panelBytes) {
      // channel co's outputs are row co of 8 floats: 4 of the even row, then the 4 below
      microKernel4x8(rowsOfTiles, depth, aPanels, <usize>depth << 4, panel, left, 32, start, bias, 0);
      if (px + 2 < pooledWidth) {
        microKernel4x8(rowsOfTiles, depth, aPanels, <usize>depth << 4, panel + panelBytes, right, 32, start, bias, 0);
      }
      let at = <usize>((image * channels * pooledHeight + py) * pooledWidth + px);
      for (let co = 0; co < channels; co++, at += <usize>(pooledHeight * pooledWidth)) {
        const row = left + (<usize>co << 5);
        const upper0123 = v128.load(row);
        const lower0123 = v128.load(row, 16);
        const upper4567 = v128.load(row + half);
        const lower4567 = v128.load(row + half, 16);
        const corner0 = v128.shuffle<f32>(upper0123, upper4567, 0, 2, 4, 6);
        const corner1 = v128.shuffle<f32>(upper0123, upper4567, 1, 3, 5, 7);
        const corner2 = v128.shuffle<f32>(lower0123, lower4567, 0, 2, 4, 6);
        const corner3 = v128.shuffle<f32>(lower0123, lower4567, 1, 3, 5, 7);
        const best = poolCorners(corner0, corner1, corner2, corner3);
        const code = poolCodes(corner0, corner1, corner2, corner3, best);
        const code8 = i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_u(code, code), code);
        const count = pooledWidth - px;
        if (count >= 4) {
          v128.store(out + (at << 2), best);
          if (codes) v128.store32_lane(codes + at, code8, 0);
        } else {
          storePartial(out + (at << 2), best, count);
          if (codes) {
            v128.store8_lane(codes + at, code8, 0);
            if (count > 1) v128.store8_lane(codes + at, code8, 1, 1);
            if (count > 2) v128.store8_lane(codes + at, code8, 2, 2);
          }
        }
      }
    }
  }
}

/** Channels, and rows of the kernel, whose taps are added up together: 3 x 3 accumulators. */
const BLOCK = 3;
/** Bytes of their sums: a vector, for the taps of a row, for each channel and row. */
const BLOCK_BYTES: usize = BLOCK * BLOCK * 16;

/**
 * dWeight before ReLU and pooling. Only one output in four has a gradient, at most, and the codes say which: so the sum runs over
 * windows rather than over outputs, a quarter of the multiplications, and the large gradient is never written.
 *
 *   dWeight[co][ci][kh][kw] = sum over images and windows of dy[window] * padded[ci][y + kh][x + kw], (y, x) where the code points
 *
 * The taps of a row are neighbours in the input, one vector: KW <= 4, dilation 1 along the row. padded: [images][Ci][paddedHeight][paddedWidth];
 * dy, codes: [images][Co][PH][PW]; sums: scratch, [Co][ceil(Ci/3)][ceil(KH/3)][3][3][4] floats. An image's windows are added up first,
 * then the images, each in order. Unit: one output channel.
 */
export function gradWeightPooled(
  begin: i32, end: i32, padded: usize, geometry: usize, dy: usize, codes: usize, images: i32, channels: i32,
  pooledHeight: i32, pooledWidth: i32, sums: usize, dWeight: usize,
): void {
  const g = changetype<Geometry>(geometry);
  assert(g.kernelWidth <= 4 && g.dilationWidth == 1, "gradWeightPooled: a row of taps is one vector");
  const rowBlocks = (g.kernelHeight + BLOCK - 1) / BLOCK;
  const blocks = ((g.channels + BLOCK - 1) / BLOCK) * rowBlocks;
  const sumBytes = <usize>blocks * BLOCK_BYTES;
  const rowBytes = <usize>(g.dilationHeight * g.paddedWidth) << 2;
  const planeBytes = <usize>(g.paddedHeight * g.paddedWidth) << 2;
  const imageBytes = <usize>g.channels * planeBytes;
  const stepX = <usize>g.strideWidth << 2;
  const stepY = <usize>(g.strideHeight * g.paddedWidth) << 2;
  memory.fill(sums + <usize>begin * sumBytes, 0, <usize>(end - begin) * sumBytes);
  for (let image = 0; image < images; image++) {
    for (let co = begin; co < end; co++) {
      const plane = <usize>(image * channels + co) * <usize>(pooledHeight * pooledWidth);
      for (let block = 0; block < blocks; block++) {
        const ci = (block / rowBlocks) * BLOCK;
        const kh = (block % rowBlocks) * BLOCK;
        // a channel or row that does not exist repeats one that does; its sums are left out below
        const channelsLeft = <usize>(g.channels - ci - 1);
        const rowsLeft = <usize>(g.kernelHeight - kh - 1);
        addWindows(
          padded + <usize>image * imageBytes + <usize>ci * planeBytes + <usize>kh * rowBytes,
          min<usize>(1, rowsLeft) * rowBytes, min<usize>(2, rowsLeft) * rowBytes,
          min<usize>(1, channelsLeft) * planeBytes, min<usize>(2, channelsLeft) * planeBytes,
          dy + (plane << 2), codes + plane, pooledHeight, pooledWidth, stepY, stepX,
          sums + <usize>co * sumBytes + <usize>block * BLOCK_BYTES,
        );
      }
    }
  }
  for (let co = begin; co < end; co++) {
    let to = dWeight + (<usize>(co * g.channels * g.kernelHeight * g.kernelWidth) << 2);
    for (let ci = 0; ci < g.channels; ci++) {
      for (let kh = 0; kh < g.kernelHeight; kh++) {
        const block = (ci / BLOCK) * rowBlocks + kh / BLOCK;
        const inBlock = (ci % BLOCK) * BLOCK + (kh % BLOCK);
        const from = sums + <usize>co * sumBytes + <usize>block * BLOCK_BYTES + (<usize>inBlock << 4);
        for (let kw = 0; kw < g.kernelWidth; kw++, to += 4) f32.store(to, f32.load(from + (<usize>kw << 2)));
      }
    }
  }
}

/**
 * sums[c][r] += sum over the windows of one plane of dy * (the taps of row r in channel c). row1, row2, channel1, channel2: byte offsets
 * from the first row and channel.
 */
function addWindows(
  image: usize, row1: usize, row2: usize, channel1: usize, channel2: usize, dy: usize, codes: usize,
  pooledHeight: i32, pooledWidth: i32, stepY: usize, stepX: usize, sums: usize,
): void {
  let acc00 = f32x4.splat(0);
  let acc01 = acc00, acc02 = acc00, acc10 = acc00, acc11 = acc00, acc12 = acc00, acc20 = acc00, acc21 = acc00, acc22 = acc00;
  for (let py = 0; py < pooledHeight; py++, image += 2 * stepY) {
    let window = image;
    const end = dy + (<usize>pooledWidth << 2);
    do {
      // arithmetic rather than choices: a select is a branch to V8, and nobody can predict these. A window that is nobody's (code
      // 4) adds 0 times its first corner
      const code = <i32>load<u8>(codes);
      const gradient = i32x4.splat(i32.load(dy) & ((code >> 2) - 1));
      let from = window + (<usize>(code & 1) * stepX) + (<usize>((code >> 1) & 1) * stepY);
      acc00 = f32x4.add(acc00, f32x4.mul(gradient, v128.load(from)));
      acc01 = f32x4.add(acc01, f32x4.mul(gradient, v128.load(from + row1)));
      acc02 = f32x4.add(acc02, f32x4.mul(gradient, v128.load(from + row2)));
      if (code == 5) break; // never: it keeps the loads of a channel from moving up to those before (see micro_kernel.ts)
      const from1 = from + channel1;
      acc10 = f32x4.add(acc10, f32x4.mul(gradient, v128.load(from1)));
      acc11 = f32x4.add(acc11, f32x4.mul(gradient, v128.load(from1 + row1)));
      acc12 = f32x4.add(acc12, f32x4.mul(gradient, v128.load(from1 + row2)));
      if (code == 6) break;
      from += channel2;
      acc20 = f32x4.add(acc20, f32x4.mul(gradient, v128.load(from)));
      acc21 = f32x4.add(acc21, f32x4.mul(gradient, v128.load(from + row1)));
      acc22 = f32x4.add(acc22, f32x4.mul(gradient, v128.load(from + row2)));
      window += 2 * stepX;
      codes++;
      dy += 4;
    } while (dy != end);
  }
  addTo(sums, acc00);
  addTo(sums + 16, acc01);
  addTo(sums + 32, acc02);
  addTo(sums + 48, acc10);
  addTo(sums + 64, acc11);
  addTo(sums + 80, acc12);
  addTo(sums + 96, acc20);
  addTo(sums + 112, acc21);
  addTo(sums + 128, acc22);
}

// @ts-ignore: decorator
@inline
function addTo(sum: usize, v: v128): void {
  v128.store(sum, f32x4.add(v128.load(sum), v));
}
