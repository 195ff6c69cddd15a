// The transforms of 5_winograd_f2.ts. Each is the same one-dimensional transform twice: along the rows, then
// down the columns.
//
// A vector holds the same position of four tiles that are neighbours in a row. So each row has a multiple of
// four tiles; the last ones may contain only zeros. Transformed arrays are [16 positions][channels][T], T = N
// tilesY tilesX tiles.

import { storeUpTo } from "../../lib/simd";
import { offset } from "./sizes";

export const POSITIONS: usize = 16;
/** B' d. All the one-dimensional transforms write their results `step` bytes apart. */
// @ts-ignore: decorator
@inline
function transformPatch(d0: v128, d1: v128, d2: v128, d3: v128, to: usize, step: usize): void {
  v128.store(to, f32x4.sub(d0, d2));
  v128.store(to + step, f32x4.add(d1, d2));
  v128.store(to + 2 * step, f32x4.sub(d2, d1));
  v128.store(to + 3 * step, f32x4.sub(d1, d3));
}

/** A' m. */
// @ts-ignore: decorator
@inline
function outputOf(m0: v128, m1: v128, m2: v128, m3: v128, to: usize, step: usize): void {
  v128.store(to, f32x4.add(m0, f32x4.add(m1, m2)));
  v128.store(to + step, f32x4.sub(f32x4.sub(m1, m2), m3));
}

/** A y. */
// @ts-ignore: decorator
@inline
function transformGradient(y0: v128, y1: v128, to: usize, step: usize): void {
  v128.store(to, y0);
  v128.store(to + step, f32x4.add(y0, y1));
  v128.store(to + 2 * step, f32x4.sub(y0, y1));
  v128.store(to + 3 * step, f32x4.neg(y1));
}

/** Element (row, column) of a matrix of vectors with four columns. */
// @ts-ignore: decorator
@inline
function element(base: usize, row: usize, column: usize): v128 {
  return v128.load(base + ((row * 4 + column) << 4));
}

/**
 * Stores 16 positions of four tiles: position n of the first tile is stored at to + n step, and the tiles are
 * `tileStep` bytes apart.
 */
// @ts-ignore: decorator
@inline
function storePositions(from: usize, to: usize, step: usize, tileStep: usize): void {
  for (let n: usize = 0; n < POSITIONS; n++, from += 16, to += step) {
    const v = v128.load(from);
    if (tileStep == 4) v128.store(to, v);
    else {
      v128.store32_lane(to, v, 0);
      v128.store32_lane(to + tileStep, v, 1);
      v128.store32_lane(to + 2 * tileStep, v, 2);
      v128.store32_lane(to + 3 * tileStep, v, 3);
    }
  }
}

/**
 * patches[n][c][t] = position n of B' d B for the 4x4 patch d of tile t in channel c. padded: [N][C][2 tilesY
 * + 2][2 tilesX + 2]. Positions, channels and tiles are step, channelStep and tileStep bytes apart. work: 32
 * vectors.
 */
export function transformPatches(
  padded: usize, images: i32, channels: i32, tilesY: i32, tilesX: i32,
  patches: usize, step: usize, channelStep: usize, tileStep: usize, work: usize,
): void {
  const width = 2 * tilesX + 2;
  const height = 2 * tilesY + 2;
  for (let n = 0; n < images; n++) {
    for (let c = 0; c < channels; c++) {
      for (let ty = 0; ty < tilesY; ty++) {
        for (let tx = 0; tx < tilesX; tx += 4) {
          let from = padded + offset(n * channels + c, height, width, 2 * ty, 2 * tx);
          for (let i: usize = 0; i < 4; i++, from += <usize>width << 2) {
            // pixels 0 to 9 of a row: four patches, which begin two pixels apart
            const x0123 = v128.load(from), x4567 = v128.load(from, 16);
            const x2345 = v128.load(from, 8), x6789 = v128.load(from, 24);
            transformPatch(
              v128.shuffle<f32>(x0123, x4567, 0, 2, 4, 6), v128.shuffle<f32>(x0123, x4567, 1, 3, 5, 7),
              v128.shuffle<f32>(x2345, x6789, 0, 2, 4, 6), v128.shuffle<f32>(x2345, x6789, 1, 3, 5, 7),
              work + (i << 6), 16,
            );
          }
          for (let j: usize = 0; j < 4; j++) {
            transformPatch(
              element(work, 0, j), element(work, 1, j), element(work, 2, j), element(work, 3, j), work + 256 + (j << 4), 64,
            );
          }
          const t = (n * tilesY + ty) * tilesX + tx;
          storePositions(work + 256, patches + <usize>c * channelStep + <usize>t * tileStep, step, tileStep);
        }
      }
    }
  }
}

/**
 * tiles[n][c][t] = position n of A dY A' for the 2x2 tile dY of dOut. padded: [N][C][2 tilesY][2 tilesX].
 * work: 32 vectors.
 */
