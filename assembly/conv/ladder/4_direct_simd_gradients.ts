// The gradients of rung 4: the gradient of the input is a convolution again; that of the weight adds along
// the pixels.

import { mulAdd } from "../../matmul/micro_kernel";
import { loadSteps } from "../../pool/window";
import { sumFloats } from "../../lib/simd";
import { convolve, needed, tapOffset } from "./4_direct_simd";
import { offset, Sizes } from "./sizes";
import { spread } from "./spread";

/**
 * conv2dGradInputNaive as a convolution of dOut, with the kernel rotated by 180 degrees, and its input and
 * output channels exchanged. A stride of the forward pass becomes zeros between the pixels of dOut, which are
 * multiplied like all others. work: conv2dDirectWork(sizes) bytes. Any sizes.
 */
export function conv2dGradInputDirect(
  dOut: usize, weight: usize, bias: usize, sizes: usize, dx: usize, work: usize,
): void {
  const s = changetype<Sizes>(sizes);
  const height = needed(s.H, 1, s.KH, s.dilationH);
  const width = needed(s.W, 1, s.KW, s.dilationW);
  const taps = s.KH * s.KW;
  const planes = work + offset(s.Co, s.KH, s.KW, 0, 0);
  const turned = planes + offset(s.Co, height, width, 0, 0) + 32;
  for (let g = 0; g < s.G; g++) {
    const from = weight + (<usize>(g * s.Co * s.Ci * taps) << 2);
    for (let ci = 0; ci < s.Ci; ci++) {
      for (let co = 0; co < s.Co; co++) {
        for (let t = 0; t < taps; t++) {
          store<f32>(
            turned + (<usize>((ci * s.Co + co) * taps + t) << 2), load<f32>(from + (<usize>((co * s.Ci + ci + 1) * taps - 1 - t) << 2)),
          );
        }
      }
    }
    for (let n = 0; n < s.N; n++) {
      const group = n * s.G + g;
      spread(
        dOut + offset(group * s.Co, s.OH, s.OW, 0, 0), s.Co, s.OH, s.OW, planes, height, width,
        (s.KH - 1) * s.dilationH - s.paddingH, (s.KW - 1) * s.dilationW - s.paddingW, s.strideH, s.strideW,
      );
      const b = bias ? bias + (<usize>(g * s.Ci) << 2) : 0;
      convolve(
        planes, height, width, s.Co, turned, s.Ci, b, dx + offset(group * s.Ci, s.H, s.W, 0, 0), s.H, s.W, s, 1, 1, true, work,
      );
    }
  }
}

// @ts-ignore: decorator
@inline
function addLanes(to: usize, v: v128): void {
  store<f32>(to, load<f32>(to) + sumFloats(v));
}

/**
 * dWeight [Co][T] += dOut [Co][OH][outW] x', a tile of 4 channels by 2 taps at a time: 8 sums of 4 lanes
 * along the pixels of each row. outW is a multiple of 4, with zeros past the last pixel; the planes are wide
 * enough for all of these pixels.
 */
