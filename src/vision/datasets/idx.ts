import { gunzipSync } from "node:zlib";
import { DataError } from "../../errors.ts";

/** Maximum size of a decompressed file: many times that of MNIST's 47 MB. */
const MOST_BYTES = 2 ** 31 - 1;

/** Bytes before the sizes: two zeros, the type of the elements (8: uint8), and the number of dimensions. */
const MAGIC = 4;
const UINT8 = 8;

/**
 * Decompresses a gzip file.
 *
 * @throws DataError if the file is damaged or truncated.
 */
export function gunzip(name: string, bytes: Uint8Array): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: MOST_BYTES });
  } catch (cause) {
    throw new DataError(`${name}: not a complete gzip file: ${(cause as Error).message}`, { cause });
  }
}

/**
 * Reads an IDX file of bytes, the format of MNIST: a magic number, the sizes as big-endian int32, the
 * elements.
 *
 * @param rank the expected number of dimensions
 * @throws DataError if it has another magic number or number of bytes.
 */
export function readIdx(name: string, bytes: Uint8Array, rank: number): { shape: number[]; data: Uint8Array } {
  const header = MAGIC + 4 * rank;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const expected = UINT8 * 256 + rank;
  if (bytes.length < header || view.getUint32(0) !== expected) {
    const actual = bytes.length < MAGIC ? `${bytes.length} bytes` : view.getUint32(0);
    throw new DataError(`${name}: expected an IDX file with magic number ${expected} and ${rank} sizes, got ${actual}`);
  }
  const shape = Array.from({ length: rank }, (_, d) => view.getUint32(MAGIC + 4 * d));
  const size = shape.reduce((product, length) => product * length, 1);
  if (bytes.length !== header + size) {
    throw new DataError(`${name}: expected ${size} bytes for [${shape}], got ${bytes.length - header}`);
  }
  return { shape, data: bytes.subarray(header) };
}
