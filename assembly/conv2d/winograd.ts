// Winograd's minimal filtering F(4x4, 3x3): a 3x3 convolution of stride 1 with a quarter of the multiplications.
//
//   Y = A' [ (G g G') . (B' d B) ] A        (' transposes, . multiplies element by element)
//
// d is a 6x6 patch of the input, g the 3x3 kernel, Y the 4x4 tile of the output that they determine. In the transformed space
// the sum over channels is 36 independent matrix products, one for each position of the 6x6 patch, and these run in the gemm
// of assembly/matmul. Multiplications per output pixel and channel pair: 36 / 16 = 2.25 in place of 9.
//
// The gradient of the input is the same convolution with the kernel turned by 180 degrees and its channels exchanged. The
// gradient of the kernel transposes the formula: dg = G' [ sum over tiles of (A dY A') . (B' d B) ] G.
//
// See: Lavin & Gray, Fast Algorithms for Convolutional Neural Networks, arXiv:1509.09308.
//
// Everything works on vectors of four lanes, one lane a tile (or a channel): `lane` below. Transformed arrays are
// [36 positions][panel][..]; the distance between positions is given in bytes, since a power of two would fall on few cache sets.

import { transpose4x4 } from "../matmul/pack";
import { storePartial } from "../simd";

/** Positions of a transformed patch. */
const POSITIONS = 36;

/** B' d: six values of a row or column of a patch, `step` bytes apart from each other in `to`. */
// @ts-ignore: decorator
@inline
function transformPatch(d0: v128, d1: v128, d2: v128, d3: v128, d4: v128, d5: v128, to: usize, step: usize): void {
  const four = f32x4.splat(4);
  const five = f32x4.splat(5);
  v128.store(to, f32x4.add(f32x4.sub(f32x4.mul(four, d0), f32x4.mul(five, d2)), d4));
  const even = f32x4.sub(d4, f32x4.mul(four, d2));
  const odd = f32x4.sub(d3, f32x4.mul(four, d1));
  v128.store(to + step, f32x4.add(even, odd));
  v128.store(to + 2 * step, f32x4.sub(even, odd));
  const even2 = f32x4.sub(d4, d2);
  const odd2 = f32x4.mul(f32x4.splat(2), f32x4.sub(d3, d1));
  v128.store(to + 3 * step, f32x4.add(even2, odd2));
  v128.store(to + 4 * step, f32x4.sub(even2, odd2));
  v128.store(to + 5 * step, f32x4.add(f32x4.sub(f32x4.mul(four, d1), f32x4.mul(five, d3)), d5));
}

/** A y: four values of a tile of the output's gradient become six. */
// @ts-ignore: decorator
@inline
function transformTile(y0: v128, y1: v128, y2: v128, y3: v128, to: usize, step: usize): void {
  v128.store(to, y0);
  const even = f32x4.add(y0, y2);
  const odd = f32x4.add(y1, y3);
  v128.store(to + step, f32x4.add(even, odd));
  v128.store(to + 2 * step, f32x4.sub(even, odd));
  const even2 = f32x4.add(y0, f32x4.mul(f32x4.splat(4), y2));
  const odd2 = f32x4.mul(f32x4.splat(2), f32x4.add(y1, f32x4.mul(f32x4.splat(4), y3)));
  v128.store(to + 3 * step, f32x4.add(even2, odd2));
  v128.store(to + 4 * step, f32x4.sub(even2, odd2));
  v128.store(to + 5 * step, y3);
}

/** G g: three values of a kernel become six. */
// @ts-ignore: decorator
@inline
function transformKernel(g0: v128, g1: v128, g2: v128, to: usize, step: usize): void {
  const sixth = f32x4.splat(1.0 / 6.0);
  const twelfth = f32x4.splat(1.0 / 12.0);
  v128.store(to, f32x4.mul(g0, f32x4.splat(0.25)));
  const even = f32x4.mul(f32x4.neg(sixth), f32x4.add(g0, g2));
  const odd = f32x4.mul(sixth, g1);
  v128.store(to + step, f32x4.sub(even, odd));
  v128.store(to + 2 * step, f32x4.add(even, odd));
  const even2 = f32x4.add(f32x4.mul(f32x4.splat(1.0 / 24.0), g0), f32x4.mul(sixth, g2));
  const odd2 = f32x4.mul(twelfth, g1);
  v128.store(to + 3 * step, f32x4.add(even2, odd2));
  v128.store(to + 4 * step, f32x4.sub(even2, odd2));
  v128.store(to + 5 * step, g2);
}

