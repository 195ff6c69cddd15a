import { checkChoice, checkFunction, describe, readOptions } from "../checks.ts";
import { DataError, OptionError } from "../errors.ts";
import type { AnyBlob } from "./safetensors.ts";

/** How much of a file has arrived. */
export interface FetchProgress {
  /** Bytes so far. */
  loaded: number;
  /** Size of the file in bytes; undefined if the server does not say. */
  total: number | undefined;
}

/** The type `AbortSignal` if the program's type libraries declare it. */
export type Abort = typeof globalThis extends { AbortSignal: { prototype: infer Signal } } ? Signal : unknown;

/** The type `URL` if the program's type libraries declare it. */
export type AnyURL = typeof globalThis extends { URL: { prototype: infer U } } ? U : { readonly href: string };

export interface FetchOptions {
  /** Is called after each piece that has arrived, and once for a file of the cache. */
  onProgress?: (progress: FetchProgress) => void;
  /** Ends the request: the promise rejects with the signal's reason. */
  signal?: Abort;
  /**
   * "use" (default): a file that was fetched before comes from the browser's cache storage; "refresh": it is
   * fetched again and replaces the one there; "off": it is fetched and not kept. Where there is no cache
   * storage (Node; pages without https), it is always fetched.
   */
  cache?: "use" | "refresh" | "off";
  /** A hash that the file must have, for example "sha256-...", as in `<script integrity>`. */
  integrity?: string;
}

/** The name of the cache, which `caches.delete` can remove. */
export const FETCH_CACHE = "wasmgrad";

const DEFAULTS = {
  onProgress: undefined as FetchOptions["onProgress"],
  signal: undefined as Abort | undefined,
  cache: "use" as "use" | "refresh" | "off",
  integrity: "",
};

/** Checks the options, so that errors come before the first request. */
export function readFetchOptions(op: string, options?: FetchOptions): typeof DEFAULTS {
  const given = readOptions(op, options, DEFAULTS);
  if (given.onProgress !== undefined) checkFunction(op, "onProgress", given.onProgress);
  checkChoice(op, "cache", given.cache, ["use", "refresh", "off"]);
  if (typeof given.integrity !== "string") {
    throw new OptionError(`${op}: integrity expected a text, got ${describe(given.integrity)}`);
  }
  return given;
}

/**
 * Fetches a file, with progress, and keeps it in the browser's cache storage, so that the next visit needs no
 * network. The result is a Blob, which `readSafetensors`, `fromPixelsAsync` and others take. A page should
 * name files by their version, because a file in the cache is not compared with the server's.
 *
 * @param url an address; a page may pass one relative to its own
 * @param options `onProgress`, `signal`, `cache` ("use", "refresh", "off"), `integrity`
 * @throws DataError when the server cannot be reached, answers with another status than 200 or with a page
 *   (text/html), or sends fewer bytes than it said; OptionError for a bad address or option.
 * @example
 * ```ts
 * import { fetchFile } from "wasmgrad/io";
 * const file = await fetchFile("data:text/plain,weights", {
 *   onProgress: ({ loaded, total }) => console.log(`${loaded} of ${total ?? "unknown"} bytes`),
 * });
 * console.log(file.size); // 7
 * ```
 */
export async function fetchFile(url: string | AnyURL, options?: FetchOptions): Promise<AnyBlob> {
  return fetchFor("fetchFile", url, options);
}

/** `fetchFile` for the function `op`. */
export async function fetchFor(op: string, url: string | AnyURL, options?: FetchOptions): Promise<AnyBlob> {
  const file = await find(op, url, options);
  if (file instanceof DataError) throw file;
  return file;
}

/** A file, or undefined if the server says that there is none. */
export async function findAddress(
  op: string,
  url: string | AnyURL,
  options?: FetchOptions,
): Promise<AnyBlob | undefined> {
  const file = await find(op, url, options);
  return file instanceof DataError ? undefined : file;
}

