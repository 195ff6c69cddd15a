// Counter-based random numbers: Philox 4x32-10 turns (key, counter) into four 32-bit words.
// see: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
//
// The key is the seed. A draw of n elements uses 4 * ceil(n / 16) counters, starting at `offset` (a multiple
// of 4). Each four counters give 16 elements, in vectors that run across the counters:
//
//   element   16 g +            0  1  2  3    4  5  6  7    8  9 10 11   12 13 14 15
//   counter   offset + 4 g +    0  1  2  3    0  1  2  3    0  1  2  3    0  1  2  3
//   word                        0             1             2             3
//
// So an element depends only on the seed, the offset and its index, not on which thread draws it. `seed` and
// `offset` are integers up to 2^53, passed as f64. Ranges start at multiples of 16.

import { cos4, log4, sin4 } from "../lib/math";
import { load4, storeUpTo } from "../lib/simd";

const MULTIPLIER_0: u32 = 0xd2511f53;
const MULTIPLIER_1: u32 = 0xcd9e8d57;
const WEYL_0: u32 = 0x9e3779b9;
const WEYL_1: u32 = 0xbb67ae85;

/** Word `word` (0 to 3) of Philox 4x32-10 for the counter c0..c3 and the key k0, k1. */
export function philoxWord(c0: u32, c1: u32, c2: u32, c3: u32, k0: u32, k1: u32, word: i32): u32 {
  for (let round = 0; round < 10; round++) {
    const product0 = <u64>MULTIPLIER_0 * <u64>c0;
    const product1 = <u64>MULTIPLIER_1 * <u64>c2;
    c0 = <u32>(product1 >> 32) ^ c1 ^ k0;
    c1 = <u32>product1;
    c2 = <u32>(product0 >> 32) ^ c3 ^ k1;
    c3 = <u32>product0;
    k0 += WEYL_0;
    k1 += WEYL_1;
  }
  return word == 0 ? c0 : word == 1 ? c1 : word == 2 ? c2 : c3;
}

/** The upper halves of the four products a * b. */
// @ts-ignore: decorator
@inline
function multiplyHigh(a: v128, b: v128): v128 {
  return v128.shuffle<i32>(i64x2.extmul_low_i32x4_u(a, b), i64x2.extmul_high_i32x4_u(a, b), 1, 3, 5, 7);
}

/** A number in [0, 1), in steps of 2^-24, from the upper 24 bits. */
// @ts-ignore: decorator
@inline
function unit(bits: v128): v128 {
  return f32x4.mul(f32x4.convert_i32x4_u(i32x4.shr_u(bits, 8)), f32x4.splat(f32(1.0 / 16777216.0)));
}

/** sqrt(-2 ln u) for a random u in (0, 1], in steps of 2^-32 near 0. The result is at most 6.8. */
function normalRadius(bits: v128): v128 {
  const half = f32x4.splat(0.5);
  const u = f32x4.mul(f32x4.add(f32x4.convert_i32x4_u(bits), half), f32x4.splat(f32(1.0 / 4294967296.0)));
  return f32x4.sqrt(f32x4.mul(log4(u), f32x4.splat(-2)));
}

// called rather than inlined: they are long, and each is used several times

function cosine(x: v128): v128 {
  return cos4(x);
}

function sine(x: v128): v128 {
  return sin4(x);
}

/** 2 pi u for a random u in [0, 1). */
// @ts-ignore: decorator
@inline
function normalAngle(bits: v128): v128 {
  return f32x4.mul(unit(bits), f32x4.splat(6.2831853071795865));
}

// The distributions that words are converted to
const BITS = 0;
const UNIFORM = 1;
const NORMAL = 2;
const BERNOULLI = 3;
const BERNOULLI_EACH = 4;
const DROPOUT = 5;

/** Converts one vector of bits (for NORMAL: of standard normal numbers) to elements i to i+3. */
// @ts-ignore: decorator
@inline
function finish(KIND: i32, bits: v128, i: i32, x: usize, a: v128, b: v128): v128 {
  if (KIND == UNIFORM) return f32x4.add(f32x4.mul(unit(bits), b), a);
  if (KIND == NORMAL) return f32x4.add(f32x4.mul(bits, b), a);
  if (KIND == BERNOULLI) return v128.and(f32x4.lt(unit(bits), a), f32x4.splat(1));
  if (KIND == BERNOULLI_EACH) return v128.and(f32x4.lt(unit(bits), load4(x, i)), f32x4.splat(1));
  if (KIND == DROPOUT) return v128.and(f32x4.ge(unit(bits), a), f32x4.mul(load4(x, i), b));
  return bits;
}

