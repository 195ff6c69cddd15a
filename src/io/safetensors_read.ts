import { DataError, OptionError, OutOfMemoryError } from "../errors.ts";
import { type DType, empty, type NDArray, sizeOf } from "../ops/core/array.ts";
import { leaf } from "../tensor/leaf.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { decodeElements, ELEMENT_BYTES, KEPT_AS } from "./elements.ts";
import { PIECE_BYTES, type Reading } from "./pieces.ts";
import {
  type Entry,
  type Header,
  LENGTH_BYTES,
  type Metadata,
  readDataStart,
  readHeader,
} from "./safetensors_header.ts";

export interface SafetensorsFile {
  tensors: Record<string, Tensor>;
  metadata: Metadata;
}

export interface ReadSafetensorsOptions {
  /**
   * Names of the tensors to read. Default: all. Other tensors cost nothing.
   */
  names?: readonly string[];
}

/** Checks the option `names`. */
export function checkNames(names: unknown): void {
  if (names === undefined) return;
  if (!Array.isArray(names) || names.some((name) => typeof name !== "string")) {
    throw new OptionError(`readSafetensors: names expected an array of strings, got ${JSON.stringify(names)}`);
  }
}

/** Reads and checks the header of a file of `fileBytes` bytes. */
export function* readingHeader(fileBytes: number): Reading<Header> {
  const dataStart = readDataStart(yield { begin: 0, end: Math.min(LENGTH_BYTES, fileBytes) }, fileBytes);
  return readHeader(yield { begin: LENGTH_BYTES, end: dataStart }, fileBytes - dataStart);
}

/**
 * Reads the elements of one tensor into `target()`, which is called again for each piece, because memory may
 * grow in between.
 */
export function* readingElements(
  { name, dtype, begin, end }: Entry,
  dataStart: number,
  target: () => ReturnType<NDArray["view"]>,
  pieceBytes: number = PIECE_BYTES,
): Reading<void> {
  for (let at = begin; at < end; at += pieceBytes) {
    const raw = yield { begin: dataStart + at, end: dataStart + Math.min(at + pieceBytes, end) };
    decodeElements(`tensor "${name}"`, dtype, raw, target(), (at - begin) / ELEMENT_BYTES[dtype]);
  }
}

/** Reads a file of `fileBytes` bytes. */
export function* readingSafetensors(
  fileBytes: number,
  names?: readonly string[],
  pieceBytes?: number,
): Reading<SafetensorsFile> {
  const { entries, metadata, dataStart } = yield* readingHeader(fileBytes);
  const wanted = names ? select(entries, names) : entries;
  const made = makeTensors(wanted);
  for (const [entry, value] of made) yield* readingElements(entry, dataStart, () => value.array.view(), pieceBytes);
  return { tensors: Object.fromEntries(made.map(([{ name }, value]) => [name, value])), metadata };
}

function select(entries: readonly Entry[], names: readonly string[]): Entry[] {
  const missing = names.filter((name) => !entries.some((entry) => entry.name === name));
  if (missing.length > 0) {
    throw new DataError(
      `readSafetensors: expected tensors ${names.join(", ")}, got ${entries.length} tensors without ${missing.join(", ")}`,
    );
  }
  return entries.filter(({ name }) => names.includes(name));
}

/**
 * Creates all tensors, with undefined contents. Called before any elements are read, so that a lack of memory
 * is noticed at once.
 */
function makeTensors(entries: readonly Entry[]): [Entry, Tensor][] {
  try {
    return entries.map((entry) => [entry, leaf(() => empty(entry.shape, dtypeOf(entry)))]);
  } catch (cause) {
    if (!(cause instanceof OutOfMemoryError)) throw cause;
    const bytes = entries.reduce((sum, { shape }) => sum + 4 * sizeOf(shape), 0);
    throw new OutOfMemoryError(
      `readSafetensors: tensors of ${bytes} bytes do not fit into the free WebAssembly memory (4 GiB in total); ` +
        `pass the option names to read some of them. ${cause.message}`,
      { cause },
    );
  }
}

export function dtypeOf({ dtype }: Entry): DType {
  return KEPT_AS[dtype];
}
