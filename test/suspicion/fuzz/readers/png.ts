/** A reader of PNG files of 8-bit RGB without interlace, on Node's zlib. */

import { inflateSync } from "node:zlib";
import { crc32Of } from "../crc32.ts";
import { Refused } from "./json.ts";

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];

export interface Chunk {
  type: string;
  data: Buffer;
  crc: number;
}

/** The chunks up to the end of the file, with any contents. @throws Refused */
export function readChunks(file: Uint8Array): Chunk[] {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.length);
  if (!SIGNATURE.every((byte, i) => bytes[i] === byte)) throw new Refused("the signature");
  const chunks: Chunk[] = [];
  for (let at = 8; at < bytes.length; ) {
    if (at + 12 > bytes.length) throw new Refused("cut in a chunk's head");
    const length = bytes.readUInt32BE(at);
    if (at + 12 + length > bytes.length) throw new Refused("cut in a chunk");
    const type = bytes.toString("latin1", at + 4, at + 8);
    chunks.push({ type, data: bytes.subarray(at + 8, at + 8 + length), crc: bytes.readUInt32BE(at + 8 + length) });
    at += 12 + length;
    if (type === "IEND") break;
  }
  return chunks;
}

/**
 * The pixels, row by row. `unsure` is true for an interlaced file, which this reader does not support.
 * @throws Refused
 */
export function readRgb(file: Uint8Array): { width: number; height: number; pixels: Uint8Array; unsure: boolean } {
  const chunks = readChunks(file);
  for (const { type, data, crc } of chunks) {
    if (crc32Of(Buffer.concat([Buffer.from(type, "latin1"), data])) !== crc) throw new Refused(`the sum of ${type}`);
  }
  if (chunks[0]?.type !== "IHDR" || chunks.at(-1)?.type !== "IEND") throw new Refused("the first or last chunk");
  const { data: head } = chunks[0];
  if (head.length !== 13) throw new Refused("the header's length");
  const [width, height] = [head.readUInt32BE(0), head.readUInt32BE(4)];
  if ([...head.subarray(8)].join() === "8,2,0,0,1") return { width, height, pixels: new Uint8Array(0), unsure: true };
  if ([...head.subarray(8)].join() !== "8,2,0,0,0") throw new Refused("not 8-bit RGB without interlace");
  const packed = Buffer.concat(chunks.filter(({ type }) => type === "IDAT").map(({ data }) => data));
  const row = 3 * width;
  let raw: Buffer;
  try {
    raw = inflateSync(packed, { maxOutputLength: Math.max(1, height * (row + 1)) });
  } catch (cause) {
    throw new Refused("the compressed data", { cause });
  }
  if (raw.length !== height * (row + 1)) throw new Refused("the length of the data");
  const pixels = new Uint8Array(height * row);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (row + 1)];
    for (let x = 0; x < row; x++) {
      const left = x < 3 ? 0 : pixels[y * row + x - 3];
      const up = y === 0 ? 0 : pixels[(y - 1) * row + x];
      const corner = x < 3 || y === 0 ? 0 : pixels[(y - 1) * row + x - 3];
      pixels[y * row + x] = raw[y * (row + 1) + 1 + x] + predict(filter, left, up, corner);
    }
  }
  return { width, height, pixels, unsure: false };
}

function predict(filter: number, left: number, up: number, corner: number): number {
  if (filter === 0) return 0;
  if (filter === 1) return left;
  if (filter === 2) return up;
  if (filter === 3) return Math.floor((left + up) / 2);
  if (filter !== 4) throw new Refused(`filter ${filter}`);
  const distances = [left, up, corner].map((value) => Math.abs(left + up - corner - value));
  return [left, up, corner][distances.indexOf(Math.min(...distances))];
}
