import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { basename } from "node:path";
import { pipeline } from "node:stream/promises";
import { DataError } from "../../errors.ts";

/**
 * Checks the MD5 of a file.
 *
 * @throws DataError if it is another, or the file cannot be read.
 */
export async function checkMd5(path: string, expected: string): Promise<void> {
  const hash = createHash("md5");
  try {
    await pipeline(createReadStream(path), hash);
  } catch (cause) {
    throw new DataError(`cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
  const actual = hash.digest("hex");
  if (actual !== expected) {
    throw new DataError(
      `${path}: expected MD5 ${expected}, got ${actual}: the file is truncated or not the expected one; delete it`,
    );
  }
}

/** Maximum size of a file in an archive whose size is not known in advance: lists of names. */
const MOST_TEXT_BYTES = 65536;

/**
 * Streams a tar archive and calls back with each file that has one of the given names.
 *
 * @param sizes the number of bytes of each file; null: a small text
 * @throws DataError if the archive is damaged, or a file is missing or has another size.
 */
export async function forEachEntry(
  path: string,
  sizes: ReadonlyMap<string, number | null>,
  visit: (name: string, bytes: Uint8Array) => void,
): Promise<void> {
  const { list } = await import("tar");
  const missing = new Set(sizes.keys());
  let failure: unknown;
  try {
    await list({
      file: path,
      strict: true,
      onReadEntry: (entry) => {
        const name = basename(entry.path);
        const size = sizes.get(name);
        // other entries, and entries of an unexpected size, are skipped without being loaded into memory
        if (entry.type !== "File" || size === undefined || failure) return;
        if (size === null ? entry.size > MOST_TEXT_BYTES : entry.size !== size) {
          const expected = size === null ? `at most ${MOST_TEXT_BYTES}` : size;
          failure = new DataError(`${path}: ${name} expected ${expected} bytes, got ${entry.size}`);
          return;
        }
        const chunks: Uint8Array[] = [];
        entry.on("data", (chunk) => chunks.push(chunk));
        entry.on("end", () => {
          try {
            visit(name, Buffer.concat(chunks));
            missing.delete(name);
          } catch (error) {
            failure ??= error;
          }
        });
      },
    });
  } catch (cause) {
    throw new DataError(`${path}: not a complete tar archive: ${(cause as Error).message}`, { cause });
  }
  if (failure) throw failure;
  if (missing.size > 0) throw new DataError(`${path}: expected ${[...missing].join(", ")} in the archive, found none`);
}
