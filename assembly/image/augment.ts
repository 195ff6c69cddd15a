// Augmentation of batches of images, float32 [B, C, H, W]. Each image is changed at random, independently of
// the others. The range of all kernels is images b.
//
// The random numbers of an image come from its key (float64 keys[B], 53 bits): Philox of (index in the data
// set, epoch, step, view) under the seed. So the result for an image does not depend on its batch, its place
// in the batch, the threads, or the images before it.

import { cos4, exp4, log4, sin4 } from "../lib/math";
import { philoxWord, randomNormal } from "../random/draw";
import { load4, storeUpTo } from "../lib/simd";

/**
 * keys[b] = the key of image indices[b] (int32). step: the number of this augmentation, when several follow
 * each other; view: the number of this version of the image.
 */
export function imageKeys(
  begin: i32, end: i32, indices: usize, seed: f64, epoch: u32, step: u32, view: u32, keys: usize,
): void {
  const k0 = <u32>(<u64>seed);
  const k1 = <u32>(<u64>seed >> 32);
  for (let b = begin; b < end; b++) {
    const index = load<u32>(indices + (<usize>b << 2));
    const low = philoxWord(index, epoch, step, view, k0, k1, 0);
    const high = philoxWord(index, epoch, step, view, k0, k1, 1) >> 11;
    store<f64>(keys + (<usize>b << 3), <f64>((<u64>high << 32) | <u64>low));
  }
}

/** Random number n (0, 1, …) of image b: uniform in [0, 1), in steps of 2^-24. */
function chance(keys: usize, b: i32, n: i32): f32 {
  const key = <u64>load<f64>(keys + (<usize>b << 3));
  return <f32>(philoxWord(n >> 2, 0, 0, 0, <u32>key, <u32>(key >> 32), n & 3) >> 8) * f32(1.0 / 16777216.0);
}

/**
 * A random integer in [0, range), range < 2^20. Probabilities differ from 1 / range by less than 1/16 of it.
 */
// @ts-ignore: decorator
@inline
function choose(u: f32, range: i32): i32 {
  return min(<i32>(u * <f32>range), range - 1);
}

/**
 * y[b, c, r, q] = x[b, c, r + dr, q + dq], or `fill` outside x, with random integers dr and dq in [-padding,
 * padding]: a random crop of the padded image.
 */
export function augmentCrop(
  begin: i32, end: i32, x: usize, keys: usize, channels: i32, height: i32, width: i32, padding: i32, fill: f32, y: usize,
): void {
  for (let b = begin; b < end; b++) {
    const dr = choose(chance(keys, b, 0), 2 * padding + 1) - padding;
    const dq = choose(chance(keys, b, 1), 2 * padding + 1) - padding;
    const left = min(width, max(0, -dq));
    const right = max(left, min(width, width - dq));
    for (let row = 0; row < channels * height; row++) {
      const r = row % height + dr;
      const to = y + (<usize>(b * channels * height + row) * width << 2);
      const inside = r >= 0 && r < height;
      if (inside && right > left) {
        const from = x + (<usize>(b * channels * height + row + dr) * width << 2);
        memory.copy(to + (<usize>left << 2), from + (<usize>(left + dq) << 2), <usize>(right - left) << 2);
      }
      const begins = inside ? left : width;
      for (let q = 0; q < begins; q++) store<f32>(to + (<usize>q << 2), fill);
      for (let q = max(begins, right); q < width; q++) store<f32>(to + (<usize>q << 2), fill);
    }
  }
}

/** y[b, c, r, q] = x[b, c, r, W - 1 - q] with probability p, else x. */
export function augmentFlip(
  begin: i32, end: i32, x: usize, keys: usize, channels: i32, height: i32, width: i32, p: f32, y: usize,
): void {
  const image = channels * height * width;
  for (let b = begin; b < end; b++) {
    if (chance(keys, b, 0) >= p) {
      memory.copy(y + (<usize>b * image << 2), x + (<usize>b * image << 2), <usize>image << 2);
      continue;
    }
    for (let row = 0; row < channels * height; row++) {
      const from = x + (<usize>(b * channels * height + row) * width << 2);
      const to = y + (<usize>(b * channels * height + row) * width << 2);
      for (let q = 0; q < width; q++) store<f32>(to + (<usize>q << 2), load<f32>(from + (<usize>(width - 1 - q) << 2)));
    }
  }
}

