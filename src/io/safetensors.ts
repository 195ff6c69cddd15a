import { readOptions } from "../checks.ts";
import { OutOfMemoryError } from "../errors.ts";
import { startingThreads } from "../runtime/start_threads.ts";
import { Scope } from "../tensor/lifetime/scope.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Bytes, viewBytes } from "../typed_arrays.ts";
import { type BlobLike, bytesSource, isBlob, readFrom, readFromBlob } from "./pieces.ts";
import {
  checkNames,
  type ReadSafetensorsOptions,
  readingSafetensors,
  type SafetensorsFile,
} from "./safetensors_read.ts";
import { layOut, type WriteSafetensorsOptions } from "./safetensors_write.ts";

/** The type `Blob` if the program's type libraries declare it (those of browsers and of Node do). */
export type AnyBlob = typeof globalThis extends { Blob: { prototype: infer B } } ? B : BlobLike;

/**
 * Encodes tensors as a safetensors file, with the same bytes as the reference implementation: float32 as F32,
 * int32 as I32, bool as BOOL unless `dtype` says otherwise, sorted by dtype, then by name. Matches
 * `safetensors.torch.save`.
 *
 * The result is a second copy of the tensors in memory. `saveSafetensors` (Node) and `writeSafetensorsBlob`
 * (browsers) need no such copy.
 *
 * @param options `metadata`: text to store along with the tensors (default none). `dtype`: how to store the
 *   elements, such as "float16" for a file of half the size (default: as they are). Rounds to the nearest,
 *   ties to even.
 * @throws OptionError for a name or text that is not valid Unicode, for a tensor called `__metadata__`, and
 *   for an element that `dtype` cannot hold; OutOfMemoryError when the engine cannot allocate an array of
 *   that size.
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * import { readSafetensors, writeSafetensors } from "wasmgrad/io";
 * const bytes = writeSafetensors({ weight: tensor([[1, 2], [3, 4]]) }, { metadata: { note: "two by two" } });
 * const { tensors, metadata } = readSafetensors(bytes);
 * console.log(tensors.weight.toArray(), metadata.note); // [[1, 2], [3, 4]] two by two
 * ```
 */
export function writeSafetensors(
  tensors: Readonly<Record<string, Tensor>>,
  options?: WriteSafetensorsOptions,
): ReturnType<Uint8ArrayConstructor["of"]> {
  const { bytes: size, pieces } = layOut(tensors, options);
  const bytes = allocateBytes(size);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

function allocateBytes(size: number) {
  try {
    return new Uint8Array(size);
  } catch (cause) {
    throw new OutOfMemoryError(
      `writeSafetensors: the file takes ${size} bytes, more than the engine allows for one array (${(cause as Error).message}); ` +
        "saveSafetensors (Node) and writeSafetensorsBlob (browsers) write in pieces",
      { cause },
    );
  }
}

/**
 * Encodes tensors as a safetensors file (see `writeSafetensors`) in a Blob, for a download or for IndexedDB.
 * The Blob is built in pieces, so it can be larger than an array, and browsers keep it outside the page's
 * memory.
 *
 * @throws OptionError in the same cases as `writeSafetensors`.
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * import { readSafetensors, writeSafetensorsBlob } from "wasmgrad/io";
 * const blob = writeSafetensorsBlob({ bias: tensor([1, 2, 3]) });
 * const { tensors } = await readSafetensors(blob);
 * console.log(tensors.bias.toArray()); // [1, 2, 3]
 * ```
 */
export function writeSafetensorsBlob(
  tensors: Readonly<Record<string, Tensor>>,
  options?: WriteSafetensorsOptions,
): AnyBlob {
  const blobs: Blob[] = [];
  for (const piece of layOut(tensors, options).pieces) blobs.push(new Blob([piece]));
  return new Blob(blobs) as AnyBlob;
}

/**
 * Reads a safetensors file, either from its bytes or from a Blob (for example a File from an `<input>`, or a
 * Blob from `fetch` or from Node's `openAsBlob`). A Blob is read in pieces, so it may be larger than an
 * array. Matches `safetensors.torch.load`.
 *
 * F32, F16 and BF16 become float32 without loss, F64 is rounded to the nearest float32; I8, U8, I16, U16,
 * I32, U32, I64 and U64 become int32; BOOL becomes bool.
 *
 * @param given the bytes (a Uint8Array or Buffer, an ArrayBuffer, a DataView), or a Blob.
 * @param options `names`: the tensors to read (default all).
 * @throws DataError when the file is truncated or invalid, has another dtype, has a value outside the range
 *   of float32 (F64) or int32 (U32, I64, U64), or lacks one of `names`; in these cases no tensor is created.
 *   OutOfMemoryError when the tensors do not fit into memory.
 * @example
 * ```ts
 * import { zeros } from "wasmgrad";
 * import { readSafetensors, writeSafetensors } from "wasmgrad/io";
 * console.log(readSafetensors(writeSafetensors({ bias: zeros([3]) })).tensors.bias.shape); // [3]
 * ```
 */
export function readSafetensors(given: Bytes, options?: ReadSafetensorsOptions): SafetensorsFile;
export function readSafetensors(given: BlobLike, options?: ReadSafetensorsOptions): Promise<SafetensorsFile>;
export function readSafetensors(
  given: Bytes | BlobLike,
  options?: ReadSafetensorsOptions,
): SafetensorsFile | Promise<SafetensorsFile> {
  if (isBlob(given)) return startingThreads(() => readBlob(given, options));
  const source = bytesSource(viewBytes("readSafetensors", given));
  const names = readNames(options);
  return scope(() => readFrom(source, readingSafetensors(source.size, names)));
}

/** Reads and checks the option `names`. */
export function readNames(options: ReadSafetensorsOptions | undefined): readonly string[] | undefined {
  const { names } = readOptions("readSafetensors", options, { names: undefined as readonly string[] | undefined });
  checkNames(names);
  return names;
}

/** The tensors belong to the scope that is open when reading has finished. */
export async function readBlob(
  blob: BlobLike,
  options?: ReadSafetensorsOptions,
  pieceBytes?: number,
): Promise<SafetensorsFile> {
  const reading = readingSafetensors(blob.size, readNames(options), pieceBytes);
  const own = new Scope("readSafetensors", { enter: false });
  try {
    let step = own.run(() => reading.next());
    while (!step.done) {
      const bytes = await readFromBlob("readSafetensors", blob, step.value);
      step = own.run(() => reading.next(bytes));
    }
    const file = step.value;
    own.moveToParent(file);
    return file;
  } finally {
    own.close();
  }
}
