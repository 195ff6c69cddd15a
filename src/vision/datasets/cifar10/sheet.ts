import { decode } from "fast-png";
import { DataError } from "../../../errors.ts";
import { checkPngData, readPngParts } from "../../images/png_data.ts";
import { IMAGE_BYTES } from "./format.ts";

const CHANNELS = 3;
/** Pixels per image, which is one row of a sheet. */
const WIDTH = IMAGE_BYTES / CHANNELS;

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
    const parts = readPngParts(png);
    const { width, height, depth, colorType } = parts;
    if (width !== WIDTH || height !== (count ?? height) || depth !== 8 || colorType !== 2) {
      refuse(width, height, { 0: 1, 2: 3, 3: "indexed", 4: 2, 6: 4 }[colorType] ?? "unknown", depth);
    }
    checkPngData(parts);
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
