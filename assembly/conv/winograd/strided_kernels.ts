// Winograd with stride 2: transforms the kernels, and their gradient back (see strided_transforms.ts).

import { lanesBelow, storePartial } from "../../lib/simd";
import { transpose4x4 } from "../../matmul/pack";
import { copyLower, lastPosition, outputTaps, rowPosition, transformTaps } from "./strided_transforms";

/**
 * Bytes of work for a call of the kernels here: 16 taps, 10 half-transformed values, and 25 positions of a
 * single channel, in pairs of vectors.
 * @shared
 */
const STRIDED_KERNEL_WORK_BYTES: usize = (16 + 10 + 25) * 32;

/** Byte offset of tap (0, 0) of a phase among 4 x 4 taps; its other taps are 2 rows and 2 columns away. */
// @ts-ignore: decorator
@inline
function phaseTap(phase: i32): usize {
  return <usize>((phase >> 1) * 4 + (phase & 1)) << 5;
}

/**
 * Loads the taps of up to four kernels that are `stride` bytes apart, one kernel per lane: tap (kh, kw) at
 * taps + 32 (4 kh + kw). Lanes without a kernel, and taps (kh, 3) of a kernel with three columns, are zero.
 */
function loadTaps(kernel0: usize, stride: usize, lanes: i32, height: i32, width: i32, taps: usize): void {
  const kernel1 = lanes > 1 ? kernel0 + stride : kernel0;
  const kernel2 = lanes > 2 ? kernel0 + 2 * stride : kernel0;
  const kernel3 = lanes > 3 ? kernel0 + 3 * stride : kernel0;
  const mask = lanesBelow(lanes);
  for (let kh = 0; kh < height; kh++, taps += 128) {
    const row = <usize>(kh * width) << 2;
    transpose4x4(
      v128.load(kernel0 + row), v128.load(kernel1 + row), v128.load(kernel2 + row), v128.load(kernel3 + row), taps, 32,
    );
    if (width == 3) v128.store(taps, f32x4.splat(0), 96);
    if (lanes == 4) continue;
    for (let tap: usize = 0; tap < 128; tap += 32) v128.store(taps + tap, v128.and(v128.load(taps + tap), mask));
  }
}

/**
 * Position n of G g G', for phase p of the kernel of an output channel o and an input channel i, in panels:
 * at kernels + n step + p phaseBytes + (o >> 2) panelStep + 16 i + 4 (o & 3). Panels are zero past
 * the last o.
 *
 * weight: kernels of kernelHeight x kernelWidth taps (3 or 4), `outputBytes` from o to o + 1 and `inputBytes`
 * from i to i + 1. flipped: 1 exchanges the two rows of taps of a phase, and the two columns, for the
 * gradient of the input, where o is a channel of the convolution's input. (The single row or column of a
 * phase stays the first.) work: STRIDED_KERNEL_WORK_BYTES per chunk. Unit: four output channels, all input
 * channels.
 */
