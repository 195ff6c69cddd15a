import { inflateSync } from "node:zlib";
import { DataError } from "../../errors.ts";

/** Limit of a decompressed picture: 2 GiB, far more than any picture of a data set has. */
const MOST_INFLATED = 2 ** 31;
/** Channels of each colour type. An indexed picture has one index per pixel. */
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
/**
 * First column and row of each pass of an interlaced picture, and the steps between columns and rows.
 * see: https://www.w3.org/TR/png-3/#8Interlace
 */
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

/** The header of a PNG file. */
export interface PngHeader {
  width: number;
  height: number;
  /** Bits per channel. */
  depth: number;
  colorType: number;
  interlaced: boolean;
}

/** The header's fields and the compressed data. The decoder checks the rest. */
export function readPngParts(png: Uint8Array): PngHeader & { packed: Buffer } {
  const bytes = Buffer.from(png.buffer, png.byteOffset, png.length);
  if (bytes.toString("latin1", 12, 16) !== "IHDR") throw new DataError("its first chunk is not a header");
  const packed: Buffer[] = [];
  for (let at = 8, type = ""; type !== "IEND"; ) {
    const length = bytes.readUInt32BE(at);
    type = bytes.toString("latin1", at + 4, at + 8);
    if (type === "IDAT") packed.push(bytes.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  return {
    width: bytes.readUInt32BE(16),
    height: bytes.readUInt32BE(20),
    depth: bytes[24],
    colorType: bytes[25],
    interlaced: bytes[28] === 1,
    packed: Buffer.concat(packed),
  };
}

/**
 * Checks that the compressed data has as many bytes as the header says. This is done before decoding, because
 * the decoder would inflate all data, allocate the size given in the header and treat missing bytes as zeros.
 */
export function checkPngData({ packed, ...header }: PngHeader & { packed: Buffer }): void {
  const expected = dataBytes(header);
  const actual = inflatedBytes(packed, expected);
  if (actual === expected) return;
  throw new DataError(`expected ${expected} bytes of data, got ${actual > expected ? "more" : actual}`);
}

/** Number of bytes of a picture's uncompressed data. */
function dataBytes({ width, height, depth, colorType, interlaced }: PngHeader): number {
  const bits = depth * (CHANNELS[colorType] ?? 1);
  const passes = interlaced
    ? PASSES.map(([x, y, dx, dy]) => [Math.ceil((width - x) / dx), Math.ceil((height - y) / dy)])
    : [[width, height]];
  // each row of pixels is preceded by one byte that identifies its filter
  return passes.reduce((sum, [w, h]) => sum + (w > 0 && h > 0 ? h * (1 + Math.ceil((bits * w) / 8)) : 0), 0);
}

/** The number of bytes in the compressed data, at most `expected` + 1. */
function inflatedBytes(packed: Buffer, expected: number): number {
  const most = Math.max(1, Math.min(expected, MOST_INFLATED));
  try {
    return inflateSync(packed, { maxOutputLength: most }).length;
  } catch (cause) {
    if ((cause as { code?: string }).code === "ERR_BUFFER_TOO_LARGE") return most + 1;
    throw cause;
  }
}