/** A' m: six values of a product become four of the output. */
// @ts-ignore: decorator
@inline
function outputTile(m0: v128, m1: v128, m2: v128, m3: v128, m4: v128, m5: v128, to: usize, step: usize): void {
  const sum12 = f32x4.add(m1, m2);
  const difference12 = f32x4.sub(m1, m2);
  const sum34 = f32x4.add(m3, m4);
  const difference34 = f32x4.sub(m3, m4);
  v128.store(to, f32x4.add(m0, f32x4.add(sum12, sum34)));
  v128.store(to + step, f32x4.add(difference12, f32x4.mul(f32x4.splat(2), difference34)));
  v128.store(to + 2 * step, f32x4.add(sum12, f32x4.mul(f32x4.splat(4), sum34)));
  v128.store(to + 3 * step, f32x4.add(f32x4.add(difference12, f32x4.mul(f32x4.splat(8), difference34)), m5));
}

/** G' u: six values of the transformed gradient become three of the kernel's. */
// @ts-ignore: decorator
@inline
function outputKernel(u0: v128, u1: v128, u2: v128, u3: v128, u4: v128, u5: v128, to: usize, step: usize): void {
  const sixth = f32x4.splat(1.0 / 6.0);
  const sum12 = f32x4.mul(sixth, f32x4.add(u1, u2));
  const sum34 = f32x4.add(u3, u4);
  v128.store(to, f32x4.add(f32x4.sub(f32x4.mul(f32x4.splat(0.25), u0), sum12), f32x4.mul(f32x4.splat(1.0 / 24.0), sum34)));
  v128.store(
    to + step,
    f32x4.add(f32x4.mul(sixth, f32x4.sub(u2, u1)), f32x4.mul(f32x4.splat(1.0 / 12.0), f32x4.sub(u3, u4))),
  );
  v128.store(to + 2 * step, f32x4.add(f32x4.sub(f32x4.mul(sixth, sum34), sum12), u5));
}

// @ts-ignore: decorator
@inline
function element(base: usize, row: i32, column: i32, columns: i32): v128 {
  return v128.load(base + (<usize>(row * columns + column) << 4));
}

/** The 6x6 patches that begin at four addresses, transformed: position n goes to `to + n step`. work: 36 vectors. */
// @ts-ignore: decorator
@inline
function transformPatches(
  lane0: usize, lane1: usize, lane2: usize, lane3: usize, rowBytes: usize, work: usize, to: usize, step: usize,
): void {
  assert((step & 15) == 0 && (to & 15) == 0, "winograd: positions are aligned to vectors");
  // along the rows, as they are loaded: columns 0 to 3 of the four lanes are transposed, columns 4 and 5 likewise
  for (let i: usize = 0; i < 6; i++) {
    const columns = work + i * 96;
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
    lane0 += rowBytes;
    lane1 += rowBytes;
    lane2 += rowBytes;
    lane3 += rowBytes;
  }
  // then along the columns
  for (let j = 0; j < 6; j++) {
    transformPatch(
      element(work, 0, j, 6), element(work, 1, j, 6), element(work, 2, j, 6),
      element(work, 3, j, 6), element(work, 4, j, 6), element(work, 5, j, 6),
      to + <usize>j * step, 6 * step,
    );
  }
}

/** Where tile t of an array of images begins: tiles are numbered [image][ty][tx], images are `imageBytes` apart. */
// @ts-ignore: decorator
@inline
function tileOffset(t: i32, tilesX: i32, tilesPerImage: i32, rowBytes: usize, imageBytes: usize): usize {
  const image = t / tilesPerImage;
  const inImage = t - image * tilesPerImage;
  const ty = inImage / tilesX;
  const tx = inImage - ty * tilesX;
  return <usize>image * imageBytes + <usize>(ty << 2) * rowBytes + (<usize>tx << 4);
}