/** A file, or an error that says that there is none. Other errors are thrown. */
async function find(op: string, url: string | AnyURL, options?: FetchOptions): Promise<AnyBlob | DataError> {
  const given = readFetchOptions(op, options);
  const address = absolute(op, url);
  const store = given.cache === "off" ? undefined : await openCache(address);
  const key = given.integrity ? `${address}${address.includes("?") ? "&" : "?"}integrity=${given.integrity}` : address;
  if (given.cache === "use") {
    const kept = await store?.match(key).catch(() => undefined);
    if (kept) {
      const blob = await kept.blob();
      given.onProgress?.({ loaded: blob.size, total: blob.size });
      return blob as AnyBlob;
    }
  }
  const file = await download(op, address, given);
  if (file instanceof DataError) return file;
  const { blob, type } = file;
  // a cache that is full or refuses the file costs a download at the next visit, but not this one
  await store?.put(key, new Response(blob, { headers: { "Content-Type": type } })).catch(() => {});
  return blob as AnyBlob;
}

/**
 * Removes a file that `fetchFile` has kept from the browser's cache storage.
 *
 * @returns whether there was one; false where there is no cache storage
 */
export async function removeFetched(url: string | AnyURL): Promise<boolean> {
  const address = absolute("removeFetched", url);
  const store = await openCache(address);
  const keys = (await store?.keys()) ?? [];
  const ours = keys.filter(({ url: key }) => key === address || key.replace(INTEGRITY, "") === address);
  for (const key of ours) await store?.delete(key);
  return ours.length > 0;
}

/** The end of the key of a file that was fetched with the option `integrity`. */
const INTEGRITY = /[?&]integrity=sha[^&]*$/;

function absolute(op: string, url: string | AnyURL): string {
  const base = (globalThis as { document?: { baseURI: string } }).document?.baseURI ?? globalThis.location?.href;
  try {
    return new URL(url as string | URL, base).href;
  } catch (cause) {
    throw new OptionError(`${op}: expected an address, got ${describe(url)}`, { cause });
  }
}

async function openCache(address: string): Promise<Cache | undefined> {
  if (typeof caches === "undefined" || !address.startsWith("http")) return undefined;
  return caches.open(FETCH_CACHE).catch(() => undefined); // as in a private window
}

async function download(
  op: string,
  address: string,
  { onProgress, signal, integrity }: typeof DEFAULTS,
): Promise<{ blob: Blob; type: string } | DataError> {
  const abort = signal as AbortSignal | undefined;
  const failed = (cause: unknown) => {
    if (abort?.aborted) return abort.reason;
    const { message, cause: inner } = cause as Error;
    const reason = inner instanceof Error && inner.message ? `${message} (${inner.message})` : message;
    return new DataError(
      `${op}: ${address} cannot be fetched: ${reason}; another origin must allow it by Access-Control-Allow-Origin`,
      { cause },
    );
  };
  const attempt = <T>(promise: Promise<T>) =>
    promise.catch((cause) => {
      throw failed(cause);
    });
  const response = await attempt(fetch(address, { signal: abort, ...(integrity && { integrity }) }));
  if (!response.ok) {
    const { status, statusText } = response;
    const error = new DataError(`${op}: ${address}: expected status 200, got ${status} ${statusText}`);
    if (status === 404 || status === 410) return error;
    throw error;
  }
  const type = response.headers.get("content-type") ?? "";
  if (/^text\/html\b/.test(type)) {
    // servers of development answer so for every address that they do not know
    return new DataError(`${op}: ${address}: expected a file, got a page (text/html): is there a file of that name?`);
  }
  // the length is that of the compressed bytes if the server compresses, which other origins do not tell
  const length = Number(response.headers.get("content-length") ?? Number.NaN);
  const total = Number.isNaN(length) || response.headers.has("content-encoding") ? undefined : length;
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let loaded = 0;
  const reader = response.body?.getReader();
  while (reader) {
    const { done, value } = await attempt(reader.read());
    if (done) break;
    pieces.push(value);
    loaded += value.length;
    onProgress?.({ loaded, total: total !== undefined && loaded > total ? undefined : total });
  }
  if (total !== undefined && loaded < total) {
    throw new DataError(`${op}: ${address}: expected ${total} bytes, got ${loaded}: the connection was lost`);
  }
  return { blob: new Blob(pieces), type };
}
