// Resizes planes x[H][W] (P = N*C of them, one after the other) to y[OH][OW].
//
// The sources of each output row and column are computed once, in tables with entries of 12 bytes: the first
// source (int32), the second source (int32) and the share of the second (float32). Nearest neighbour uses
// only the first source.
//
// The range of these kernels is planes. Outputs may share a source, but planes do not, so any split gives the
// same bits.

import { load4, storeUpTo } from "../lib/simd";

/** Bytes of an entry of the tables. @shared */
const SOURCE_BYTES: usize = 12;

/**
 * table[o] = (source, source, 0), where source = floor(o * length / outLength), exactly. If `scale` is not 0,
 * source = min(floor(o * scale), length - 1) instead, with the product rounded to float32, as PyTorch
 * computes it for a scale factor. centred = 1: o + 1/2 instead of o, the centre of the output pixel.
 */
export function nearestSources(
  begin: i32, end: i32, table: usize, length: i32, outLength: i32, scale: f32, centred: i32,
): void {
  for (let o = begin; o < end; o++) {
    const source = scale != 0
      ? min(<i32>floor((<f32>o + <f32>0.5 * <f32>centred) * scale), length - 1)
      : <i32>((2 * <i64>o + <i64>centred) * <i64>length / (2 * <i64>outLength));
    const entry = table + <usize>o * SOURCE_BYTES;
    store<i32>(entry, source);
    store<i32>(entry, source, 4);
    store<f32>(entry, 0, 8);
  }
}

/**
 * table[o] = the two neighbours of position s, and the share s - floor(s) of the second. s = o * scale with
 * aligned corners, else the position of pixel centres, max((o + 1/2) * scale - 1/2, 0). Past the last
 * element, both neighbours are the last element. If the share is 0, the second neighbour is the first, and
 * the kernels do not add elements with share 0, so an infinity or NaN there has no effect. Positions are
 * float64.
 */
export function linearSources(begin: i32, end: i32, table: usize, length: i32, scale: f64, alignCorners: i32): void {
  for (let o = begin; o < end; o++) {
    const position = alignCorners ? <f64>o * scale : max((<f64>o + 0.5) * scale - 0.5, 0);
    const first = min(<i32>Math.floor(position), length - 1);
    const share = <f32>(position - <f64>first);
    const entry = table + <usize>o * SOURCE_BYTES;
    store<i32>(entry, first);
    store<i32>(entry, share == 0 ? first : min(first + 1, length - 1), 4);
    store<f32>(entry, share, 8);
  }
}

// @ts-ignore: decorator
@inline
function firstSource(table: usize, o: i32): i32 {
  return load<i32>(table + <usize>o * SOURCE_BYTES);
}

/**
 * The elements of a row at the first sources of outputs ox to ox+3, or at the second sources if `second` is
 * 4.
 */
// @ts-ignore: decorator
@inline
function gather(row: usize, columns: usize, ox: i32, second: usize): v128 {
  const entry = columns + <usize>ox * SOURCE_BYTES + second;
  let v = v128.load32_splat(row + (<usize>load<i32>(entry) << 2));
  v = v128.load32_lane(row + (<usize>load<i32>(entry, 12) << 2), v, 1);
  v = v128.load32_lane(row + (<usize>load<i32>(entry, 24) << 2), v, 2);
  return v128.load32_lane(row + (<usize>load<i32>(entry, 36) << 2), v, 3);
}

/** The shares of outputs ox to ox+3. */
// @ts-ignore: decorator
@inline
function gatherShares(columns: usize, ox: i32): v128 {
  const entry = columns + <usize>ox * SOURCE_BYTES;
  let v = v128.load32_splat(entry, 8);
  v = v128.load32_lane(entry, v, 1, 20);
  v = v128.load32_lane(entry, v, 2, 32);
  return v128.load32_lane(entry, v, 3, 44);
}

/**
 * y[oy][ox] = x[rows[oy]][columns[ox]]. A row with the same source as the row above is copied from that row.
 */
