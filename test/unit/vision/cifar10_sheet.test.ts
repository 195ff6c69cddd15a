/** PNG files whose checksums are right, but whose data do not match the header. */
import { deflateSync, inflateSync } from "node:zlib";
import { encode } from "fast-png";
import { describe, expect, test } from "vitest";
import { DataError } from "wasmgrad";
import { decodeSheet } from "../../../src/vision/datasets/cifar10/sheet.ts";
import { chunkBytes } from "../../suspicion/fuzz/mutations.ts";
import { type Chunk, readChunks } from "../../suspicion/fuzz/readers/png.ts";

const ROW = 3072;
const pixels = Uint8Array.from({ length: 3 * ROW }, (_, i) => (i * 7 + (i >> 8)) % 251);
const picture = { width: 1024, height: 3, channels: 3, depth: 8, data: pixels } as const;
const whole = encode(picture);

/** The picture with changed chunks and correct checksums. */
function changed(change: (chunks: Pick<Chunk, "type" | "data">[]) => void): Uint8Array {
  const chunks = readChunks(whole).map(({ type, data }) => ({ type, data: Buffer.from(data) as Buffer }));
  change(chunks);
  return new Uint8Array(Buffer.concat([whole.subarray(0, 8), ...chunks.map(chunkBytes)]));
}

/** The picture with other data: `change` gets the lines, each after its filter byte. */
function withData(change: (raw: Buffer) => Uint8Array): Uint8Array {
  return changed((chunks) => {
    const [data] = chunks.filter(({ type }) => type === "IDAT");
    data.data = deflateSync(change(inflateSync(data.data)));
  });
}

const head = (offset: number, value: number) =>
  changed(([header]) => {
    header.data.writeUInt32BE(value, offset);
  });

test("complete pictures are read, even interlaced ones", () => {
  for (const png of [whole, encode(picture, { interlace: "Adam7" }), withData((raw) => raw)]) {
    expect(Buffer.from(decodeSheet("sheet", png)).equals(pixels)).toBe(true);
    expect(decodeSheet("sheet", png, 3)).toHaveLength(pixels.length);
  }
});

describe("refused, with the file's name and both numbers", () => {
  test.each<[string, Uint8Array, RegExp]>([
    ["a line that ends early", withData((raw) => raw.subarray(0, -10)), /expected 9219 bytes of data, got 9209/],
    ["a line too few", withData((raw) => raw.subarray(ROW + 1)), /expected 9219 bytes of data, got 6146/],
    ["a line too many", withData((raw) => Buffer.concat([raw, raw])), /expected 9219 bytes of data, got more/],
    ["no data", withData(() => new Uint8Array(0)), /expected 9219 bytes of data, got 0/],
    // data a hundred thousand times the file's size: only as much as the header describes is unpacked
    ["data that unpack to 200 MB", withData(() => Buffer.alloc(2e8)), /expected 9219 bytes of data, got more/],
    ["a header of 4 billion rows", head(4, 2 ** 32 - 1), /expected \d{14} bytes of data, got 9219/],
    ["a header of 4 billion columns", head(0, 2 ** 32 - 1), /got 4294967295 x 3 with 3 channels/],
    ["no rows", head(4, 0), /expected 0 bytes of data, got more/],
    ["a filter there is not", withData((raw) => raw.fill(9, 0, 1)), /Unsupported filter: 9/],
    [
      "a wrong sum of the data",
      changed((chunks) => {
        const [data] = chunks.filter(({ type }) => type === "IDAT");
        data.data[data.data.length - 1] ^= 1;
      }),
      /incorrect data check/,
    ],
    ["no data chunk", changed((chunks) => chunks.splice(1, chunks.length - 2)), /not a complete PNG file/],
    ["no end", changed((chunks) => chunks.pop()), /not a complete PNG file/],
    ["no header", changed((chunks) => chunks.shift()), /its first chunk is not a header/],
  ])("%s", (_what, png, message) => {
    const before = performance.now();
    expect(() => decodeSheet("a/sheet.png", png)).toThrow(DataError);
    expect(() => decodeSheet("a/sheet.png", png)).toThrow(message);
    expect(() => decodeSheet("a/sheet.png", png)).toThrow(/^a\/sheet\.png: /);
    expect(performance.now() - before).toBeLessThan(2000);
  });
});
