import { describe } from "../checks.ts";
import { DataError, OptionError, WasmgradError } from "../errors.ts";
import { type Bytes, viewBytes } from "../typed_arrays.ts";
import { type FileHandleLike, type FolderHandleLike, writeHandle } from "./handles.ts";
import { type BlobLike, isBlob } from "./pieces.ts";
import type { AnyBlob } from "./safetensors.ts";

/**
 * A path in the files that a browser keeps for a page's origin (the origin private file system, OPFS), for
 * example "opfs:runs/first.safetensors".
 */
export type StoredPath = `opfs:${string}`;

export const isStoredPath = (place: unknown): place is StoredPath =>
  typeof place === "string" && place.startsWith("opfs:");

/** A file of `listStored`. */
export interface StoredFile {
  /** Its path, for example "opfs:runs/first.safetensors". */
  path: StoredPath;
  /** Its size in bytes. */
  size: number;
  /** When it was written: milliseconds since 1970. */
  lastModified: number;
}

/** The names in a path, outermost first. */
function partsOf(op: string, path: StoredPath): string[] {
  if (typeof path !== "string" || !path.startsWith("opfs:")) {
    throw new OptionError(`${op}: expected a path that begins with "opfs:", got ${describe(path)}`);
  }
  const parts = path
    .slice("opfs:".length)
    .split("/")
    .filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw new OptionError(`${op}: expected a path without "..", got ${describe(path)}`);
  return parts;
}

async function root(op: string): Promise<FolderHandleLike> {
  const { storage } = (globalThis.navigator ?? {}) as { storage?: { getDirectory?(): Promise<unknown> } };
  if (typeof storage?.getDirectory !== "function") {
    throw new WasmgradError(
      `${op}: "opfs:" is the storage of a browser's page, which needs https or localhost; this runtime has none: ` +
        "pass the path of a file",
    );
  }
  try {
    return (await storage.getDirectory()) as FolderHandleLike;
  } catch (cause) {
    throw new WasmgradError(
      `${op}: the browser refuses storage to this page (${(cause as Error).message}); private windows may have none`,
      { cause },
    );
  }
}

/** Whether a browser's error says that there is no file, or no folder, of that name. */
const isMissing = (error: unknown) => ["NotFoundError", "TypeMismatchError"].includes((error as Error)?.name);

/** A folder of the page's storage; undefined if it is missing. */
export async function openStoredFolder(
  op: string,
  path: StoredPath,
  options: { create: boolean },
): Promise<FolderHandleLike | undefined> {
  let folder = await root(op);
  for (const part of partsOf(op, path)) {
    try {
      folder = await folder.getDirectoryHandle(part, options);
    } catch (cause) {
      if (isMissing(cause) && !options.create) return undefined;
      throw new DataError(`${op}: ${path}: cannot open the folder ${part}: ${(cause as Error).message}`, { cause });
    }
  }
  return folder;
}

/** The folder of a file, and the file's name. */
function split(op: string, path: StoredPath): [folder: StoredPath, name: string] {
  const parts = partsOf(op, path);
  const name = parts.pop();
  if (name === undefined) throw new OptionError(`${op}: expected the path of a file, got ${describe(path)}`);
  return [`opfs:${parts.join("/")}`, name];
}

/** A file of the page's storage; undefined if it is missing. */
export async function findStored(op: string, path: StoredPath): Promise<BlobLike | undefined> {
  const [parent, name] = split(op, path);
  const folder = await openStoredFolder(op, parent, { create: false });
  return folder && findIn(op, folder, name);
}

/**
 * A file of a folder; undefined if it is missing. An empty file counts as missing: it is what a page leaves
 * that was closed while it wrote the file for the first time.
 */
export async function findIn(op: string, folder: FolderHandleLike, name: string): Promise<BlobLike | undefined> {
  try {
    const file = await (await folder.getFileHandle(name)).getFile();
    return file.size > 0 ? file : undefined;
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw new DataError(`${op}: cannot read ${name}: ${(cause as Error).message}`, { cause });
  }
}

/** @throws DataError when the file is missing. */
export async function readStoredFor(op: string, path: StoredPath): Promise<BlobLike> {
  const file = await findStored(op, path);
  if (!file) throw new DataError(`${op}: ${path}: there is no such file; listStored() lists the files that there are`);
  return file;
}

/** The last write of each file: the writes of a file wait for each other, so that the last one remains. */
const writing = new Map<string, Promise<void>>();

