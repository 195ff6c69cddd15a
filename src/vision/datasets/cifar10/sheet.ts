import { inflateSync } from "node:zlib";
import { decode } from "fast-png";
import { DataError } from "../../../errors.ts";
import { IMAGE_BYTES } from "./format.ts";

const CHANNELS = 3;
/** Pixels per image, which is one row of a sheet. */
const WIDTH = IMAGE_BYTES / CHANNELS;
/** Limit of a decompressed sheet: 700,000 images, far more than any set has. */
const MOST_INFLATED = 2 ** 31;
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

/**
 * Decodes a sheet: an 8-bit RGB PNG of 1024 pixels per row. Each row contains the pixels of one image, row by
 * row.
 *
 * @param count the expected number of images (default: any number)
 */
export function decodeSheet(name: string, png: Uint8Array, count?: number): Uint8Array {
  const refuse = (width: number, height: number, channels: number | string, depth: number): never => {
    throw new DataError(
      `${name}: expected a PNG of ${WIDTH} x ${count ?? "any number of"} pixels, one image per row, 8-bit RGB, ` +
        `got ${width} x ${height} with ${channels} channels of ${depth} bits`,
    );
  };
  const damaged = (cause: unknown): never => {
    throw new DataError(`${name}: not a complete PNG file: ${(cause as Error)?.message ?? cause}`, { cause });
  };
  try {
    const { width, height, depth, colorType, interlaced, packed } = readParts(png);
    if (width !== WIDTH || height !== (count ?? height) || depth !== 8 || colorType !== 2) {
      refuse(width, height, { 0: 1, 2: 3, 3: "indexed", 4: 2, 6: 4 }[colorType] ?? "unknown", depth);
    }
    const expected = dataBytes(width, height, interlaced);
    const actual = inflatedBytes(packed, expected);
    if (actual !== expected) damaged(`expected ${expected} bytes of data, got ${actual > expected ? "more" : actual}`);
    const { data, channels, palette } = decode(png, { checkCrc: true });
    if (palette || !(data instanceof Uint8Array) || data.length !== height * IMAGE_BYTES) {
      refuse(width, height, channels, depth);
    }
    return data as Uint8Array;
  } catch (cause) {
    if (cause instanceof DataError && cause.message.startsWith(name)) throw cause;
    return damaged(cause);
  }
}

/** The header's fields and the compressed data. The decoder checks the rest. */
function readParts(png: Uint8Array) {
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

/** Number of bytes of a picture's uncompressed data. */
function dataBytes(width: number, height: number, interlaced: boolean): number {
  const passes = interlaced
    ? PASSES.map(([x, y, dx, dy]) => [Math.ceil((width - x) / dx), Math.ceil((height - y) / dy)])
    : [[width, height]];
  // each row of pixels is preceded by one byte that identifies its filter
  return passes.reduce((sum, [w, h]) => sum + (w > 0 && h > 0 ? h * (1 + CHANNELS * w) : 0), 0);
}

/**
 * The number of bytes in the compressed data, at most `expected` + 1. Checked before decoding, because the
 * decoder would inflate all data, allocate the size given in the header and treat missing bytes as zeros.
 */
function inflatedBytes(packed: Buffer, expected: number): number {
  const most = Math.max(1, Math.min(expected, MOST_INFLATED));
  try {
    return inflateSync(packed, { maxOutputLength: most }).length;
  } catch (cause) {
    if ((cause as { code?: string }).code === "ERR_BUFFER_TOO_LARGE") return most + 1;
    throw cause;
  }
}