/**
 * Converts the four words of sixteen elements to the distribution, and stores them at i
 * to i+15, or up to `end`.
 */
// @ts-ignore: decorator
@inline
function finishWords(
  KIND: i32, c0: v128, c1: v128, c2: v128, c3: v128, out: usize, i: i32, end: i32, x: usize, a: v128, b: v128,
): void {
  if (KIND == NORMAL) {
    // Box-Muller: a radius and an angle give two independent normal numbers
    const radius01 = normalRadius(c0);
    const angle01 = normalAngle(c1);
    const radius23 = normalRadius(c2);
    const angle23 = normalAngle(c3);
    c0 = f32x4.mul(radius01, cosine(angle01));
    c1 = f32x4.mul(radius01, sine(angle01));
    c2 = f32x4.mul(radius23, cosine(angle23));
    c3 = f32x4.mul(radius23, sine(angle23));
  }
  storeUpTo(out, i, end, finish(KIND, c0, i, x, a, b));
  if (i + 4 < end) storeUpTo(out, i + 4, end, finish(KIND, c1, i + 4, x, a, b));
  if (i + 8 < end) storeUpTo(out, i + 8, end, finish(KIND, c2, i + 8, x, a, b));
  if (i + 12 < end) storeUpTo(out, i + 12, end, finish(KIND, c3, i + 12, x, a, b));
}

/**
 * The loop of all draws. It writes elements [begin, end) of `out`, two groups of sixteen at a time (c0 to c3
 * and d0 to d3): a round waits for the previous one, and two independent chains fill each other's gaps.
 */
// @ts-ignore: decorator
@inline
function draw(KIND: i32, begin: i32, end: i32, out: usize, seed: f64, offset: f64, x: usize, a: f32, b: f32): void {
  const va = f32x4.splat(a);
  const vb = f32x4.splat(b);
  const multiplier0 = i32x4.splat(MULTIPLIER_0);
  const multiplier1 = i32x4.splat(MULTIPLIER_1);
  const weyl0 = i32x4.splat(WEYL_0);
  const weyl1 = i32x4.splat(WEYL_1);
  const key0 = i32x4.splat(<u32>(<u64>seed));
  const key1 = i32x4.splat(<u32>(<u64>seed >> 32));
  let i = begin;
  do {
    const counter = <u64>offset + (<u64>i >> 2);
    const next = counter + 4;
    // the first round, in which c2 and c3 are 0. There is no carry into c1, because counters are multiples of
    // 4
    const c = i32x4.add(i32x4.splat(<i32>counter), i32x4(0, 1, 2, 3));
    const d = i32x4.add(i32x4.splat(<i32>next), i32x4(0, 1, 2, 3));
    let c0 = v128.xor(i32x4.splat(<i32>(counter >> 32)), key0);
    let c1 = i32x4.splat(0);
    let c2 = v128.xor(multiplyHigh(c, multiplier0), key1);
    let c3 = i32x4.mul(c, multiplier0);
    let d0 = v128.xor(i32x4.splat(<i32>(next >> 32)), key0);
    let d1 = c1;
    let d2 = v128.xor(multiplyHigh(d, multiplier0), key1);
    let d3 = i32x4.mul(d, multiplier0);
    let k0 = i32x4.add(key0, weyl0);
    let k1 = i32x4.add(key1, weyl1);
    let round = 9;
    do {
      const lowC0 = i32x4.mul(c0, multiplier0);
      const lowC1 = i32x4.mul(c2, multiplier1);
      const highC0 = multiplyHigh(c0, multiplier0);
      c0 = v128.xor(multiplyHigh(c2, multiplier1), v128.xor(c1, k0));
      c1 = lowC1;
      c2 = v128.xor(highC0, v128.xor(c3, k1));
      c3 = lowC0;
      const lowD0 = i32x4.mul(d0, multiplier0);
      const lowD1 = i32x4.mul(d2, multiplier1);
      const highD0 = multiplyHigh(d0, multiplier0);
      d0 = v128.xor(multiplyHigh(d2, multiplier1), v128.xor(d1, k0));
      d1 = lowD1;
      d2 = v128.xor(highD0, v128.xor(d3, k1));
      d3 = lowD0;
      k0 = i32x4.add(k0, weyl0);
      k1 = i32x4.add(k1, weyl1);
    } while (--round);
    finishWords(KIND, c0, c1, c2, c3, out, i, end, x, va, vb);
    if (i + 16 < end) finishWords(KIND, d0, d1, d2, d3, out, i + 16, end, x, va, vb);
    i += 32;
  } while (i < end);
}

