import { Unzlib } from "fflate";
import { DataError } from "../../errors.ts";
import { nodeModule } from "../../runtime/node_module.ts";

/** Limit of a decompressed picture: 2 GiB, far more than any picture of a data set has. */
const MOST_INFLATED = 2 ** 31;
/** Compressed bytes that are inflated in one step. */
const PIECE_BYTES = 65536;
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

/** The header's fields and the parts of the compressed data. The decoder checks the rest. */
export function readPngParts(png: Uint8Array): PngHeader & { packed: Uint8Array[] } {
  const view = new DataView(png.buffer, png.byteOffset, png.length);
  const typeAt = (at: number) => String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i)));
  if (typeAt(12) !== "IHDR") throw new DataError("its first chunk is not a header");
  const packed: Uint8Array[] = [];
  for (let at = 8, type = ""; type !== "IEND"; ) {
    const length = view.getUint32(at);
    type = typeAt(at + 4);
    if (type === "IDAT") packed.push(png.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  return {
    width: view.getUint32(16),
    height: view.getUint32(20),
    depth: png[24],
    colorType: png[25],
    interlaced: png[28] === 1,
    packed,
  };
}

/**
 * Checks that the compressed data has as many bytes as the header says. This is done before decoding, because
 * the decoder would inflate all data, allocate the size given in the header and treat missing bytes as zeros.
 */
export function checkPngData({ packed, ...header }: PngHeader & { packed: readonly Uint8Array[] }): void {
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

/**
 * The number of bytes in the compressed data, at most `expected` + 1. Node's zlib is several times as fast.
 */
function inflatedBytes(packed: readonly Uint8Array[], expected: number): number {
  const most = Math.max(1, Math.min(expected, MOST_INFLATED));
  const zlib = nodeModule("node:zlib");
  if (!zlib) return countInflated(packed, most);
  try {
    return zlib.inflateSync(Buffer.concat(packed), { maxOutputLength: most }).length;
  } catch (cause) {
    if ((cause as { code?: string }).code === "ERR_BUFFER_TOO_LARGE") return most + 1;
    throw cause;
  }
}

/** Inflates piece by piece, so that memory stays small and the limit is noticed at once. */
function countInflated(packed: readonly Uint8Array[], most: number): number {
  let bytes = 0;
  let ended = false;
  const stream = new Unzlib((piece, final) => {
    bytes += piece.length;
    ended ||= final;
  });
  for (const [i, part] of packed.entries()) {
    for (let at = 0; at < part.length; at += PIECE_BYTES) {
      const isLast = i === packed.length - 1 && at + PIECE_BYTES >= part.length;
      stream.push(part.subarray(at, at + PIECE_BYTES), isLast);
      if (bytes > most) return most + 1;
    }
  }
  if (!ended) throw new DataError("unexpected end of the compressed data");
  return bytes;
}
