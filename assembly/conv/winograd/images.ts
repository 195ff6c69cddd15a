// Winograd: transforms patches of the input, and tiles of the output's gradient (see transforms.ts).

import { POSITIONS, transformPatch, transformTile } from "./transforms";

/**
 * Transforms the 6x6 patches that begin at four addresses. Position n is stored at `to + n step`. work: 36
 * vectors.
 */
// @ts-ignore: decorator
@inline
export function transformPatches(
  lane0: usize, lane1: usize, lane2: usize, lane3: usize, rowBytes: usize, work: usize, to: usize, step: usize,
): void {
  assert((step & 15) == 0 && (to & 15) == 0, "winograd: positions are aligned to vectors");
  // along the rows, as they are loaded: columns 0 to 3 of the four patches are transposed into lanes, then
  // columns 4 and 5
  let columns = work;
  let i = 6;
  do {
    const low0 = v128.load(lane0);
    const low1 = v128.load(lane1);
    const low2 = v128.load(lane2);
    const low3 = v128.load(lane3);
    const a01 = v128.shuffle<f32>(low0, low1, 0, 4, 1, 5);
    const a23 = v128.shuffle<f32>(low2, low3, 0, 4, 1, 5);
    const b01 = v128.shuffle<f32>(low0, low1, 2, 6, 3, 7);
    const b23 = v128.shuffle<f32>(low2, low3, 2, 6, 3, 7);
    const c01 = v128.shuffle<f32>(v128.load64_zero(lane0, 16), v128.load64_zero(lane1, 16), 0, 4, 1, 5);
    const c23 = v128.shuffle<f32>(v128.load64_zero(lane2, 16), v128.load64_zero(lane3, 16), 0, 4, 1, 5);
    transformPatch(
      v128.shuffle<f32>(a01, a23, 0, 1, 4, 5),
      v128.shuffle<f32>(a01, a23, 2, 3, 6, 7),
      v128.shuffle<f32>(b01, b23, 0, 1, 4, 5),
      v128.shuffle<f32>(b01, b23, 2, 3, 6, 7),
      v128.shuffle<f32>(c01, c23, 0, 1, 4, 5),
      v128.shuffle<f32>(c01, c23, 2, 3, 6, 7),
      columns, 16,
    );
    columns += 96;
    lane0 += rowBytes;
    lane1 += rowBytes;
    lane2 += rowBytes;
    lane3 += rowBytes;
  } while (--i > 0);
  // then along the columns
  const row = step * 6;
  let j = 6;
  do {
    transformPatch(
      v128.load(work), v128.load(work, 96), v128.load(work, 192), v128.load(work, 288), v128.load(work, 384), v128.load(work, 480),
      to, row,
    );
    work += 16;
    to += step;
  } while (--j > 0);
}

/**
 * The byte offset of tile t in an array of images. Tiles are numbered [image][ty][tx]; images are
 * `imageBytes` apart.
 */
// @ts-ignore: decorator
@inline
export function tileOffset(t: i32, tilesX: i32, tilesPerImage: i32, rowBytes: usize, imageBytes: usize): usize {
  const image = t / tilesPerImage;
  const inImage = t - image * tilesPerImage;
  const ty = inImage / tilesX;
  const tx = inImage - ty * tilesX;
  return <usize>image * imageBytes + <usize>(ty << 2) * rowBytes + (<usize>tx << 4);
}

/**
 * Forward: patches[n][t >> 3][c][t & 7] = position n of the transformed patch of tile t in channel c. padded:
 * [images][C][height][width], height = 4 tilesY + 2, width = 4 tilesX + 2. step: bytes from one position to
 * the next. Past the last tile, a panel repeats an existing tile. work: 576 bytes per chunk. Unit: a panel of
 * eight tiles, all channels. (Half a panel would write half cache lines, and fetch each line twice.)
 */
export function winogradPatchesByTile(
  begin: i32, end: i32, padded: usize, images: i32, channels: i32, tilesY: i32, tilesX: i32, patches: usize, step: u32,
  work: usize, grain: i32,
): void {
  const tilesPerImage = tilesY * tilesX;
  const last = images * tilesPerImage - 1;
  const rowBytes = <usize>(4 * tilesX + 2) << 2;
  const planeBytes = <usize>(4 * tilesY + 2) * rowBytes;
  const imageBytes = <usize>channels * planeBytes;
  const ownWork = work + <usize>(begin / grain) * (POSITIONS * 16);
  for (let unit = begin; unit < end; unit++) {
    const t = unit << 3;
    let lane0 = padded + tileOffset(min(t, last), tilesX, tilesPerImage, rowBytes, imageBytes);
    let lane1 = padded + tileOffset(min(t + 1, last), tilesX, tilesPerImage, rowBytes, imageBytes);
    let lane2 = padded + tileOffset(min(t + 2, last), tilesX, tilesPerImage, rowBytes, imageBytes);
    let lane3 = padded + tileOffset(min(t + 3, last), tilesX, tilesPerImage, rowBytes, imageBytes);
    let lane4 = padded + tileOffset(min(t + 4, last), tilesX, tilesPerImage, rowBytes, imageBytes);
    let lane5 = padded + tileOffset(min(t + 5, last), tilesX, tilesPerImage, rowBytes, imageBytes);
    let lane6 = padded + tileOffset(min(t + 6, last), tilesX, tilesPerImage, rowBytes, imageBytes);
    let lane7 = padded + tileOffset(min(t + 7, last), tilesX, tilesPerImage, rowBytes, imageBytes);
    let to = patches + <usize>unit * (<usize>channels << 5);
    for (let c = 0; c < channels; c++, to += 32) {
      transformPatches(lane0, lane1, lane2, lane3, rowBytes, ownWork, to, step);
      transformPatches(lane4, lane5, lane6, lane7, rowBytes, ownWork, to + 16, step);
      lane0 += planeBytes;
      lane1 += planeBytes;
      lane2 += planeBytes;
      lane3 += planeBytes;
      lane4 += planeBytes;
      lane5 += planeBytes;
      lane6 += planeBytes;
      lane7 += planeBytes;
    }
  }
}