export function nearest2d(
  begin: i32, end: i32, x: usize, y: usize, rows: usize, columns: usize,
  height: i32, width: i32, outHeight: i32, outWidth: i32,
): void {
  const outRow = <usize>outWidth << 2;
  for (let p = begin; p < end; p++) {
    const plane = x + (<usize>p * height * width << 2);
    let to = y + <usize>p * outHeight * outRow;
    for (let oy = 0; oy < outHeight; oy++, to += outRow) {
      const source = firstSource(rows, oy);
      if (oy > 0 && source == firstSource(rows, oy - 1)) {
        for (let ox = 0; ox < outWidth; ox += 4) storeUpTo(to, ox, outWidth, load4(to - outRow, ox));
        continue;
      }
      const row = plane + (<usize>(source * width) << 2);
      let ox = 0;
      for (; ox + 4 <= outWidth; ox += 4) v128.store(to + (<usize>ox << 2), gather(row, columns, ox, 0));
      for (; ox < outWidth; ox++) {
        store<f32>(to + (<usize>ox << 2), load<f32>(row + (<usize>firstSource(columns, ox) << 2)));
      }
    }
  }
}

/** share * v, but 0 where the share is 0, even if v is infinite or NaN. */
// @ts-ignore: decorator
@inline
function shareOf(share: v128, v: v128): v128 {
  return v128.and(f32x4.mul(share, v), f32x4.gt(share, f32x4.splat(0)));
}

/** out[ox] = (1 - b) row[c0] + b row[c1] with share b of c1: resizes a row horizontally. */
function stretchRow(row: usize, columns: usize, out: usize, outWidth: i32): void {
  let ox = 0;
  for (; ox + 4 <= outWidth; ox += 4) {
    const b = gatherShares(columns, ox);
    const left = f32x4.mul(f32x4.sub(f32x4.splat(1), b), gather(row, columns, ox, 0));
    v128.store(out + (<usize>ox << 2), f32x4.add(left, shareOf(b, gather(row, columns, ox, 4))));
  }
  for (; ox < outWidth; ox++) {
    const column = columns + <usize>ox * SOURCE_BYTES;
    const b = load<f32>(column, 8);
    const left = load<f32>(row + (<usize>load<i32>(column) << 2));
    const right = load<f32>(row + (<usize>load<i32>(column, 4) << 2));
    store<f32>(out + (<usize>ox << 2), (<f32>1 - b) * left + (b == 0 ? 0 : b * right));
  }
}

/**
 * y[oy][ox] = (1 - a)((1 - b) x[r0][c0] + b x[r0][c1]) + a((1 - b) x[r1][c0] + b x[r1][c1]) with shares a of
 * r1 and b of c1. Each row is first resized horizontally, once; work holds the last two resized rows, row r
 * in slot r modulo 2. work: 2 outWidth floats per chunk, `workBytes` apart.
 */
export function bilinear2d(
  begin: i32, end: i32, x: usize, y: usize, rows: usize, columns: usize,
  height: i32, width: i32, outHeight: i32, outWidth: i32, work: usize, workBytes: i32, grain: i32,
): void {
  const outRow = <usize>outWidth << 2;
  const own = work + <usize>(begin / grain) * <usize>workBytes;
  for (let p = begin; p < end; p++) {
    const plane = x + (<usize>p * height * width << 2);
    let to = y + <usize>p * outHeight * outRow;
    // the numbers of the even and the odd row that work holds
    let even = -1;
    let odd = -1;
    for (let oy = 0; oy < outHeight; oy++, to += outRow) {
      const entry = rows + <usize>oy * SOURCE_BYTES;
      const r0 = load<i32>(entry);
      const r1 = load<i32>(entry, 4);
      const upper = own + <usize>(r0 & 1) * outRow;
      const lower = own + <usize>(r1 & 1) * outRow;
      if ((r0 & 1 ? odd : even) != r0) stretchRow(plane + (<usize>(r0 * width) << 2), columns, upper, outWidth);
      if (r0 & 1) odd = r0;
      else even = r0;
      if ((r1 & 1 ? odd : even) != r1) stretchRow(plane + (<usize>(r1 * width) << 2), columns, lower, outWidth);
      if (r1 & 1) odd = r1;
      else even = r1;
      const a = v128.load32_splat(entry, 8);
      const rest = f32x4.sub(f32x4.splat(1), a);
      for (let ox = 0; ox < outWidth; ox += 4) {
        const v = f32x4.add(f32x4.mul(rest, load4(upper, ox)), shareOf(a, load4(lower, ox)));
        storeUpTo(to, ox, outWidth, v);
      }
    }
  }
}

