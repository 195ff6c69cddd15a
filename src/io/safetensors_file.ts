import { readOptions } from "../checks.ts";
import { DataError, OptionError } from "../errors.ts";
import { startingThreads } from "../runtime/start_threads.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type FetchOptions, readFetchOptions } from "./fetch_file.ts";
import { withFileSource } from "./files.ts";
import { type ByteSource, readFrom, readFromBlob } from "./pieces.ts";
import { checkPath, isLater, type LoadPlace, openPlace, type SavePlace, savePieces } from "./places.ts";
import { readBlob, readNames } from "./safetensors.ts";
import { type ReadSafetensorsOptions, readingSafetensors, type SafetensorsFile } from "./safetensors_read.ts";
import { layOut, type WriteSafetensorsOptions } from "./safetensors_write.ts";
import { besideIndex, isIndex, MAX_INDEX_BYTES, readIndex } from "./sharded.ts";

/**
 * Writes tensors to a safetensors file (see `writeSafetensors`), atomically: on failure an existing file
 * remains unchanged. It is written in pieces, without a second copy of the tensors. Matches
 * `safetensors.torch.save_file`.
 *
 * @param place the path of a file (Node, Deno, Bun), which is written at once. In a page: a file that the
 *   browser keeps, such as "opfs:weights.safetensors", or a `FileSystemFileHandle`; then the result is a
 *   promise. The file has the tensors' elements at the time of the call.
 * @throws DataError when the file cannot be written; OptionError for a path where there are no files.
 * @example
 * ```ts
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { tensor } from "wasmgrad";
 * import { loadSafetensors, saveSafetensors } from "wasmgrad/io";
 * const path = join(tmpdir(), "wasmgrad-example.safetensors");
 * saveSafetensors(path, { bias: tensor([1, 2, 3]) });
 * console.log(loadSafetensors(path).tensors.bias.toArray()); // [1, 2, 3]
 * ```
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * import { loadSafetensors, saveSafetensors } from "wasmgrad/io";
 * await saveSafetensors("opfs:weights.safetensors", { bias: tensor([1, 2, 3]) }); // in a page
 * console.log((await loadSafetensors("opfs:weights.safetensors")).tensors.bias.toArray()); // [1, 2, 3]
 * ```
 */
export function saveSafetensors(
  place: SavePlace,
  tensors: Readonly<Record<string, Tensor>>,
  options?: WriteSafetensorsOptions,
): Promise<void>;
export function saveSafetensors(
  path: string,
  tensors: Readonly<Record<string, Tensor>>,
  options?: WriteSafetensorsOptions,
): void;
export function saveSafetensors(
  place: string | SavePlace,
  tensors: Readonly<Record<string, Tensor>>,
  options?: WriteSafetensorsOptions,
): void | Promise<void> {
  return savePieces("saveSafetensors", place, layOut(tensors, options).pieces);
}

/**
 * Reads a safetensors file (see `readSafetensors`) in pieces, without a second copy of the tensors. Matches
 * `safetensors.torch.load_file`.
 *
 * @param place the path of a file (Node, Deno, Bun), which is read at once. For everything else the result is
 *   a promise: an address (a `URL`, or a text that begins with http), a file that the browser keeps, such as
 *   "opfs:weights.safetensors", a `File` or `Blob`, a `FileSystemFileHandle`. A place that ends with ".json"
 *   is the index of a model in several files, such as "model.safetensors.index.json"; the files are in its
 *   folder
 * @param options `names`: the tensors to read (default all). Other tensors cost neither time nor memory. For
 *   an address also the options of `fetchFile`: `onProgress`, `signal`, `cache`, `integrity`
 * @throws DataError when the file is missing, cannot be read or fetched, is not a complete, valid safetensors
 *   file, or lacks one of `names`; OutOfMemoryError when the tensors do not fit into memory; OptionError for
 *   a path where there are no files.
 * @example
 * ```ts
 * import { loadSafetensors } from "wasmgrad/io";
 * try {
 *   loadSafetensors("no-such-file.safetensors");
 * } catch (error) {
 *   console.log((error as Error).name); // DataError
 * }
 * ```
 */