/**
 * Forward: patches[n][t >> 3][c][t & 7] = position n of the transformed patch of tile t in channel c.
 * padded: [images][C][height][width], height = 4 tilesY + 2, width = 4 tilesX + 2. `step`: bytes from position to position.
 * Past the last tile a panel repeats one that exists. work: 576 bytes for each call's `begin / grain`.
 * Unit: four tiles of all channels; panels are filled by two units.
 */
export function winogradPatchesByTile(
  begin: i32, end: i32, padded: usize, images: i32, channels: i32, tilesY: i32, tilesX: i32, patches: usize, step: usize,
  work: usize, grain: i32,
): void {
  const tilesPerImage = tilesY * tilesX;
  const last = images * tilesPerImage - 1;
  const rowBytes = <usize>(4 * tilesX + 2) << 2;
  const planeBytes = <usize>(4 * tilesY + 2) * rowBytes;
  const imageBytes = <usize>channels * planeBytes;
  const ownWork = work + <usize>(begin / grain) * (POSITIONS * 16);
  for (let unit = begin; unit < end; unit++) {
    const t = unit << 2;
    let lane0 = padded + tileOffset(min(t, last), tilesX, tilesPerImage, rowBytes, imageBytes);
    let lane1 = padded + tileOffset(min(t + 1, last), tilesX, tilesPerImage, rowBytes, imageBytes);
    let lane2 = padded + tileOffset(min(t + 2, last), tilesX, tilesPerImage, rowBytes, imageBytes);
    let lane3 = padded + tileOffset(min(t + 3, last), tilesX, tilesPerImage, rowBytes, imageBytes);
    let to = patches + <usize>(unit >> 1) * (<usize>channels << 5) + (<usize>(unit & 1) << 4);
    for (let c = 0; c < channels; c++, to += 32) {
      transformPatches(lane0, lane1, lane2, lane3, rowBytes, ownWork, to, step);
      lane0 += planeBytes;
      lane1 += planeBytes;
      lane2 += planeBytes;
      lane3 += planeBytes;
    }
  }
}

/**
 * Gradient of the kernel: patches[n][c >> 3][t][c & 7], the same patches with channels side by side and tiles as depth.
 * Past the last channel a panel repeats one that exists. Unit: four channels of all tiles.
 */
export function winogradPatchesByChannel(
  begin: i32, end: i32, padded: usize, images: i32, channels: i32, tilesY: i32, tilesX: i32, patches: usize, step: usize,
  work: usize, grain: i32,
): void {
  const tilesPerImage = tilesY * tilesX;
  const tiles = images * tilesPerImage;
  const rowBytes = <usize>(4 * tilesX + 2) << 2;
  const planeBytes = <usize>(4 * tilesY + 2) * rowBytes;
  const imageBytes = <usize>channels * planeBytes;
  const ownWork = work + <usize>(begin / grain) * (POSITIONS * 16);
  for (let unit = begin; unit < end; unit++) {
    const c = unit << 2;
    const lane0 = padded + <usize>min(c, channels - 1) * planeBytes;
    const lane1 = padded + <usize>min(c + 1, channels - 1) * planeBytes;
    const lane2 = padded + <usize>min(c + 2, channels - 1) * planeBytes;
    const lane3 = padded + <usize>min(c + 3, channels - 1) * planeBytes;
    let to = patches + <usize>(unit >> 1) * (<usize>tiles << 5) + (<usize>(unit & 1) << 4);
    for (let t = 0; t < tiles; t++, to += 32) {
      const tile = tileOffset(t, tilesX, tilesPerImage, rowBytes, imageBytes);
      transformPatches(lane0 + tile, lane1 + tile, lane2 + tile, lane3 + tile, rowBytes, ownWork, to, step);
    }
  }
}

/**
 * Gradient of the kernel: tiles[n][c >> 2][t][c & 3] = position n of A dY A' of tile t in channel c.
 * dOut: [images][C][4 tilesY][4 tilesX], with zeros where it was larger than the output. Unit: four channels of all tiles.
 */