// @ts-ignore: decorator
@inline
function correlate(
  planes: usize, height: i32, width: i32, dOut: usize, outW: i32, s: Sizes, unit: bool, dWeight: usize,
): void {
  const taps = s.Ci * s.KH * s.KW;
  const step = <usize>s.strideW << 2;
  const plane = offset(1, s.OH, outW, 0, 0);
  for (let co = 0; co < s.Co; co += 4) {
    const rows = min(4, s.Co - co);
    const g0 = dOut + <usize>co * plane;
    const offset1 = <usize>min(1, rows - 1) * plane;
    const offset2 = <usize>min(2, rows - 1) * plane;
    const offset3 = <usize>(rows - 1) * plane;
    for (let t = 0; t < taps; t += 2) {
      const tap0 = planes + tapOffset(s, t, height, width);
      const tap1 = planes + tapOffset(s, min(t + 1, taps - 1), height, width);
      let acc0x0 = f32x4.splat(0), acc0x1 = acc0x0, acc1x0 = acc0x0, acc1x1 = acc0x0;
      let acc2x0 = acc0x0, acc2x1 = acc0x0, acc3x0 = acc0x0, acc3x1 = acc0x0;
      for (let oy = 0; oy < s.OH; oy++) {
        const row = offset(oy * s.strideH, 1, width, 0, 0);
        let from0 = tap0 + row, from1 = tap1 + row;
        let d0 = g0 + offset(oy, 1, outW, 0, 0);
        let d1 = d0 + offset1, d2 = d0 + offset2, d3 = d0 + offset3;
        for (const end = d0 + (<usize>outW << 2); d0 < end; d0 += 16, d1 += 16, d2 += 16, d3 += 16) {
          const x0 = loadSteps(from0, unit ? 1 : s.strideW, 4);
          const x1 = loadSteps(from1, unit ? 1 : s.strideW, 4);
          from0 += unit ? 16 : 4 * step;
          from1 += unit ? 16 : 4 * step;
          let g = v128.load(d0);
          acc0x0 = mulAdd(acc0x0, g, x0);
          acc0x1 = mulAdd(acc0x1, g, x1);
          g = v128.load(d1);
          acc1x0 = mulAdd(acc1x0, g, x0);
          acc1x1 = mulAdd(acc1x1, g, x1);
          g = v128.load(d2);
          acc2x0 = mulAdd(acc2x0, g, x0);
          acc2x1 = mulAdd(acc2x1, g, x1);
          g = v128.load(d3);
          acc3x0 = mulAdd(acc3x0, g, x0);
          acc3x1 = mulAdd(acc3x1, g, x1);
        }
      }
      const to = dWeight + (<usize>(co * taps + t) << 2);
      const next = <usize>taps << 2;
      const two = t + 1 < taps;
      addLanes(to, acc0x0);
      if (two) addLanes(to + 4, acc0x1);
      if (rows > 1) addLanes(to + next, acc1x0);
      if (rows > 1 && two) addLanes(to + next + 4, acc1x1);
      if (rows > 2) addLanes(to + 2 * next, acc2x0);
      if (rows > 2 && two) addLanes(to + 2 * next + 4, acc2x1);
      if (rows > 3) addLanes(to + 3 * next, acc3x0);
      if (rows > 3 && two) addLanes(to + 3 * next + 4, acc3x1);
    }
  }
}

/** conv2dGradWeightNaive without a matrix. work: conv2dDirectWork(sizes) bytes. Any sizes. */
export function conv2dGradWeightDirect(x: usize, dOut: usize, sizes: usize, dWeight: usize, work: usize): void {
  const s = changetype<Sizes>(sizes);
  const outW = (s.OW + 3) & ~3;
  const height = needed(s.OH, s.strideH, s.KH, s.dilationH);
  const width = needed(outW, s.strideW, s.KW, s.dilationW);
  const gradients = work + offset(s.Ci, height, width, 0, 0);
  memory.fill(dWeight, 0, offset(s.G * s.Co * s.Ci, s.KH, s.KW, 0, 0));
  for (let n = 0; n < s.N; n++) {
    for (let g = 0; g < s.G; g++) {
      const group = n * s.G + g;
      const image = x + offset(group * s.Ci, s.H, s.W, 0, 0);
      spread(image, s.Ci, s.H, s.W, work, height, width, s.paddingH, s.paddingW, 1, 1);
      spread(dOut + offset(group * s.Co, s.OH, s.OW, 0, 0), s.Co, s.OH, s.OW, gradients, s.OH, outW, 0, 0, 1, 1);
      const to = dWeight + offset(g * s.Co * s.Ci, s.KH, s.KW, 0, 0);
      if (s.strideW == 1) correlate(work, height, width, gradients, outW, s, true, to);
      else correlate(work, height, width, gradients, outW, s, false, to);
    }
  }
}
