import { DataError } from "../../errors.ts";
import { decompressed } from "./gzip.ts";
import type { ByteStream } from "./set_folder.ts";

/** An entry of a tar archive. */
export interface TarEntry {
  path: string;
  size: number;
  isFile: boolean;
}

const BLOCK = 512;
/**
 * Fields of a header. see: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html, "ustar
 * Interchange Format"
 */
const FIELDS = { name: [0, 100], size: [124, 12], checksum: [148, 8], type: [156, 1], prefix: [345, 155] } as const;

const text = (header: Uint8Array, [at, length]: readonly [number, number]) =>
  new TextDecoder().decode(header.subarray(at, at + length)).replace(/\0.*$/s, "");

function readHeader(header: Uint8Array): TarEntry {
  const octal = (field: readonly [number, number]) => Number.parseInt(text(header, field).trim() || "0", 8);
  const [from, length] = FIELDS.checksum;
  // the checksum is that of a header with spaces in its place
  const sum = header.reduce((total, byte, i) => total + (i >= from && i < from + length ? 32 : byte), 0);
  if (sum !== octal(FIELDS.checksum)) throw new DataError("the checksum of a header is wrong");
  const [prefix, name] = [text(header, FIELDS.prefix), text(header, FIELDS.name)];
  return {
    path: prefix ? `${prefix}/${name}` : name,
    size: octal(FIELDS.size),
    isFile: /^0?$/.test(text(header, FIELDS.type)),
  };
}

/**
 * Reads a tar archive, which may be compressed by gzip, as it arrives. `want` decides for each entry whether
 * its bytes are kept; `visit` gets them. Other entries are skipped and never in memory.
 *
 * @throws DataError if the archive is damaged or ends early; errors of `want` and `visit` are passed on.
 */
export async function readTar(
  archive: ByteStream,
  want: (entry: TarEntry) => boolean,
  visit: (entry: TarEntry, bytes: Uint8Array) => void | Promise<void>,
): Promise<void> {
  const parser = parse(want);
  let step = parser.next();
  for await (const piece of decompressed(archive)) {
    step = parser.next(piece);
    while (!step.done && step.value) {
      await visit(...step.value);
      step = parser.next(new Uint8Array(0));
    }
    if (step.done) return;
  }
  throw new DataError("it ends early");
}

/** Receives pieces of an archive, yields complete files, or undefined for the next piece. */
function* parse(want: (entry: TarEntry) => boolean): Generator<[TarEntry, Uint8Array] | undefined, void, Uint8Array> {
  let rest: Uint8Array = new Uint8Array(0);
  /** Takes `count` bytes into an array, or skips them. */
  function* take(count: number, keep: boolean): Generator<undefined, Uint8Array, Uint8Array> {
    const bytes = new Uint8Array(keep ? count : 0);
    for (let at = 0; at < count; ) {
      while (rest.length === 0) rest = yield;
      const piece = rest.subarray(0, count - at);
      if (keep) bytes.set(piece, at);
      rest = rest.subarray(piece.length);
      at += piece.length;
    }
    return bytes;
  }
  while (true) {
    const header = yield* take(BLOCK, true);
    if (header.every((byte) => byte === 0)) return; // two such blocks are the end
    const entry = readHeader(header);
    const wanted = want(entry);
    const bytes = yield* take(entry.size, wanted);
    if (wanted) yield [entry, bytes];
    yield* take((BLOCK - (entry.size % BLOCK)) % BLOCK, false);
  }
}
