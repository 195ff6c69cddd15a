import { DataError } from "../errors.ts";

/**
 * Number of bytes read or written in one step: large enough to be efficient, small compared to a model, and a
 * multiple of every element size.
 */
export const PIECE_BYTES = 2 ** 24;

/** The bytes from `begin` up to, but not including, `end`. */
export interface ByteRange {
  begin: number;
  end: number;
}

/**
 * A generator that reads bytes piece by piece: it yields the next range and receives the bytes of that range,
 * which are valid until its next `yield`.
 */
export type Reading<T> = Generator<ByteRange, T, Uint8Array>;

/** The bytes of an array or of an open file, which can be read in pieces. */
export interface ByteSource {
  readonly size: number;
  /** Returns the bytes of a range. They are valid until the next call. */
  read(range: ByteRange): Uint8Array;
}

/** The bytes of an array. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  return { size: bytes.length, read: ({ begin, end }) => bytes.subarray(begin, end) };
}

/** Runs `reading` with the bytes of `source` and returns its result. */
export function readFrom<T>(source: ByteSource, reading: Reading<T>): T {
  let step = reading.next();
  while (!step.done) step = reading.next(source.read(step.value));
  return step.value;
}

/** The members of a Blob or File that this library uses. */
export interface BlobLike {
  readonly size: number;
  slice(begin: number, end: number): { arrayBuffer(): Promise<ArrayBuffer> };
}

export function isBlob(value: unknown): value is BlobLike {
  const { size, slice, arrayBuffer } = (value ?? {}) as Record<string, unknown>;
  return typeof size === "number" && typeof slice === "function" && typeof arrayBuffer === "function";
}

/** @throws DataError when the Blob's file cannot be read or has become shorter. */
export async function readFromBlob(op: string, blob: BlobLike, { begin, end }: ByteRange): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(await blob.slice(begin, end).arrayBuffer());
  } catch (cause) {
    throw new DataError(
      `${op}: cannot read bytes ${begin} to ${end} of a Blob of ${blob.size} bytes: ${(cause as Error)?.message ?? cause}`,
      { cause },
    );
  }
  if (bytes.length !== end - begin) {
    throw new DataError(`${op}: bytes ${begin} to ${end} of a Blob expected ${end - begin} bytes, got ${bytes.length}`);
  }
  return bytes;
}
