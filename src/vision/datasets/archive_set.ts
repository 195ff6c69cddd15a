import { DataError } from "../../errors.ts";
import { checkMd5, forEachEntry } from "./archive.ts";
import { fetchFiles, fetchInPage } from "./fetch_files.ts";
import { openSetFolder } from "./set_folder.ts";
import type { SetRoot } from "./set_root.ts";

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
  { root, download, url }: { root: SetRoot; download: boolean; url?: string },
  source: ArchiveSource,
  sizes: ReadonlyMap<string, number | null>,
): Promise<{ name: string; bytes: Uint8Array }[]> {
  const names = [...sizes.keys()];
  const set = openSetFolder(op, root);
  for (const inner of [`${source.folder}/`, ""]) {
    if (!(await set.find(inner + names[0]))) continue;
    return Promise.all(
      names.map(async (name) => {
        const file = await set.find(inner + name);
        if (!file) throw new DataError(`${op}: ${set.name}/${inner}${name} is missing`);
        const bytes = await file.bytes();
        const size = sizes.get(name) ?? bytes.length;
        if (bytes.length !== size) throw new DataError(`${file.name}: expected ${size} bytes, got ${bytes.length}`);
        return { name: file.name, bytes };
      }),
    );
  }
  const name = `${source.folder}.tar.gz`;
  let archive = await set.find(name);
  if (!archive) {
    if (!download) {
      throw new DataError(
        `${op}: no images under ${set.name}: expected ${source.folder}/${names[0]} or ${name}. ` +
          "With download: true they are downloaded.",
      );
    }
    const published = { name, md5: source.md5, addresses: [url ?? source.address] };
    if (set.path === undefined) archive = await fetchInPage(op, set, published);
    else {
      await fetchFiles(op, set.path, [published]);
      archive = await set.find(name);
    }
  }
  if (!archive) throw new DataError(`${op}: ${name} was removed from ${set.name} while it was read`);
  await checkMd5(archive, source.md5);
  const found = new Map<string, Uint8Array>();
  await forEachEntry(archive, sizes, (entry, bytes) => void found.set(entry, bytes));
  return names.map((entry) => ({ name: `${archive.name}: ${entry}`, bytes: found.get(entry) as Uint8Array }));
}

/** The lines of a text with the names of the classes. */
export function namesIn(bytes: Uint8Array): string[] {
  return new TextDecoder()
    .decode(bytes)
    .split(/\r?\n/)
    .filter((line) => line !== "");
}
