// Depthwise convolution: each group has one input channel, so a matrix product would be too small. A plane of
// the image and its few taps stay in the L1 cache, and the kernel computes a correlation of rows:
//
//   out[oy][ox] = bias + sum over taps t of weight[t] * frame[oy*strideH + ...][ox + ...]
//
// A plane is first copied into a *frame*: zeros around it, and the columns of each row sorted by their
// remainder modulo the stride (for stride 2 the even columns, then the odd ones):
//
//   padded row  0 a b c d e f 0          frame row  | 0 b d f | a c e 0 |     (stride 2: two phases of frameWidth)
//
// In the frame, neighbours in `out` read neighbouring elements, whatever the stride. A tap is then a pair of
// byte offsets, into the frame and into the kernel's weights (a table written by src/ops/conv/depthwise.ts).
// Without padding and stride nothing is copied: the plane is its own frame.

import { mulAdd } from "../matmul/micro_kernel";
import { lanesBelow, load4, promoteHigh, storeUpTo } from "../lib/simd";
import { copySteps, DepthwiseSizes, fillFrame, fillGradFrame, phaseCount, phaseStart, windowStep } from "./depthwise_frame";

/**
 * Output rows that are computed together. Their independent chains of additions keep both multipliers busy.
 * @shared
 */
const DEPTHWISE_ROWS = 4;

/**
 * out[r][c] = start + sum over the `count` > 0 taps of weights[tap] * base[r][c],
 * r < rows (1 to 4), c < columns.
 * taps: pairs of byte offsets, into rows at `base` and into `weights`. rowStep, outStep: bytes from a row to
 * the next. Reads up to 12 bytes past a row.
 */
function filterRows(
  taps: usize, count: i32, base: usize, rowStep: usize, weights: usize, start: f32,
  out: usize, outStep: usize, rows: i32, columns: i32,
): void {
  // rows past the last repeat the last, and are not stored
  const row1: usize = rows > 1 ? rowStep : 0;
  const row2: usize = rows > 2 ? 2 * rowStep : row1;
  const row3: usize = rows > 3 ? 3 * rowStep : row2;
  const end = taps + (<usize>count << 3);
  let c = 0;
  for (; c + 4 < columns; c += 8, base += 32) {
    let acc0x0123 = f32x4.splat(start);
    let acc0x4567 = acc0x0123;
    let acc1x0123 = acc0x0123;
    let acc1x4567 = acc0x0123;
    let acc2x0123 = acc0x0123;
    let acc2x4567 = acc0x0123;
    let acc3x0123 = acc0x0123;
    let acc3x4567 = acc0x0123;
    let tap = taps;
    do {
      const from = base + load<u32>(tap);
      const w = v128.load32_splat(weights + load<u32>(tap, 4));
      acc0x0123 = mulAdd(acc0x0123, w, v128.load(from));
      acc0x4567 = mulAdd(acc0x4567, w, v128.load(from, 16));
      acc1x0123 = mulAdd(acc1x0123, w, v128.load(from + row1));
      acc1x4567 = mulAdd(acc1x4567, w, v128.load(from + row1, 16));
      // never taken: it keeps V8 from moving the loads below up here, see micro_kernel.ts
      if (from == 0) break;
      acc2x0123 = mulAdd(acc2x0123, w, v128.load(from + row2));
      acc2x4567 = mulAdd(acc2x4567, w, v128.load(from + row2, 16));
      acc3x0123 = mulAdd(acc3x0123, w, v128.load(from + row3));
      acc3x4567 = mulAdd(acc3x4567, w, v128.load(from + row3, 16));
      tap += 8;
    } while (tap < end);
    storePair(out, c, columns, acc0x0123, acc0x4567);
    if (rows > 1) storePair(out + outStep, c, columns, acc1x0123, acc1x4567);
    if (rows > 2) storePair(out + 2 * outStep, c, columns, acc2x0123, acc2x4567);
    if (rows > 3) storePair(out + 3 * outStep, c, columns, acc3x0123, acc3x4567);
  }
  if (c < columns) {
    let acc0 = f32x4.splat(start);
    let acc1 = acc0;
    let acc2 = acc0;
    let acc3 = acc0;
    let tap = taps;
    do {
      const from = base + load<u32>(tap);
      const w = v128.load32_splat(weights + load<u32>(tap, 4));
      acc0 = mulAdd(acc0, w, v128.load(from));
      acc1 = mulAdd(acc1, w, v128.load(from + row1));
      acc2 = mulAdd(acc2, w, v128.load(from + row2));
      acc3 = mulAdd(acc3, w, v128.load(from + row3));
      tap += 8;
    } while (tap < end);
    storeUpTo(out, c, columns, acc0);
    if (rows > 1) storeUpTo(out + outStep, c, columns, acc1);
    if (rows > 2) storeUpTo(out + 2 * outStep, c, columns, acc2);
    if (rows > 3) storeUpTo(out + 3 * outStep, c, columns, acc3);
  }
}