export function winogradGradTiles(
  begin: i32, end: i32, dOut: usize, images: i32, channels: i32, tilesY: i32, tilesX: i32, out: usize, step: usize,
  work: usize, grain: i32,
): void {
  const tilesPerImage = tilesY * tilesX;
  const tiles = images * tilesPerImage;
  const rowBytes = <usize>tilesX << 4;
  const planeBytes = <usize>(tilesY << 2) * rowBytes;
  const imageBytes = <usize>channels * planeBytes;
  const ownWork = work + <usize>(begin / grain) * (POSITIONS * 16);
  for (let unit = begin; unit < end; unit++) {
    const c = unit << 2;
    const first = dOut + <usize>c * planeBytes;
    const offset1 = <usize>min(1, channels - 1 - c) * planeBytes;
    const offset2 = <usize>min(2, channels - 1 - c) * planeBytes;
    const offset3 = <usize>min(3, channels - 1 - c) * planeBytes;
    let to = out + <usize>unit * (<usize>tiles << 4);
    for (let t = 0; t < tiles; t++, to += 16) {
      let lane = first + tileOffset(t, tilesX, tilesPerImage, rowBytes, imageBytes);
      for (let i: usize = 0; i < 4; i++, lane += rowBytes) {
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
          ownWork + i * 96, 16,
        );
      }
      for (let j = 0; j < 6; j++) {
        transformTile(
          element(ownWork, 0, j, 6), element(ownWork, 1, j, 6), element(ownWork, 2, j, 6), element(ownWork, 3, j, 6),
          to + <usize>j * step, 6 * step,
        );
      }
    }
  }
}

/**
 * kernels[n][o >> 2][i][o & 3] = position n of G g G' for each pair of an output channel o and an input channel i, in panels.
 *
 * weight: [O][I][3][3]; or, for the gradient of the input (`rotated` 1), [I][O][3][3] read turned by 180 degrees, so that o is
 * a channel of the convolution's input. Zero past the last o. Unit: four output channels, all input channels.
 */
export function winogradKernels(
  begin: i32, end: i32, weight: usize, outputs: i32, inputs: i32, rotated: i32, kernels: usize, step: usize,
  work: usize, grain: i32,
): void {
  const outputBytes: usize = rotated ? 36 : <usize>inputs * 36;
  const inputBytes: usize = rotated ? <usize>outputs * 36 : 36;
  const ownWork = work + <usize>(begin / grain) * (POSITIONS * 16);
  for (let unit = begin; unit < end; unit++) {
    const o = unit << 2;
    let to = kernels + <usize>unit * (<usize>inputs << 4);
    for (let i = 0; i < inputs; i++, to += 16) {
      const first = weight + <usize>o * outputBytes + <usize>i * inputBytes;
      for (let row: i32 = 0; row < 3; row++) {
        const tap = row * 3;
        transformKernel(
          kernelLanes(first, outputBytes, outputs - o, tap, rotated),
          kernelLanes(first, outputBytes, outputs - o, tap + 1, rotated),
          kernelLanes(first, outputBytes, outputs - o, tap + 2, rotated),
          ownWork + <usize>row * 96, 16,
        );
      }
      for (let j = 0; j < 6; j++) {
        transformKernel(
          element(ownWork, 0, j, 6), element(ownWork, 1, j, 6), element(ownWork, 2, j, 6), to + <usize>j * step, 6 * step,
        );
      }
    }
  }
}

/** One tap of four kernels that are `stride` bytes apart; `count` of them exist. */
// @ts-ignore: decorator
@inline
function kernelLanes(first: usize, stride: usize, count: i32, tap: i32, rotated: i32): v128 {
  const at = first + (<usize>(rotated ? 8 - tap : tap) << 2);
  let lanes = v128.load32_zero(at);
  if (count > 1) lanes = v128.load32_lane(at + stride, lanes, 1);
  if (count > 2) lanes = v128.load32_lane(at + 2 * stride, lanes, 2);
  if (count > 3) lanes = v128.load32_lane(at + 3 * stride, lanes, 3);
  return lanes;
}

/**
 * out[image][c][4 ty + i][4 tx + j] = bias[c] + (A' m A)[i][j], for each tile of each channel.
 *
 * products: [36][C][T], T tiles numbered [image][ty][tx], `step` bytes from position to position; out: [images][C][H][W], what
 * reaches past H or W is dropped; bias may be 0. Unit: one channel, all tiles.
 */
