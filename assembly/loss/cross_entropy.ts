// Cross entropy of x[outer, classes, inner] and class indices target[outer, inner]. With the
// log-probabilities q = x - maxima - logSums (see logSumExp; if both are null, x is q) and the class weights
// w (null: 1), the term of a position is
//   (1 - smoothing) w[t] (-q[t]) + smoothing / classes * sum over c of w[c] (-q[c]), or 0 where t = ignored.

import { expTerm4 } from "../lib/math";
import { LANES, load4, storeUpTo } from "../lib/simd";

/** Index of the first target outside [0, classes) that is not `ignored`, or -1. */
export function firstBadClass(target: usize, size: i32, classes: i32, ignored: i32): i32 {
  for (let p = 0; p < size; p++) {
    const t = load<i32>(target + (<usize>p << 2));
    if (t != ignored && (t < 0 || t >= classes)) return p;
  }
  return -1;
}

// @ts-ignore: decorator
@inline
function weightOf(weight: usize, c: i32): f32 {
  return weight ? load<f32>(weight + (<usize>c << 2)) : 1;
}

/**
 * terms[o, i] as above; counts[o, i] = w[t], or 0 where t = ignored. A mean divides by the sum of the counts.
 * Range: positions.
 */
export function crossEntropyTerms(
  begin: i32, end: i32, x: usize, maxima: usize, logSums: usize, target: usize, weight: usize,
  terms: usize, counts: usize, classes: i32, inner: i32, ignored: i32, smoothing: f32,
): void {
  for (let p = begin; p < end; p++) {
    const at = <usize>p << 2;
    const t = load<i32>(target + at);
    if (t == ignored) {
      store<f32>(terms + at, 0);
      store<f32>(counts + at, 0);
      continue;
    }
    const o = p / inner;
    const m: f32 = maxima ? load<f32>(maxima + at) : 0;
    const logSum: f32 = logSums ? load<f32>(logSums + at) : 0;
    const first = x + ((<usize>o * classes * inner + (p - o * inner)) << 2);
    const w = weightOf(weight, t);
    let term: f64 = -w * ((load<f32>(first + (<usize>t * inner << 2)) - m) - logSum);
    if (smoothing != 0) {
      let sum: f64 = 0;
      for (let c = 0; c < classes; c++) {
        sum -= weightOf(weight, c) * ((load<f32>(first + (<usize>c * inner << 2)) - m) - logSum);
      }
      term = (1 - smoothing) * term + <f64>smoothing / classes * sum;
    }
    store<f32>(terms + at, <f32>term);
    store<f32>(counts + at, w);
  }
}

/** y[0] = sums[0] / counts[0], divisor[0] = counts[0] rounded; sums and counts are float64. */
export function divideSums(sums: usize, counts: usize, y: usize, divisor: usize): void {
  store<f32>(y, <f32>(load<f64>(sums) / load<f64>(counts)));
  store<f32>(divisor, <f32>load<f64>(counts));
}

/** The gradient of a position's term: dy at byte offset `at`, or dy[0] / divisor[0] if `single`. */
// @ts-ignore: decorator
@inline
function gradOfTerm(dy: usize, single: i32, divisor: usize, at: usize): f32 {
  return single ? load<f32>(dy) / load<f32>(divisor) : load<f32>(dy + at);
}

/**
 * inner = 1: vectors run along a row of classes. Inlined, like gradColumns: a call with this many parameters
 * takes 30 % longer.
 */
// @ts-ignore: decorator
@inline
function gradRows(
  begin: i32, end: i32, x: usize, maxima: usize, logSums: usize, target: usize, weight: usize,
  dy: usize, single: i32, divisor: usize, dx: usize, classes: i32, ignored: i32, smoothing: f32, even: f32, evenSum: f32,
): void {
  for (let o = begin; o < end; o++) {
    const at = <usize>o << 2;
    const t = load<i32>(target + at);
    // g h, g (1 - smoothing) w[t] and g smoothing / classes
    let scale: f32 = 0;
    let hit: f32 = 0;
    let floor: f32 = 0;
    if (t != ignored) {
      const g = gradOfTerm(dy, single, divisor, at);
      const h: f32 = (1 - smoothing) * weightOf(weight, t);
      scale = g * (h + evenSum);
      hit = g * h;
      floor = g * even;
    }
    const scales = f32x4.splat(scale);
    const floors = f32x4.splat(floor);
    const m = maxima ? v128.load32_splat(maxima + at) : f32x4.splat(0);
    const logSum = logSums ? v128.load32_splat(logSums + at) : f32x4.splat(0);
    const row = <usize>o * classes << 2;
    let c = 0;
    if (maxima && !weight) {
      const from = x + row;
      const to = dx + row;
      const base = f32x4.neg(floors);
      for (; c + 8 <= classes; c += 8) {
        const place = <usize>c << 2;
        const q0 = f32x4.sub(f32x4.sub(v128.load(from + place), m), logSum);
        const q1 = f32x4.sub(f32x4.sub(v128.load(from + place, 16), m), logSum);
        const v0 = f32x4.add(base, f32x4.mul(scales, expTerm4(q0)));
        const v1 = f32x4.add(base, f32x4.mul(scales, expTerm4(q1)));
        v128.store(to + place, v1, 16);
        v128.store(to + place, v0);
      }
    }
    for (; c < classes; c += 4) {
      const q = f32x4.sub(f32x4.sub(load4(x + row, c), m), logSum);
      const w = weight ? load4(weight, c) : f32x4.splat(1);
      let v = f32x4.neg(f32x4.mul(floors, w));
      if (maxima) v = f32x4.add(v, f32x4.mul(scales, expTerm4(q)));
      storeUpTo(dx + row, c, classes, v);
    }
    if (t != ignored) {
      const place = dx + row + (<usize>t << 2);
      store<f32>(place, load<f32>(place) - hit);
    }
  }
}

