import { describe, isObject } from "../checks.ts";
import { DataError, OptionError } from "../errors.ts";
import { nodeModule } from "../runtime/node_module.ts";
import { type AnyURL, type FetchOptions, fetchFor } from "./fetch_file.ts";
import { writeFileAtomically } from "./files.ts";
import type { FileHandleLike } from "./handles.ts";
import { writeHandle } from "./handles.ts";
import { isStoredPath, readStoredFor, type StoredPath, writeStoredFor } from "./origin_files.ts";
import { type BlobLike, isBlob } from "./pieces.ts";
import type { AnyBlob } from "./safetensors.ts";

/** An address that `fetch` understands. */
export type Address = AnyURL | `http://${string}` | `https://${string}`;

/** Where a browser can write a file: a path in the page's own storage, or a handle from a file picker. */
export type SavePlace = StoredPath | FileHandleLike;

/**
 * From where a browser can read a file: an address, a `File` or `Blob`, or a place where it can be written.
 */
export type LoadPlace = SavePlace | Address | BlobLike;

function isHandle(value: unknown): value is FileHandleLike {
  return isObject(value) && typeof value.getFile === "function" && typeof value.createWritable === "function";
}

const isAddress = (place: unknown): place is Address =>
  typeof place === "string"
    ? /^(https?|data|blob):/.test(place)
    : Object.prototype.toString.call(place) === "[object URL]";

/** Whether a place is read or written later, by a promise. A path of a file is read and written at once. */
export function isLater(place: string | LoadPlace): place is LoadPlace {
  return isStoredPath(place) || isAddress(place) || isHandle(place) || isBlob(place);
}

/**
 * Writes a file: at once to a path, later to another place. The pieces are taken at once in both cases, so
 * the file has the state of the moment of the call. On failure an existing file remains unchanged.
 */
export function savePieces(op: string, place: string | SavePlace, pieces: Iterable<Uint8Array>): void | Promise<void> {
  if (!isLater(place)) {
    checkPath(op, place, "write");
    writeFileAtomically(place, pieces);
    return;
  }
  if (!isStoredPath(place) && !isHandle(place)) {
    throw new OptionError(
      `${op}: expected a place that can be written ("opfs:...", or a handle), got ${describe(place)}`,
    );
  }
  const blobs: Blob[] = [];
  // a piece is valid until the next one
  for (const piece of pieces) blobs.push(new Blob([piece as Uint8Array<ArrayBuffer>]));
  const blob = new Blob(blobs) as AnyBlob;
  return isStoredPath(place) ? writeStoredFor(op, place, blob) : writeHandle(op, place, blob);
}

/** Checks that `place` is a path, in a runtime that has files. */
export function checkPath(op: string, place: unknown, use: "read" | "write"): asserts place is string {
  if (typeof place !== "string" || place === "") {
    throw new OptionError(`${op}: expected the path of a file, got ${describe(place)}`);
  }
  if (nodeModule("node:fs")) return;
  const stored = `await ${op}("opfs:${place.replace(/^[./]+/, "")}", ...) uses a file that the browser keeps for the page`;
  const fetched = `await ${op}(new URL(${JSON.stringify(place)}, location.href), ...) fetches it`;
  throw new OptionError(
    `${op}: a page has no files, got the path ${JSON.stringify(place)}; ${use === "read" ? `${fetched}, ` : ""}${stored}`,
  );
}

/** Opens a file of a place that is read later, and names it for errors. */
export async function openPlace(
  op: string,
  place: LoadPlace,
  options: FetchOptions = {},
): Promise<{ name: string; blob: BlobLike }> {
  if (isAddress(place)) return { name: String(place).slice(0, 200), blob: await fetchFor(op, place, options) };
  if (isStoredPath(place)) return { name: place, blob: await readStoredFor(op, place) };
  if (!isHandle(place)) return { name: (place as { name?: string }).name || op, blob: place };
  try {
    return { name: place.name, blob: await place.getFile() };
  } catch (cause) {
    throw new DataError(`${op}: cannot read ${place.name}: ${(cause as Error).message}`, { cause });
  }
}
