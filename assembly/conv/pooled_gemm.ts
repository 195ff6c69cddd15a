// Convolution + bias + ReLU + max pooling 2x2 in one pass, for convolutions that are computed as a matrix
// product (implicit_gemm.ts). It gains most for few input channels, where writing and reading the large
// output would cost more than computing it.

import { microKernel4x8, Start } from "../matmul/micro_kernel";
import { microKernel4x16 } from "../matmul/micro_kernel_4x16";
import { NR } from "../matmul/pack";
import { storePartial, storeUpTo } from "../lib/simd";
import { Geometry } from "./geometry";
import { poolCodes, poolCorners } from "./relu_pool";

/**
 * out[image][co][py][px] = max(0, the largest of the convolution's four outputs in window (py, px)). The
 * outputs include bias[co].
 *
 * aPanels: the weight in panels of 4 channels, [ceil(Co/4)][K][4]; bPanels: pooled pixel panels,
 * [images][PH][ceil(PW/2)][K][8] (packPixelPanels): 4 pixels of an even row and the 4 below. argmaxCodes: one
 * byte for each element of out (relu_pool.ts), or 0. bias may be 0. tileColumns: 8 or 16, see gemm. tiles:
 * scratch of 2 x ceil(Co/4) x TILE_BYTES per chunk. Unit: one row of pooled pixels of an image, all channels.
 */
export function convolvePooled(
  begin: i32, end: i32, aPanels: usize, bPanels: usize, channels: i32, depth: i32, bias: usize,
  out: usize, argmaxCodes: usize, pooledHeight: i32, pooledWidth: i32, tileColumns: i32, tiles: usize,
  grain: i32,
): void {
  const rowsOfTiles = (channels + 3) >> 2;
  const ownTiles = tiles + (<usize>(begin / grain) * <usize>rowsOfTiles << 8);
  const aStep = <usize>depth << 4;
  const start = bias ? Start.RowBias : Start.Zero;
  const panelBytes = <usize>depth << 5;
  const panelsPerRow = (pooledWidth + 1) >> 1;
  for (let unit = begin; unit < end; unit++) {
    const image = unit / pooledHeight;
    const py = unit - image * pooledHeight;
    let panel = bPanels + <usize>(unit * panelsPerRow) * panelBytes;
    for (let px = 0; px < pooledWidth; px += 4, panel += 2 * panelBytes) {
      // row co of 16 floats holds the outputs of channel co, twice: 4 of the even row, then the 4 below
      if (tileColumns > NR && px + 2 < pooledWidth) {
        microKernel4x16(rowsOfTiles, depth, aPanels, aStep, panel, panelBytes, ownTiles, 64, start, bias, 0);
      } else {
        microKernel4x8(rowsOfTiles, depth, aPanels, aStep, panel, ownTiles, 64, start, bias, 0);
        if (px + 2 < pooledWidth) {
          microKernel4x8(rowsOfTiles, depth, aPanels, aStep, panel + panelBytes, ownTiles + 32, 64, start, bias, 0);
        }
      }
      let at = <usize>((image * channels * pooledHeight + py) * pooledWidth + px);
      for (let co = 0; co < channels; co++, at += <usize>(pooledHeight * pooledWidth)) {
        const row = ownTiles + (<usize>co << 6);
        const upper0123 = v128.load(row);
        const lower0123 = v128.load(row, 16);
        const upper4567 = v128.load(row, 32);
        const lower4567 = v128.load(row, 48);
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
          if (argmaxCodes) v128.store32_lane(argmaxCodes + at, code8, 0);
        } else {
          storePartial(out + (at << 2), best, count);
          if (argmaxCodes) {
            v128.store8_lane(argmaxCodes + at, code8, 0);
            if (count > 1) v128.store8_lane(argmaxCodes + at, code8, 1, 1);
            if (count > 2) v128.store8_lane(argmaxCodes + at, code8, 2, 2);
          }
        }
      }
    }
  }
}

/**
 * Taps whose sums are computed together, in seven accumulators. 3 channels of a 3 x 3 kernel are 27 taps.
 * @shared
 */
const BLOCK_TAPS = 28;
/** Bytes of the sums of a block of taps. */
const SUM_BYTES: usize = BLOCK_TAPS * 4;
/**
 * Windows whose taps are gathered together, for all output channels. Their table takes 16 KiB, and stays in
 * the L1 cache.
 */
const WINDOWS = 32;
/**
 * Bytes of a block of taps in the table: two cache lines. A window has four such blocks, one for each corner.
 */
