// Winograd: transforms patches of the input, and tiles of the output's gradient (see transforms.ts).

import { lanesBelow } from "../../lib/simd";
import { POSITIONS, storePair, transformPatch, transformTile } from "./transforms";

/**
 * Bytes of work for a call of the kernels of this folder. transformPatches needs the most: half-transformed
 * patches, and eight patches that `cutPatches` has copied.
 * @shared
 */
export const WINOGRAD_WORK_BYTES: usize = POSITIONS * 32 + 6 * 256;

/**
 * Transforms eight 6x6 patches. The patches of lanes k and k + 4 begin at address k and 16 bytes after it.
 * Their columns 4 and 5 are `gap` bytes after their columns 0 and 1, and their rows are `rowBytes` apart.
 * Position n is stored at `to + n step`. work: 72 vectors.
 */
// @ts-ignore: decorator
@inline
export function transformPatches(
  lane0: usize, lane1: usize, lane2: usize, lane3: usize, gap: usize, rowBytes: usize, work: usize, to: usize, step: usize,
): void {
  assert((step & 15) == 0 && (to & 15) == 0, "winograd: positions are aligned to vectors");
  // along the rows, as they are loaded: columns 0 to 3 of the patches are transposed into lanes, then columns
  // 4 and 5
  let columns = work;
  let i = 6;
  do {
    const low0 = v128.load(lane0);
    const upper0 = v128.load(lane0, 16);
    const low1 = v128.load(lane1);
    const upper1 = v128.load(lane1, 16);
    const low2 = v128.load(lane2);
    const upper2 = v128.load(lane2, 16);
    const low3 = v128.load(lane3);
    const upper3 = v128.load(lane3, 16);
    const a01 = v128.shuffle<f32>(low0, low1, 0, 4, 1, 5);
    const b01 = v128.shuffle<f32>(upper0, upper1, 0, 4, 1, 5);
    const a23 = v128.shuffle<f32>(low2, low3, 0, 4, 1, 5);
    const b23 = v128.shuffle<f32>(upper2, upper3, 0, 4, 1, 5);
    const c01 = v128.shuffle<f32>(low0, low1, 2, 6, 3, 7);
    const d01 = v128.shuffle<f32>(upper0, upper1, 2, 6, 3, 7);
    const c23 = v128.shuffle<f32>(low2, low3, 2, 6, 3, 7);
    const d23 = v128.shuffle<f32>(upper2, upper3, 2, 6, 3, 7);
    const next0 = lane0 + gap;
    const next1 = lane1 + gap;
    const next2 = lane2 + gap;
    const next3 = lane3 + gap;
    const e01 = v128.shuffle<f32>(v128.load(next0), v128.load(next1), 0, 4, 1, 5);
    const f01 = v128.shuffle<f32>(v128.load(next0, 16), v128.load(next1, 16), 0, 4, 1, 5);
    const e23 = v128.shuffle<f32>(v128.load(next2), v128.load(next3), 0, 4, 1, 5);
    const f23 = v128.shuffle<f32>(v128.load(next2, 16), v128.load(next3, 16), 0, 4, 1, 5);
    transformPatch(
      v128.shuffle<f32>(a01, a23, 0, 1, 4, 5), v128.shuffle<f32>(b01, b23, 0, 1, 4, 5),
      v128.shuffle<f32>(a01, a23, 2, 3, 6, 7), v128.shuffle<f32>(b01, b23, 2, 3, 6, 7),
      v128.shuffle<f32>(c01, c23, 0, 1, 4, 5), v128.shuffle<f32>(d01, d23, 0, 1, 4, 5),
      v128.shuffle<f32>(c01, c23, 2, 3, 6, 7), v128.shuffle<f32>(d01, d23, 2, 3, 6, 7),
      v128.shuffle<f32>(e01, e23, 0, 1, 4, 5), v128.shuffle<f32>(f01, f23, 0, 1, 4, 5),
      v128.shuffle<f32>(e01, e23, 2, 3, 6, 7), v128.shuffle<f32>(f01, f23, 2, 3, 6, 7),
      columns, 32,
    );
    columns += 192;
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
      v128.load(work), v128.load(work, 16), v128.load(work, 192), v128.load(work, 208), v128.load(work, 384), v128.load(work, 400),
      v128.load(work, 576), v128.load(work, 592), v128.load(work, 768), v128.load(work, 784), v128.load(work, 960), v128.load(work, 976),
      to, row,
    );
    work += 32;
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
 * The tile in lane `lane` of panel `panel`: even tiles in the lower half, odd ones in the upper half, so that
 * lanes k and k + 4 are neighbours.
 */
// @ts-ignore: decorator
@inline
export function tileOfLane(panel: i32, lane: i32): i32 {
  return (panel << 3) + ((lane & 3) << 1) + (lane >> 2);
}

/** Copies columns 0 to 7 of a 6x6 patch (two more than it has) to one of the eight places of `cut`. */
// @ts-ignore: decorator
@inline
function cutPatch(from: usize, rowBytes: usize, to: usize): void {
  for (let i = 0; i < 6; i++, from += rowBytes, to += 256) {
    v128.store(to, v128.load(from));
    v128.store(to, v128.load64_zero(from, 16), 32);
  }
}

/**
 * Transforms the patches of a panel of eight tiles, for `channels` planes. Tiles past `last` repeat it. From
 * channel to channel, the results are 32 bytes apart. work: WINOGRAD_WORK_BYTES.
 */
// @ts-ignore: decorator
@inline
export function transformPanel(
  panel: i32, last: i32, padded: usize, channels: i32, tilesY: i32, tilesX: i32, work: usize, to: usize, step: usize,
): void {
  const tilesPerImage = tilesY * tilesX;
  const rowBytes = <usize>(4 * tilesX + 2) << 2;
  const planeBytes = <usize>(4 * tilesY + 2) * rowBytes;
  const imageBytes = <usize>channels * planeBytes;
  if ((tilesX & 1) == 0) {
    // lanes k and k + 4 are tiles side by side in an image
    let lane0 = padded + tileOffset(min(panel << 3, last - 1), tilesX, tilesPerImage, rowBytes, imageBytes);
    let lane1 = padded + tileOffset(min((panel << 3) + 2, last - 1), tilesX, tilesPerImage, rowBytes, imageBytes);
    let lane2 = padded + tileOffset(min((panel << 3) + 4, last - 1), tilesX, tilesPerImage, rowBytes, imageBytes);
    let lane3 = padded + tileOffset(min((panel << 3) + 6, last - 1), tilesX, tilesPerImage, rowBytes, imageBytes);
    for (let c = 0; c < channels; c++, to += 32) {
      transformPatches(lane0, lane1, lane2, lane3, 16, rowBytes, work, to, step);
      lane0 += planeBytes;
      lane1 += planeBytes;
      lane2 += planeBytes;
      lane3 += planeBytes;
    }
    return;
  }
  const cut = work + POSITIONS * 32;
  for (let c = 0; c < channels; c++, to += 32, padded += planeBytes) {
    for (let lane = 0; lane < 8; lane++) {
      const tile = min(tileOfLane(panel, lane), last);
      const place = cut + (<usize>(lane & 3) << 6) + (<usize>(lane >> 2) << 4);
      cutPatch(padded + tileOffset(tile, tilesX, tilesPerImage, rowBytes, imageBytes), rowBytes, place);
    }
    transformPatches(cut, cut + 64, cut + 128, cut + 192, 32, 256, work, to, step);
  }
}

/**
 * Forward: patches[n][panel][c][lane] = position n of the transformed patch of a tile in channel c. The tiles
 * of a panel are in the order of tileOfLane. padded: [images][C][height][width], height = 4 tilesY + 2, width
 * = 4 tilesX + 2. step: bytes from one position to the next. Past the last tile, a panel repeats an existing
 * tile. work: WINOGRAD_WORK_BYTES per chunk. Unit: a panel of eight tiles, all channels.
 */
export function winogradPatchesByTile(
  begin: i32, end: i32, padded: usize, images: i32, channels: i32, tilesY: i32, tilesX: i32, patches: usize, step: u32,
  work: usize, grain: i32,
): void {
  const last = images * tilesY * tilesX - 1;
  const ownWork = work + <usize>(begin / grain) * WINOGRAD_WORK_BYTES;
  for (let unit = begin; unit < end; unit++) {
    const to = patches + <usize>unit * (<usize>channels << 5);
    transformPanel(unit, last, padded, channels, tilesY, tilesX, ownWork, to, step);
  }
}

/**
 * Copies images into frames of zeros, eight channels side by side: the vectors of four columns of channels k
 * and k + 4 of a group are neighbours. out: [images][ceil(C / 8)][paddedHeight][columns of four][4][2][4],
 * paddedHeight = 4 tilesY + 2, tilesX + 1 columns of four. Channels past the last one are zeros. x:
 * [images][C][height][width], which lies `top` rows and `left` columns inside the frame. Unit: a group of
 * eight channels of an image.
 */
export function winogradPadGroups(
  begin: i32, end: i32, x: usize, channels: i32, height: i32, width: i32, top: i32, left: i32, out: usize, tilesY: i32, tilesX: i32,
): void {
  const groups = (channels + 7) >> 3;
  const paddedHeight = 4 * tilesY + 2;
  const rowBytes = <usize>(tilesX + 1) << 7;
  const rows = min(height, paddedHeight - top);
  for (let unit = begin; unit < end; unit++) {
    const to = out + <usize>unit * (<usize>paddedHeight * rowBytes);
    const image = unit / groups;
    const first = (unit - image * groups) << 3;
    memory.fill(to, 0, <usize>top * rowBytes);
    memory.fill(to + <usize>(top + rows) * rowBytes, 0, <usize>(paddedHeight - top - rows) * rowBytes);
    for (let k = 0; k < 8; k++) {
      const present = first + k < channels;
      const plane = x + (<usize>((image * channels + min(first + k, channels - 1)) * height * width) << 2);
      const place = to + <usize>top * rowBytes + (<usize>(k & 3) << 5) + (<usize>(k >> 2) << 4);
      for (let column = 0; column <= tilesX; column++) {
        const from = 4 * column - left;
        // the lanes at or after the first column of x, and before its end
        let mask = v128.andnot(lanesBelow(present ? width - from : 0), lanesBelow(-from));
        let at = plane + (<isize>from << 2);
        let target = place + (<usize>column << 7);
        for (let y = 0; y < rows; y++, at += <usize>width << 2, target += rowBytes) v128.store(target, v128.and(v128.load(at), mask));
      }
    }
  }
}

/**
 * Gradient of the kernel: patches[n][c >> 3][t][c & 7], the same patches with channels side by side and tiles
 * as depth. groups: the images, from winogradPadGroups. Unit: a panel of eight channels, all tiles.
 */
export function winogradPatchesByChannel(
  begin: i32, end: i32, groups: usize, images: i32, channels: i32, tilesY: i32, tilesX: i32, patches: usize, step: u32,
  work: usize, grain: i32,
): void {
  const tiles = images * tilesY * tilesX;
  const rowBytes = <usize>(tilesX + 1) << 7;
  const groupBytes = <usize>(4 * tilesY + 2) * rowBytes;
  const imageBytes = <usize>((channels + 7) >> 3) * groupBytes;
  const ownWork = work + <usize>(begin / grain) * WINOGRAD_WORK_BYTES;
  for (let unit = begin; unit < end; unit++) {
    let to = patches + <usize>unit * (<usize>tiles << 5);
    for (let image = 0; image < images; image++) {
      for (let ty = 0; ty < tilesY; ty++) {
        let tile = groups + <usize>image * imageBytes + <usize>unit * groupBytes + <usize>(ty << 2) * rowBytes;
        for (let tx = 0; tx < tilesX; tx++, tile += 128, to += 32) {
          transformPatches(tile, tile + 32, tile + 64, tile + 96, 128, rowBytes, ownWork, to, step);
        }
      }
    }
  }
}

/**
 * Transforms two tiles of four channels. The tiles of channel k begin at address k and 16 bytes after it.
 * Position n is stored at `to + n step`: the first tile, and after it the second one. work: 48 vectors.
 */
// @ts-ignore: decorator
@inline
function transformTiles(
  channel0: usize, channel1: usize, channel2: usize, channel3: usize, rowBytes: usize, work: usize, to: usize, step: usize,
): void {
  let columns = work;
  let i = 4;
  do {
    const low0 = v128.load(channel0);
    const upper0 = v128.load(channel0, 16);
    const low1 = v128.load(channel1);
    const upper1 = v128.load(channel1, 16);
    const low2 = v128.load(channel2);
    const upper2 = v128.load(channel2, 16);
    const low3 = v128.load(channel3);
    const upper3 = v128.load(channel3, 16);
    const a01 = v128.shuffle<f32>(low0, low1, 0, 4, 1, 5);
    const b01 = v128.shuffle<f32>(upper0, upper1, 0, 4, 1, 5);
    const a23 = v128.shuffle<f32>(low2, low3, 0, 4, 1, 5);
    const b23 = v128.shuffle<f32>(upper2, upper3, 0, 4, 1, 5);
    const c01 = v128.shuffle<f32>(low0, low1, 2, 6, 3, 7);
    const d01 = v128.shuffle<f32>(upper0, upper1, 2, 6, 3, 7);
    const c23 = v128.shuffle<f32>(low2, low3, 2, 6, 3, 7);
    const d23 = v128.shuffle<f32>(upper2, upper3, 2, 6, 3, 7);
    transformTile(
      v128.shuffle<f32>(a01, a23, 0, 1, 4, 5), v128.shuffle<f32>(b01, b23, 0, 1, 4, 5),
      v128.shuffle<f32>(a01, a23, 2, 3, 6, 7), v128.shuffle<f32>(b01, b23, 2, 3, 6, 7),
      v128.shuffle<f32>(c01, c23, 0, 1, 4, 5), v128.shuffle<f32>(d01, d23, 0, 1, 4, 5),
      v128.shuffle<f32>(c01, c23, 2, 3, 6, 7), v128.shuffle<f32>(d01, d23, 2, 3, 6, 7),
      columns, 32,
    );
    columns += 192;
    channel0 += rowBytes;
    channel1 += rowBytes;
    channel2 += rowBytes;
    channel3 += rowBytes;
  } while (--i > 0);
  const row = step * 6;
  let j = 6;
  do {
    transformTile(
      v128.load(work), v128.load(work, 16), v128.load(work, 192), v128.load(work, 208), v128.load(work, 384), v128.load(work, 400),
      v128.load(work, 576), v128.load(work, 592), to, row,
    );
    work += 32;
    to += step;
  } while (--j > 0);
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
  const ownWork = work + <usize>(begin / grain) * WINOGRAD_WORK_BYTES;
  const results = ownWork + 24 * 32;
  for (let unit = begin; unit < end; unit++) {
    const c = unit << 2;
    const first = dOut + <usize>c * planeBytes;
    const offset1 = <usize>min(1, channels - 1 - c) * planeBytes;
    const offset2 = <usize>min(2, channels - 1 - c) * planeBytes;
    const offset3 = <usize>min(3, channels - 1 - c) * planeBytes;
    let to = out + <usize>unit * (<usize>tiles << 4);
    for (let image = 0; image < images; image++) {
      for (let ty = 0; ty < tilesY; ty++) {
        let lane = first + <usize>image * imageBytes + <usize>(ty << 2) * rowBytes;
        let tx = 2;
        for (; tx <= tilesX; tx += 2, lane += 32, to += 32) {
          transformTiles(lane, lane + offset1, lane + offset2, lane + offset3, rowBytes, ownWork, to, step);
        }
        if (tx == tilesX + 2) continue;
        // one tile is left: the tile beside it is not used
        transformTiles(lane, lane + offset1, lane + offset2, lane + offset3, rowBytes, ownWork, results, 32);
        for (let n: usize = 0; n < <usize>POSITIONS; n++) v128.store(to + n * step, v128.load(results + (n << 5)));
        to += 16;
      }
    }
  }
}
