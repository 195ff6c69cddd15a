// Convolution as a matrix product, without ever writing the im2col matrix: its columns are packed straight
// into the panels that the micro-kernel reads (implicit GEMM).
//
//   out[co][p] = sum over t of weight[co][t] * column[t][p]
//     t = (ci, kh, kw): a tap, one of Ci*KH*KW          p = (oy, ox): an output pixel, one of OH*OW
//     column[t][p] = padded[ci][oy*strideH + kh*dilationH][ox*strideW + kw*dilationW]
//
// The gradients are matrix products, too: gradWeight = gradOut * column^T (panels of taps, below), and
// gradColumn = weight^T * gradOut, whose entries are added where they overlap (fold_columns.ts). See:
// Chellapilla, Puri & Simard, High Performance Convolutional Neural Networks for Document Processing (2006);
// Dumoulin & Visin, arXiv:1603.07285.

import { transpose4x4 } from "../matmul/pack";
import { assertInside, Geometry } from "./geometry";

/**
 * Whether each row of a window is a pair of neighbouring taps that no other window reads, so that an output
 * pixel takes two floats at once. An example is an upsampling transposed convolution (2x2, stride 2).
 */
// @ts-ignore: decorator
@inline
function tapsArePairs(g: Geometry): bool {
  return g.kernelWidth == 2 && g.strideWidth == 2 && g.dilationWidth == 1;
}

/** Loads elements 0, 2, 4 and 6 from an address. Reads 4 bytes past the last of them. */
// @ts-ignore: decorator
@inline
function loadEveryOther(from: usize): v128 {
  return v128.shuffle<f32>(v128.load(from), v128.load(from, 16), 0, 2, 4, 6);
}

/** Byte offset, within a padded plane, of the first tap (kh = kw = 0) of output pixel (oy, ox). */
// @ts-ignore: decorator
@inline
function pixelOffset(g: Geometry, oy: i32, ox: i32): usize {
  return <usize>(oy * g.strideHeight * g.paddedWidth + ox * g.strideWidth) << 2;
}

/**
 * pixelOffset of pixel p of a panel; pixels past the last repeat an existing one. With `pooled` 0 the 8
 * pixels of a panel follow each other, row by row. With `pooled` 1 they are 4 pixels of an even row and the 4
 * below, so that a panel holds two windows of a 2x2 pooling. An odd last row or column is left out.
 */
// @ts-ignore: decorator
@inline
function panelPixelOffset(g: Geometry, panel: i32, p: i32, pooled: i32): usize {
  if (pooled) {
    const blocks = (g.outWidth / 2 + 1) / 2; // blocks of 4 columns
    const py = panel / blocks;
    const ox = ((panel - py * blocks) << 2) + (p & 3);
    return pixelOffset(g, 2 * py + (p >> 2), min(ox, g.outWidth - 1));
  }
  const pixel = min((panel << 3) + p, g.outHeight * g.outWidth - 1);
  const oy = pixel / g.outWidth;
  return pixelOffset(g, oy, pixel - oy * g.outWidth);
}

/**
 * panels[b][panel][t][i] = column[t][pixel i of the panel], for batch b: one group of one image. padded:
 * [batches][Ci][paddedHeight][paddedWidth]. Unit: one panel of 8 output pixels. perBatch: the panels of a
 * batch, ceil(OH OW / 8), or with `pooled` 1 (see panelPixelOffset) floor(OH / 2) ceil(floor(OW / 2) / 2).
 */
export function packPixelPanels(
  begin: i32, end: i32, padded: usize, geometry: usize, pooled: i32, perBatch: i32, panels: usize,
): void {
  const g = changetype<Geometry>(geometry);
  assertInside(g);
  const rowBytes = <usize>(g.dilationHeight * g.paddedWidth) << 2; // from a tap to the tap below it
  const tapBytes = <usize>g.dilationWidth << 2;
  const planeBytes = <usize>(g.paddedHeight * g.paddedWidth) << 2;
  const panelBytes = <usize>(g.channels * g.kernelHeight * g.kernelWidth) << 5;
  const pairs = tapsArePairs(g);
  for (let unit = begin; unit < end; unit++) {
    const batch = unit / perBatch;
    const panel = unit - batch * perBatch;
    const offset0 = panelPixelOffset(g, panel, 0, pooled);
    const offset1 = panelPixelOffset(g, panel, 1, pooled);
    const offset2 = panelPixelOffset(g, panel, 2, pooled);
    const offset3 = panelPixelOffset(g, panel, 3, pooled);
    const offset4 = panelPixelOffset(g, panel, 4, pooled);
    const offset5 = panelPixelOffset(g, panel, 5, pooled);
    const offset6 = panelPixelOffset(g, panel, 6, pooled);
    const offset7 = panelPixelOffset(g, panel, 7, pooled);
    // Are the pixels two runs of four, neighbours in the input (stride 1) or every other pixel (stride 2)?
    // Pixels past the last repeat, so the first step is compared as well as the sum: 0, 3, 3, 3 is not a run.
    const inRuns = offset1 - offset0 == 4 && offset5 - offset4 == 4 && offset3 - offset0 == 12 && offset7 - offset4 == 12;
    const inSteps = offset1 - offset0 == 8 && offset5 - offset4 == 8 && offset3 - offset0 == 24 && offset7 - offset4 == 24;
    let plane = padded + <usize>batch * <usize>g.channels * planeBytes;
    let to = panels + <usize>unit * panelBytes;
    for (let ci = 0; ci < g.channels; ci++, plane += planeBytes) {
      let row = plane;
      for (let kh = 0; kh < g.kernelHeight; kh++, row += rowBytes, to += <usize>g.kernelWidth << 5) {
        if (pairs && inSteps) packPairsOfPixels(row + offset0, row + offset4, to);
        else if (inRuns) packRunsOfPixels(row + offset0, row + offset4, g.kernelWidth, tapBytes, to);
        else if (inSteps) packStepsOfPixels(row + offset0, row + offset4, g.kernelWidth, tapBytes, to);
        else {
          packPixels(
            row + offset0, row + offset1, row + offset2, row + offset3,
            row + offset4, row + offset5, row + offset6, row + offset7, g.kernelWidth, tapBytes, to,
          );
        }
      }
    }
  }
}

