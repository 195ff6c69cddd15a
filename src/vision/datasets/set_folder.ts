import { describe, isObject } from "../../checks.ts";
import { OptionError } from "../../errors.ts";
import { type FetchOptions, findAddress } from "../../io/fetch_file.ts";
import { fileExists, joinPath, readWholeFile } from "../../io/files.ts";
import { type FolderHandleLike, writeHandle } from "../../io/handles.ts";
import { findIn, isStoredPath, openStoredFolder, type StoredPath } from "../../io/origin_files.ts";
import { type BlobLike, readFromBlob } from "../../io/pieces.ts";
import type { AnyBlob } from "../../io/safetensors.ts";
import { builtin, nodeModule } from "../../runtime/node_module.ts";
import type { SetRoot } from "./set_root.ts";

/** A stream of bytes, if the program's type libraries declare one. */
export type ByteStream = typeof globalThis extends { Blob: { prototype: { stream(): infer S } } } ? S : unknown;

/** A file of a data set. */
export interface SetFile {
  /** Its path or address, for errors. */
  readonly name: string;
  bytes(): Promise<Uint8Array>;
  stream(): ByteStream;
}

/** A folder with the files of a data set. */
export interface SetFolder {
  /** Its path or address, for errors. */
  readonly name: string;
  /** Its path, if it is a folder of files: Node, Deno and Bun. */
  readonly path?: string;
  /** Whether its files are fetched: then it costs a request to ask for a file. */
  readonly isRemote: boolean;
  /** A file, by its path in the folder; undefined if it is missing. */
  find(path: string): Promise<SetFile | undefined>;
  /** Stores a file; undefined if the folder cannot be written. */
  store?(name: string, blob: AnyBlob): Promise<void>;
}

/**
 * Opens the folder of a data set. A text is the path of a folder; in a page it is an address, relative to
 * that of the page, or a folder that the browser keeps ("opfs:data").
 */
export function openSetFolder(op: string, root: SetRoot): SetFolder {
  if (isStoredPath(root)) return storedFolder(op, root);
  if (isObject(root) && typeof root.getDirectoryHandle === "function") {
    const handle = root as unknown as FolderHandleLike;
    return handleFolder(op, handle.name, async () => handle);
  }
  const isUrl = Object.prototype.toString.call(root) === "[object URL]";
  if (!isUrl && (typeof root !== "string" || root === "")) {
    throw new OptionError(`${op}: root expected the path of a folder, got ${describe(root)}`);
  }
  const text = String(root);
  return isUrl || /^https?:/.test(text) || !nodeModule("node:fs") ? addressFolder(op, text) : pathFolder(text);
}

function pathFolder(root: string): SetFolder {
  return {
    name: root,
    path: root,
    isRemote: false,
    async find(path) {
      const name = joinPath(root, path);
      if (!fileExists(name)) return undefined;
      return {
        name,
        bytes: async () => readWholeFile(name),
        stream: () => builtin("node:stream").Readable.toWeb(builtin("node:fs").createReadStream(name)) as ByteStream,
      };
    },
  };
}

/** A file that is a Blob. */
function blobFile(op: string, name: string, blob: BlobLike): SetFile {
  return {
    name,
    bytes: () => readFromBlob(op, blob, { begin: 0, end: blob.size }),
    stream: () => (blob as unknown as Blob).stream(),
  };
}

function addressFolder(op: string, root: string, options: FetchOptions = {}): SetFolder {
  const base = root.endsWith("/") ? root : `${root}/`;
  const found = new Map<string, BlobLike | undefined>();
  return {
    name: root,
    isRemote: true,
    async find(path) {
      const address = base + path;
      if (!found.has(path)) found.set(path, await findAddress(op, address, options));
      const blob = found.get(path);
      return blob && blobFile(op, address, blob);
    },
  };
}

function handleFolder(
  op: string,
  root: string,
  open: (create: boolean) => Promise<FolderHandleLike | undefined>,
): SetFolder {
  return {
    name: root,
    isRemote: false,
    async find(path) {
      const parts = path.split("/");
      const name = parts.pop() as string;
      let folder = await open(false);
      for (const part of parts) folder = await folder?.getDirectoryHandle(part).catch(() => undefined);
      const blob = folder && (await findIn(op, folder, name));
      return blob && blobFile(op, `${root}/${path}`, blob);
    },
    async store(name, blob) {
      const folder = (await open(true)) as FolderHandleLike;
      await writeHandle(op, await folder.getFileHandle(name, { create: true }), blob);
    },
  };
}

function storedFolder(op: string, root: StoredPath): SetFolder {
  return handleFolder(op, root, (create) => openStoredFolder(op, root, { create }));
}
