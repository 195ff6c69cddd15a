import { existsSync } from "node:fs";
import { join } from "node:path";
import { DataError } from "../../errors.ts";
import { readWholeFile } from "../../io/files.ts";
import { checkMd5, forEachEntry } from "./archive.ts";
import { fetchFiles } from "./fetch_files.ts";

/** A data set that is published as one tar archive with one folder. */
export interface ArchiveSource {
  /** The folder in the archive; the archive's name is this and `.tar.gz`. */
  folder: string;
  md5: string;
  address: string;
}

/**
 * Reads files of a set from its folder in `root`, from `root`, or from its archive in `root`, which is
 * downloaded if it is missing and `download` is true.
 *
 * @param sizes the files and their sizes in bytes; null: a small text
 * @returns the files' bytes, in the order of `sizes`, and a name of each for errors
 * @throws DataError when files are missing or damaged, or the download fails.
 */
export async function readArchiveSet(
  op: string,
  { root, download, url }: { root: string; download: boolean; url?: string },
  source: ArchiveSource,
  sizes: ReadonlyMap<string, number | null>,
): Promise<{ name: string; bytes: Uint8Array }[]> {
  const names = [...sizes.keys()];
  const folder = [join(root, source.folder), root].find((path) => existsSync(join(path, names[0])));
  if (folder !== undefined) {
    return names.map((name) => {
      const path = join(folder, name);
      const bytes = readWholeFile(path);
      const size = sizes.get(name) ?? bytes.length;
      if (bytes.length !== size) throw new DataError(`${path}: expected ${size} bytes, got ${bytes.length}`);
      return { name: path, bytes };
    });
  }
  const archive = `${source.folder}.tar.gz`;
  const path = join(root, archive);
  if (!existsSync(path)) {
    if (!download) {
      throw new DataError(
        `${op}: no images under ${root}: expected ${source.folder}/${names[0]} or ${archive}. ` +
          "With download: true they are downloaded.",
      );
    }
    await fetchFiles(op, root, [{ name: archive, md5: source.md5, addresses: [url ?? source.address] }]);
  }
  await checkMd5(path, source.md5);
  const found = new Map<string, Uint8Array>();
  await forEachEntry(path, sizes, (name, bytes) => found.set(name, bytes));
  return names.map((name) => ({ name: `${path}: ${name}`, bytes: found.get(name) as Uint8Array }));
}

/** The lines of a text with the names of the classes. */
export function namesIn(bytes: Uint8Array): string[] {
  return new TextDecoder()
    .decode(bytes)
    .split(/\r?\n/)
    .filter((line) => line !== "");
}