const CORNER_BYTES: usize = 128;
const WINDOW_BYTES: usize = 4 * CORNER_BYTES;
/** Bytes of the table. @shared */
const WINDOW_TABLE_BYTES: usize = WINDOW_BYTES * WINDOWS;

/**
 * The gradient of the weight through pooling and ReLU, for each image separately. At most one output in four
 * has a gradient, and the code of its window says which. So the sum runs over windows rather than outputs:
 * that is a quarter of the multiplications, and the large gradient is never written.
 *
 *   sums[image][co][t] = sum over windows of dy[window] * padded[ci][y + kh][x + kw], where (y, x) is the corner
 *   given by the window's code, and t = (ci, kh, kw)
 *
 * The possible factors of a window, all of its taps for each of the four corners, are gathered first. All
 * output channels read this table:
 *
 *   table[window][corner][t] = padded[ci][y + kh][x + kw], where (y, x) is that corner
 *
 * padded: [images][Ci][paddedHeight][paddedWidth]; dy, argmaxCodes: [images][Co][PH][PW]. Taps are processed
 * in blocks of whole rows of the kernel, as many rows as fit into 28 taps; sums: [images][blocks][Co][28]. KW
 * <= 28, dilation 1 along the row. Unit: `group` channels of an image (fewer in the last group), groups
 * fastest. tables: scratch of WINDOW_TABLE_BYTES per chunk.
 */
export function gradWeightPooled(
  begin: i32, end: i32, padded: usize, geometry: usize, dy: usize, argmaxCodes: usize, channels: i32, group: i32,
  pooledHeight: i32, pooledWidth: i32, tables: usize, grain: i32, sums: usize,
): void {
  const g = changetype<Geometry>(geometry);
  assert(g.kernelWidth <= BLOCK_TAPS && g.dilationWidth == 1, "gradWeightPooled: a row of taps is one piece of a block");
  const rows = g.channels * g.kernelHeight;
  const rowsOfBlock = BLOCK_TAPS / g.kernelWidth;
  const groups = (channels + group - 1) / group;
  const windows = pooledHeight * pooledWidth;
  const imageBytes = <usize>(g.channels * g.paddedHeight * g.paddedWidth) << 2;
  const blocks = (rows + rowsOfBlock - 1) / rowsOfBlock;
  const table = tables + <usize>(begin / grain) * WINDOW_TABLE_BYTES;
  // a block of fewer than 28 taps multiplies the whole row of the table, so the rest of the row must be
  // finite
  memory.fill(table, 0, WINDOW_TABLE_BYTES);
  let ahead = 0;
  for (let unit = begin; unit < end; unit++) {
    const image = unit / groups;
    const first = (unit - image * groups) * group;
    const last = min(channels, first + group);
    for (let block = 0; block < blocks; block++) {
      const row = block * rowsOfBlock;
      const blockRows = min(rowsOfBlock, rows - row);
      const blockSums = sums + <usize>((image * blocks + block) * channels) * SUM_BYTES;
      memory.fill(blockSums + <usize>first * SUM_BYTES, 0, <usize>(last - first) * SUM_BYTES);
      for (let window = 0; window < windows; window += WINDOWS) {
        const count = min(WINDOWS, windows - window);
        gatherTaps(g, padded + <usize>image * imageBytes, row, blockRows, window, count, pooledWidth, table);
        for (let co = first; co < last; co++) {
          const at = <usize>((image * channels + co) * windows + window);
          // prefetches the gradients of the next channel, one plane further, while this channel is computed:
          // it saves a quarter of the time
          const next = co + 1 < last ? at + <usize>windows : at;
          ahead |= i32.load(dy + (next << 2)) | i32.load(dy + (next << 2), 64) | i32.load(argmaxCodes + next);
          addWindows(table, count, dy + (at << 2), argmaxCodes + at, blockSums + <usize>co * SUM_BYTES);
        }
      }
    }
  }
  i32.store(table, ahead); // a dummy store: it keeps the compiler from dropping the prefetch loads
}

/**
 * dWeight[co][t] = sum over images of sums[image][co][t], in the order of the images. taps: Ci KH KW. Unit:
 * one output channel.
 */