/** Bytes of the map of an image: six float32 coefficients. @shared */
// @ts-ignore: decorator
@inline
const MAP_BYTES: usize = 24;

/**
 * float32 out[b] = (a, b, c, d, e, f): pixel (r, q) of the result comes from row a r + b q + c and column d r
 * + e q + f. The map is a rotation about the centre by a random angle in [-degrees, degrees].
 */
export function rotationMaps(begin: i32, end: i32, keys: usize, degrees: f32, height: i32, width: i32, out: usize): void {
  const middleRow = <f32>(height - 1) * 0.5;
  const middleColumn = <f32>(width - 1) * 0.5;
  for (let b = begin; b < end; b++) {
    const angle = (chance(keys, b, 0) * 2 - 1) * degrees * f32(0.017453292519943295);
    const cosine = f32x4.extract_lane(cos4(f32x4.splat(angle)), 0);
    const sine = f32x4.extract_lane(sin4(f32x4.splat(angle)), 0);
    const to = out + <usize>b * MAP_BYTES;
    store<f32>(to, cosine);
    store<f32>(to, -sine, 4);
    store<f32>(to, middleRow - cosine * middleRow + sine * middleColumn, 8);
    store<f32>(to, sine, 12);
    store<f32>(to, cosine, 16);
    store<f32>(to, middleColumn - sine * middleRow - cosine * middleColumn, 20);
  }
}

/**
 * The same for a random crop, which is stretched to the size of the image. It has minArea to maxArea of the
 * image's area, an aspect ratio between 1 / ratio and ratio (no side longer than the image's), and any
 * position.
 */
export function cropMaps(
  begin: i32, end: i32, keys: usize, minArea: f32, maxArea: f32, ratio: f32, height: i32, width: i32, out: usize,
): void {
  const logRatio = f32x4.extract_lane(log4(f32x4.splat(ratio)), 0);
  for (let b = begin; b < end; b++) {
    const area = minArea + (maxArea - minArea) * chance(keys, b, 0);
    const tall = f32x4.extract_lane(exp4(f32x4.splat((chance(keys, b, 1) * 2 - 1) * logRatio)), 0);
    const scaleRow = min<f32>(1, sqrt<f32>(area * tall));
    const scaleColumn = min<f32>(1, sqrt<f32>(area / tall));
    const to = out + <usize>b * MAP_BYTES;
    // pixel centres lie at r + 1/2
    store<f32>(to, scaleRow);
    store<f32>(to, 0, 4);
    store<f32>(to, chance(keys, b, 2) * (1 - scaleRow) * <f32>height + scaleRow * 0.5 - 0.5, 8);
    store<f32>(to, 0, 12);
    store<f32>(to, scaleColumn, 16);
    store<f32>(to, chance(keys, b, 3) * (1 - scaleColumn) * <f32>width + scaleColumn * 0.5 - 0.5, 20);
  }
}

/**
 * y[b, c, r, q] = x at the position given by `maps` (float32 [B, 6], see rotationMaps), with bilinear
 * interpolation between pixels. Positions outside the image repeat its edge.
 */
export function augmentWarp(
  begin: i32, end: i32, x: usize, maps: usize, channels: i32, height: i32, width: i32, y: usize,
): void {
  const plane = height * width;
  for (let b = begin; b < end; b++) {
    const map = maps + <usize>b * MAP_BYTES;
    const image = x + (<usize>b * channels * plane << 2);
    const result = y + (<usize>b * channels * plane << 2);
    for (let r = 0; r < height; r++) {
      for (let q = 0; q < width; q++) {
        const row = load<f32>(map) * <f32>r + load<f32>(map, 4) * <f32>q + load<f32>(map, 8);
        const column = load<f32>(map, 12) * <f32>r + load<f32>(map, 16) * <f32>q + load<f32>(map, 20);
        const inRow = min<f32>(<f32>(height - 1), max<f32>(0, row));
        const inColumn = min<f32>(<f32>(width - 1), max<f32>(0, column));
        const top = <i32>inRow;
        const left = <i32>inColumn;
        const down = <f32>(inRow - <f32>top);
        const across = <f32>(inColumn - <f32>left);
        const upper = <usize>(top * width) << 2;
        const lower = <usize>(min(top + 1, height - 1) * width) << 2;
        const first = <usize>left << 2;
        const second = <usize>min(left + 1, width - 1) << 2;
        for (let c = 0; c < channels; c++) {
          const from = image + (<usize>(c * plane) << 2);
          const above = load<f32>(from + upper + first) * (1 - across) + load<f32>(from + upper + second) * across;
          const below = load<f32>(from + lower + first) * (1 - across) + load<f32>(from + lower + second) * across;
          store<f32>(result + (<usize>(c * plane + r * width + q) << 2), above * (1 - down) + below * down);
        }
      }
    }
  }
}