/** Packs a row of taps for two runs of four neighbouring pixels. */
// @ts-ignore: decorator
@inline
function packRunsOfPixels(first: usize, second: usize, taps: i32, tapBytes: usize, to: usize): void {
  for (let kw = 0; kw < taps; kw++, first += tapBytes, second += tapBytes, to += 32) {
    v128.store(to, v128.load(first));
    v128.store(to, v128.load(second), 16);
  }
}

/** Packs a row of taps for two runs of every other pixel. */
// @ts-ignore: decorator
@inline
function packStepsOfPixels(first: usize, second: usize, taps: i32, tapBytes: usize, to: usize): void {
  for (let kw = 0; kw < taps; kw++, first += tapBytes, second += tapBytes, to += 32) {
    v128.store(to, loadEveryOther(first));
    v128.store(to, loadEveryOther(second), 16);
  }
}

/** packStepsOfPixels for two adjacent taps (tapsArePairs): both taps of a pixel are read at once. */
// @ts-ignore: decorator
@inline
function packPairsOfPixels(first: usize, second: usize, to: usize): void {
  const x0 = v128.load(first);
  const x2 = v128.load(first, 16);
  const x4 = v128.load(second);
  const x6 = v128.load(second, 16);
  v128.store(to, v128.shuffle<f32>(x0, x2, 0, 2, 4, 6));
  v128.store(to, v128.shuffle<f32>(x4, x6, 0, 2, 4, 6), 16);
  v128.store(to, v128.shuffle<f32>(x0, x2, 1, 3, 5, 7), 32);
  v128.store(to, v128.shuffle<f32>(x4, x6, 1, 3, 5, 7), 48);
}

/** Packs a row of taps for eight pixels at any addresses. */
// @ts-ignore: decorator
@inline
function packPixels(
  pixel0: usize, pixel1: usize, pixel2: usize, pixel3: usize, pixel4: usize, pixel5: usize, pixel6: usize, pixel7: usize,
  taps: i32, tapBytes: usize, to: usize,
): void {
  const end = <usize>taps * tapBytes;
  for (let tap: usize = 0; tap < end; tap += tapBytes, to += 32) {
    f32.store(to, f32.load(pixel0 + tap));
    f32.store(to, f32.load(pixel1 + tap), 4);
    f32.store(to, f32.load(pixel2 + tap), 8);
    f32.store(to, f32.load(pixel3 + tap), 12);
    f32.store(to, f32.load(pixel4 + tap), 16);
    f32.store(to, f32.load(pixel5 + tap), 20);
    f32.store(to, f32.load(pixel6 + tap), 24);
    f32.store(to, f32.load(pixel7 + tap), 28);
  }
}

/** Byte offset, within a padded image, of tap t = (ci, kh, kw). */
// @ts-ignore: decorator
@inline
function tapOffset(g: Geometry, t: i32): usize {
  const rest = t / g.kernelWidth;
  const kw = t - rest * g.kernelWidth;
  const ci = rest / g.kernelHeight;
  const kh = rest - ci * g.kernelHeight;
  return <usize>((ci * g.paddedHeight + kh * g.dilationHeight) * g.paddedWidth + kw * g.dilationWidth) << 2;
}

/**
 * The transposed panels, for gradWeight: panels[group][t >> 3][image * P + p][t & 7] = column[t][p] of the
 * group and image. padded: [images][groups][Ci][paddedHeight][paddedWidth]. Past the last tap, a panel
 * repeats an existing tap. Unit: one panel of 8 taps of one image, images fastest.
 */
