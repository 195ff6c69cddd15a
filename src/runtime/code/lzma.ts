/**
 * LZMA, a compression that is a quarter better than gzip's for the kernels. A file is a sequence of literal
 * bytes and of copies of earlier bytes. All choices and numbers are bits, each coded with the probability
 * that earlier bits of its kind had.
 * see: LZMA specification by Igor Pavlov (7-zip.org/sdk.html)
 */
import type { OwnBytes } from "../../typed_arrays.ts";

/** Bytes of the header: properties, the size of the dictionary, the length of the contents. */
const HEADER = 13;

/** Where each kind of bit has its probabilities. */
const IS_MATCH = 0;
const IS_REP = 192;
const IS_REP_0 = 204;
const IS_REP_1 = 216;
const IS_REP_2 = 228;
const IS_REP_0_LONG = 240;
const DISTANCE_SLOT = 432;
const DISTANCE_BITS = 688;
const DISTANCE_ALIGN = 816;
const MATCH_LENGTH = 832;
const REP_LENGTH = 1346;
const LITERAL = 1860;
const PROBABILITIES = LITERAL + (0x300 << 3);

/**
 * Decodes a file in the format `.lzma` whose header has its length, with the usual properties: 3 bits of the
 * byte before a literal and 2 of a position give the kind of a bit (lc 3, lp 0, pb 2).
 */
export function decodeLzma(file: Uint8Array): OwnBytes {
  const out = new Uint8Array(new DataView(file.buffer, file.byteOffset).getUint32(5, true));
  const probability = new Uint16Array(PROBABILITIES).fill(1024);
  // Uint32Array, because V8 stores other variables of this size as objects
  const coder = new Uint32Array(2); // range, code
  let at = HEADER + 1;
  coder[0] = 0xffffffff;
  for (let i = 0; i < 4; i++) coder[1] = (coder[1] << 8) | file[at++];

  const shift = () => {
    if (coder[0] >= 0x1000000) return;
    coder[0] <<= 8;
    coder[1] = (coder[1] << 8) | file[at++];
  };
  const bit = (kind: number): number => {
    const p = probability[kind];
    const bound = (coder[0] >>> 11) * p;
    const isOne = coder[1] >= bound;
    if (isOne) {
      coder[0] -= bound;
      coder[1] -= bound;
      probability[kind] = p - (p >>> 5);
    } else {
      coder[0] = bound;
      probability[kind] = p + ((2048 - p) >>> 5);
    }
    shift();
    return isOne ? 1 : 0;
  };
  /** A number of `bits` bits, the highest first; each bit's probability depends on those before it. */
  const tree = (kind: number, bits: number): number => {
    let node = 1;
    for (let i = 0; i < bits; i++) node = node * 2 + bit(kind + node);
    return node - (1 << bits);
  };
  /** The same, the lowest bit first. */
  const reverseTree = (kind: number, bits: number): number => {
    let node = 1;
    let value = 0;
    for (let i = 0; i < bits; i++) {
      const next = bit(kind + node);
      node = node * 2 + next;
      value |= next << i;
    }
    return value;
  };
  /** Bits that are 0 as often as 1. */
  const direct = (bits: number): number => {
    let value = 0;
    for (let i = 0; i < bits; i++) {
      coder[0] >>>= 1;
      const isOne = coder[1] >= coder[0];
      if (isOne) coder[1] -= coder[0];
      value = value * 2 + (isOne ? 1 : 0);
      shift();
    }
    return value;
  };
  const length = (kind: number, place: number): number => {
    if (!bit(kind)) return tree(kind + 2 + place * 8, 3);
    return bit(kind + 1) ? 16 + tree(kind + 258, 8) : 8 + tree(kind + 130 + place * 8, 3);
  };
  const distance = (matched: number): number => {
    const slot = tree(DISTANCE_SLOT + Math.min(matched, 3) * 64, 6);
    if (slot < 4) return slot;
    const bits = (slot >> 1) - 1;
    const high = (2 | (slot & 1)) << bits;
    if (slot < 14) return high + reverseTree(DISTANCE_BITS + high - slot, bits);
    return high + direct(bits - 4) * 16 + reverseTree(DISTANCE_ALIGN, 4);
  };

  let state = 0; // what the last operations were
  let [rep0, rep1, rep2, rep3] = [0, 0, 0, 0]; // the last distances, less one
  for (let end = 0; end < out.length; ) {
    const place = end & 3;
    if (!bit(IS_MATCH + state * 16 + place)) {
      const kind = LITERAL + 0x300 * (end > 0 ? out[end - 1] >> 5 : 0);
      let node = 1;
      // after a match, the byte that would continue it is likely to be different
      for (let expected = state >= 7 ? out[end - rep0 - 1] : -1; node < 0x100; ) {
        if (expected < 0) node = node * 2 + bit(kind + node);
        else {
          const guess = (expected >> 7) & 1;
          expected = (expected & 0x7f) << 1;
          const next = bit(kind + 0x100 * (1 + guess) + node);
          node = node * 2 + next;
          if (next !== guess) expected = -1;
        }
      }
      out[end++] = node;
      state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
      continue;
    }
    let copied: number;
    if (!bit(IS_REP + state)) {
      [rep3, rep2, rep1] = [rep2, rep1, rep0];
      copied = length(MATCH_LENGTH, place) + 2;
      rep0 = distance(copied - 2);
      state = state < 7 ? 7 : 10;
    } else if (bit(IS_REP_0 + state)) {
      let again = rep1;
      if (bit(IS_REP_1 + state)) {
        again = rep2;
        if (bit(IS_REP_2 + state)) [again, rep3] = [rep3, rep2];
        rep2 = rep1;
      }
      [rep0, rep1] = [again, rep0];
      copied = length(REP_LENGTH, place) + 2;
      state = state < 7 ? 8 : 11;
    } else if (bit(IS_REP_0_LONG + state * 16 + place)) {
      copied = length(REP_LENGTH, place) + 2;
      state = state < 7 ? 8 : 11;
    } else {
      copied = 1;
      state = state < 7 ? 9 : 11;
    }
    // byte by byte, because a copy may overlap what it makes
    for (; copied > 0; copied--, end++) out[end] = out[end - rep0 - 1];
  }
  return out;
}
