// Data set images, stored as uint8 in [N, C, H, W]: conversion to float32 batches, masks, statistics. A plane
// is one channel of one image: `plane` = H * W elements.

import { load4, storeUpTo } from "../lib/simd";

/**
 * y[i] = (x[i] / 255 - mean) / std for four bytes in int32 lanes: the same bits as torchvision's ToTensor and
 * Normalize.
 */
// @ts-ignore: decorator
@inline
function toUnit(bytes: v128, mean: v128, std: v128): v128 {
  return f32x4.div(f32x4.sub(f32x4.div(f32x4.convert_i32x4_u(bytes), f32x4.splat(255)), mean), std);
}

/**
 * out[b, c, i] = (images[indices[b], c, i] / 255 - mean[c]) / std[c]
 *
 * images uint8 [N, C, plane], indices int32 [B], mean and std float32 [C], out float32 [B, C, plane].
 * Range: planes b * C + c. Reads up to 15 bytes past the images.
 */
export function gatherImages(
  begin: i32, end: i32, images: usize, indices: usize, channels: i32, plane: i32, mean: usize, std: usize, out: usize,
): void {
  for (let p = begin; p < end; p++) {
    const b = p / channels;
    const c = p - b * channels;
    const from = images + (<usize>load<i32>(indices + (<usize>b << 2)) * channels + c) * plane;
    const to = out + (<usize>p * plane << 2);
    const means = v128.load32_splat(mean + (<usize>c << 2));
    const stds = v128.load32_splat(std + (<usize>c << 2));
    for (let i = 0; i < plane; i += 16) {
      const bytes = v128.load(from + i);
      const low = i16x8.extend_low_i8x16_u(bytes);
      const high = i16x8.extend_high_i8x16_u(bytes);
      storeUpTo(to, i, plane, toUnit(i32x4.extend_low_i16x8_u(low), means, stds));
      if (i + 4 < plane) storeUpTo(to, i + 4, plane, toUnit(i32x4.extend_high_i16x8_u(low), means, stds));
      if (i + 8 < plane) storeUpTo(to, i + 8, plane, toUnit(i32x4.extend_low_i16x8_u(high), means, stds));
      if (i + 12 < plane) storeUpTo(to, i + 12, plane, toUnit(i32x4.extend_high_i16x8_u(high), means, stds));
    }
  }
}

/**
 * y[p, i] = (x[p, i] - mean[c]) / std[c], p = n * C + c. The gradient is the same computation with mean 0.
 * Range: planes p.
 */
export function normalizePlanes(
  begin: i32, end: i32, x: usize, channels: i32, plane: i32, mean: usize, std: usize, y: usize,
): void {
  for (let p = begin; p < end; p++) {
    const c = p % channels;
    const offset = <usize>p * plane << 2;
    const means = v128.load32_splat(mean + (<usize>c << 2));
    const stds = v128.load32_splat(std + (<usize>c << 2));
    for (let i = 0; i < plane; i += 4) {
      storeUpTo(y + offset, i, plane, f32x4.div(f32x4.sub(load4(x + offset, i), means), stds));
    }
  }
}

/** y[n, c, i] = x[n, i, c] for bytes: from interleaved to planar. Range: images n. */
export function interleavedToPlanar(begin: i32, end: i32, x: usize, channels: i32, plane: i32, y: usize): void {
  for (let n = begin; n < end; n++) {
    const image = <usize>n * channels * plane;
    for (let c = 0; c < channels; c++) {
      let from = x + image + c;
      const to = y + image + <usize>c * plane;
      for (let i = 0; i < plane; i++, from += channels) store<u8>(to + i, load<u8>(from));
    }
  }
}

/**
 * y[n, 0 .. bytes) = x[n, skip .. skip + bytes) for rows of skip + bytes bytes: removes the header of each
 * record. Range: rows n.
 */
export function stripRecords(begin: i32, end: i32, x: usize, skip: i32, bytes: i32, y: usize): void {
  for (let n = begin; n < end; n++) memory.copy(y + <usize>n * bytes, x + <usize>n * (skip + bytes) + skip, bytes);
}

/**
 * float64 sums[p] = Σ x[p, i] and sums[planes + p] = Σ x[p, i]² for bytes x[planes, plane]; both are exact.
 * Range: planes p.
 */