const RED: f32 = 0.299;
const GREEN: f32 = 0.587;
const BLUE: f32 = 0.114;

/** 1 + a random number in [-width, width]. */
// @ts-ignore: decorator
@inline
function factor(u: f32, width: f32): f32 {
  return 1 + (2 * u - 1) * width;
}

/**
 * With probability p, these steps change the colours v of an image [3, H, W] in [0, 1], one after the other:
 *   brightness  v = f v                            f in [1 - brightness, 1 + brightness]
 *   contrast    v = f v + (1 - f) mean(grey)
 *   saturation  v = f v + (1 - f) grey(v)          grey = 0.299 r + 0.587 g + 0.114 b
 *   hue         v rotated about the grey axis by an angle in [-hue, hue] of a full rotation
 * Then, with probability grayP, v = grey(v). All steps together are one affine map of the three channels; the
 * result is clamped to [0, 1].
 */
export function augmentColor(
  begin: i32, end: i32, x: usize, keys: usize, plane: i32,
  brightness: f32, contrast: f32, saturation: f32, hue: f32, p: f32, grayP: f32, y: usize,
): void {
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  for (let b = begin; b < end; b++) {
    const red = x + (<usize>(3 * b * plane) << 2);
    const green = red + (<usize>plane << 2);
    const blue = green + (<usize>plane << 2);
    const changed = chance(keys, b, 0) < p;
    const light: f32 = changed ? factor(chance(keys, b, 1), brightness) : 1;
    const strength: f32 = changed ? factor(chance(keys, b, 2), contrast) : 1;
    const colour: f32 = changed ? factor(chance(keys, b, 3), saturation) : 1;
    const turn: f32 = changed ? (2 * chance(keys, b, 4) - 1) * hue : 0;
    const gray = chance(keys, b, 5) < grayP;
    let sum: f64 = 0;
    for (let i = 0; i < plane; i++) {
      const at = <usize>i << 2;
      sum += <f64>(RED * load<f32>(red + at) + GREEN * load<f32>(green + at) + BLUE * load<f32>(blue + at));
    }
    const angle = f32x4.splat(turn * f32(6.283185307179586));
    const cosine = f32x4.extract_lane(cos4(angle), 0);
    const sine = f32x4.extract_lane(sin4(angle), 0) * f32(0.5773502691896258); // 1 / sqrt(3)
    const other: f32 = (1 - cosine) * f32(1.0 / 3.0);
    const same: f32 = cosine + other;
    const before: f32 = other + sine;
    const after: f32 = other - sine;
    const offset = f32x4.splat((1 - strength) * light * <f32>(sum / <f64>plane));
    for (let c = 0; c < 3; c++) {
      // row c of the rotation matrix; each row is the row before it, rotated by one element
      let fromRed: f32 = c == 0 ? same : c == 1 ? before : after;
      let fromGreen: f32 = c == 0 ? after : c == 1 ? same : before;
      let fromBlue: f32 = c == 0 ? before : c == 1 ? after : same;
      if (gray) {
        fromRed = RED * same + GREEN * before + BLUE * after;
        fromGreen = RED * after + GREEN * same + BLUE * before;
        fromBlue = RED * before + GREEN * after + BLUE * same;
      }
      // the rotation keeps grey: its rows add up to 1, so the grey part of the saturation passes through it
      // unchanged
      const scale: f32 = light * strength;
      const weightRed = f32x4.splat(scale * (colour * fromRed + (1 - colour) * RED));
      const weightGreen = f32x4.splat(scale * (colour * fromGreen + (1 - colour) * GREEN));
      const weightBlue = f32x4.splat(scale * (colour * fromBlue + (1 - colour) * BLUE));
      const to = y + (<usize>((3 * b + c) * plane) << 2);
      for (let i = 0; i < plane; i += 4) {
        let v = f32x4.add(offset, f32x4.mul(weightRed, load4(red, i)));
        v = f32x4.add(v, f32x4.mul(weightGreen, load4(green, i)));
        v = f32x4.add(v, f32x4.mul(weightBlue, load4(blue, i)));
        storeUpTo(to, i, plane, f32x4.min(one, f32x4.max(zero, v)));
      }
    }
  }
}

