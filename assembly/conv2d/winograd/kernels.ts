// Winograd: the 3x3 kernels are transformed, and their gradient back (see transforms.ts).

import { transpose4x4 } from "../../matmul/pack";
import { lanesBelow } from "../../simd";
import { element, outputKernel, POSITIONS, transformKernel } from "./transforms";

/**
 * kernels[n][o >> 2][i][o & 3] = position n of G g G' for each pair of an output channel o and an input channel i, in panels.
 *
 * weight: kernels of 3 x 3, `outputBytes` from o to o + 1 and `inputBytes` from i to i + 1: of [O][I][3][3]; or, for the gradient of
 * the input, of [I][O][3][3] and turned by 180 degrees (`rotated` 1), so that o is a channel of the convolution's input. Zero past the
 * last o. `step`: bytes from position to position; panelStep: from a panel of four o to the next. Unit: four output channels,
 * all input channels.
 */
export function winogradKernels(
  begin: i32, end: i32, weight: usize, outputs: i32, outputBytes: usize, inputs: i32, inputBytes: usize, rotated: i32,
  kernels: usize, step: usize, panelStep: usize, work: usize, grain: i32,
): void {
  const ownWork = work + <usize>(begin / grain) * (POSITIONS * 16);
  const taps = ownWork + 18 * 16; // 9 vectors, behind the 3 x 6 of the first pass
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
      for (let j = 0; j < 6; j++) {
        transformKernel(
          element(ownWork, 0, j, 6), element(ownWork, 1, j, 6), element(ownWork, 2, j, 6), to + <usize>j * step, 6 * step,
        );
      }
    }
  }
}

/** taps[9] = each tap of up to four kernels that are `stride` bytes apart, a lane each; zero in lanes that do not exist. */
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
