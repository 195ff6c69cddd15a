import { DataError } from "../../errors.ts";
import { decompressed } from "./gzip.ts";
import type { SetFile } from "./set_folder.ts";

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
export async function gunzip(file: SetFile): Promise<Uint8Array> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  try {
    for await (const piece of decompressed(file.stream())) {
      pieces.push(piece);
      bytes += piece.length;
      if (bytes > MOST_BYTES) throw new DataError(`expected at most ${MOST_BYTES} bytes`);
    }
  } catch (cause) {
    throw new DataError(`${file.name}: not a complete gzip file: ${(cause as Error).message}`, { cause });
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
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
