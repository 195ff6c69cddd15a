// Winograd: transforms the 3x3 kernels, and their gradient back (see transforms.ts).

import { transpose4x4 } from "../../matmul/pack";
import { lanesBelow } from "../../lib/simd";
import { WINOGRAD_WORK_BYTES } from "./images";
import { outputKernel, POSITIONS, transformKernel } from "./transforms";

/**
 * kernels[n][o >> 2][i][o & 3] = position n of G g G' for each pair of an output channel o and an
 * input channel i, in panels.
 *
 * weight: 3 x 3 kernels, `outputBytes` from o to o + 1 and `inputBytes` from i to i + 1. The weight is
 * [O][I][3][3] or, for the gradient of the input, [I][O][3][3] rotated by 180 degrees (`rotated` 1), so that
 * o is a channel of the convolution's input. Panels are zero past the last o. step: bytes from one position
 * to the next; panelStep: bytes from one panel of four o to the next. Unit: four output channels, all input
 * channels.
 */
export function winogradKernels(
  begin: i32, end: i32, weight: usize, outputs: i32, outputBytes: u32, inputs: i32, inputBytes: u32, rotated: i32,
  kernels: usize, step: u32, panelStep: u32, work: usize, grain: i32,
): void {
  const ownWork = work + <usize>(begin / grain) * WINOGRAD_WORK_BYTES;
  const taps = ownWork + 18 * 32; // 9 pairs of vectors, after the 3 x 6 pairs of the first pass
  const results = taps + 9 * 32;
  for (let unit = begin; unit < end; unit++) {
    const o = unit << 2;
    let to = kernels + <usize>unit * panelStep;
    const lanes = min(4, outputs - o);
    let from = weight + <usize>o * outputBytes;
    let i = 2;
    for (; i <= inputs; i += 2, to += 32, from += 2 * inputBytes) {
      loadKernels(from, outputBytes, lanes, taps);
      loadKernels(from + inputBytes, outputBytes, lanes, taps + 16);
      transformKernels(taps, rotated, ownWork, to, step);
    }
    if (i == inputs + 2) continue;
    // one channel is left: the upper half of each pair is not used
    loadKernels(from, outputBytes, lanes, taps);
    transformKernels(taps, rotated, ownWork, results, 32);
    for (let n: usize = 0; n < <usize>POSITIONS; n++) v128.store(to + n * step, v128.load(results + (n << 5)));
  }
}

/** Transforms eight kernels: position n is stored at `to + n step`. work: 36 vectors. */
function transformKernels(taps: usize, rotated: i32, work: usize, to: usize, step: usize): void {
  for (let row: usize = 0; row < 3; row++) {
    const first = taps + (rotated ? 256 - row * 96 : row * 96);
    const second = rotated ? first - 32 : first + 32;
    const third = rotated ? first - 64 : first + 64;
    transformKernel(
      v128.load(first), v128.load(first, 16), v128.load(second), v128.load(second, 16), v128.load(third), v128.load(third, 16),
      work + row * 192, 32,
    );
  }
  const row = step * 6;
  let j = 6;
  do {
    transformKernel(
      v128.load(work), v128.load(work, 16), v128.load(work, 192), v128.load(work, 208), v128.load(work, 384), v128.load(work, 400),
      to, row,
    );
    work += 32;
    to += step;
  } while (--j > 0);
}

/**
 * Vector n of taps, 32 bytes apart, = tap n (of 9) of up to four kernels that are `stride` bytes apart, one
 * kernel per lane. Lanes without a kernel are zero.
 */
// @ts-ignore: decorator
@inline
function loadKernels(first: usize, stride: usize, lanes: i32, taps: usize): void {
  const kernel1 = lanes > 1 ? first + stride : first;
  const kernel2 = lanes > 2 ? first + 2 * stride : first;
  const kernel3 = lanes > 3 ? first + 3 * stride : first;
  transpose4x4(v128.load(first), v128.load(kernel1), v128.load(kernel2), v128.load(kernel3), taps, 32);
  transpose4x4(v128.load(first, 16), v128.load(kernel1, 16), v128.load(kernel2, 16), v128.load(kernel3, 16), taps + 128, 32);
  const last01 = v128.load32_lane(kernel1, v128.load32_zero(first, 32), 1, 32);
  v128.store(taps, v128.load32_lane(kernel3, v128.load32_lane(kernel2, last01, 2, 32), 3, 32), 256);
  if (lanes == 4) return;
  const mask = lanesBelow(lanes);
  for (let tap: usize = 0; tap < 9; tap++) v128.store(taps + (tap << 5), v128.and(v128.load(taps + (tap << 5)), mask));
}

/**
 * dWeight[o][i][3][3] = G' u G of the transformed gradient u [36][O][I], whose positions are `step` bytes
 * apart. Unit: one output channel o.
 */
export function winogradGradKernels(
  begin: i32, end: i32, transformed: usize, inputs: i32, step: u32, dWeight: usize, work: usize, grain: i32,
): void {
  const ownWork = work + <usize>(begin / grain) * WINOGRAD_WORK_BYTES;
  const result = ownWork + 18 * 32; // 9 pairs of vectors, after the 3 x 6 pairs of the first pass
  const row = step * 6;
  for (let o = begin; o < end; o++) {
    for (let i = 0; i < inputs; i += 8) {
      let from = transformed + ((<usize>o * <usize>inputs + <usize>i) << 2);
      let column = ownWork;
      let j = 6;
      do {
        const row1 = from + row;
        const row2 = row1 + row;
        const row3 = row2 + row;
        const row4 = row3 + row;
        const row5 = row4 + row;
        outputKernel(
          v128.load(from), v128.load(from, 16), v128.load(row1), v128.load(row1, 16), v128.load(row2), v128.load(row2, 16),
          v128.load(row3), v128.load(row3, 16), v128.load(row4), v128.load(row4, 16), v128.load(row5), v128.load(row5, 16),
          column, 192,
        );
        from += step;
        column += 32;
      } while (--j > 0);
      let half = ownWork;
      let taps = result;
      let k = 3;
      do {
        outputKernel(
          v128.load(half), v128.load(half, 16), v128.load(half, 32), v128.load(half, 48), v128.load(half, 64), v128.load(half, 80),
          v128.load(half, 96), v128.load(half, 112), v128.load(half, 128), v128.load(half, 144), v128.load(half, 160), v128.load(half, 176),
          taps, 32,
        );
        half += 192;
        taps += 96;
      } while (--k > 0);
      const to = dWeight + <usize>(o * inputs + i) * 36;
      storeKernels(result, min(4, inputs - i), to);
      if (inputs - i > 4) storeKernels(result + 16, min(4, inputs - i - 4), to + 4 * 36);
    }
  }
}

/** Nine taps of `count` kernels (vectors 32 bytes apart, overwritten) become kernels of nine taps. */
function storeKernels(taps: usize, count: i32, to: usize): void {
  transpose4x4(v128.load(taps), v128.load(taps, 32), v128.load(taps, 64), v128.load(taps, 96), taps, 32);
  transpose4x4(v128.load(taps, 128), v128.load(taps, 160), v128.load(taps, 192), v128.load(taps, 224), taps + 128, 32);
  for (let lane: usize = 0; lane < <usize>count; lane++, to += 36) {
    v128.store(to, v128.load(taps + (lane << 5)));
    v128.store(to, v128.load(taps + (lane << 5), 128), 16);
    f32.store(to, f32.load(taps + (lane << 2), 256), 32);
  }
}
