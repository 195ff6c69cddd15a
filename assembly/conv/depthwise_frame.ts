// The frames of depthwise convolution (see depthwise.ts): a plane between zeros, with the columns of its rows
// sorted by their remainder modulo the stride.
//   padded row  0 a b c d e f 0          frame row  | 0 b d f | a c e 0 |     (stride 2: two phases of frameWidth)

import { load4, storeUpTo } from "../lib/simd";

/** An int32 table written by src/ops/conv/depthwise.ts: see Geometry in geometry.ts. */
@unmanaged
export class DepthwiseSizes {
  groups!: i32;
  /** Output channels of a group. */
  filters!: i32;
  /** KH * KW. */
  taps!: i32;
  height!: i32;
  width!: i32;
  strideHeight!: i32;
  strideWidth!: i32;
  paddingHeight!: i32;
  paddingWidth!: i32;
  outHeight!: i32;
  outWidth!: i32;
  /**
   * Frame of an input plane: its rows, the columns of one phase, and its bytes, or 0 bytes if the plane
   * itself is used.
   */
  frameHeight!: i32;
  frameWidth!: i32;
  frameBytes!: i32;
  /** Frame of an output gradient (a single phase): the zeros before it, its size, and its bytes or 0. */
  gradTop!: i32;
  gradLeft!: i32;
  gradHeight!: i32;
  gradWidth!: i32;
  gradBytes!: i32;
}

/** Copies the even elements of a row to one address, and the odd ones to another. */
// @ts-ignore: decorator
@inline
function splitRow(row: usize, width: i32, even: usize, odd: usize): void {
  const evenCount = (width + 1) >> 1;
  const oddCount = width >> 1;
  let i = 0;
  for (; i + 4 <= oddCount; i += 4, row += 32, even += 16, odd += 16) {
    const a = v128.load(row);
    const b = v128.load(row, 16);
    v128.store(even, v128.shuffle<f32>(a, b, 0, 2, 4, 6));
    v128.store(odd, v128.shuffle<f32>(a, b, 1, 3, 5, 7));
  }
  copySteps(row, 2, even, 1, evenCount - i);
  copySteps(row + 4, 2, odd, 1, oddCount - i);
}

/** Copies n elements that are `step` elements apart in the source and `toStep` apart in the target. */
// @ts-ignore: decorator
@inline
export function copySteps(from: usize, step: i32, to: usize, toStep: i32, n: i32): void {
  for (let i = 0; i < n; i++) {
    store<f32>(to + (<usize>(i * toStep) << 2), load<f32>(from + (<usize>(i * step) << 2)));
  }
}

/**
 * The first element of a row whose padded position is `phase` modulo `stride`; phaseCount is the number of
 * such elements in a row of `width`.
 */
// @ts-ignore: decorator
@inline
export function phaseStart(phase: i32, padding: i32, stride: i32): i32 {
  const first = (phase - padding) % stride;
  return first < 0 ? first + stride : first;
}

// @ts-ignore: decorator
@inline
export function phaseCount(first: i32, width: i32, stride: i32): i32 {
  return first < width ? (width - first + stride - 1) / stride : 0;
}

/** Copies a plane into a frame that already holds its zeros. */
export function fillFrame(plane: usize, s: DepthwiseSizes, frame: usize): void {
  const stride = s.strideWidth;
  const padding = s.paddingWidth;
  const rowBytes = <usize>(stride * s.frameWidth) << 2;
  let row = frame + <usize>s.paddingHeight * rowBytes;
  for (let y = 0; y < s.height; y++, row += rowBytes, plane += <usize>s.width << 2) {
    if (stride == 2) {
      // the row's first element belongs to the phase of the padding
      const own = row + (<usize>((padding & 1) * s.frameWidth + (padding >> 1)) << 2);
      const other = row + (<usize>((1 - (padding & 1)) * s.frameWidth + ((padding + 1) >> 1)) << 2);
      splitRow(plane, s.width, own, other);
      continue;
    }
    for (let phase = 0; phase < stride; phase++) {
      const first = phaseStart(phase, s.paddingWidth, stride);
      const count = phaseCount(first, s.width, stride);
      const from = plane + (<usize>first << 2);
      const to = row + (<usize>(phase * s.frameWidth + (first + s.paddingWidth) / stride) << 2);
      if (stride == 1) for (let i = 0; i < count; i += 4) storeUpTo(to, i, count, load4(from, i));
      else copySteps(from, stride, to, 1, count);
    }
  }
}

/** Bytes in the frame from the window of an output row to the window of the next row. */
// @ts-ignore: decorator
@inline
export function windowStep(s: DepthwiseSizes): usize {
  return <usize>(s.strideHeight * s.strideWidth * s.frameWidth) << 2;
}

/** Copies an output gradient into a frame that already holds its zeros. */
export function fillGradFrame(plane: usize, s: DepthwiseSizes, frame: usize): void {
  const rowBytes = <usize>s.gradWidth << 2;
  let row = frame + <usize>s.gradTop * rowBytes + (<usize>s.gradLeft << 2);
  for (let y = 0; y < s.outHeight; y++, row += rowBytes, plane += <usize>s.outWidth << 2) {
    for (let i = 0; i < s.outWidth; i += 4) storeUpTo(row, i, s.outWidth, load4(plane, i));
  }
}
