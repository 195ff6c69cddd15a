// Winograd: transforms the 3x3 kernels, and their gradient back (see transforms.ts).

import { transpose4x4 } from "../../matmul/pack";
import { lanesBelow } from "../../lib/simd";
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
  const ownWork = work + <usize>(begin / grain) * (POSITIONS * 16);
  const taps = ownWork + 18 * 16; // 9 vectors, after the 3 x 6 vectors of the first pass
  for (let unit = begin; unit < end; unit++) {
    const o = unit << 2;
    let to = kernels + <usize>unit * panelStep;
    const lanes = min(4, outputs - o);
    for (let i = 0; i < inputs; i++, to += 16) {
      loadKernels(weight + <usize>o * outputBytes + <usize>i * inputBytes, outputBytes, lanes, taps);
      for (let row: usize = 0; row < 3; row++) {
        const first = taps + (rotated ? 128 - row * 48 : row * 48);
        const second = rotated ? first - 16 : first + 16;
        const third = rotated ? first - 32 : first + 32;
        transformKernel(v128.load(first), v128.load(second), v128.load(third), ownWork + row * 96, 16);
      }
      let column = ownWork;
      let position = to;
      for (let j = 0; j < 6; j++, column += 16, position += step) {
        transformKernel(v128.load(column), v128.load(column, 96), v128.load(column, 192), position, step * 6);
      }
    }
  }
}

/**
 * taps[n] = tap n (of 9) of up to four kernels that are `stride` bytes apart, one kernel per lane. Lanes
 * without a kernel are zero.
 */
// @ts-ignore: decorator
@inline
function loadKernels(first: usize, stride: usize, lanes: i32, taps: usize): void {
  const kernel1 = lanes > 1 ? first + stride : first;
  const kernel2 = lanes > 2 ? first + 2 * stride : first;
  const kernel3 = lanes > 3 ? first + 3 * stride : first;
  transpose4x4(v128.load(first), v128.load(kernel1), v128.load(kernel2), v128.load(kernel3), taps, 16);
  transpose4x4(v128.load(first, 16), v128.load(kernel1, 16), v128.load(kernel2, 16), v128.load(kernel3, 16), taps + 64, 16);
  const last01 = v128.load32_lane(kernel1, v128.load32_zero(first, 32), 1, 32);
  v128.store(taps, v128.load32_lane(kernel3, v128.load32_lane(kernel2, last01, 2, 32), 3, 32), 128);
  if (lanes == 4) return;
  const mask = lanesBelow(lanes);
  for (let tap: usize = 0; tap < 9; tap++) v128.store(taps + (tap << 4), v128.and(v128.load(taps + (tap << 4)), mask));
}

/**
 * dWeight[o][i][3][3] = G' u G of the transformed gradient u [36][O][I], whose positions are `step` bytes
 * apart. Unit: one output channel o.
 */
export function winogradGradKernels(
  begin: i32, end: i32, transformed: usize, inputs: i32, step: u32, dWeight: usize, work: usize, grain: i32,
): void {
  const ownWork = work + <usize>(begin / grain) * (POSITIONS * 16);
  const result = ownWork + 18 * 16; // 9 vectors, after the 3 x 6 vectors of the first pass
  const row = step * 6;
  for (let o = begin; o < end; o++) {
    for (let i = 0; i < inputs; i += 4) {
      let from = transformed + ((<usize>o * <usize>inputs + <usize>i) << 2);
      let column = ownWork;
      for (let j = 0; j < 6; j++, from += step, column += 16) {
        let at = from;
        const u0 = v128.load(at);
        const u1 = v128.load((at += row));
        const u2 = v128.load((at += row));
        const u3 = v128.load((at += row));
        const u4 = v128.load((at += row));
        const u5 = v128.load(at + row);
        outputKernel(u0, u1, u2, u3, u4, u5, column, 96);
      }
      let half = ownWork;
      let taps = result;
      for (let i = 0; i < 3; i++, half += 96, taps += 48) {
        outputKernel(
          v128.load(half), v128.load(half, 16), v128.load(half, 32), v128.load(half, 48), v128.load(half, 64), v128.load(half, 80),
          taps, 16,
        );
      }
      let to = dWeight + <usize>(o * inputs + i) * 36;
      // nine taps of four kernels become four kernels of nine taps
      transpose4x4(v128.load(result), v128.load(result, 16), v128.load(result, 32), v128.load(result, 48), result, 16);
      transpose4x4(v128.load(result, 64), v128.load(result, 80), v128.load(result, 96), v128.load(result, 112), result + 64, 16);
      const lanes = <usize>min(4, inputs - i);
      for (let lane: usize = 0; lane < lanes; lane++, to += 36) {
        v128.store(to, v128.load(result + (lane << 4)));
        v128.store(to, v128.load(result + (lane << 4), 64), 16);
        f32.store(to, f32.load(result + (lane << 2), 128), 32);
      }
    }
  }
}
