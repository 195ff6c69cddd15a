import { DataError, WasmgradError } from "../errors.ts";
import type { BlobLike } from "./pieces.ts";
import type { AnyBlob } from "./safetensors.ts";

/**
 * The members of a `FileSystemFileHandle`, of a file picker or of a browser's storage, that this library
 * uses.
 */
export interface FileHandleLike {
  readonly kind: "file";
  readonly name: string;
  getFile(): Promise<BlobLike>;
  createWritable(): Promise<WritableLike>;
}

/** The members of a `FileSystemWritableFileStream` that this library uses. */
export interface WritableLike {
  write(data: AnyBlob): Promise<void>;
  close(): Promise<void>;
  abort(): Promise<void>;
}

/** A folder of a browser: the members of `FileSystemDirectoryHandle` that this library uses. */
export interface FolderHandleLike {
  readonly kind: "directory";
  readonly name: string;
  getDirectoryHandle(name: string, options?: { create?: boolean }): Promise<FolderHandleLike>;
  getFileHandle(name: string, options?: { create?: boolean }): Promise<FileHandleLike>;
  removeEntry(name: string, options?: { recursive?: boolean }): Promise<void>;
  values(): AsyncIterable<FolderHandleLike | FileHandleLike>;
}

/** Writes a whole file. A browser replaces the old file when the stream is closed. */
export async function writeHandle(op: string, handle: FileHandleLike, blob: AnyBlob): Promise<void> {
  if (typeof handle.createWritable !== "function") {
    throw new WasmgradError(
      `${op}: this browser cannot write ${handle.name}, since its handles have no createWritable`,
    );
  }
  let stream: WritableLike | undefined;
  try {
    stream = await handle.createWritable();
    await stream.write(blob);
    await stream.close();
  } catch (cause) {
    await stream?.abort().catch(() => {}); // it may have failed already
    throw new DataError(`${op}: cannot write ${handle.name}: ${(cause as Error).message}; nothing was changed`, {
      cause,
    });
  }
}
