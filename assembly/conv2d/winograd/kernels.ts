// Winograd: the 3x3 kernels are transformed, and their gradient back (see transforms.ts).

import { element, outputKernel, POSITIONS, transformKernel } from "./transforms";

/**
 * kernels[n][o >> 2][i][o & 3] = position n of G g G' for each pair of an output channel o and an input channel i, in panels.
 *
 * weight: [O][I][3][3]; or, for the gradient of the input (`rotated` 1), [I][O][3][3] read turned by 180 degrees, so that o is
 * a channel of the convolution's input. Zero past the last o. `step`: bytes from position to position; panelStep: from a panel of
 * four o to the next. Unit: four output channels, all input channels.
 */
export function winogradKernels(
  begin: i32, end: i32, weight: usize, outputs: i32, inputs: i32, rotated: i32, kernels: usize, step: usize,
  panelStep: usize, work: usize, grain: i32,
): void {
  const outputBytes: usize = rotated ? 36 : <usize>inputs * 36;
  const inputBytes: usize = rotated ? <usize>outputs * 36 : 36;
  const ownWork = work + <usize>(begin / grain) * (POSITIONS * 16);
  for (let unit = begin; unit < end; unit++) {
    const o = unit << 2;
    let to = kernels + <usize>unit * panelStep;
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
