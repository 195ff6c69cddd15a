import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import { DataError } from "../../errors.ts";
import { downloadFile } from "./download.ts";
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
  const missing = files.filter(({ name }) => !existsSync(join(folder, name)));
  if (missing.length === 0) return;
  await withTemporaryFolder(folder, async (temporary, signal) => {
    for (const { name, md5, addresses } of missing) {
      const path = join(temporary, name);
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
      renameSync(path, join(folder, name));
    }
  });
}