export function packTapPanels(
  begin: i32, end: i32, padded: usize, geometry: usize, images: i32, groups: i32, panels: usize,
): void {
  const g = changetype<Geometry>(geometry);
  assertInside(g);
  const pixels = g.outHeight * g.outWidth;
  const taps = g.channels * g.kernelHeight * g.kernelWidth;
  const panelsPerGroup = (taps + 7) >> 3;
  const imageBytes = <usize>(g.channels * g.paddedHeight * g.paddedWidth) << 2;
  const stepY = <usize>(g.strideHeight * g.paddedWidth) << 2;
  const stepX = <usize>g.strideWidth << 2;
  const pairs = tapsArePairs(g);
  // the number of pixels of a row that are packed as vectors, and their bytes in the row and in the panel
  const whole = pairs ? g.outWidth & ~1 : g.strideWidth <= 2 ? g.outWidth & ~3 : 0;
  const wholeBytes = <usize>whole * stepX;
  const wholePanel = <usize>whole << 5;
  for (let unit = begin; unit < end; unit++) {
    const image = unit % images;
    const panel = unit / images;
    const group = panel / panelsPerGroup;
    const t = (panel - group * panelsPerGroup) << 3;
    const last = taps - 1;
    const tap0 = tapOffset(g, t);
    const tap1 = tapOffset(g, min(t + 1, last));
    const tap2 = tapOffset(g, min(t + 2, last));
    const tap3 = tapOffset(g, min(t + 3, last));
    const tap4 = tapOffset(g, min(t + 4, last));
    const tap5 = tapOffset(g, min(t + 5, last));
    const tap6 = tapOffset(g, min(t + 6, last));
    const tap7 = tapOffset(g, min(t + 7, last));
    let row = padded + <usize>(image * groups + group) * imageBytes;
    let to = panels + ((<usize>panel * <usize>images + <usize>image) * <usize>pixels << 5);
    for (let oy = 0; oy < g.outHeight; oy++, row += stepY) {
      let from = row + wholeBytes;
      if (g.strideWidth == 1) packRunsOfTaps(row, from, tap0, tap1, tap2, tap3, tap4, tap5, tap6, tap7, to);
      else if (pairs) packPairsOfTaps(row, from, tap0, tap2, tap4, tap6, to);
      else if (g.strideWidth == 2) packStepsOfTaps(row, from, tap0, tap1, tap2, tap3, tap4, tap5, tap6, tap7, to);
      to += wholePanel;
      for (let ox = whole; ox < g.outWidth; ox++, from += stepX, to += 32) {
        f32.store(to, f32.load(from + tap0));
        f32.store(to, f32.load(from + tap1), 4);
        f32.store(to, f32.load(from + tap2), 8);
        f32.store(to, f32.load(from + tap3), 12);
        f32.store(to, f32.load(from + tap4), 16);
        f32.store(to, f32.load(from + tap5), 20);
        f32.store(to, f32.load(from + tap6), 24);
        f32.store(to, f32.load(from + tap7), 28);
      }
    }
  }
}

/**
 * Packs eight taps for the pixels from `from` to `end`, which are neighbours in the input, four at a time.
 */
// @ts-ignore: decorator
@inline
function packRunsOfTaps(
  from: usize, end: usize, tap0: usize, tap1: usize, tap2: usize, tap3: usize,
  tap4: usize, tap5: usize, tap6: usize, tap7: usize, to: usize,
): void {
  for (; from < end; from += 16, to += 128) {
    transpose4x4(
      v128.load(from + tap0), v128.load(from + tap1), v128.load(from + tap2), v128.load(from + tap3), to, 32,
    );
    transpose4x4(
      v128.load(from + tap4), v128.load(from + tap5), v128.load(from + tap6), v128.load(from + tap7), to + 16, 32,
    );
  }
}

/** packRunsOfTaps for every other pixel of the input. */
// @ts-ignore: decorator
@inline
function packStepsOfTaps(
  from: usize, end: usize, tap0: usize, tap1: usize, tap2: usize, tap3: usize,
  tap4: usize, tap5: usize, tap6: usize, tap7: usize, to: usize,
): void {
  for (; from < end; from += 32, to += 128) {
    transpose4x4(
      loadEveryOther(from + tap0), loadEveryOther(from + tap1),
      loadEveryOther(from + tap2), loadEveryOther(from + tap3), to, 32,
    );
    transpose4x4(
      loadEveryOther(from + tap4), loadEveryOther(from + tap5),
      loadEveryOther(from + tap6), loadEveryOther(from + tap7), to + 16, 32,
    );
  }
}

/** packRunsOfTaps for four pairs of adjacent taps (tapsArePairs), two pixels at a time. */
// @ts-ignore: decorator
@inline
function packPairsOfTaps(
  from: usize, end: usize, tap0: usize, tap2: usize, tap4: usize, tap6: usize, to: usize,
): void {
  for (; from < end; from += 16, to += 64) {
    const x0 = v128.load(from + tap0);
    const x2 = v128.load(from + tap2);
    const x4 = v128.load(from + tap4);
    const x6 = v128.load(from + tap6);
    v128.store(to, v128.shuffle<f32>(x0, x2, 0, 1, 4, 5));
    v128.store(to, v128.shuffle<f32>(x4, x6, 0, 1, 4, 5), 16);
    v128.store(to, v128.shuffle<f32>(x0, x2, 2, 3, 6, 7), 32);
    v128.store(to, v128.shuffle<f32>(x4, x6, 2, 3, 6, 7), 48);
  }
}