/** Stores columns c to c+7, except those at or after `columns`. Columns c to c+4 must exist. */
// @ts-ignore: decorator
@inline
function storePair(out: usize, c: i32, columns: i32, v0123: v128, v4567: v128): void {
  v128.store(out + (<usize>c << 2), v0123);
  storeUpTo(out, c + 4, columns, v4567);
}

/**
 * out[n][g*filters + f] = bias + the correlation of x[n][g] with weight[g*filters + f]. x: [N][groups][H][W];
 * weight: [groups*filters][taps]; bias: [groups*filters] or 0. taps: the offsets of all taps of the kernel.
 * work: frameBytes per chunk. Unit: one output plane.
 */
export function depthwiseForward(
  begin: i32, end: i32, x: usize, sizes: usize, weight: usize, bias: usize, taps: usize, out: usize, work: usize, grain: i32,
): void {
  const s = changetype<DepthwiseSizes>(sizes);
  const copies = s.frameBytes > 0;
  let frame = work + <usize>(begin / grain) * <usize>s.frameBytes;
  if (copies) memory.fill(frame, 0, s.frameBytes);
  const channels = s.groups * s.filters;
  const step = windowStep(s);
  const outRow = <usize>s.outWidth << 2;
  let framed = -1;
  for (let unit = begin; unit < end; unit++) {
    const plane = unit / s.filters; // n * groups + g
    const channel = unit % channels;
    const from = x + (<usize>plane * <usize>(s.height * s.width) << 2);
    if (!copies) frame = from;
    else if (plane != framed) fillFrame(from, s, frame);
    framed = plane;
    const start: f32 = bias ? load<f32>(bias + (<usize>channel << 2)) : 0;
    const weights = weight + (<usize>(channel * s.taps) << 2);
    let to = out + <usize>unit * <usize>s.outHeight * outRow;
    for (let oy = 0; oy < s.outHeight; oy += DEPTHWISE_ROWS, to += <usize>DEPTHWISE_ROWS * outRow) {
      const rows = min(DEPTHWISE_ROWS, s.outHeight - oy);
      filterRows(taps, s.taps, frame + <usize>oy * step, step, weights, start, to, outRow, rows, s.outWidth);
    }
  }
}

/** Copies `rows` rows of a phase at `from` into every `stride`th column of the rows at `to`. */
// @ts-ignore: decorator
@inline
function spreadRows(from: usize, fromStep: usize, to: usize, toStep: usize, stride: i32, rows: i32, count: i32): void {
  for (let r = 0; r < rows; r++, from += fromStep, to += toStep) copySteps(from, 1, to, stride, count);
}

/** For stride 2: interleaves the rows of two phases, the elements of `lead` first, into rows of `width`. */
// @ts-ignore: decorator
@inline
function interleaveRows(lead: usize, follow: usize, fromStep: usize, to: usize, toStep: usize, rows: i32, width: i32): void {
  for (let r = 0; r < rows; r++, lead += fromStep, follow += fromStep, to += toStep) {
    for (let c = 0; c < width; c += 8) {
      const a = load4(lead, c >> 1);
      const b = load4(follow, c >> 1);
      storeUpTo(to, c, width, v128.shuffle<f32>(a, b, 0, 4, 1, 5));
      if (c + 4 < width) storeUpTo(to, c + 4, width, v128.shuffle<f32>(a, b, 2, 6, 3, 7));
    }
  }
}

