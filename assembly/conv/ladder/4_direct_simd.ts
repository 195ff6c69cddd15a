// Rung 4: no matrix at all. A tile of 4 output channels by 8 neighbouring output pixels stays in registers
// while the loop runs over the taps. The pixels that a tap needs are neighbours in x, so two loads fetch them
// straight from the image.
//
// The image is copied once, with zeros around it, so that no tap has to check whether it is inside. The
// gradients are in 4_direct_simd_gradients.ts.

import { mulAdd } from "../../matmul/micro_kernel";
import { loadSteps } from "../../pool/window";
import { storeUpTo } from "../../lib/simd";
import { offset, Sizes } from "./sizes";
import { spread } from "./spread";

/** Stores the first `count` of 8 values. */
// @ts-ignore: decorator
@inline
function storeRow(to: usize, count: i32, low: v128, high: v128): void {
  storeUpTo(to, 0, count, low);
  if (count > 4) storeUpTo(to, 4, count, high);
}

/** Byte offset of tap t of [channels][KH][KW] in planes of height x width. */
// @ts-ignore: decorator
@inline
export function tapOffset(s: Sizes, t: i32, height: i32, width: i32): usize {
  const row = t / s.KW;
  return offset(row / s.KH, height, width, (row % s.KH) * s.dilationH, (t % s.KW) * s.dilationW);
}

/**
 * out [filters][outH][outW] = bias + weight [filters][channels][KH][KW] over planes
 * [channels][height][width].
 *
 * A table, computed once, holds the offset of each tap in the planes, so that one loop runs over the taps of
 * all three axes. tapOffsets: memory for this table, channels KH KW integers. `unit`, a constant after
 * inlining, says that strideW is 1.
 */
// @ts-ignore: decorator
@inline
export function convolve(
  planes: usize, height: i32, width: i32, channels: i32, weight: usize, filters: i32, bias: usize, out: usize, outH: i32, outW: i32,
  s: Sizes, strideH: i32, strideW: i32, unit: bool, tapOffsets: usize,
): void {
  const taps = channels * s.KH * s.KW;
  for (let t = 0; t < taps; t++) store<u32>(tapOffsets + (<usize>t << 2), <u32>tapOffset(s, t, height, width));
  const weightRow = <usize>taps << 2;
  const step = <usize>strideW << 2;
  for (let co = 0; co < filters; co += 4) {
    // channels past the last repeat the last, and are not stored
    const rows = min(4, filters - co);
    const w0 = weight + <usize>co * weightRow;
    const w1 = w0 + <usize>min(1, rows - 1) * weightRow;
    const w2 = w0 + <usize>min(2, rows - 1) * weightRow;
    const w3 = w0 + <usize>(rows - 1) * weightRow;
    const b0 = bias + (<usize>co << 2);
    for (let oy = 0; oy < outH; oy++) {
      for (let ox = 0; ox < outW; ox += 8) {
        let acc0x0123 = bias ? v128.load32_splat(b0) : f32x4.splat(0);
        let acc1x0123 = bias ? v128.load32_splat(b0 + (<usize>min(1, rows - 1) << 2)) : f32x4.splat(0);
        let acc2x0123 = bias ? v128.load32_splat(b0 + (<usize>min(2, rows - 1) << 2)) : f32x4.splat(0);
        let acc3x0123 = bias ? v128.load32_splat(b0 + (<usize>(rows - 1) << 2)) : f32x4.splat(0);
        let acc0x4567 = acc0x0123, acc1x4567 = acc1x0123, acc2x4567 = acc2x0123, acc3x4567 = acc3x0123;
        const first = planes + offset(0, 0, width, oy * strideH, ox * strideW);
        for (let t: usize = 0; t < weightRow; t += 4) {
          const from = first + load<u32>(tapOffsets + t);
          const x0123 = loadSteps(from, unit ? 1 : strideW, 4);
          const x4567 = unit ? v128.load(from, 16) : loadSteps(from + 4 * step, strideW, 4);
          let w = v128.load32_splat(w0 + t);
          acc0x0123 = mulAdd(acc0x0123, w, x0123);
          acc0x4567 = mulAdd(acc0x4567, w, x4567);
          w = v128.load32_splat(w1 + t);
          acc1x0123 = mulAdd(acc1x0123, w, x0123);
          acc1x4567 = mulAdd(acc1x4567, w, x4567);
          w = v128.load32_splat(w2 + t);
          acc2x0123 = mulAdd(acc2x0123, w, x0123);
          acc2x4567 = mulAdd(acc2x4567, w, x4567);
          w = v128.load32_splat(w3 + t);
          acc3x0123 = mulAdd(acc3x0123, w, x0123);
          acc3x4567 = mulAdd(acc3x4567, w, x4567);
        }
        const count = min(8, outW - ox);
        const to = out + offset(co, outH, outW, oy, ox);
        const plane = offset(1, outH, outW, 0, 0);
        storeRow(to, count, acc0x0123, acc0x4567);
        if (rows > 1) storeRow(to + plane, count, acc1x0123, acc1x4567);
        if (rows > 2) storeRow(to + 2 * plane, count, acc2x0123, acc2x4567);
        if (rows > 3) storeRow(to + 3 * plane, count, acc3x0123, acc3x4567);
      }
    }
  }
}

