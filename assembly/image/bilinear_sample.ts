// grid_sample.ts for the case that counts most: linear interpolation of images, without reflection. Four
// positions at a time form a group: the four pixels around each of them lie in two pairs side by side.

import { lanesBelow, load4, storeUpTo } from "../lib/simd";
import { SAMPLE_BLOCK, SamplePadding, SampleSizes } from "./grid_sample";

/**
 * Bytes of a group, of which each field has one lane per position: the offset of the upper left pixel, which
 * pixels are inside (below), their shares along x and y, the derivatives of the pixel position by x and y,
 * and two sums.
 */
const GROUP_BYTES: usize = 128;
/** Scratch memory of a chunk: the groups of a block, and four vectors of pixels. @shared */
const BILINEAR_WORK_BYTES: usize = 16 * GROUP_BYTES + 64;

// bits that say which of a position's pixels are inside
const LEFT = 1;
const RIGHT = 2;
const UPPER = 4;
const LOWER = 8;

// @ts-ignore: decorator
@inline
function all(value: f32): v128 {
  return f32x4.splat(value);
}

// @ts-ignore: decorator
@inline
function isInside(x: v128, size: i32): v128 {
  return v128.and(f32x4.ge(x, all(0)), f32x4.le(x, all(<f32>(size - 1))));
}

/** Pixel positions of the coordinates g, and in `slope` their derivatives. */
// @ts-ignore: decorator
@inline
function positionsOf(g: v128, size: i32, s: SampleSizes, slope: usize): v128 {
  const scale = s.alignCorners ? <f32>(size - 1) * 0.5 : <f32>size * 0.5;
  let x = f32x4.mul(f32x4.add(g, all(1)), all(scale));
  if (!s.alignCorners) x = f32x4.sub(x, all(0.5));
  if (s.padding == SamplePadding.Zeros) {
    v128.store(slope, all(scale));
    return x;
  }
  const last = all(<f32>(size - 1));
  v128.store(slope, v128.and(all(scale), v128.and(f32x4.gt(x, all(0)), f32x4.lt(x, last))));
  return f32x4.min(f32x4.max(x, all(0)), last);
}

/** The groups of `count` positions. */
function setGroups(group: usize, grid: usize, count: i32, s: SampleSizes): void {
  const one = i32x4.splat(LEFT);
  for (let p = 0; p < count; p += 4, grid += 32, group += GROUP_BYTES) {
    const xy01 = v128.load(grid);
    // positions after the last are not read
    const xy23 = p + 2 < count ? v128.load(grid, 16) : xy01;
    const x = positionsOf(v128.shuffle<i32>(xy01, xy23, 0, 2, 4, 6), s.width, s, group + 64);
    const y = positionsOf(v128.shuffle<i32>(xy01, xy23, 1, 3, 5, 7), s.height, s, group + 80);
    const left = f32x4.floor(x);
    const upper = f32x4.floor(y);
    const isLeft = isInside(left, s.width);
    const isRight = isInside(f32x4.add(left, all(1)), s.width);
    const isUpper = isInside(upper, s.height);
    const isLower = isInside(f32x4.add(upper, all(1)), s.height);
    const columns = v128.or(v128.and(isLeft, one), v128.and(isRight, i32x4.splat(RIGHT)));
    const rows = v128.or(v128.and(isUpper, i32x4.splat(UPPER)), v128.and(isLower, i32x4.splat(LOWER)));
    const offset = i32x4.add(
      i32x4.mul(i32x4.trunc_sat_f32x4_s(upper), i32x4.splat(s.width)), i32x4.trunc_sat_f32x4_s(left),
    );
    const some = lanesBelow(count - p);
    v128.store(group, i32x4.shl(offset, 2));
    v128.store(group, v128.and(v128.or(columns, rows), some), 16);
    // 0 for positions far outside, which may be infinite or NaN
    v128.store(group, v128.and(f32x4.sub(x, left), v128.or(isLeft, isRight)), 32);
    v128.store(group, v128.and(f32x4.sub(y, upper), v128.or(isUpper, isLower)), 48);
    v128.store(group, all(0), 96);
    v128.store(group, all(0), 112);
  }
}

