// Winograd with stride 2: transforms patches of the input, and tiles of the output's gradient (see
// strided_transforms.ts).

import { transpose4x4 } from "../../matmul/pack";
import { tileOffset } from "./images";
import { copyLower, lastPosition, rowPosition, transformPatch, transformTile } from "./strided_transforms";

/**
 * Bytes of work for a call of the kernels here: the addresses of eight lanes, the at most 10 x 10 pixels that
 * eight tiles read, and the same with transformed columns.
 * @shared
 */
const STRIDED_PATCH_WORK_BYTES: usize = 32 + 2 * 100 * 32;

/**
 * Which pixels the patches of the four phases consist of. Phase 2 r + s begins at row `row0` or `row1` (r = 0
 * or 1) and at column `column0` or `column1` of a tile's pixels, and takes every `stride`-th pixel: 2 in the
 * forward pass, whose tiles read 10 x 10 pixels, and 1 for the gradient of the input (6 x 6 pixels).
 */
@unmanaged
class PhaseWindows {
  stride!: i32;
  row0!: i32;
  row1!: i32;
  column0!: i32;
  column1!: i32;
  /** Size of the padded images. */
  height!: i32;
  width!: i32;
  /** Bytes from one phase to the next in the result. */
  phaseBytes!: u32;
}

/**
 * Transforms the 5x5 patches of the four phases of eight tiles. `lanes`: the addresses of their pixels.
 * Position n of a phase is stored at `to + phase phaseBytes + n step`, one pair of vectors.
 */
function transformEight(w: PhaseWindows, lanes: usize, offset: usize, to: usize, step: usize): void {
  const side = 4 * w.stride + 2;
  const rowBytes = <usize>w.width << 2;
  const line = <usize>side << 5; // a row of pairs
  const pixels = lanes + 32;
  const columns = pixels + <usize>side * line;
  // transposes the pixels: pixels[y][x] has pixel (y, x) of each tile
  for (let half: usize = 0; half < 32; half += 16) {
    let lane0 = <usize>load<u32>(lanes + half) + offset;
    let lane1 = <usize>load<u32>(lanes + half, 4) + offset;
    let lane2 = <usize>load<u32>(lanes + half, 8) + offset;
    let lane3 = <usize>load<u32>(lanes + half, 12) + offset;
    let row = pixels + half;
    for (let y = 0; y < side; y++) {
      let x: usize = 0;
      for (const whole = <usize>w.stride << 4; x < whole; x += 16, row += 128) {
        transpose4x4(v128.load(lane0 + x), v128.load(lane1 + x), v128.load(lane2 + x), v128.load(lane3 + x), row, 32);
      }
      const last01 = v128.shuffle<f32>(v128.load64_zero(lane0 + x), v128.load64_zero(lane1 + x), 0, 4, 1, 5);
      const last23 = v128.shuffle<f32>(v128.load64_zero(lane2 + x), v128.load64_zero(lane3 + x), 0, 4, 1, 5);
      v128.store(row, v128.shuffle<f32>(last01, last23, 0, 1, 4, 5));
      v128.store(row, v128.shuffle<f32>(last01, last23, 2, 3, 6, 7), 32);
      row += 64;
      lane0 += rowBytes;
      lane1 += rowBytes;
      lane2 += rowBytes;
      lane3 += rowBytes;
    }
  }
  const stride = <usize>w.stride;
  for (let r = 0; r < 2; r++) {
    let from = pixels + <usize>(r ? w.row1 : w.row0) * line;
    for (let x = 0; x < side; x++, from += 32) {
      const to = columns + (<usize>x << 5);
      transformPatch(from, stride * line, to, line, to + 4 * line);
    }
    for (let s = 0; s < 2; s++) {
      let column = columns + (<usize>(s ? w.column1 : w.column0) << 5);
      const position = to + <usize>(2 * r + s) * w.phaseBytes;
      for (let i = 0; i < 5; i++, column += line) {
        transformPatch(
          column, stride << 5, position + <usize>rowPosition(i) * step, step, position + <usize>lastPosition(i) * step,
        );
      }
    }
  }
}

/** The byte offset of tile t: tiles are numbered [image][ty][tx], and `tile` pixels apart. */
// @ts-ignore: decorator
@inline
function tileStart(t: i32, tilesX: i32, tilesPerImage: i32, tile: i32, rowBytes: usize, imageBytes: usize): usize {
  const image = t / tilesPerImage;
  const inImage = t - image * tilesPerImage;
  const ty = inImage / tilesX;
  return <usize>image * imageBytes + <usize>(ty * tile) * rowBytes + (<usize>((inImage - ty * tilesX) * tile) << 2);
}

/**
 * Patches as right operands, one column per tile: position n of phase p of tile t in channel c is at patches
 * + n step + (t >> 3) panelBytes + p phaseBytes + 32 c + 4 (t & 7). padded: [images][C][height][width]. Past
 * the last tile, a panel repeats an existing tile. windows: an int32 table, see PhaseWindows. work:
 * STRIDED_PATCH_WORK_BYTES per chunk. Unit: a panel of eight tiles, all channels.
 */