/**
 * y = x, except that a square of side `size` around a random pixel becomes `value` in all channels. The part
 * of the square outside the image is cut off.
 */
export function augmentCutout(
  begin: i32, end: i32, x: usize, keys: usize, channels: i32, height: i32, width: i32, size: i32, value: f32, y: usize,
): void {
  const image = channels * height * width;
  for (let b = begin; b < end; b++) {
    memory.copy(y + (<usize>b * image << 2), x + (<usize>b * image << 2), <usize>image << 2);
    const top = choose(chance(keys, b, 0), height) - (size >> 1);
    const left = choose(chance(keys, b, 1), width) - (size >> 1);
    for (let c = 0; c < channels; c++) {
      for (let r = max(0, top); r < min(height, top + size); r++) {
        const row = y + (<usize>(b * image + (c * height + r) * width) << 2);
        for (let q = max(0, left); q < min(width, left + size); q++) store<f32>(row + (<usize>q << 2), value);
      }
    }
  }
}

/** y[b, i] = x[b, i] + std z, z standard normal; `size` elements per image. */
export function augmentNoise(begin: i32, end: i32, x: usize, keys: usize, size: i32, std: f32, y: usize): void {
  for (let b = begin; b < end; b++) {
    const from = x + (<usize>b * size << 2);
    const to = y + (<usize>b * size << 2);
    randomNormal(0, size, to, load<f64>(keys + (<usize>b << 3)), 0, 0, std);
    for (let i = 0; i < size; i += 4) storeUpTo(to, i, size, f32x4.add(load4(to, i), load4(from, i)));
  }
}

/** y[b] = x[b] rotated to the left by quarters[b] (int32, 0 to 3) times 90 degrees; H = W = side. */
export function rotateQuarters(
  begin: i32, end: i32, x: usize, quarters: usize, channels: i32, side: i32, y: usize,
): void {
  const last = side - 1;
  for (let b = begin; b < end; b++) {
    const turns = load<i32>(quarters + (<usize>b << 2)) & 3;
    for (let c = 0; c < channels; c++) {
      const from = x + (<usize>((b * channels + c) * side * side) << 2);
      const to = y + (<usize>((b * channels + c) * side * side) << 2);
      for (let r = 0; r < side; r++) {
        for (let q = 0; q < side; q++) {
          const row = turns == 0 ? r : turns == 1 ? q : turns == 2 ? last - r : last - q;
          const column = turns == 0 ? q : turns == 1 ? last - r : turns == 2 ? last - q : r;
          store<f32>(to + (<usize>(r * side + q) << 2), load<f32>(from + (<usize>(row * side + column) << 2)));
        }
      }
    }
  }
}

/**
 * int32 out[b] = (constant, hash, hash) for each image. constant: 1 if each channel has a single value. Two
 * images with the same elements have the same hashes; different images almost never do.
 */
export function describeImages(begin: i32, end: i32, x: usize, channels: i32, plane: i32, out: usize): void {
  for (let b = begin; b < end; b++) {
    let constant = 1;
    let hash: u64 = 0xcbf29ce484222325; // FNV-1a over words
    for (let c = 0; c < channels; c++) {
      const from = x + (<usize>((b * channels + c) * plane) << 2);
      const first = load<u32>(from);
      for (let i = 0; i < plane; i++) {
        const word = load<u32>(from + (<usize>i << 2));
        if (word != first) constant = 0;
        hash = (hash ^ <u64>word) * 0x100000001b3;
      }
    }
    hash ^= hash >> 29; // mixes high bits into the low ones, which multiplication does not
    const to = out + <usize>b * 12;
    store<i32>(to, constant);
    store<i32>(to, <i32>hash, 4);
    store<i32>(to, <i32>(hash >> 32), 8);
  }
}
