// Packing: the operands of a matrix product are copied into panels, in the order in which the micro-kernel
// reads them.
//
//   A [M][K] in panels of 4 rows              B [K][N] in panels of 8 columns
//
//        k=0      k=1                              k=0                   k=1
//   panel 0: a00 a10 a20 a30 | a01 a11 …      panel 0: b00 b01 … b07 | b10 b11 … b17 | …
//   panel 1: a40 a50 a60 a70 | a41 a51 …      panel 1: b08 b09 … b0f | b18 …
//
// so each k-step reads 4 + 8 neighbouring floats and uses every cache line that it touches completely. The
// last panel is padded with zeros. See: Goto & van de Geijn, Anatomy of High-Performance Matrix
// Multiplication (2008).

/** Rows of a tile of C. Each element of A is copied to all lanes of a vector. @shared */
// @ts-ignore: decorator
@inline
export const MR = 4;
/** Columns of a tile of C: two vectors of B. @shared */
// @ts-ignore: decorator
@inline
export const NR = 8;
/** Bytes of a tile. @shared */
export const TILE_BYTES: usize = MR * NR * 4;

/**
 * Transposes four rows of four floats: for i < 4, (row0[i], row1[i], row2[i], row3[i]) is stored at to + i
 * stride.
 */
// @ts-ignore: decorator
@inline
export function transpose4x4(row0: v128, row1: v128, row2: v128, row3: v128, to: usize, stride: usize): void {
  const low01 = v128.shuffle<f32>(row0, row1, 0, 4, 1, 5); // r0[0] r1[0] r0[1] r1[1]
  const low23 = v128.shuffle<f32>(row2, row3, 0, 4, 1, 5);
  const high01 = v128.shuffle<f32>(row0, row1, 2, 6, 3, 7);
  const high23 = v128.shuffle<f32>(row2, row3, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<f32>(low01, low23, 0, 1, 4, 5));
  v128.store(to + stride, v128.shuffle<f32>(low01, low23, 2, 3, 6, 7));
  v128.store(to + 2 * stride, v128.shuffle<f32>(high01, high23, 0, 1, 4, 5));
  v128.store(to + 3 * stride, v128.shuffle<f32>(high01, high23, 2, 3, 6, 7));
}

/**
 * Packs four lines of a panel that is `width` lines wide. Element k of line r is at from + 4 (r lineStride +
 * k kStride). `lines` of the four lines exist; the others become zeros.
 */
// @ts-ignore: decorator
@inline
export function packFourLines(
  from: usize, lines: i32, lineStride: usize, kStride: usize, depth: i32, to: usize, width: usize,
): void {
  const step = width << 2;
  let k = 0;
  if (lines <= 0) {
    for (; k < depth; k++, to += step) v128.store(to, f32x4.splat(0));
  } else if (lines >= 4 && lineStride == 1) {
    for (; k < depth; k++, to += step, from += kStride << 2) v128.store(to, v128.load(from));
  } else if (lines >= 4) {
    const line = lineStride << 2;
    if (kStride == 1) {
      for (; k + 4 <= depth; k += 4, to += 4 * step, from += 16) {
        transpose4x4(
          v128.load(from), v128.load(from + line), v128.load(from + 2 * line), v128.load(from + 3 * line), to, step,
        );
      }
    }
    for (; k < depth; k++, to += step, from += kStride << 2) {
      f32.store(to, f32.load(from));
      f32.store(to, f32.load(from + line), 4);
      f32.store(to, f32.load(from + 2 * line), 8);
      f32.store(to, f32.load(from + 3 * line), 12);
    }
  } else {
    for (; k < depth; k++, to += step, from += kStride << 2) {
      v128.store(to, f32x4.splat(0));
      for (let r = 0; r < lines; r++) f32.store(to + (<usize>r << 2), f32.load(from + ((<usize>r * lineStride) << 2)));
    }
  }
}

/**
 * panels[b][p][k][j] = x[b batchStride + (4 p + j) lineStride + k kStride], zero past the last line. x:
 * `batches` matrices of `lines` lines with `depth` elements each. Unit of the range: one panel.
 */