/** Writes a file, with the folders around it. On failure an existing file remains unchanged. */
export async function writeStoredFor(op: string, path: StoredPath, blob: AnyBlob): Promise<void> {
  const parts = split(op, path);
  const key = parts.join("/");
  const write = (writing.get(key) ?? Promise.resolve()).then(() => writeNow(op, path, parts, blob));
  const done = write.catch(() => {}); // the caller gets the error
  writing.set(key, done);
  try {
    await write;
  } finally {
    if (writing.get(key) === done) writing.delete(key);
  }
}

async function writeNow(
  op: string,
  path: StoredPath,
  [parent, name]: readonly [StoredPath, string],
  blob: AnyBlob,
): Promise<void> {
  const folder = (await openStoredFolder(op, parent, { create: true })) as FolderHandleLike;
  let handle: FileHandleLike;
  try {
    handle = await folder.getFileHandle(name, { create: true });
  } catch (cause) {
    throw new DataError(`${op}: cannot write ${path}: ${(cause as Error).message}`, { cause });
  }
  await writeHandle(op, handle, blob);
}

/**
 * Writes a file of any kind to the files that the browser keeps for the page, atomically: on failure an
 * existing file remains unchanged.
 *
 * @param file a Blob or File, or bytes
 * @throws DataError when it cannot be written, for example because the disk is full; WasmgradError where a
 *   runtime has no such storage.
 * @example
 * ```ts
 * import { readStored, writeStored } from "wasmgrad/io";
 * await writeStored("opfs:notes/first.txt", new TextEncoder().encode("hello"));
 * console.log(await (await readStored("opfs:notes/first.txt")).text()); // hello
 * ```
 */
export async function writeStored(path: StoredPath, file: BlobLike | Bytes): Promise<void> {
  const op = "writeStored";
  const blob = isBlob(file) ? file : new Blob([viewBytes(op, file) as Uint8Array<ArrayBuffer>]);
  await writeStoredFor(op, path, blob as AnyBlob);
}

/**
 * A file that the browser keeps for the page, as a Blob.
 *
 * @throws DataError when it is missing.
 */
export async function readStored(path: StoredPath): Promise<AnyBlob> {
  return (await readStoredFor("readStored", path)) as AnyBlob;
}

/**
 * The files that the browser keeps for the page, with those in inner folders, sorted by path.
 *
 * @param folder the folder to list (default: all)
 * @throws WasmgradError where a runtime has no such storage.
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * import { listStored, saveSafetensors } from "wasmgrad/io";
 * await saveSafetensors("opfs:weights/first.safetensors", { bias: tensor([1, 2]) });
 * console.log((await listStored("opfs:weights")).map(({ path }) => path)); // ["opfs:weights/first.safetensors"]
 * ```
 */
export async function listStored(folder: StoredPath = "opfs:"): Promise<StoredFile[]> {
  const op = "listStored";
  const handle = await openStoredFolder(op, folder, { create: false });
  const found: StoredFile[] = [];
  const visit = async (inner: FolderHandleLike, parts: readonly string[]) => {
    for await (const entry of inner.values()) {
      const path = [...parts, entry.name];
      if (entry.kind === "directory") {
        await visit(entry, path);
        continue;
      }
      const { size, lastModified } = (await entry.getFile()) as BlobLike & { lastModified: number };
      found.push({ path: `opfs:${path.join("/")}`, size, lastModified });
    }
  };
  if (handle) await visit(handle, partsOf(op, folder));
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/**
 * Removes a file, or a folder with everything in it, from the files that the browser keeps for the page.
 *
 * @returns whether there was one
 * @throws DataError when the browser cannot remove it, for example while another tab writes it.
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * import { removeStored, saveSafetensors } from "wasmgrad/io";
 * await saveSafetensors("opfs:old.safetensors", { bias: tensor([1, 2]) });
 * console.log(await removeStored("opfs:old.safetensors"), await removeStored("opfs:old.safetensors")); // true false
 * ```
 */
export async function removeStored(path: StoredPath): Promise<boolean> {
  const op = "removeStored";
  const [parent, name] = split(op, path);
  const folder = await openStoredFolder(op, parent, { create: false });
  if (!folder) return false;
  try {
    await folder.removeEntry(name, { recursive: true });
    return true;
  } catch (cause) {
    if (isMissing(cause)) return false;
    throw new DataError(`${op}: cannot remove ${path}: ${(cause as Error).message}`, { cause });
  }
}