export function planeMoments(begin: i32, end: i32, x: usize, plane: i32, planes: i32, sums: usize): void {
  for (let p = begin; p < end; p++) {
    const from = x + <usize>p * plane;
    let sum: i64 = 0;
    let squares: i64 = 0;
    let i = 0;
    while (i + 16 <= plane) {
      // sums in int32 lanes: each lane adds 4 squares of at most 255² per iteration, which cannot overflow in
      // 4096 iterations
      const stop = min(plane, i + 65536);
      let sum4 = i32x4.splat(0);
      let squares4 = sum4;
      for (; i + 16 <= stop; i += 16) {
        const bytes = v128.load(from + i);
        const low = i16x8.extend_low_i8x16_u(bytes);
        const high = i16x8.extend_high_i8x16_u(bytes);
        sum4 = i32x4.add(sum4, i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(bytes)));
        squares4 = i32x4.add(squares4, i32x4.add(i32x4.dot_i16x8_s(low, low), i32x4.dot_i16x8_s(high, high)));
      }
      sum += addLanes(sum4);
      squares += addLanes(squares4);
    }
    for (; i < plane; i++) {
      const value = <i32>load<u8>(from + i);
      sum += value;
      squares += value * value;
    }
    store<f64>(sums + (<usize>p << 3), <f64>sum);
    store<f64>(sums + (<usize>(planes + p) << 3), <f64>squares);
  }
}

// @ts-ignore: decorator
@inline
function addLanes(v: v128): i64 {
  const pairs = i64x2.add(i64x2.extend_low_i32x4_u(v), i64x2.extend_high_i32x4_u(v));
  return i64x2.extract_lane(pairs, 0) + i64x2.extract_lane(pairs, 1);
}

/**
 * float32 out[0, c] and out[1, c]: mean and standard deviation (divided by n, not n - 1) of values / 255,
 * from float64 sums[2, C] of `count` values and their squares.
 */
export function meanAndStd(sums: usize, channels: i32, count: f64, out: usize): void {
  for (let c = 0; c < channels; c++) {
    const mean = load<f64>(sums + (<usize>c << 3)) / count;
    const square = load<f64>(sums + (<usize>(channels + c) << 3)) / count;
    store<f32>(out + (<usize>c << 2), <f32>(mean / 255));
    store<f32>(out + (<usize>(channels + c) << 2), <f32>(sqrt(max(0, square - mean * mean)) / 255));
  }
}

/**
 * int32 out[n, c, i] = 1 where u[n, c, i] >= ratio, else 0. With shared = 1, all channels of an image use the
 * same u[n, i]. Range: planes n * C + c.
 */
export function maskAtLeast(
  begin: i32, end: i32, u: usize, channels: i32, plane: i32, shared: i32, ratio: f32, out: usize,
): void {
  const ratios = f32x4.splat(ratio);
  const ones = i32x4.splat(1);
  for (let p = begin; p < end; p++) {
    const from = u + (<usize>(shared ? p / channels : p) * plane << 2);
    const to = out + (<usize>p * plane << 2);
    for (let i = 0; i < plane; i += 4) storeUpTo(to, i, plane, v128.and(f32x4.ge(load4(from, i), ratios), ones));
  }
}

/**
 * int32 out[n, c, y, x] = 0 inside any of image n's blocks of blockHeight x blockWidth, else 1. tops and
 * lefts, int32 [N, count]: the first row and column of each block, inside the image. Range: planes n * C + c.
 */
export function maskBlocks(
  begin: i32, end: i32, tops: usize, lefts: usize, count: i32, channels: i32, height: i32, width: i32,
  blockHeight: i32, blockWidth: i32, out: usize,
): void {
  const plane = height * width;
  const ones = i32x4.splat(1);
  for (let p = begin; p < end; p++) {
    const to = out + (<usize>p * plane << 2);
    for (let i = 0; i < plane; i += 4) storeUpTo(to, i, plane, ones);
    const first = <usize>(p / channels) * count;
    for (let b: usize = first; b < first + count; b++) {
      const top = load<i32>(tops + (b << 2));
      const left = load<i32>(lefts + (b << 2));
      for (let y = top; y < top + blockHeight; y++) {
        memory.fill(to + (<usize>(y * width + left) << 2), 0, <usize>blockWidth << 2);
      }
    }
  }
}