/**
 * Gradient of the kernel: patches[n][c >> 3][t][c & 7], the same patches with channels side by side and tiles
 * as depth. Past the last channel, a panel repeats an existing channel. Unit: a panel of eight channels, all
 * tiles.
 */
export function winogradPatchesByChannel(
  begin: i32, end: i32, padded: usize, images: i32, channels: i32, tilesY: i32, tilesX: i32, patches: usize, step: u32,
  work: usize, grain: i32,
): void {
  const tiles = images * tilesY * tilesX;
  const rowBytes = <usize>(4 * tilesX + 2) << 2;
  const planeBytes = <usize>(4 * tilesY + 2) * rowBytes;
  const imageBytes = <usize>channels * planeBytes;
  const ownWork = work + <usize>(begin / grain) * (POSITIONS * 16);
  for (let unit = begin; unit < end; unit++) {
    let to = patches + <usize>unit * (<usize>tiles << 5);
    for (let image = 0; image < images; image++) {
      for (let ty = 0; ty < tilesY; ty++) {
        let tile = padded + <usize>image * imageBytes + <usize>(ty << 2) * rowBytes;
        for (let tx = 0; tx < tilesX; tx++, tile += 16, to += 32) {
          for (let half = 0; half < 2; half++) {
            const c = (unit << 3) + (half << 2);
            transformPatches(
              tile + <usize>min(c, channels - 1) * planeBytes, tile + <usize>min(c + 1, channels - 1) * planeBytes,
              tile + <usize>min(c + 2, channels - 1) * planeBytes, tile + <usize>min(c + 3, channels - 1) * planeBytes,
              rowBytes, ownWork, to + (<usize>half << 4), step,
            );
          }
        }
      }
    }
  }
}

/**
 * Gradient of the kernel: tiles[n][c >> 2][t][c & 3] = position n of A dY A' of tile t in channel c. dOut:
 * [images][C][4 tilesY][4 tilesX], with zeros past the output; its images, planes and rows are `imageBytes`,
 * `planeBytes` and `rowBytes` apart. Unit: four channels, all tiles.
 */
export function winogradGradTiles(
  begin: i32, end: i32, dOut: usize, rowBytes: u32, planeBytes: u32, imageBytes: u32, images: i32, channels: i32,
  tilesY: i32, tilesX: i32, out: usize, step: u32, work: usize, grain: i32,
): void {
  const tiles = images * tilesY * tilesX;
  const ownWork = work + <usize>(begin / grain) * (POSITIONS * 16);
  const row = step * 6;
  for (let unit = begin; unit < end; unit++) {
    const c = unit << 2;
    const first = dOut + <usize>c * planeBytes;
    const offset1 = <usize>min(1, channels - 1 - c) * planeBytes;
    const offset2 = <usize>min(2, channels - 1 - c) * planeBytes;
    const offset3 = <usize>min(3, channels - 1 - c) * planeBytes;
    let to = out + <usize>unit * (<usize>tiles << 4);
    for (let image = 0; image < images; image++) {
      for (let ty = 0; ty < tilesY; ty++) {
        for (let tx = 0; tx < tilesX; tx++, to += 16) {
          let lane = first + <usize>image * imageBytes + <usize>(ty << 2) * rowBytes + (<usize>tx << 4);
          let columns = ownWork;
          for (let i = 0; i < 4; i++, lane += rowBytes, columns += 96) {
            const row0 = v128.load(lane);
            const row1 = v128.load(lane + offset1);
            const row2 = v128.load(lane + offset2);
            const row3 = v128.load(lane + offset3);
            const a01 = v128.shuffle<f32>(row0, row1, 0, 4, 1, 5);
            const a23 = v128.shuffle<f32>(row2, row3, 0, 4, 1, 5);
            const b01 = v128.shuffle<f32>(row0, row1, 2, 6, 3, 7);
            const b23 = v128.shuffle<f32>(row2, row3, 2, 6, 3, 7);
            transformTile(
              v128.shuffle<f32>(a01, a23, 0, 1, 4, 5),
              v128.shuffle<f32>(a01, a23, 2, 3, 6, 7),
              v128.shuffle<f32>(b01, b23, 0, 1, 4, 5),
              v128.shuffle<f32>(b01, b23, 2, 3, 6, 7),
              columns, 16,
            );
          }
          let column = ownWork;
          let position = to;
          for (let j = 0; j < 6; j++, column += 16, position += step) {
            transformTile(
              v128.load(column), v128.load(column, 96), v128.load(column, 192), v128.load(column, 288), position, row,
            );
          }
        }
      }
    }
  }
}