/** The number of rows or columns of x that `out` rows or columns of the output read. */
// @ts-ignore: decorator
@inline
export function needed(out: i32, stride: i32, kernel: i32, dilation: i32): i32 {
  return (out - 1) * stride + (kernel - 1) * dilation + 1;
}

/**
 * Bytes of work that each pass here needs: padded planes, the table of taps, rotated kernels, and what the
 * last tile reads past them.
 */
export function conv2dDirectWork(sizes: usize): i32 {
  const s = changetype<Sizes>(sizes);
  const outW = (s.OW + 7) & ~7;
  const image = s.Ci * needed(s.OH, s.strideH, s.KH, s.dilationH) * needed(outW, s.strideW, s.KW, s.dilationW);
  const gradient = s.Co * needed(s.H, 1, s.KH, s.dilationH) * needed(s.W, 1, s.KW, s.dilationW);
  const taps = max(s.Ci, s.Co) * s.KH * s.KW;
  return (image + max(taps + 8 * s.strideW + 8, s.Co * s.OH * outW) + gradient + 8 + s.Ci * s.Co * s.KH * s.KW) << 2;
}

/** conv2dNaive without a matrix. work: conv2dDirectWork(sizes) bytes. Any sizes. */
export function conv2dDirect(x: usize, weight: usize, bias: usize, sizes: usize, out: usize, work: usize): void {
  const s = changetype<Sizes>(sizes);
  const height = needed(s.OH, s.strideH, s.KH, s.dilationH);
  const width = needed(s.OW, s.strideW, s.KW, s.dilationW);
  const planes = work + offset(s.Ci, s.KH, s.KW, 0, 0);
  for (let n = 0; n < s.N; n++) {
    for (let g = 0; g < s.G; g++) {
      const group = n * s.G + g;
      const image = x + offset(group * s.Ci, s.H, s.W, 0, 0);
      spread(image, s.Ci, s.H, s.W, planes, height, width, s.paddingH, s.paddingW, 1, 1);
      const to = out + offset(group * s.Co, s.OH, s.OW, 0, 0);
      const w = weight + offset(g * s.Co * s.Ci, s.KH, s.KW, 0, 0);
      const b = bias ? bias + (<usize>(g * s.Co) << 2) : 0;
      if (s.strideW == 1) convolve(planes, height, width, s.Ci, w, s.Co, b, to, s.OH, s.OW, s, s.strideH, 1, true, work);
      else convolve(planes, height, width, s.Ci, w, s.Co, b, to, s.OH, s.OW, s, s.strideH, s.strideW, false, work);
    }
  }
}