export function stridedPatchesByTile(
  begin: i32, end: i32, padded: usize, images: i32, channels: i32, tilesY: i32, tilesX: i32, windows: usize,
  patches: usize, step: u32, panelBytes: u32, work: usize, grain: i32,
): void {
  const w = changetype<PhaseWindows>(windows);
  const tilesPerImage = tilesY * tilesX;
  const last = images * tilesPerImage - 1;
  const rowBytes = <usize>w.width << 2;
  const planeBytes = <usize>w.height * rowBytes;
  const imageBytes = <usize>channels * planeBytes;
  const lanes = work + <usize>(begin / grain) * STRIDED_PATCH_WORK_BYTES;
  for (let unit = begin; unit < end; unit++) {
    for (let lane = 0; lane < 8; lane++) {
      const t = min((unit << 3) + lane, last);
      const from = padded + tileStart(t, tilesX, tilesPerImage, 4 * w.stride, rowBytes, imageBytes);
      store<u32>(lanes + (<usize>lane << 2), <u32>from);
    }
    let to = patches + <usize>unit * panelBytes;
    let plane: usize = 0;
    for (let c = 0; c < channels; c++, to += 32, plane += planeBytes) transformEight(w, lanes, plane, to, step);
  }
}

/**
 * The same patches with channels side by side and tiles as depth, for the gradient of the kernel: position n
 * of phase p of tile t in channel c is at patches + n step + p phaseBytes + (c >> 3) 32 tiles + 32 t + 4 (c &
 * 7). Past the last channel, a panel repeats an existing channel. Unit: a panel of eight channels, all tiles.
 */
export function stridedPatchesByChannel(
  begin: i32, end: i32, padded: usize, images: i32, channels: i32, tilesY: i32, tilesX: i32, windows: usize,
  patches: usize, step: u32, work: usize, grain: i32,
): void {
  const w = changetype<PhaseWindows>(windows);
  const tilesPerImage = tilesY * tilesX;
  const tiles = images * tilesPerImage;
  const rowBytes = <usize>w.width << 2;
  const planeBytes = <usize>w.height * rowBytes;
  const imageBytes = <usize>channels * planeBytes;
  const lanes = work + <usize>(begin / grain) * STRIDED_PATCH_WORK_BYTES;
  for (let unit = begin; unit < end; unit++) {
    for (let lane = 0; lane < 8; lane++) {
      const c = min((unit << 3) + lane, channels - 1);
      store<u32>(lanes + (<usize>lane << 2), <u32>(padded + <usize>c * planeBytes));
    }
    let to = patches + <usize>unit * (<usize>tiles << 5);
    for (let t = 0; t < tiles; t++, to += 32) {
      const from = tileStart(t, tilesX, tilesPerImage, 4 * w.stride, rowBytes, imageBytes);
      transformEight(w, lanes, from, to, step);
    }
  }
}

/**
 * Gradient of the kernel: tiles[n][c >> 2][t][c & 3] = position n of A dY A' of tile t in channel c. dOut:
 * [images][C][4 tilesY][4 tilesX], with zeros past the output. work: STRIDED_PATCH_WORK_BYTES per chunk.
 * Unit: four channels, all tiles.
 */
export function stridedGradTiles(
  begin: i32, end: i32, dOut: usize, images: i32, channels: i32, tilesY: i32, tilesX: i32, out: usize, step: u32,
  work: usize, grain: i32,
): void {
  const tilesPerImage = tilesY * tilesX;
  const tiles = images * tilesPerImage;
  const rowBytes = <usize>tilesX << 4;
  const planeBytes = <usize>(4 * tilesY) * rowBytes;
  const imageBytes = <usize>channels * planeBytes;
  const pixels = work + <usize>(begin / grain) * STRIDED_PATCH_WORK_BYTES; // [4 rows][4 columns] of pairs
  const columns = pixels + 16 * 32; // [5][4]
  const single = columns + 20 * 32;
  for (let unit = begin; unit < end; unit++) {
    const c = unit << 2;
    const offset1 = <usize>min(1, channels - 1 - c) * planeBytes;
    const offset2 = <usize>min(2, channels - 1 - c) * planeBytes;
    const offset3 = <usize>min(3, channels - 1 - c) * planeBytes;
    let to = out + <usize>unit * (<usize>tiles << 4);
    // two tiles at a time
    for (let t = 0; t < tiles; t += 2, to += 32) {
      const isPair = t + 1 < tiles;
      for (let half = 0; half < 2; half++) {
        const tile = isPair ? t + half : t;
        let lane = dOut + <usize>c * planeBytes + tileOffset(tile, tilesX, tilesPerImage, rowBytes, imageBytes);
        let row = pixels + (<usize>half << 4);
        for (let y = 0; y < 4; y++, lane += rowBytes, row += 128) {
          transpose4x4(
            v128.load(lane), v128.load(lane + offset1), v128.load(lane + offset2), v128.load(lane + offset3), row, 32,
          );
        }
      }
      for (let x: usize = 0; x < 128; x += 32) transformTile(pixels + x, 128, columns + x, 128, columns + x + 512);
      const positions = isPair ? to : single;
      const positionStep = isPair ? <usize>step : 32;
      for (let i = 0; i < 5; i++) {
        const position = positions + <usize>rowPosition(i) * positionStep;
        const last = positions + <usize>lastPosition(i) * positionStep;
        transformTile(columns + (<usize>i << 7), 32, position, positionStep, last);
      }
      if (!isPair) copyLower(single, to, step);
    }
  }
}