export function packPanels4(
  begin: i32, end: i32, x: usize, lines: i32, depth: i32,
  batchStride: u32, lineStride: u32, kStride: u32, panels: usize,
): void {
  const perBatch = (lines + 3) >> 2;
  for (let unit = begin; unit < end; unit++) {
    const batch = unit / perBatch;
    const first = (unit - batch * perBatch) << 2;
    packFourLines(
      x + ((<usize>batch * batchStride + <usize>first * lineStride) << 2),
      lines - first, lineStride, kStride, depth, panels + <usize>unit * <usize>depth * 16, MR,
    );
  }
}

/**
 * Packs four panels of 8 neighbouring columns at once, or one panel. Four panels take 128 bytes of each row
 * of B, so that each cache line is fetched once. Packed separately, two panels would fetch the line that they
 * share twice: rows that are a power of two apart evict each other from the cache.
 */
function copyColumns(from: usize, kStride: usize, depth: i32, to: usize, panels: i32): void {
  const rowBytes = kStride << 2;
  const panelBytes = <usize>depth << 5;
  if (panels == 4) {
    const to1 = to + panelBytes;
    const to2 = to1 + panelBytes;
    const to3 = to2 + panelBytes;
    for (let at: usize = 0; at < panelBytes; at += 32, from += rowBytes) {
      v128.store(to + at, v128.load(from));
      v128.store(to + at, v128.load(from, 16), 16);
      v128.store(to1 + at, v128.load(from, 32));
      v128.store(to1 + at, v128.load(from, 48), 16);
      v128.store(to2 + at, v128.load(from, 64));
      v128.store(to2 + at, v128.load(from, 80), 16);
      v128.store(to3 + at, v128.load(from, 96));
      v128.store(to3 + at, v128.load(from, 112), 16);
    }
    return;
  }
  for (let at: usize = 0; at < panelBytes; at += 32, from += rowBytes) {
    v128.store(to + at, v128.load(from));
    v128.store(to + at, v128.load(from, 16), 16);
  }
}

/** packPanels4 with panels of 8 lines. */
export function packPanels8(
  begin: i32, end: i32, x: usize, lines: i32, depth: i32,
  batchStride: u32, lineStride: u32, kStride: u32, panels: usize,
): void {
  const perBatch = (lines + 7) >> 3;
  for (let unit = begin; unit < end; unit++) {
    const batch = unit / perBatch;
    const first = (unit - batch * perBatch) << 3;
    const from = x + ((<usize>batch * batchStride + <usize>first * lineStride) << 2);
    const to = panels + <usize>unit * <usize>depth * 32;
    if (lineStride == 1 && lines - first >= NR) {
      const together = lines - first >= 32 && end - unit >= 4 ? 4 : 1;
      copyColumns(from, kStride, depth, to, together);
      unit += together - 1;
      continue;
    }
    packFourLines(from, lines - first, lineStride, kStride, depth, to, NR);
    packFourLines(from + ((4 * lineStride) << 2), lines - first - 4, lineStride, kStride, depth, to + 16, NR);
  }
}

/**
 * Packs the pixels of all images into panels of 4 channels:
 * panels[group][c >> 2][image * P + p][c & 3] = x[image][group][c][p], zero past the last of the `channels`
 * of a group. x: [images][groups][channels][P = pixels]. Unit: one panel of one image, images fastest.
 */
export function packImageRows(
  begin: i32, end: i32, x: usize, channels: i32, pixels: i32, images: i32, groups: i32, panels: usize,
): void {
  const panelsPerGroup = (channels + 3) >> 2;
  for (let unit = begin; unit < end; unit++) {
    const image = unit % images;
    const panel = unit / images;
    const group = panel / panelsPerGroup;
    const first = (panel - group * panelsPerGroup) << 2;
    packFourLines(
      x + (<usize>((image * groups + group) * channels + first) * <usize>pixels << 2),
      channels - first, pixels, 1, pixels, panels + (<usize>(panel * images + image) * <usize>pixels << 4), MR,
    );
  }
}