/**
 * dx[n][g] = for each input pixel, the sum of gradient times weight over the outputs that read it. The input
 * pixels of one phase (rows and columns modulo the strides) are read through the same taps, so each phase is
 * a separate correlation over the frames of the group's output gradients. lists: for each phase (row phase,
 * then column phase) the number of its taps, and the index of its first tap in `taps`. A phase without taps
 * becomes zeros.
 *
 * dy: [N][groups*filters][OH][OW]. work, per chunk: `filters` frames of gradBytes; then, if strideWidth > 1,
 * DEPTHWISE_ROWS rows of `phaseBytes` for each column phase. Unit: one input plane.
 */
export function depthwiseGradInput(
  begin: i32, end: i32, dy: usize, sizes: usize, weight: usize, lists: usize, taps: usize, dx: usize,
  work: usize, grain: i32, workBytes: i32, phaseBytes: i32,
): void {
  const s = changetype<DepthwiseSizes>(sizes);
  const copies = s.gradBytes > 0;
  const own = work + <usize>(begin / grain) * <usize>workBytes;
  const phases = own + <usize>s.filters * <usize>s.gradBytes;
  let frame = own;
  if (copies) memory.fill(frame, 0, <usize>s.filters * <usize>s.gradBytes);
  const gradPlane = <usize>(s.outHeight * s.outWidth) << 2;
  const frameRow = <usize>s.gradWidth << 2;
  const rowBytes = <usize>s.width << 2;
  const stride = s.strideWidth;
  for (let unit = begin; unit < end; unit++) {
    const from = dy + <usize>unit * <usize>s.filters * gradPlane;
    if (copies) {
      for (let f: usize = 0; f < <usize>s.filters; f++) fillGradFrame(from + f * gradPlane, s, frame + f * <usize>s.gradBytes);
    } else frame = from;
    const weights = weight + (<usize>((unit % s.groups) * s.filters * s.taps) << 2);
    const plane = dx + <usize>unit * <usize>s.height * rowBytes;
    for (let phaseY = 0; phaseY < s.strideHeight; phaseY++) {
      const firstY = phaseStart(phaseY, s.paddingHeight, s.strideHeight);
      const countY = phaseCount(firstY, s.height, s.strideHeight);
      const outStep = <usize>s.strideHeight * rowBytes;
      for (let r = 0; r < countY; r += DEPTHWISE_ROWS) {
        const rows = min(DEPTHWISE_ROWS, countY - r);
        const base = frame + <usize>((firstY + s.paddingHeight) / s.strideHeight + r) * frameRow;
        const to = plane + <usize>(firstY + r * s.strideHeight) * rowBytes;
        for (let phaseX = 0; phaseX < stride; phaseX++) {
          const firstX = phaseStart(phaseX, s.paddingWidth, stride);
          const countX = phaseCount(firstX, s.width, stride);
          const list = lists + (<usize>(phaseY * stride + phaseX) << 3);
          const count = load<i32>(list);
          const own = base + (<usize>((firstX + s.paddingWidth) / stride) << 2);
          const target = stride == 1 ? to : phases + <usize>(phaseX * DEPTHWISE_ROWS * phaseBytes);
          const targetStep = stride == 1 ? outStep : <usize>phaseBytes;
          if (count == 0) for (let i = 0; i < rows; i++) memory.fill(target + <usize>i * targetStep, 0, <usize>countX << 2);
          else {
            filterRows(
              taps + (<usize>load<i32>(list, 4) << 3), count, own, frameRow, weights, 0, target, targetStep, rows, countX,
            );
          }
          if (stride > 2) spreadRows(target, targetStep, to + (<usize>firstX << 2), outStep, stride, rows, countX);
        }
        if (stride == 2) {
          const even = phases + <usize>((s.paddingWidth & 1) * DEPTHWISE_ROWS * phaseBytes);
          const odd = phases + <usize>((1 - (s.paddingWidth & 1)) * DEPTHWISE_ROWS * phaseBytes);
          interleaveRows(even, odd, phaseBytes, to, outStep, rows, s.width);
        }
      }
    }
  }
}

