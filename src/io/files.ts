import { DataError, OptionError, WasmgradError } from "../errors.ts";
import { builtin, nodeModule } from "../runtime/node_module.ts";
import { type ByteSource, bytesSource } from "./pieces.ts";

/**
 * Node's functions for files, which Deno and Bun have too. `path` is the file that is wanted, for the error.
 */
export function fileSystem(path: string): typeof import("node:fs") {
  const fs = nodeModule("node:fs");
  if (fs) return fs;
  throw new OptionError(`${path}: expected Node, Deno or Bun: a page has no files`);
}

/** Whether there is a file or a folder, in a runtime that has files. */
export function fileExists(path: string): boolean {
  return fileSystem(path).existsSync(path);
}

/** Joins the parts of a path, in a runtime that has files. */
export function joinPath(...parts: string[]): string {
  return builtin("node:path").join(...parts);
}

let written = 0;

/** Maximum number of bytes read or written in one call: operating systems accept less than 2 GiB. */
const MOST_PER_CALL = 2 ** 30;

/**
 * Writes a file atomically: on failure an existing file remains unchanged. The bytes are written to a
 * temporary file in the same folder and flushed to disk; then the file is renamed.
 *
 * @param pieces the file's bytes, in order
 * @throws DataError when the folder is missing or not writable, or the disk is full.
 */
export function writeFileAtomically(path: string, pieces: Iterable<Uint8Array>, mostPerCall = MOST_PER_CALL): void {
  const { openSync, writeSync, fsyncSync, closeSync, renameSync } = fileSystem(path);
  const temporary = `${path}.${process.pid}-${written++}.tmp`;
  try {
    const file = openSync(temporary, "wx");
    try {
      for (const bytes of pieces) {
        for (let at = 0; at < bytes.length; ) {
          at += writeSync(file, bytes, at, Math.min(mostPerCall, bytes.length - at));
        }
      }
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (cause) {
    removeQuietly(temporary);
    if (cause instanceof WasmgradError) throw cause;
    throw new DataError(`cannot write ${path}: ${(cause as Error).message}; nothing was changed`, { cause });
  }
  syncFolder(builtin("node:path").dirname(path));
}

/**
 * Removes a temporary file if it exists. Errors are ignored, because the failed write is reported instead.
 */
function removeQuietly(path: string): void {
  try {
    fileSystem(path).rmSync(path, { force: true });
  } catch {}
}

/**
 * Flushes a folder to disk, so that the new name survives a power cut. Not every system supports this; the
 * file itself is complete without it.
 */
function syncFolder(path: string): void {
  const { openSync, fsyncSync, closeSync } = fileSystem(path);
  try {
    const folder = openSync(path, "r");
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch {}
}

/**
 * Reads all bytes of a file.
 *
 * @throws DataError when the file is missing or cannot be read.
 */
export function readWholeFile(path: string, mostPerCall = MOST_PER_CALL): Uint8Array {
  const { fstatSync, readFileSync } = fileSystem(path);
  return withFile(path, (file) => {
    const { size } = fstatSync(file);
    if (size <= mostPerCall) return readFileSync(file); // also for files without a size, such as pipes
    const bytes = allocateFor(path, size);
    return bytes.subarray(0, fill(file, bytes, 0, mostPerCall));
  });
}

/**
 * Opens a file and lets `use` read it in pieces. A file without a size, such as a pipe, is read whole.
 *
 * @throws DataError when the file is missing or cannot be read; errors of `use` are passed on.
 */
export function withFileSource<T>(path: string, use: (source: ByteSource) => T): T {
  const { fstatSync, readFileSync } = fileSystem(path);
  return withFile(path, (file) => {
    const { size } = fstatSync(file);
    return use(size > 0 ? fileSource(path, file, size) : bytesSource(readFileSync(file)));
  });
}

function fileSource(path: string, file: number, size: number): ByteSource {
  let buffer = new Uint8Array(0);
  return {
    size,
    read({ begin, end }) {
      if (end - begin > buffer.length) buffer = allocateFor(path, end - begin);
      const bytes = buffer.subarray(0, end - begin);
      const read = fill(file, bytes, begin, MOST_PER_CALL);
      if (read === bytes.length) return bytes;
      throw new DataError(`${path}: ended after ${begin + read} bytes, expected ${size}: truncated while it was read?`);
    },
  };
}

/**
 * Fills `bytes` from a position of the file. Returns the number of bytes read, which is smaller if the file
 * ends.
 */
function fill(file: number, bytes: Uint8Array, position: number, mostPerCall: number): number {
  const { readSync } = fileSystem("a file");
  let at = 0;
  for (let read = 1; read > 0 && at < bytes.length; at += read) {
    read = readSync(file, bytes, at, Math.min(mostPerCall, bytes.length - at), position + at);
  }
  return at;
}

function allocateFor(path: string, size: number) {
  try {
    return new Uint8Array(size);
  } catch (cause) {
    throw new DataError(
      `cannot read ${path}: ${size} bytes are more than the engine allows for one array (${(cause as Error).message})`,
      { cause },
    );
  }
}

function withFile<T>(path: string, use: (file: number) => T): T {
  const { openSync, closeSync } = fileSystem(path);
  try {
    const file = openSync(path, "r");
    try {
      return use(file);
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    if (cause instanceof WasmgradError) throw cause;
    throw new DataError(`cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
}
