import { type DecodedPng, decode } from "fast-png";
import { DataError } from "../../errors.ts";
import type { Pixels } from "./decoded_image.ts";
import { checkPngData, readPngParts } from "./png_data.ts";

/** Decodes a PNG file to 8 bits per channel. Of 16 bits, the upper 8 are taken. */
export function decodePng(bytes: Uint8Array): Pixels {
  checkPngData(readPngParts(bytes));
  const png = decode(bytes, { checkCrc: true });
  const { width, height, palette } = png;
  const samples = to8Bits(png);
  if (!palette) {
    const channels = png.channels as Pixels["channels"];
    return { width, height, data: samples, stride: channels, channels };
  }
  const channels = palette[0].length as 3 | 4;
  const data = new Uint8Array(samples.length * channels);
  samples.forEach((index, i) => {
    const color = palette[index];
    if (!color) throw new DataError(`color ${index} is not in the palette of ${palette.length}`);
    data.set(color, i * channels);
  });
  return { width, height, data, stride: channels, channels };
}

/** One byte per sample. Indices of a palette keep their value; other samples are scaled to 0 … 255. */
function to8Bits({ data, depth, width, height, palette }: DecodedPng): Uint8Array {
  if (depth === 8) return data as Uint8Array;
  const bytes = new Uint8Array(depth === 16 ? data.length : width * height);
  if (depth === 16) {
    for (let i = 0; i < bytes.length; i++) bytes[i] = data[i] >> 8;
    return bytes;
  }
  const rowBytes = Math.ceil((width * depth) / 8);
  const most = (1 << depth) - 1;
  const scale = palette ? 1 : 255 / most;
  for (let i = 0; i < bytes.length; i++) {
    const bit = (i % width) * depth;
    const byte = data[Math.floor(i / width) * rowBytes + (bit >> 3)];
    bytes[i] = ((byte >> (8 - depth - (bit & 7))) & most) * scale;
  }
  return bytes;
}