/** out[i] = 32 random bits. */
export function randomBits(begin: i32, end: i32, out: usize, seed: f64, offset: f64): void {
  draw(BITS, begin, end, out, seed, offset, 0, 0, 0);
}

/** out[i] = low + u * width, u uniform in [0, 1) in steps of 2^-24. */
export function randomUniform(begin: i32, end: i32, out: usize, seed: f64, offset: f64, low: f32, width: f32): void {
  draw(UNIFORM, begin, end, out, seed, offset, 0, low, width);
}

/** out[i] = mean + std * z, z standard normal. */
export function randomNormal(begin: i32, end: i32, out: usize, seed: f64, offset: f64, mean: f32, std: f32): void {
  draw(NORMAL, begin, end, out, seed, offset, 0, mean, std);
}

/** out[i] = 1 with probability p, else 0. */
export function randomBernoulli(begin: i32, end: i32, out: usize, seed: f64, offset: f64, p: f32): void {
  draw(BERNOULLI, begin, end, out, seed, offset, 0, p, 0);
}

/** out[i] = 1 with probability p[i], else 0. */
export function randomBernoulliEach(begin: i32, end: i32, out: usize, seed: f64, offset: f64, p: usize): void {
  draw(BERNOULLI_EACH, begin, end, out, seed, offset, p, 0, 0);
}

/**
 * y[i] = 0 with probability p, else x[i] * scale. The same draw over dy gives dx: the mask is never stored.
 */
export function dropout(begin: i32, end: i32, y: usize, seed: f64, offset: f64, x: usize, p: f32, scale: f32): void {
  draw(DROPOUT, begin, end, y, seed, offset, x, p, scale);
}

/**
 * An integer in [0, range), uniformly distributed, from the bits of element i of a draw.
 * see: Lemire, "Fast random integer generation in an interval", 2019. Bits that would favour some values are
 * rejected, and replaced by the bits of the same element with c2 = attempt, so that the length of a draw
 * stays fixed.
 */
function bounded(bits: u32, range: u32, i: i32, seed: f64, offset: f64): u32 {
  let product = <u64>bits * <u64>range;
  if (<u32>product < range) {
    const refused: u32 = (<u32>0 - range) % range; // 2^32 mod range
    const counter = <u64>offset + ((<u64>i >> 4) << 2) + <u64>(i & 3);
    const key = <u64>seed;
    for (let attempt: u32 = 1; <u32>product < refused; attempt++) {
      bits = philoxWord(<u32>counter, <u32>(counter >> 32), attempt, 0, <u32>key, <u32>(key >> 32), (i >> 2) & 3);
      product = <u64>bits * <u64>range;
    }
  }
  return <u32>(product >> 32);
}

/** out[i], which holds the bits of a draw, becomes an integer in [low, low + range). */
export function bitsToIntegers(begin: i32, end: i32, out: usize, seed: f64, offset: f64, low: i32, range: u32): void {
  for (let i = begin; i < end; i++) {
    const to = out + (<usize>i << 2);
    store<i32>(to, low + <i32>bounded(load<u32>(to), range, i, seed, offset));
  }
}

/**
 * out[0 .. n), which holds the bits of a draw, becomes a permutation of 0 .. n-1, by the inside-out
 * Fisher-Yates shuffle.
 */
export function bitsToPermutation(n: i32, out: usize, seed: f64, offset: f64): void {
  for (let i = 0; i < n; i++) {
    const to = out + (<usize>i << 2);
    const other = out + (<usize>bounded(load<u32>(to), <u32>i + 1, i, seed, offset) << 2);
    store<i32>(to, load<i32>(other));
    store<i32>(other, i);
  }
}

/** The first i with x[i] outside [low, high] (or NaN), else -1. */
export function findOutside(n: i32, x: usize, low: f32, high: f32): i32 {
  for (let i = 0; i < n; i++) {
    const value = load<f32>(x + (<usize>i << 2));
    if (!(value >= low && value <= high)) return i;
  }
  return -1;
}