/** inner > 1: vectors run across (up to) four columns. */
// @ts-ignore: decorator
@inline
function gradColumns(
  begin: i32, end: i32, x: usize, maxima: usize, logSums: usize, target: usize, weight: usize,
  dy: usize, single: i32, divisor: usize, dx: usize, classes: i32, inner: i32, ignored: i32, smoothing: f32,
  even: f32, evenSum: f32,
): void {
  const tiles = (inner + 3) / LANES;
  const stride = <usize>inner << 2;
  for (let p = begin; p < end; p++) {
    const o = p / tiles;
    const column = (p - o * tiles) * LANES;
    const count = min(LANES, inner - column);
    const position = <usize>o * inner + column;
    const targets = load4(target, <i32>position);
    // as in gradRows, for each column
    let scale = f32x4.splat(0);
    let hit = f32x4.splat(0);
    let floor = f32x4.splat(0);
    for (let lane = 0; lane < count; lane++) {
      const at = (position + lane) << 2;
      const t = load<i32>(target + at);
      if (t == ignored) continue;
      const g = gradOfTerm(dy, single, divisor, at);
      const h: f32 = (1 - smoothing) * weightOf(weight, t);
      const mask = i32x4.eq(i32x4(0, 1, 2, 3), i32x4.splat(lane));
      scale = v128.bitselect(f32x4.splat(g * (h + evenSum)), scale, mask);
      hit = v128.bitselect(f32x4.splat(g * h), hit, mask);
      floor = v128.bitselect(f32x4.splat(g * even), floor, mask);
    }
    const m = maxima ? load4(maxima, <i32>position) : f32x4.splat(0);
    const logSum = logSums ? load4(logSums, <i32>position) : f32x4.splat(0);
    const offset = (<usize>o * classes * inner + column) << 2;
    for (let c = 0; c < classes; c++) {
      const at = offset + <usize>c * stride;
      const q = f32x4.sub(f32x4.sub(v128.load(x + at), m), logSum);
      let v = f32x4.neg(f32x4.mul(floor, f32x4.splat(weightOf(weight, c))));
      if (maxima) v = f32x4.add(v, f32x4.mul(scale, expTerm4(q)));
      v = f32x4.sub(v, v128.and(hit, i32x4.eq(targets, i32x4.splat(c))));
      storeUpTo(dx + at, 0, count, v);
    }
  }
}

/**
 * dx[o, c, i] = g (h e^q[c] - (1 - smoothing) w[t] [c = t] - smoothing / classes w[c]), h = (1 - smoothing)
 * w[t] + smoothing / classes sum of w. The e^q term is left out if maxima and logSums are null. g = dy[o, i],
 * or dy[0] / divisor[0] if `single`; g = 0 where t = ignored. Range: rows if inner = 1, else outer *
 * ceil(inner / 4). Reads up to 12 bytes past the arrays.
 */
export function crossEntropyGrad(
  begin: i32, end: i32, x: usize, maxima: usize, logSums: usize, target: usize, weight: usize,
  dy: usize, single: i32, divisor: usize, dx: usize, classes: i32, inner: i32, ignored: i32, smoothing: f32,
): void {
  const even: f32 = smoothing / <f32>classes;
  let weightSum: f64 = 0;
  for (let c = 0; c < classes; c++) weightSum += weightOf(weight, c);
  const evenSum = even * <f32>weightSum;
  if (inner == 1) {
    gradRows(
      begin, end, x, maxima, logSums, target, weight, dy, single, divisor, dx, classes, ignored, smoothing, even, evenSum,
    );
  } else {
    gradColumns(
      begin, end, x, maxima, logSums, target, weight, dy, single, divisor, dx, classes, inner, ignored, smoothing, even, evenSum,
    );
  }
}
