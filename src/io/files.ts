import {
  closeSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { DataError } from "../errors.ts";

let written = 0;

/** Bytes that are read or written in one call: the system takes less than 2 GiB. */
const PIECE = 2 ** 30;

/**
 * Writes a whole file or leaves the one that was there: the bytes go to a temporary name in the same folder, to the disk, and
 * only then to their name.
 *
 * @throws DataError when the folder is missing or not writable, or the disk is full.
 */
export function writeFileAtomically(path: string, bytes: Uint8Array): void {
  const temporary = `${path}.${process.pid}-${written++}.tmp`;
  try {
    const file = openSync(temporary, "wx");
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, Math.min(PIECE, bytes.length - at));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (cause) {
    removeQuietly(temporary);
    throw new DataError(`cannot write ${path}: ${(cause as Error).message}; nothing was changed`, { cause });
  }
  syncFolder(dirname(path));
}

/** The temporary file may not even exist; why the write failed is what matters. */
function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {}
}

/** So that the new name survives a power cut. Not every system can sync a folder; the file itself is whole without it. */
function syncFolder(path: string): void {
  try {
    const folder = openSync(path, "r");
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch {}
}

/** @throws DataError when the file is missing or cannot be read. */
export function readWholeFile(path: string): Uint8Array {
  try {
    const file = openSync(path, "r");
    try {
      const { size } = fstatSync(file);
      if (size <= PIECE) return readFileSync(file); // also what has no size: a pipe
      const bytes = new Uint8Array(size);
      let at = 0;
      for (let read = 1; read > 0 && at < size; at += read)
        read = readSync(file, bytes, at, Math.min(PIECE, size - at), null);
      return bytes.subarray(0, at);
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw new DataError(`cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
}
