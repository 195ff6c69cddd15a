import { isObject } from "../checks.ts";
import { DataError, formatShape } from "../errors.ts";
import { sizeOf } from "../ops/core/array.ts";
import { ELEMENT_BYTES } from "./elements.ts";
import { findDuplicateKey } from "./json.ts";

/**
 * The safetensors format: the header's length (8 bytes, little-endian), a JSON header, then the elements of
 * all tensors without gaps.
 * see: https://github.com/huggingface/safetensors#format
 */

/** Text stored along with the tensors. */
export type Metadata = Record<string, string>;

/** Largest header that the reference implementation accepts. */
export const MAX_HEADER_BYTES = 100_000_000;
export const METADATA = "__metadata__";
/** Bytes of the header's length, at the start of the file. */
export const LENGTH_BYTES = 8;

/** A checked entry of the header. `begin` and `end` are offsets from the start of the data. */
export interface Entry {
  name: string;
  dtype: string;
  shape: number[];
  begin: number;
  end: number;
}

/** A header that was checked against the size of its file. */
export interface Header {
  entries: Entry[];
  metadata: Metadata;
  /** Offset of the data in the file. */
  dataStart: number;
}

function malformed(what: string): DataError {
  return new DataError(`readSafetensors: ${what}`);
}

/** The offset of the data, from the first 8 bytes of a file (fewer if the file is shorter). */
export function readDataStart(prefix: Uint8Array, fileBytes: number): number {
  if (prefix.length < LENGTH_BYTES) {
    throw malformed(`expected a header length of 8 bytes, the file has ${prefix.length} bytes`);
  }
  const declared = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true);
  if (declared > BigInt(MAX_HEADER_BYTES)) {
    throw malformed(
      `a header of ${declared} bytes is too large (at most ${MAX_HEADER_BYTES}); not a safetensors file?`,
    );
  }
  const dataStart = LENGTH_BYTES + Number(declared);
  if (dataStart > fileBytes) {
    throw malformed(`the header has ${declared} bytes, but the file ends after ${fileBytes} bytes: truncated?`);
  }
  return dataStart;
}

/** Parses the header in `bytes` and checks it against data of `dataBytes` bytes. */
export function readHeader(bytes: Uint8Array, dataBytes: number): Header {
  const { [METADATA]: metadata, ...infos } = parseHeader(bytes);
  const entries = Object.entries(infos).map(([name, info]) => checkEntry(name, info));
  checkLayout(entries, dataBytes);
  return { entries, metadata: checkMetadata(metadata), dataStart: LENGTH_BYTES + bytes.length };
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  if (bytes[0] !== 0x7b) throw malformed('the header must begin with "{"');
  let text: string;
  let header: Record<string, unknown>;
  try {
    // a copy, because browsers refuse to decode shared memory
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.slice());
    header = JSON.parse(text);
  } catch (cause) {
    throw new DataError("readSafetensors: the header is not valid JSON in UTF-8", { cause });
  }
  const duplicate = findDuplicateKey(text);
  if (duplicate !== null) throw malformed(`the header has ${JSON.stringify(duplicate)} twice`);
  return header;
}

function checkMetadata(metadata: unknown): Metadata {
  if (metadata === undefined) return {};
  if (!isObject(metadata) || Object.values(metadata).some((value) => typeof value !== "string")) {
    throw malformed(`${METADATA} must be an object of strings`);
  }
  return metadata as Metadata;
}

/** A non-negative integer. JSON can contain -0, which is not a size. */
function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && !Object.is(value, -0);
}

function checkEntry(name: string, info: unknown): Entry {
  const what = `tensor ${JSON.stringify(name)}`;
  if (!isObject(info)) throw malformed(`${what} must be an object with dtype, shape and data_offsets`);
  const { dtype, shape, data_offsets: offsets } = info;
  const elementBytes = typeof dtype === "string" && Object.hasOwn(ELEMENT_BYTES, dtype) ? ELEMENT_BYTES[dtype] : null;
  if (elementBytes === null) {
    throw malformed(`${what} has dtype ${JSON.stringify(dtype)}; known are ${Object.keys(ELEMENT_BYTES).join(", ")}`);
  }
  if (!Array.isArray(shape) || !shape.every(isSize)) throw malformed(`${what} has no valid shape`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) {
    throw malformed(`${what} has no valid data_offsets`);
  }
  const [begin, end] = offsets as number[];
  if (sizeOf(shape) * elementBytes !== end - begin) {
    throw malformed(
      `${what} of shape ${formatShape(shape)} and dtype ${dtype} takes ${sizeOf(shape) * elementBytes} bytes, its data_offsets [${begin},${end}] hold ${end - begin}`,
    );
  }
  return { name, dtype: dtype as string, shape, begin, end };
}

/**
 * Checks that every byte belongs to exactly one tensor: no overlap, no gap, nothing after the last tensor.
 */
function checkLayout(entries: Entry[], dataBytes: number): void {
  let at = 0;
  for (const { name, begin, end } of entries.sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== at) {
      throw malformed(
        `tensor ${JSON.stringify(name)} begins at byte ${begin} of the data, expected ${at}: ${begin < at ? "tensors overlap" : "a hole"}`,
      );
    }
    at = end;
  }
  if (at !== dataBytes) {
    throw malformed(
      `the tensors take ${at} bytes, the file has ${dataBytes}: ${at > dataBytes ? "truncated?" : "trailing bytes"}`,
    );
  }
}
