// Resizes planes in two passes, one along each dimension. Every output is a weighted sum of neighbouring
// inputs: bicubic, area and antialiased interpolation, and their gradients.
//
// The tables of a dimension have the first input of each output (int32) and `taps` rows of weights (float32),
// one column for each output. Both are padded to a multiple of four outputs. first[o] + taps <= length, so
// some weights are 0; terms with weight 0 are left out, even if the input is infinite or NaN.

import { load4, storeUpTo } from "../lib/simd";

/** Number of columns of a table for `length` outputs. */
// @ts-ignore: decorator
@inline
function padded(length: i32): usize {
  return <usize>((length + 3) & ~3);
}

/** w * v, but 0 where w is 0. */
// @ts-ignore: decorator
@inline
function term(w: v128, v: v128): v128 {
  return v128.and(f32x4.mul(w, v), f32x4.ne(w, f32x4.splat(0)));
}

/** y[r][o] = sum over k of weights[k][o] x[r][first[o] + k], for rows r of length `width`. Unit: one row. */
export function resampleRows(
  begin: i32, end: i32, x: usize, y: usize, first: usize, weights: usize, taps: i32, width: i32, outWidth: i32,
): void {
  const step = padded(outWidth) << 2;
  for (let r = begin; r < end; r++) {
    const row = x + (<usize>r * width << 2);
    const to = y + (<usize>r * outWidth << 2);
    for (let o = 0; o < outWidth; o += 4) {
      const sources = first + (<usize>o << 2);
      let a = row + (<usize>load<i32>(sources) << 2);
      let b = row + (<usize>load<i32>(sources, 4) << 2);
      let c = row + (<usize>load<i32>(sources, 8) << 2);
      let d = row + (<usize>load<i32>(sources, 12) << 2);
      let w = weights + (<usize>o << 2);
      let sum = f32x4.splat(0);
      for (let k = 0; k < taps; k++) {
        let v = v128.load32_splat(a);
        v = v128.load32_lane(b, v, 1);
        v = v128.load32_lane(c, v, 2);
        v = v128.load32_lane(d, v, 3);
        sum = f32x4.add(sum, term(v128.load(w), v));
        a += 4;
        b += 4;
        c += 4;
        d += 4;
        w += step;
      }
      storeUpTo(to, o, outWidth, sum);
    }
  }
}

/**
 * y[p][o][c] = sum over k of weights[k][o] x[p][first[o] + k][c], for planes p of `height` rows of length
 * `width`. Unit: one row of y.
 */
export function resampleColumns(
  begin: i32, end: i32, x: usize, y: usize, first: usize, weights: usize, taps: i32,
  height: i32, outHeight: i32, width: i32,
): void {
  const step = padded(outHeight) << 2;
  const row = <usize>width << 2;
  for (let i = begin; i < end; i++) {
    const p = i / outHeight;
    const o = <usize>(i - p * outHeight) << 2;
    const from = x + <usize>(p * height + load<i32>(first + o)) * row;
    const to = y + <usize>i * row;
    let c = 0;
    for (; c + 16 <= width; c += 16) {
      let s0 = f32x4.splat(0);
      let s1 = s0;
      let s2 = s0;
      let s3 = s0;
      let source = from + (<usize>c << 2);
      let w = weights + o;
      for (let k = 0; k < taps; k++, source += row, w += step) {
        if (load<f32>(w) == 0) continue;
        const weight = v128.load32_splat(w);
        s0 = f32x4.add(s0, f32x4.mul(weight, v128.load(source)));
        s1 = f32x4.add(s1, f32x4.mul(weight, v128.load(source, 16)));
        s2 = f32x4.add(s2, f32x4.mul(weight, v128.load(source, 32)));
        s3 = f32x4.add(s3, f32x4.mul(weight, v128.load(source, 48)));
      }
      const out = to + (<usize>c << 2);
      v128.store(out, s0);
      v128.store(out, s1, 16);
      v128.store(out, s2, 32);
      v128.store(out, s3, 48);
    }
    for (; c < width; c += 4) {
      let sum = f32x4.splat(0);
      let source = from;
      let w = weights + o;
      for (let k = 0; k < taps; k++, source += row, w += step) {
        if (load<f32>(w) != 0) sum = f32x4.add(sum, f32x4.mul(v128.load32_splat(w), load4(source, c)));
      }
      storeUpTo(to, c, width, sum);
    }
  }
}
