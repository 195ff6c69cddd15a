// Keys for sorting: the order of unsigned keys is the order of elements, where NaN is the largest and -0 is
// equal to 0. A pair is 64 bits: a key above the position of its element. So pairs of equal elements are in
// the order of their positions, and no two pairs are equal.

/** The key of an element with these bits; ~key for descending order. */
// @ts-ignore: decorator
@inline
export function keyOf(bits: u32, isInt: i32, descending: i32): u32 {
  let key: u32;
  if (isInt) key = bits ^ 0x80000000;
  else if ((bits & 0x7fffffff) > 0x7f800000) key = 0xffffffff;
  else if (bits == 0x80000000) key = 0x80000000;
  else key = bits ^ (<u32>(<i32>bits >> 31) | 0x80000000);
  return descending ? ~key : key;
}

/** keyOf for four lanes, with the upper bit changed: to be compared as signed integers. */
// @ts-ignore: decorator
@inline
export function signedKeys(v: v128, isInt: i32, descending: i32): v128 {
  let key = v;
  if (!isInt) {
    const plain = f32x4.add(v, f32x4.splat(0)); // -0 becomes 0
    key = v128.xor(plain, v128.and(i32x4.shr_s(plain, 31), i32x4.splat(0x7fffffff)));
    key = v128.bitselect(key, i32x4.splat(0x7fffffff), f32x4.eq(v, v));
  }
  return descending ? v128.not(key) : key;
}

/** Up to this number of pairs, they are sorted by insertion. */
const FEW = 40;
/** From this number on, three passes over 11 bits are faster than four over 8. */
const MANY = 3000;

/** Bytes of the counters that sortPairs needs. @shared */
export const SORT_COUNTERS_BYTES = 24576;

function insertionSort(pairs: usize, n: i32): void {
  for (let i = 1; i < n; i++) {
    const pair = load<u64>(pairs + (<usize>i << 3));
    let to = pairs + (<usize>i << 3);
    while (to > pairs && load<u64>(to - 8) > pair) {
      store<u64>(to, load<u64>(to - 8));
      to -= 8;
    }
    store<u64>(to, pair);
  }
}

/**
 * Sorts n pairs, whose positions ascend, by their keys: a radix sort from the lowest digit. `other` has room
 * for as many pairs, and `counters` has SORT_COUNTERS_BYTES. Returns the address of the result: `pairs` or
 * `other`.
 */
export function sortPairs(pairs: usize, other: usize, counters: usize, n: i32): usize {
  if (n <= FEW) {
    insertionSort(pairs, n);
    return pairs;
  }
  const bits = n < MANY ? 8 : 11;
  const passes = n < MANY ? 4 : 3;
  const digits = 1 << bits;
  const mask = <u32>(digits - 1);
  memory.fill(counters, 0, <usize>(passes * digits) << 2);
  for (let i = 0; i < n; i++) {
    let key = load<u32>(pairs + (<usize>i << 3), 4);
    for (let pass = 0, base = counters; pass < passes; pass++, base += <usize>digits << 2) {
      const counter = base + (<usize>(key & mask) << 2);
      store<i32>(counter, load<i32>(counter) + 1);
      key >>= bits;
    }
  }
  let from = pairs;
  let to = other;
  for (let pass = 0; pass < passes; pass++) {
    const base = counters + (<usize>(pass * digits) << 2);
    const shift = pass * bits;
    // a digit that all keys share needs no pass
    if (load<i32>(base + (<usize>((load<u32>(from, 4) >> shift) & mask) << 2)) == n) continue;
    let start = 0;
    for (let digit = 0; digit < digits; digit++) {
      const counter = base + (<usize>digit << 2);
      const count = load<i32>(counter);
      store<i32>(counter, start);
      start += count;
    }
    for (let i = 0; i < n; i++) {
      const pair = load<u64>(from + (<usize>i << 3));
      const counter = base + (<usize>((<u32>(pair >> 32) >> shift) & mask) << 2);
      const place = load<i32>(counter);
      store<i32>(counter, place + 1);
      store<u64>(to + (<usize>place << 3), pair);
    }
    const last = from;
    from = to;
    to = last;
  }
  return from;
}