export function transformGradients(
  padded: usize, images: i32, channels: i32, tilesY: i32, tilesX: i32, tiles: usize, step: usize, channelStep: usize, work: usize,
): void {
  for (let n = 0; n < images; n++) {
    for (let c = 0; c < channels; c++) {
      for (let ty = 0; ty < tilesY; ty++) {
        for (let tx = 0; tx < tilesX; tx += 4) {
          let from = padded + offset(n * channels + c, 2 * tilesY, 2 * tilesX, 2 * ty, 2 * tx);
          for (let i: usize = 0; i < 2; i++, from += <usize>tilesX << 3) {
            const y0123 = v128.load(from), y4567 = v128.load(from, 16);
            transformGradient(
              v128.shuffle<f32>(y0123, y4567, 0, 2, 4, 6), v128.shuffle<f32>(y0123, y4567, 1, 3, 5, 7), work + (i << 6), 16,
            );
          }
          for (let j: usize = 0; j < 4; j++) {
            transformGradient(element(work, 0, j), element(work, 1, j), work + 256 + (j << 4), 64);
          }
          const t = (n * tilesY + ty) * tilesX + tx;
          storePositions(work + 256, tiles + <usize>c * channelStep + (<usize>t << 2), step, 4);
        }
      }
    }
  }
}

/**
 * kernels[n][o][i] = position n of G g G', where g is the kernel from input channel i to output channel o.
 * weight: [Co][Ci][3][3]. For the gradient of the input (`turned`), o is a channel of x, and g is rotated by
 * 180 degrees. work: 12 floats.
 */
export function transformKernels(weight: usize, outputs: i32, inputs: i32, turned: bool, kernels: usize, step: usize, work: usize): void {
  for (let o = 0; o < outputs; o++) {
    for (let i = 0; i < inputs; i++) {
      const g = weight + <usize>(turned ? i * outputs + o : o * inputs + i) * 36;
      const first: usize = turned ? g + 32 : g;
      const sign: usize = turned ? <usize>-4 : 4;
      for (let row: usize = 0; row < 3; row++) {
        const tap = first + 3 * row * sign;
        transformThree(load<f32>(tap), load<f32>(tap + sign), load<f32>(tap + 2 * sign), work + (row << 4), 4);
      }
      const to = kernels + (<usize>(o * inputs + i) << 2);
      for (let j: usize = 0; j < 4; j++) {
        const column = work + (j << 2);
        transformThree(load<f32>(column), load<f32>(column + 16), load<f32>(column + 32), to + j * step, 4 * step);
      }
    }
  }
}

/** G g. */
// @ts-ignore: decorator
@inline
function transformThree(g0: f32, g1: f32, g2: f32, to: usize, step: usize): void {
  const even: f32 = 0.5 * (g0 + g2);
  const odd: f32 = 0.5 * g1;
  store<f32>(to, g0);
  store<f32>(to + step, even + odd);
  store<f32>(to + 2 * step, even - odd);
  store<f32>(to + 3 * step, g2);
}

/** G' u. */
// @ts-ignore: decorator
@inline
export function kernelOf(u0: f32, u1: f32, u2: f32, u3: f32, to: usize, step: usize): void {
  const half: f32 = 0.5 * (u1 + u2);
  store<f32>(to, u0 + half);
  store<f32>(to + step, 0.5 * (u1 - u2));
  store<f32>(to + 2 * step, half + u3);
}

/**
 * out [N][C][height][width] = bias + A' m A of the products m [16][C][T]; pixels beyond height or width are
 * dropped. work: 20 vectors.
 */
export function transformOutput(
  products: usize, step: usize, images: i32, channels: i32, tilesY: i32, tilesX: i32, bias: usize,
  out: usize, height: i32, width: i32, work: usize,
): void {
  const tiles = images * tilesY * tilesX;
  for (let c = 0; c < channels; c++) {
    const start = bias ? v128.load32_splat(bias + (<usize>c << 2)) : f32x4.splat(0);
    for (let t = 0; t < tiles; t += 4) {
      const from = products + (<usize>(c * tiles + t) << 2);
      for (let j: usize = 0; j < 4; j++) {
        const m = from + j * step;
        outputOf(
          v128.load(m), v128.load(m + 4 * step), v128.load(m + 8 * step), v128.load(m + 12 * step), work + (j << 4), 64,
        );
      }
      const tx = t % tilesX;
      const row = t / tilesX;
      const image = row / tilesY;
      const count = width - 2 * tx;
      if (count <= 0) continue;
      for (let i = 0; i < 2; i++) {
        const y = 2 * (row - image * tilesY) + i;
        if (y >= height) break;
        outputOf(element(work, i, 0), element(work, i, 1), element(work, i, 2), element(work, i, 3), work + 256, 16);
        const even = f32x4.add(v128.load(work, 256), start);
        const odd = f32x4.add(v128.load(work, 272), start);
        const to = out + offset(image * channels + c, height, width, y, 2 * tx);
        storeUpTo(to, 0, count, v128.shuffle<f32>(even, odd, 0, 4, 1, 5));
        if (count > 4) storeUpTo(to, 4, count, v128.shuffle<f32>(even, odd, 2, 6, 3, 7));
      }
    }
  }
}