/**
 * Adds the sums of dy * window over a plane, for three taps, to three float64 values at `sums`. Only `count`
 * of the taps and values exist.
 */
function dotTaps(
  dy: usize, s: DepthwiseSizes, frame: usize, step: usize, tap: usize, count: i32, sums: usize,
): void {
  // taps past the last repeat the first, and their sums are not stored
  const offset0 = <usize>load<u32>(tap);
  const offset1 = count > 1 ? <usize>load<u32>(tap, 8) : offset0;
  const offset2 = count > 2 ? <usize>load<u32>(tap, 16) : offset0;
  const whole = s.outWidth & ~3;
  const rest = lanesBelow(s.outWidth - whole);
  let acc0 = f32x4.splat(0);
  let acc1 = acc0;
  let acc2 = acc0;
  for (let oy = 0; oy < s.outHeight; oy++, frame += step, dy += <usize>s.outWidth << 2) {
    let ox = 0;
    for (; ox < whole; ox += 4) {
      const grad = load4(dy, ox);
      const from = frame + (<usize>ox << 2);
      acc0 = mulAdd(acc0, grad, v128.load(from + offset0));
      acc1 = mulAdd(acc1, grad, v128.load(from + offset1));
      acc2 = mulAdd(acc2, grad, v128.load(from + offset2));
    }
    if (ox < s.outWidth) {
      // both operands are masked, because memory past the row may hold NaN
      const grad = v128.and(load4(dy, ox), rest);
      const from = frame + (<usize>ox << 2);
      acc0 = mulAdd(acc0, grad, v128.and(v128.load(from + offset0), rest));
      acc1 = mulAdd(acc1, grad, v128.and(v128.load(from + offset1), rest));
      acc2 = mulAdd(acc2, grad, v128.and(v128.load(from + offset2), rest));
    }
  }
  addLanes(sums, acc0);
  if (count > 1) addLanes(sums + 8, acc1);
  if (count > 2) addLanes(sums + 16, acc2);
}

// @ts-ignore: decorator
@inline
function addLanes(sum: usize, v: v128): void {
  const pairs = f64x2.add(f64x2.promote_low_f32x4(v), promoteHigh(v));
  store<f64>(sum, load<f64>(sum) + f64x2.extract_lane(pairs, 0) + f64x2.extract_lane(pairs, 1));
}

/**
 * dWeight[f][tap] = sum over images and output pixels of dy[n][f] times the element of x that the tap reads.
 * The sums of a plane are float32, in four lanes; planes are added in float64, in the order of the images. x,
 * dy and `taps` are as above. work, per chunk: frameBytes, then one float64 per tap. Unit: one filter (of
 * groups*filters).
 */
export function depthwiseGradWeight(
  begin: i32, end: i32, x: usize, dy: usize, images: i32, sizes: usize, taps: usize, dWeight: usize, work: usize, grain: i32,
  workBytes: i32,
): void {
  const s = changetype<DepthwiseSizes>(sizes);
  const copies = s.frameBytes > 0;
  const own = work + <usize>(begin / grain) * <usize>workBytes;
  const sums = own + s.frameBytes;
  if (copies) memory.fill(own, 0, s.frameBytes);
  const step = windowStep(s);
  const outPlane = <usize>(s.outHeight * s.outWidth) << 2;
  for (let filter = begin; filter < end; filter++) {
    memory.fill(sums, 0, <usize>s.taps << 3);
    for (let n = 0; n < images; n++) {
      const plane = n * s.groups + filter / s.filters;
      const from = x + (<usize>plane * <usize>(s.height * s.width) << 2);
      if (copies) fillFrame(from, s, own);
      const grad = dy + <usize>(n * s.groups * s.filters + filter) * outPlane;
      for (let t = 0; t < s.taps; t += 3) {
        const count = min(3, s.taps - t);
        dotTaps(grad, s, copies ? own : from, step, taps + (<usize>t << 3), count, sums + (<usize>t << 3));
      }
    }
    for (let t = 0; t < s.taps; t++) {
      store<f32>(dWeight + (<usize>(filter * s.taps + t) << 2), <f32>load<f64>(sums + (<usize>t << 3)));
    }
  }
}