// @ts-ignore: decorator
@inline
function areInside(group: usize): bool {
  return i32x4.all_true(i32x4.eq(v128.load(group, 16), i32x4.splat(LEFT | RIGHT | UPPER | LOWER)));
}

/** Two pixels side by side of position `first` of a group, and two of the next position. */
// @ts-ignore: decorator
@inline
function twoPairs(plane: usize, group: usize, first: usize): v128 {
  const pair = v128.load64_zero(plane + load<i32>(group + (first << 2)));
  return v128.load64_lane(plane + load<i32>(group + (first << 2), 4), pair, 1);
}

// @ts-ignore: decorator
@inline
function pixel(at: usize, flags: i32, needed: i32): f32 {
  return (flags & needed) == needed ? load<f32>(at) : 0;
}

/** The pixels of a group, 0 outside: four upper left ones, then upper right, lower left, lower right. */
function gatherPixels(plane: usize, group: usize, rowBytes: usize, to: usize): void {
  for (let lane: usize = 0; lane < 16; lane += 4) {
    const at = plane + load<i32>(group + lane);
    const flags = load<i32>(group + lane, 16);
    store<f32>(to + lane, pixel(at, flags, LEFT | UPPER));
    store<f32>(to + lane, pixel(at + 4, flags, RIGHT | UPPER), 16);
    store<f32>(to + lane, pixel(at + rowBytes, flags, LEFT | LOWER), 32);
    store<f32>(to + lane, pixel(at + rowBytes + 4, flags, RIGHT | LOWER), 48);
  }
}

/**
 * y[n][c][p] = the pixels around position p, by their shares. Unit: a block of SAMPLE_BLOCK positions of an
 * image. work: BILINEAR_WORK_BYTES for each chunk of `grain` units.
 */
