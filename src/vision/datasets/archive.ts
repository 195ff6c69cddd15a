import { DataError } from "../../errors.ts";
import { builtin, nodeModule } from "../../runtime/node_module.ts";
import type { SetFile } from "./set_folder.ts";
import { readTar } from "./tar.ts";

/**
 * Checks the MD5 of a file. A page has no MD5: there an archive is only checked by its own checksums, and its
 * files by their sizes.
 *
 * @throws DataError if it is another, or the file cannot be read.
 */
export async function checkMd5(file: SetFile, expected: string): Promise<void> {
  const crypto = nodeModule("node:crypto");
  if (!crypto) return;
  const hash = crypto.createHash("md5");
  try {
    await builtin("node:stream/promises").pipeline(file.stream() as never, hash);
  } catch (cause) {
    throw new DataError(`cannot read ${file.name}: ${(cause as Error).message}`, { cause });
  }
  const actual = hash.digest("hex");
  if (actual !== expected) {
    throw new DataError(
      `${file.name}: expected MD5 ${expected}, got ${actual}: the file is truncated or not the expected one; delete it`,
    );
  }
}

/** Maximum size of a file in an archive whose size is not known in advance: lists of names. */
const MOST_TEXT_BYTES = 65536;

/**
 * Reads a tar archive and calls back with each file that has one of the given names.
 *
 * @param sizes the number of bytes of each file; null: a small text
 * @throws DataError if the archive is damaged, or a file is missing or has another size.
 */
export async function forEachEntry(
  archive: SetFile,
  sizes: ReadonlyMap<string, number | null>,
  visit: (name: string, bytes: Uint8Array) => void | Promise<void>,
): Promise<void> {
  const missing = new Set(sizes.keys());
  const nameOf = (path: string) => path.slice(path.lastIndexOf("/") + 1);
  let failure: { error: unknown } | undefined; // of a file, not of the archive
  const attempt = async (body: () => void | Promise<void>) => {
    try {
      await body();
    } catch (error) {
      failure = { error };
      throw error;
    }
  };
  try {
    await readTar(
      archive.stream(),
      ({ path, size, isFile }) => {
        const name = nameOf(path);
        const expected = sizes.get(name);
        if (!isFile || expected === undefined) return false; // never in memory
        if (expected === null ? size <= MOST_TEXT_BYTES : size === expected) return true;
        const wanted = expected === null ? `at most ${MOST_TEXT_BYTES}` : expected;
        failure = { error: new DataError(`${archive.name}: ${name} expected ${wanted} bytes, got ${size}`) };
        throw failure.error;
      },
      ({ path }, bytes) =>
        attempt(async () => {
          await visit(nameOf(path), bytes);
          missing.delete(nameOf(path));
        }),
    );
  } catch (cause) {
    if (failure) throw failure.error;
    throw new DataError(`${archive.name}: not a complete tar archive: ${(cause as Error).message}`, { cause });
  }
  if (missing.size > 0) {
    throw new DataError(`${archive.name}: expected ${[...missing].join(", ")} in the archive, found none`);
  }
}