export function winogradOutput(
  begin: i32, end: i32, products: usize, images: i32, channels: i32, tilesY: i32, tilesX: i32, step: usize,
  bias: usize, out: usize, height: i32, width: i32, work: usize, grain: i32,
): void {
  const tilesPerImage = tilesY * tilesX;
  const tiles = images * tilesPerImage;
  const ownWork = work + <usize>(begin / grain) * (POSITIONS * 16);
  const result = ownWork + 24 * 16; // one row of 4 vectors, behind the 4 x 6 of the first pass
  for (let c = begin; c < end; c++) {
    const start = bias ? v128.load32_splat(bias + (<usize>c << 2)) : f32x4.splat(0);
    for (let t = 0; t < tiles; t += 4) {
      const from = products + ((<usize>c * <usize>tiles + <usize>t) << 2);
      // down the columns: the six rows of each column become four
      for (let j: usize = 0; j < 6; j++) {
        const at = from + j * step;
        outputTile(
          v128.load(at), v128.load(at + 6 * step), v128.load(at + 12 * step),
          v128.load(at + 18 * step), v128.load(at + 24 * step), v128.load(at + 30 * step),
          ownWork + j * 16, 96,
        );
      }
      for (let i = 0; i < 4; i++) {
        // then along the rows; the four lanes' four columns are turned into four lanes' rows
        outputTile(
          element(ownWork, i, 0, 6), element(ownWork, i, 1, 6), element(ownWork, i, 2, 6),
          element(ownWork, i, 3, 6), element(ownWork, i, 4, 6), element(ownWork, i, 5, 6),
          result, 16,
        );
        transpose4x4(
          f32x4.add(v128.load(result), start), f32x4.add(v128.load(result, 16), start),
          f32x4.add(v128.load(result, 32), start), f32x4.add(v128.load(result, 48), start), result, 16,
        );
        for (let lane = 0; lane < 4; lane++) {
          const tile = t + lane;
          if (tile >= tiles) break;
          const image = tile / tilesPerImage;
          const inImage = tile - image * tilesPerImage;
          const y = ((inImage / tilesX) << 2) + i;
          const x = (inImage % tilesX) << 2;
          if (y >= height) continue;
          const to = out + (<usize>(((image * channels + c) * height + y) * width + x) << 2);
          const row = v128.load(result + (<usize>lane << 4));
          if (x + 4 <= width) v128.store(to, row);
          else storePartial(to, row, width - x);
        }
      }
    }
  }
}

/**
 * dWeight[o][i][3][3] = G' u G of the transformed gradient u [36][O][I], `step` bytes from position to position.
 * Unit: one output channel o.
 */
export function winogradGradKernels(
  begin: i32, end: i32, transformed: usize, inputs: i32, step: usize, dWeight: usize, work: usize, grain: i32,
): void {
  const ownWork = work + <usize>(begin / grain) * (POSITIONS * 16);
  const result = ownWork + 18 * 16; // 9 vectors, behind the 3 x 6 of the first pass
  for (let o = begin; o < end; o++) {
    for (let i = 0; i < inputs; i += 4) {
      const from = transformed + ((<usize>o * <usize>inputs + <usize>i) << 2);
      for (let j: usize = 0; j < 6; j++) {
        const at = from + j * step;
        outputKernel(
          v128.load(at), v128.load(at + 6 * step), v128.load(at + 12 * step),
          v128.load(at + 18 * step), v128.load(at + 24 * step), v128.load(at + 30 * step),
          ownWork + j * 16, 96,
        );
      }
      for (let row = 0; row < 3; row++) {
        outputKernel(
          element(ownWork, row, 0, 6), element(ownWork, row, 1, 6), element(ownWork, row, 2, 6),
          element(ownWork, row, 3, 6), element(ownWork, row, 4, 6), element(ownWork, row, 5, 6),
          result + <usize>row * 48, 16,
        );
      }
      let to = dWeight + <usize>(o * inputs + i) * 36;
      const lanes = min(4, inputs - i);
      for (let lane = 0; lane < lanes; lane++, to += 36) {
        for (let tap = 0; tap < 9; tap++) {
          f32.store(to + (<usize>tap << 2), f32.load(result + (<usize>tap << 4) + (<usize>lane << 2)));
        }
      }
    }
  }
}
