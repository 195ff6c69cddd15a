import { DataError } from "../../errors.ts";
import { fetchFor } from "../../io/fetch_file.ts";
import { fileExists, joinPath } from "../../io/files.ts";
import { builtin } from "../../runtime/node_module.ts";
import { downloadFile } from "./download.ts";
import type { SetFile, SetFolder } from "./set_folder.ts";
import { withTemporaryFolder } from "./temporary_folder.ts";

/** A file of a data set. */
export interface PublishedFile {
  name: string;
  md5: string;
  /** Where it can be downloaded. */
  addresses: readonly string[];
}

/**
 * Downloads the files that `folder` does not contain yet, each from the first address that has it. A file
 * gets its final name only when it is complete and verified.
 *
 * @param what the data set's name, for errors
 * @throws DataError that describes the failure of every address.
 */
export async function fetchFiles(what: string, folder: string, files: readonly PublishedFile[]): Promise<void> {
  const missing = files.filter(({ name }) => !fileExists(joinPath(folder, name)));
  if (missing.length === 0) return;
  await withTemporaryFolder(folder, async (temporary, signal) => {
    for (const { name, md5, addresses } of missing) {
      const path = joinPath(temporary, name);
      const failures: string[] = [];
      for (const address of addresses) {
        try {
          await downloadFile(address, path, md5, signal);
          break;
        } catch (error) {
          failures.push((error as Error).message);
          if (signal.aborted) break;
        }
      }
      if (signal.aborted || failures.length === addresses.length) {
        throw new DataError(`${what}: ${name} could not be downloaded to ${folder}. ${failures.join("; ")}`);
      }
      builtin("node:fs").renameSync(path, joinPath(folder, name));
    }
  });
}

/**
 * Fetches a file of a set in a page, from the first address that has it, and stores it in the folder if that
 * can be written. Otherwise the browser's cache storage keeps it.
 *
 * @throws DataError that describes the failure of every address.
 */
export async function fetchInPage(op: string, folder: SetFolder, file: PublishedFile): Promise<SetFile> {
  const failures: string[] = [];
  for (const address of file.addresses) {
    try {
      const blob = await fetchFor(op, address, { cache: folder.store ? "off" : "use" });
      await folder.store?.(file.name, blob);
      const { name } = file;
      return {
        name: folder.store ? `${folder.name}/${name}` : address,
        bytes: async () => new Uint8Array(await blob.arrayBuffer()),
        stream: () => blob.stream(),
      };
    } catch (error) {
      failures.push((error as Error).message);
    }
  }
  throw new DataError(
    `${op}: ${file.name} could not be fetched; put a copy on the server of this page and pass its address as url. ` +
      failures.join("; "),
  );
}