/** Adds a row of gradients to the sources of its columns, according to their shares. dx must be 0 before. */
function gatherRow(from: usize, columns: usize, dx: usize, width: i32, outWidth: i32): void {
  // sources never decrease, so only two sums are open at a time, of columns c and c + 1
  let c = firstSource(columns, 0);
  let own: f32 = 0;
  let next: f32 = 0;
  for (let ox = 0; ox < outWidth; ox++) {
    const column = columns + <usize>ox * SOURCE_BYTES;
    const c0 = load<i32>(column);
    const b = load<f32>(column, 8);
    const value = load<f32>(from + (<usize>ox << 2));
    if (c0 != c) {
      store<f32>(dx + (<usize>c << 2), own);
      if (c0 > c + 1) store<f32>(dx + (<usize>c << 2), next, 4);
      own = c0 == c + 1 ? next : 0;
      next = 0;
      c = c0;
    }
    if (load<i32>(column, 4) == c0) own += value;
    else {
      own += (<f32>1 - b) * value;
      next += b * value;
    }
  }
  store<f32>(dx + (<usize>c << 2), own);
  if (c + 1 < width) store<f32>(dx + (<usize>c << 2), next, 4);
}

/** gatherRow where each source has exactly two outputs: adds neighbouring gradients. */
function addPairs(from: usize, dx: usize, width: i32): void {
  for (let c = 0; c < width; c += 4, from += 32) {
    const left = v128.load(from);
    const right = v128.load(from, 16);
    const pairs = f32x4.add(v128.shuffle<f32>(left, right, 0, 2, 4, 6), v128.shuffle<f32>(left, right, 1, 3, 5, 7));
    storeUpTo(dx, c, width, pairs);
  }
}

/** row += share dy, four columns at a time. */
// @ts-ignore: decorator
@inline
function addShare(row: usize, dy: usize, share: v128, outWidth: i32): void {
  for (let ox = 0; ox < outWidth; ox += 4) {
    storeUpTo(row, ox, outWidth, f32x4.add(load4(row, ox), f32x4.mul(share, load4(dy, ox))));
  }
}

/**
 * Sets dx to 0, then adds each dy[oy][ox] to its sources, according to their shares. This is the gradient of
 * bilinear2d, and of nearest2d, whose two sources are the same. Rows of dy with the same source row are added
 * first, in work (as above, for two source rows at a time); a finished sum is then gathered along the row.
 * Sources never decrease. doubled: column c is the source of exactly the outputs 2 c and 2 c + 1.
 */
export function interpolate2dGrad(
  begin: i32, end: i32, dy: usize, dx: usize, rows: usize, columns: usize,
  height: i32, width: i32, outHeight: i32, outWidth: i32, work: usize, workBytes: i32, grain: i32, doubled: i32,
): void {
  const outRow = <usize>outWidth << 2;
  const row = <usize>width << 2;
  const own = work + <usize>(begin / grain) * <usize>workBytes;
  for (let p = begin; p < end; p++) {
    const plane = dx + <usize>p * height * row;
    let from = dy + <usize>p * outHeight * outRow;
    memory.fill(plane, 0, <usize>height * row);
    memory.fill(own, 0, 2 * outRow);
    let open = firstSource(rows, 0); // rows open and open + 1 have unfinished sums
    for (let oy = 0; oy < outHeight; oy++, from += outRow) {
      const entry = rows + <usize>oy * SOURCE_BYTES;
      const r0 = load<i32>(entry);
      const r1 = load<i32>(entry, 4);
      for (let step = 0; open < r0 && step < 2; step++, open++) {
        const done = own + <usize>(open & 1) * outRow;
        if (doubled) addPairs(done, plane + <usize>open * row, width);
        else gatherRow(done, columns, plane + <usize>open * row, width, outWidth);
        memory.fill(done, 0, outRow);
      }
      open = r0;
      const a = v128.load32_splat(entry, 8);
      if (r0 == r1) addShare(own + <usize>(r0 & 1) * outRow, from, f32x4.splat(1), outWidth);
      else {
        addShare(own + <usize>(r0 & 1) * outRow, from, f32x4.sub(f32x4.splat(1), a), outWidth);
        addShare(own + <usize>(r1 & 1) * outRow, from, a, outWidth);
      }
    }
    for (let last = min(open + 1, height - 1); open <= last; open++) {
      const done = own + <usize>(open & 1) * outRow;
      if (doubled) addPairs(done, plane + <usize>open * row, width);
      else gatherRow(done, columns, plane + <usize>open * row, width, outWidth);
    }
  }
}