export function bilinearSample(
  begin: i32, end: i32, x: usize, grid: usize, y: usize, sizes: usize, work: usize, grain: i32,
): void {
  const s = changetype<SampleSizes>(sizes);
  const groups = work + <usize>(begin / grain) * BILINEAR_WORK_BYTES;
  const pixels = groups + BILINEAR_WORK_BYTES - 64;
  const rowBytes = <usize>s.width << 2;
  const plane = <usize>s.height * rowBytes;
  const blocks = (s.count + SAMPLE_BLOCK - 1) / SAMPLE_BLOCK;
  for (let unit = begin; unit < end; unit++) {
    const n = unit / blocks;
    const first = (unit - n * blocks) * SAMPLE_BLOCK;
    const count = min(SAMPLE_BLOCK, s.count - first);
    setGroups(groups, grid + ((<usize>n * s.count + first) << 3), count, s);
    let from = x + <usize>n * s.channels * plane;
    let to = y + ((<usize>n * s.channels * s.count + first) << 2);
    for (let c = 0; c < s.channels; c++, from += plane, to += <usize>s.count << 2) {
      let group = groups;
      for (let p = 0; p < count; p += 4, group += GROUP_BYTES) {
        let upperLeft: v128, upperRight: v128, lowerLeft: v128, lowerRight: v128;
        if (areInside(group)) {
          const upper01 = twoPairs(from, group, 0);
          const upper23 = twoPairs(from, group, 2);
          const lower01 = twoPairs(from + rowBytes, group, 0);
          const lower23 = twoPairs(from + rowBytes, group, 2);
          upperLeft = v128.shuffle<i32>(upper01, upper23, 0, 2, 4, 6);
          upperRight = v128.shuffle<i32>(upper01, upper23, 1, 3, 5, 7);
          lowerLeft = v128.shuffle<i32>(lower01, lower23, 0, 2, 4, 6);
          lowerRight = v128.shuffle<i32>(lower01, lower23, 1, 3, 5, 7);
        } else {
          gatherPixels(from, group, rowBytes, pixels);
          upperLeft = v128.load(pixels);
          upperRight = v128.load(pixels, 16);
          lowerLeft = v128.load(pixels, 32);
          lowerRight = v128.load(pixels, 48);
        }
        const right = v128.load(group, 32);
        const down = v128.load(group, 48);
        const left = f32x4.sub(all(1), right);
        const upper = f32x4.add(f32x4.mul(upperLeft, left), f32x4.mul(upperRight, right));
        const lower = f32x4.add(f32x4.mul(lowerLeft, left), f32x4.mul(lowerRight, right));
        const value = f32x4.add(f32x4.mul(upper, f32x4.sub(all(1), down)), f32x4.mul(lower, down));
        storeUpTo(to, p, count, value);
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function addTo(at: usize, value: f32): void {
  store<f32>(at, load<f32>(at) + value);
}

/** Adds the part of a gradient that belongs to each pixel of a position. */
// @ts-ignore: decorator
@inline
function scatter(at: usize, rowBytes: usize, flags: i32, upperLeft: f32, upperRight: f32, lowerLeft: f32, lowerRight: f32): void {
  if (flags == (LEFT | RIGHT | UPPER | LOWER)) {
    addTo(at, upperLeft);
    addTo(at + 4, upperRight);
    addTo(at + rowBytes, lowerLeft);
    addTo(at + rowBytes + 4, lowerRight);
    return;
  }
  if ((flags & (LEFT | UPPER)) == (LEFT | UPPER)) addTo(at, upperLeft);
  if ((flags & (RIGHT | UPPER)) == (RIGHT | UPPER)) addTo(at + 4, upperRight);
  if ((flags & (LEFT | LOWER)) == (LEFT | LOWER)) addTo(at + rowBytes, lowerLeft);
  if ((flags & (RIGHT | LOWER)) == (RIGHT | LOWER)) addTo(at + rowBytes + 4, lowerRight);
}

/** The gradient of x, in the order of positions. Unit: a plane (n, c). work as for bilinearSample. */
export function bilinearSampleGradInput(
  begin: i32, end: i32, dy: usize, grid: usize, dx: usize, sizes: usize, work: usize, grain: i32,
): void {
  const s = changetype<SampleSizes>(sizes);
  const groups = work + <usize>(begin / grain) * BILINEAR_WORK_BYTES;
  const rowBytes = <usize>s.width << 2;
  const plane = <usize>s.height * rowBytes;
  memory.fill(dx + <usize>begin * plane, 0, <usize>(end - begin) * plane);
  for (let unit = begin; unit < end; ) {
    // the planes of one image share the groups
    const n = unit / s.channels;
    const last = min(end, (n + 1) * s.channels);
    for (let first = 0; first < s.count; first += SAMPLE_BLOCK) {
      const count = min(SAMPLE_BLOCK, s.count - first);
      setGroups(groups, grid + ((<usize>n * s.count + first) << 3), count, s);
      for (let c = unit; c < last; c++) {
        const to = dx + <usize>c * plane;
        const from = dy + ((<usize>c * s.count + first) << 2);
        let group = groups;
        for (let p = 0; p < count; p += 4, group += GROUP_BYTES) {
          const slope = load4(from, p);
          const right = v128.load(group, 32);
          const down = v128.load(group, 48);
          const left = f32x4.sub(all(1), right);
          const lower = f32x4.mul(slope, down);
          const upper = f32x4.mul(slope, f32x4.sub(all(1), down));
          const upperLeft = f32x4.mul(upper, left);
          const upperRight = f32x4.mul(upper, right);
          const lowerLeft = f32x4.mul(lower, left);
          const lowerRight = f32x4.mul(lower, right);
          // a position after the last has no pixels
          scatter(
            to + load<i32>(group), rowBytes, load<i32>(group, 16), f32x4.extract_lane(upperLeft, 0),
            f32x4.extract_lane(upperRight, 0), f32x4.extract_lane(lowerLeft, 0), f32x4.extract_lane(lowerRight, 0),
          );
          scatter(
            to + load<i32>(group, 4), rowBytes, load<i32>(group, 20), f32x4.extract_lane(upperLeft, 1),
            f32x4.extract_lane(upperRight, 1), f32x4.extract_lane(lowerLeft, 1), f32x4.extract_lane(lowerRight, 1),
          );
          scatter(
            to + load<i32>(group, 8), rowBytes, load<i32>(group, 24), f32x4.extract_lane(upperLeft, 2),
            f32x4.extract_lane(upperRight, 2), f32x4.extract_lane(lowerLeft, 2), f32x4.extract_lane(lowerRight, 2),
          );
          scatter(
            to + load<i32>(group, 12), rowBytes, load<i32>(group, 28), f32x4.extract_lane(upperLeft, 3),
            f32x4.extract_lane(upperRight, 3), f32x4.extract_lane(lowerLeft, 3), f32x4.extract_lane(lowerRight, 3),
          );
        }
      }
    }
    unit = last;
  }
}

/** The gradient of the grid, summed over channels in their order. Unit and work as for bilinearSample. */
export function bilinearSampleGradGrid(
  begin: i32, end: i32, dy: usize, x: usize, grid: usize, dGrid: usize, sizes: usize, work: usize, grain: i32,
): void {
  const s = changetype<SampleSizes>(sizes);
  const groups = work + <usize>(begin / grain) * BILINEAR_WORK_BYTES;
  const pixels = groups + BILINEAR_WORK_BYTES - 64;
  const rowBytes = <usize>s.width << 2;
  const plane = <usize>s.height * rowBytes;
  const blocks = (s.count + SAMPLE_BLOCK - 1) / SAMPLE_BLOCK;
  for (let unit = begin; unit < end; unit++) {
    const n = unit / blocks;
    const first = (unit - n * blocks) * SAMPLE_BLOCK;
    const count = min(SAMPLE_BLOCK, s.count - first);
    const at = (<usize>n * s.count + first) << 3;
    setGroups(groups, grid + at, count, s);
    let from = x + <usize>n * s.channels * plane;
    let slopes = dy + ((<usize>n * s.channels * s.count + first) << 2);
    for (let c = 0; c < s.channels; c++, from += plane, slopes += <usize>s.count << 2) {
      let group = groups;
      for (let p = 0; p < count; p += 4, group += GROUP_BYTES) {
        let upperLeft: v128, upperRight: v128, lowerLeft: v128, lowerRight: v128;
        if (areInside(group)) {
          const upper01 = twoPairs(from, group, 0);
          const upper23 = twoPairs(from, group, 2);
          const lower01 = twoPairs(from + rowBytes, group, 0);
          const lower23 = twoPairs(from + rowBytes, group, 2);
          upperLeft = v128.shuffle<i32>(upper01, upper23, 0, 2, 4, 6);
          upperRight = v128.shuffle<i32>(upper01, upper23, 1, 3, 5, 7);
          lowerLeft = v128.shuffle<i32>(lower01, lower23, 0, 2, 4, 6);
          lowerRight = v128.shuffle<i32>(lower01, lower23, 1, 3, 5, 7);
        } else {
          gatherPixels(from, group, rowBytes, pixels);
          upperLeft = v128.load(pixels);
          upperRight = v128.load(pixels, 16);
          lowerLeft = v128.load(pixels, 32);
          lowerRight = v128.load(pixels, 48);
        }
        const slope = load4(slopes, p);
        const right = v128.load(group, 32);
        const down = v128.load(group, 48);
        const alongX = f32x4.add(
          f32x4.mul(f32x4.sub(upperRight, upperLeft), f32x4.sub(all(1), down)),
          f32x4.mul(f32x4.sub(lowerRight, lowerLeft), down),
        );
        const alongY = f32x4.add(
          f32x4.mul(f32x4.sub(lowerLeft, upperLeft), f32x4.sub(all(1), right)),
          f32x4.mul(f32x4.sub(lowerRight, upperRight), right),
        );
        v128.store(group, f32x4.add(v128.load(group, 96), f32x4.mul(slope, alongX)), 96);
        v128.store(group, f32x4.add(v128.load(group, 112), f32x4.mul(slope, alongY)), 112);
      }
    }
    const to = dGrid + at;
    let group = groups;
    for (let p = 0; p < count; p += 4, group += GROUP_BYTES) {
      const dX = f32x4.mul(v128.load(group, 96), v128.load(group, 64));
      const dY = f32x4.mul(v128.load(group, 112), v128.load(group, 80));
      storeUpTo(to, 2 * p, 2 * count, v128.shuffle<i32>(dX, dY, 0, 4, 1, 5));
      if (p + 2 < count) storeUpTo(to, 2 * p + 4, 2 * count, v128.shuffle<i32>(dX, dY, 2, 6, 3, 7));
    }
  }
}
