import { fileExists, fileSystem, joinPath, readWholeFile, writeFileAtomically } from "../io/files.ts";
import { findStored, removeStored, type StoredPath } from "../io/origin_files.ts";
import { savePieces } from "../io/places.ts";
import { builtin } from "../runtime/node_module.ts";

/** The files of a run. */
export interface RunFolder {
  /** The path of a file. */
  path(name: string): string;
  /** Writes a file: at once in a folder of files, later in a page. */
  write(name: string, text: string): void | Promise<void>;
  /** Adds a line to a file. A page cannot add to a file without writing it again. */
  append?(name: string, line: string): void;
  discard(name: string): void | Promise<void>;
}

const bytesOf = (text: string) => [new TextEncoder().encode(text)];

/** The folder of a run, which is created if it is missing. */
export function openRunFolder(
  folder: string,
  { create = true } = {},
): RunFolder & { read(name: string): string | undefined } {
  const fs = fileSystem(folder);
  /** The outermost folder that was created for the run. */
  const made = create ? fs.mkdirSync(folder, { recursive: true }) : undefined;
  const path = (name: string) => joinPath(folder, name);
  return {
    path,
    read: (name) => (fileExists(path(name)) ? new TextDecoder().decode(readWholeFile(path(name))) : undefined),
    write: (name, text) => writeFileAtomically(path(name), bytesOf(text)),
    append: (name, line) => fs.appendFileSync(path(name), line),
    discard(name) {
      fs.rmSync(path(name), { force: true });
      if (made === undefined) return;
      const { dirname, resolve } = builtin("node:path");
      const outermost = resolve(made);
      for (let inner = resolve(folder); fs.readdirSync(inner).length === 0; inner = dirname(inner)) {
        fs.rmdirSync(inner);
        if (inner === outermost) break;
      }
    },
  };
}

/** The folder of a run that another process writes. */
export function readOnlyRunFolder(folder: string): RunFolder {
  const { path } = openRunFolder(folder, { create: false });
  return { path, write() {}, append() {}, discard() {} };
}

/** A folder that the browser keeps. */
export function storedRunFolder(
  folder: StoredPath,
): RunFolder & { readLater(name: string): Promise<string | undefined> } {
  const path = (name: string): StoredPath => `${folder.replace(/\/+$/, "") as StoredPath}/${name}`;
  return {
    path,
    async readLater(name) {
      const file = await findStored("Run", path(name));
      return file && new TextDecoder().decode(await file.slice(0, file.size).arrayBuffer());
    },
    write: (name, text) => savePieces("Run", path(name), bytesOf(text)),
    async discard(name) {
      await removeStored(path(name));
    },
  };
}