export function sumPooledGradWeights(
  begin: i32, end: i32, sums: usize, images: i32, channels: i32, taps: i32, kernelWidth: i32, dWeight: usize,
): void {
  const tapsOfBlock = (BLOCK_TAPS / kernelWidth) * kernelWidth;
  const blocks = (taps + tapsOfBlock - 1) / tapsOfBlock;
  const imageBytes = <usize>(blocks * channels) * SUM_BYTES;
  for (let co = begin; co < end; co++) {
    for (let block = 0; block < blocks; block++) {
      const from = sums + <usize>(block * channels + co) * SUM_BYTES;
      const to = dWeight + (<usize>(co * taps + block * tapsOfBlock) << 2);
      const count = min(tapsOfBlock, taps - block * tapsOfBlock);
      for (let t = 0; t < count; t += 4) {
        let sum = f32x4.splat(0);
        let at = from + (<usize>t << 2);
        for (let image = 0; image < images; image++, at += imageBytes) sum = f32x4.add(sum, v128.load(at));
        storeUpTo(to, t, count, sum);
      }
    }
  }
}

/**
 * Writes table[window][corner][t] for `count` windows from number `first`, and for `rows` rows of taps from
 * `firstRow`.
 */
function gatherTaps(
  g: Geometry, image: usize, firstRow: i32, rows: i32, first: i32, count: i32, pooledWidth: i32, table: usize,
): void {
  const planeBytes = <usize>(g.paddedHeight * g.paddedWidth) << 2;
  const rowBytes = <usize>(g.dilationHeight * g.paddedWidth) << 2;
  const right = <usize>g.strideWidth << 2;
  const down = <usize>(g.strideHeight * g.paddedWidth) << 2;
  const firstY = first / pooledWidth;
  const firstX = first - firstY * pooledWidth;
  for (let row = 0; row < rows; row++) {
    const ci = (firstRow + row) / g.kernelHeight;
    const kh = firstRow + row - ci * g.kernelHeight;
    let line = image + <usize>ci * planeBytes + <usize>kh * rowBytes + 2 * <usize>firstY * down;
    let x = firstX;
    let to = table + (<usize>(row * g.kernelWidth) << 2);
    for (let window = 0; window < count; window++, to += WINDOW_BYTES) {
      const upper = line + 2 * <usize>x * right;
      const lower = upper + down;
      // vectors of four taps: lanes past the row are overwritten by the next row, or are past the last tap of
      // the block
      for (let kw: usize = 0; kw < <usize>g.kernelWidth << 2; kw += 16) {
        v128.store(to + kw, v128.load(upper + kw));
        v128.store(to + kw, v128.load(upper + right + kw), CORNER_BYTES);
        v128.store(to + kw, v128.load(lower + kw), 2 * CORNER_BYTES);
        v128.store(to + kw, v128.load(lower + right + kw), 3 * CORNER_BYTES);
      }
      if (++x == pooledWidth) {
        x = 0;
        line += 2 * down;
      }
    }
  }
}

/** sums[t] += sum over `windows` of dy * table[window][code][t]. */
function addWindows(table: usize, windows: i32, dy: usize, argmaxCodes: usize, sums: usize): void {
  let acc0123 = v128.load(sums);
  let acc4567 = v128.load(sums, 16);
  let acc89ab = v128.load(sums, 32);
  let acccdef = v128.load(sums, 48);
  let accghij = v128.load(sums, 64);
  let accklmn = v128.load(sums, 80);
  let accopqr = v128.load(sums, 96);
  const end = argmaxCodes + <usize>windows;
  do {
    // arithmetic instead of select, which V8 compiles to a branch that cannot be predicted here. A window
    // without gradient (code 4) adds 0 times its first corner
    const code = <i32>load<u8>(argmaxCodes);
    const gradient = i32x4.splat(i32.load(dy) & ((code >> 2) - 1));
    const taps = table + <usize>(code & 3) * CORNER_BYTES;
    acc0123 = f32x4.add(acc0123, f32x4.mul(gradient, v128.load(taps)));
    acc4567 = f32x4.add(acc4567, f32x4.mul(gradient, v128.load(taps, 16)));
    acc89ab = f32x4.add(acc89ab, f32x4.mul(gradient, v128.load(taps, 32)));
    acccdef = f32x4.add(acccdef, f32x4.mul(gradient, v128.load(taps, 48)));
    accghij = f32x4.add(accghij, f32x4.mul(gradient, v128.load(taps, 64)));
    accklmn = f32x4.add(accklmn, f32x4.mul(gradient, v128.load(taps, 80)));
    accopqr = f32x4.add(accopqr, f32x4.mul(gradient, v128.load(taps, 96)));
    table += WINDOW_BYTES;
    dy += 4;
    argmaxCodes++;
  } while (argmaxCodes != end);
  v128.store(sums, acc0123);
  v128.store(sums, acc4567, 16);
  v128.store(sums, acc89ab, 32);
  v128.store(sums, acccdef, 48);
  v128.store(sums, accghij, 64);
  v128.store(sums, accklmn, 80);
  v128.store(sums, accopqr, 96);
}