export function stridedKernels(
  begin: i32, end: i32, weight: usize, outputs: i32, outputBytes: u32, inputs: i32, inputBytes: u32,
  kernelHeight: i32, kernelWidth: i32, flipped: i32, kernels: usize, step: u32, panelStep: u32, phaseBytes: u32,
  work: usize, grain: i32,
): void {
  const taps = work + <usize>(begin / grain) * STRIDED_KERNEL_WORK_BYTES;
  const rows = taps + 16 * 32;
  const single = rows + 10 * 32;
  memory.fill(taps, 0, 16 * 32); // taps past a 3x3 kernel stay zero
  for (let unit = begin; unit < end; unit++) {
    const o = unit << 2;
    let to = kernels + <usize>unit * panelStep;
    // two input channels at a time
    for (let i = 0; i < inputs; i += 2, to += 32) {
      const isPair = i + 1 < inputs;
      const first = weight + <usize>o * outputBytes + <usize>i * inputBytes;
      loadTaps(first, outputBytes, min(4, outputs - o), kernelHeight, kernelWidth, taps);
      if (isPair) loadTaps(first + inputBytes, outputBytes, min(4, outputs - o), kernelHeight, kernelWidth, taps + 16);
      const positions = isPair ? to : single;
      const positionStep = isPair ? <usize>step : 32;
      for (let phase = 0; phase < 4; phase++) {
        const flipsRows = flipped && (kernelHeight == 4 || phase < 2);
        const flipsColumns = flipped && (kernelWidth == 4 || (phase & 1) == 0);
        const tap = flipsRows ? taps + phaseTap(phase) + 256 : taps + phaseTap(phase);
        // down the two columns of taps: rows[5][2]
        for (let b: usize = 0; b < 2; b++) {
          const row = rows + (b << 5);
          transformTaps(tap + (flipsColumns ? 1 - b : b) * 64, flipsRows ? -256 : 256, row, 64, row + 4 * 64);
        }
        const position = positions + (isPair ? <usize>phase * phaseBytes : 0);
        for (let k = 0; k < 5; k++) {
          const last = position + <usize>lastPosition(k) * positionStep;
          transformTaps(
            rows + (<usize>k << 6), 32, position + <usize>rowPosition(k) * positionStep, positionStep, last,
          );
        }
        if (!isPair) copyLower(single, to + <usize>phase * phaseBytes, step);
      }
    }
  }
}

/**
 * dWeight[o][i] = the kernelHeight x kernelWidth taps (3 or 4) of G' u G, for the transformed gradient u: [4
 * phases][25][O][channels], whose positions are `step` bytes apart. `inputs` of the channels exist. channels:
 * a multiple of 8. work: STRIDED_KERNEL_WORK_BYTES per chunk. Unit: one output channel o.
 */
export function stridedGradKernels(
  begin: i32, end: i32, transformed: usize, inputs: i32, channels: i32, step: u32, dWeight: usize,
  kernelHeight: i32, kernelWidth: i32, work: usize, grain: i32,
): void {
  const taps = work + <usize>(begin / grain) * STRIDED_KERNEL_WORK_BYTES;
  const rows = taps + 16 * 32; // [2][5]
  const lines = rows + 10 * 32; // a row of taps of four kernels
  const kernelBytes = <usize>(kernelHeight * kernelWidth) << 2;
  for (let o = begin; o < end; o++) {
    for (let i = 0; i < inputs; i += 8) {
      for (let phase = 0; phase < 4; phase++) {
        const from = transformed + <usize>(25 * phase) * step + (<usize>(o * channels + i) << 2);
        for (let j: usize = 0; j < 4; j++) {
          outputTaps(from + (4 + j) * step, 4 * step, from + j * step, rows + (j << 5), 5 * 32);
        }
        outputTaps(from + 20 * step, step, from + 24 * step, rows + 4 * 32, 5 * 32);
        const tap = taps + phaseTap(phase);
        for (let a: usize = 0; a < 2; a++) outputTaps(rows + a * 160, 32, rows + a * 160 + 4 * 32, tap + (a << 8), 64);
      }
      for (let half = 0; half < 2; half++) {
        const lanes = min(4, inputs - i - 4 * half);
        for (let kh = 0; kh < kernelHeight; kh++) {
          const tap = taps + (<usize>kh << 7) + (<usize>half << 4);
          transpose4x4(v128.load(tap), v128.load(tap, 32), v128.load(tap, 64), v128.load(tap, 96), lines, 16);
          let to = dWeight + <usize>(o * inputs + i + 4 * half) * kernelBytes + (<usize>(kh * kernelWidth) << 2);
          for (let lane = 0; lane < lanes; lane++, to += kernelBytes) {
            const line = v128.load(lines + (<usize>lane << 4));
            if (kernelWidth == 4) v128.store(to, line);
            else storePartial(to, line, 3);
          }
        }
      }
    }
  }
}