export function loadSafetensors(
  place: LoadPlace,
  options?: ReadSafetensorsOptions & FetchOptions,
): Promise<SafetensorsFile>;
export function loadSafetensors(path: string, options?: ReadSafetensorsOptions): SafetensorsFile;
export function loadSafetensors(
  place: string | LoadPlace,
  options?: ReadSafetensorsOptions & FetchOptions,
): SafetensorsFile | Promise<SafetensorsFile> {
  if (isLater(place)) return startingThreads(() => loadLater(place, options));
  checkPath("loadSafetensors", place, "read");
  const names = readNames(options);
  return isIndex(place) ? loadShards(place, names) : loadOne(place, names);
}

function loadOne(path: string, names: readonly string[] | undefined): SafetensorsFile {
  return readNamedFile(path, (source) => scope(() => readFrom(source, readingSafetensors(source.size, names))));
}

function loadShards(index: string, names: readonly string[] | undefined): SafetensorsFile {
  const shards = readNamedFile(index, (source) => {
    checkIndexBytes(source.size);
    return readIndex(source.read({ begin: 0, end: source.size }), names);
  });
  const folder = index.replace(/[^/\\]*$/, "");
  return scope(() => merge([...shards].map(([shard, wanted]) => loadOne(`${folder}${shard}`, wanted))));
}

function checkIndexBytes(bytes: number): void {
  if (bytes > MAX_INDEX_BYTES) {
    throw new DataError(`loadSafetensors: an index of ${bytes} bytes is too large (at most ${MAX_INDEX_BYTES})`);
  }
}

/** All tensors and all metadata of the files. */
function merge(files: readonly SafetensorsFile[]): SafetensorsFile {
  return {
    tensors: Object.assign({}, ...files.map(({ tensors }) => tensors)),
    metadata: Object.assign({}, ...files.map(({ metadata }) => metadata)),
  };
}

async function loadLater(place: LoadPlace, options?: ReadSafetensorsOptions & FetchOptions): Promise<SafetensorsFile> {
  const op = "loadSafetensors";
  const { names, ...rest } = options === undefined ? {} : readOptions(op, options, ALL_OPTIONS);
  const wanted = names && { names };
  readNames(wanted);
  const fetching = readFetchOptions(op, rest);
  const { name, blob } = await openPlace(op, place, fetching);
  if (!isIndex(name)) return naming(name, () => readBlob(blob, wanted));
  const shards = await naming(name, async () => {
    checkIndexBytes(blob.size);
    return readIndex(await readFromBlob(op, blob, { begin: 0, end: blob.size }), names);
  });
  return loadShardsLater(place, shards, fetching);
}

async function loadShardsLater(
  index: LoadPlace,
  shards: ReadonlyMap<string, readonly string[]>,
  { integrity: _, ...fetching }: FetchOptions,
): Promise<SafetensorsFile> {
  const files: SafetensorsFile[] = [];
  try {
    for (const [shard, names] of shards) {
      const place = besideIndex(index, shard);
      if (place === undefined) {
        throw new OptionError(`loadSafetensors: an index expected an address or a path, whose folder has ${shard}`);
      }
      const { name, blob } = await openPlace("loadSafetensors", place, fetching);
      files.push(await naming(name, () => readBlob(blob, { names })));
    }
    return merge(files);
  } catch (error) {
    for (const { tensors } of files) for (const tensor of Object.values(tensors)) tensor.release();
    throw error;
  }
}

const ALL_OPTIONS: ReadSafetensorsOptions & FetchOptions = {
  names: undefined,
  onProgress: undefined,
  signal: undefined,
  cache: undefined,
  integrity: undefined,
};

/** Reads a file. Errors about its contents name the file. */
export function readNamedFile<T>(path: string, read: (source: ByteSource) => T): T {
  return withFileSource(path, (source) => {
    try {
      return read(source);
    } catch (error) {
      throw named(path, error);
    }
  });
}

/** Runs `read`. Errors about the file's contents name it. */
async function naming<T>(name: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw named(name, error);
  }
}

/** An error that names the file, if it is about the file's contents. */
function named(path: string, error: unknown): unknown {
  if (!(error instanceof DataError) || error.message.startsWith(path)) return error;
  return new DataError(`${path}: ${error.message}`, { cause: error });
}
