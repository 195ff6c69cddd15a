import { DataError, formatShape, OptionError } from "../errors.ts";
import { type DType, sizeOf, type TypedArray } from "../ops/array.ts";
import { readOptions } from "../ops/options.ts";
import { type Bytes, viewBytes } from "../ops/typed_arrays.ts";
import { tensor } from "../tensor/creation.ts";
import { scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { decodeElements, ELEMENT_BYTES } from "./elements.ts";
import { findDuplicateKey } from "./json.ts";

/**
 * The safetensors format: 8 bytes little-endian header length, a JSON header, then the elements of all tensors without holes.
 * see: https://github.com/huggingface/safetensors#format
 */

/** Text to keep beside the tensors. */
export type Metadata = Record<string, string>;

export interface SafetensorsFile {
  tensors: Record<string, Tensor>;
  metadata: Metadata;
}

/** What the reference implementation allows. */
const MAX_HEADER_BYTES = 100_000_000;
const METADATA = "__metadata__";

/** In the order in which the reference implementation writes them: larger alignment first. */
const WRITTEN_AS: Record<DType, { rank: number; name: string }> = {
  float32: { rank: 0, name: "F32" },
  int32: { rank: 1, name: "I32" },
  bool: { rank: 2, name: "BOOL" },
};

const encoder = new TextEncoder();

/**
 * Tensors as the bytes of a safetensors file, the same bytes that the reference implementation writes: float32 as F32, int32 as
 * I32, bool as BOOL; sorted by dtype (in this order), then by name. Matches `safetensors.torch.save`.
 *
 * @param options `metadata`: text to keep beside the tensors (default none).
 * @throws OptionError for a name or text that is not valid Unicode, and for a tensor called `__metadata__`.
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
  options?: { metadata?: Metadata },
): ReturnType<Uint8ArrayConstructor["of"]> {
  const { metadata } = readOptions("writeSafetensors", options, { metadata: {} as Metadata });
  if (typeof tensors !== "object" || tensors === null) {
    throw new OptionError(`writeSafetensors: expected an object of tensors by name, got ${tensors}`);
  }
  for (const [name, value] of Object.entries(tensors)) {
    if (!(value instanceof Tensor))
      throw new OptionError(`writeSafetensors: "${name}" expected a tensor, got ${value}`);
  }
  const entries = Object.entries(tensors).map(([name, value]) => ({ name, key: encoder.encode(name), value }));
  entries.sort((a, b) => WRITTEN_AS[a.value.dtype].rank - WRITTEN_AS[b.value.dtype].rank || compareBytes(a.key, b.key));

  // put together by hand: an object would move names like "0" to the front
  const fields: string[] = [];
  if (Object.keys(metadata).length > 0) fields.push(`"${METADATA}":${metadataJson(metadata)}`);
  let length = 0;
  for (const { name, value } of entries) {
    checkText("a tensor's name", name);
    if (name === METADATA) throw new OptionError(`writeSafetensors: "${METADATA}" cannot be a tensor's name`);
    const begin = length;
    length += value.numel() * (value.dtype === "bool" ? 1 : 4);
    fields.push(
      `${JSON.stringify(name)}:{"dtype":"${WRITTEN_AS[value.dtype].name}","shape":${formatShape(value.shape)},"data_offsets":[${begin},${length}]}`,
    );
  }
  const text = encoder.encode(`{${fields.join(",")}}`);
  const headerBytes = Math.ceil(text.length / 8) * 8;
  if (headerBytes > MAX_HEADER_BYTES) {
    throw new OptionError(
      `writeSafetensors: names and metadata take ${headerBytes} bytes, at most ${MAX_HEADER_BYTES}`,
    );
  }

  const bytes = new Uint8Array(8 + headerBytes + length);
  new DataView(bytes.buffer).setUint32(0, headerBytes, true);
  bytes.set(text, 8);
  bytes.fill(0x20, 8 + text.length, 8 + headerBytes);
  let at = 8 + headerBytes;
  for (const { value } of entries) {
    const data = value.data();
    const encoded = value.dtype === "bool" ? Uint8Array.from(data) : new Uint8Array(data.buffer);
    bytes.set(encoded, at);
    at += encoded.length;
  }
  return bytes;
}

function metadataJson(metadata: Metadata): string {
  for (const [key, value] of Object.entries(metadata)) {
    checkText("a metadata key", key);
    checkText(`metadata "${key}"`, value);
  }
  return JSON.stringify(metadata);
}

function checkText(what: string, text: unknown): void {
  if (typeof text !== "string")
    throw new OptionError(`writeSafetensors: ${what} expected a string, got ${typeof text}`);
  if (/\p{Surrogate}/u.test(text)) {
    throw new OptionError(`writeSafetensors: ${what} has half a surrogate pair: ${JSON.stringify(text)}`);
  }
}

/** The order of strings in UTF-8, which for rare characters is not JavaScript's. */
function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i] - b[i];
  return a.length - b.length;
}

/** One entry of the header, checked. */
interface Entry {
  name: string;
  dtype: string;
  shape: number[];
  begin: number;
  end: number;
}

/**
 * Reads the bytes of a safetensors file. Matches `safetensors.torch.load`.
 *
 * F32, F16 and BF16 become float32 without loss, F64 becomes float32 rounded to the nearest; I8, U8, I16, U16, I32, U32, I64 and
 * U64 become int32; BOOL becomes bool.
 *
 * @param given the bytes: a Uint8Array (also a Buffer), an ArrayBuffer, or what else has bytes.
 * @throws DataError for anything that is not a whole, valid file, for other dtypes, and for values that float32 (F64) or
 * int32 (U32, I64, U64) cannot hold. No tensor is made then.
 * @example
 * ```ts
 * import { zeros } from "wasmgrad";
 * import { readSafetensors, writeSafetensors } from "wasmgrad/io";
 * console.log(readSafetensors(writeSafetensors({ bias: zeros([3]) })).tensors.bias.shape); // [3]
 * ```
 */
export function readSafetensors(given: Bytes): SafetensorsFile {
  const bytes = viewBytes("readSafetensors", given);
  const { entries, metadata, dataStart } = readHeader(bytes);
  const decoded = entries.map((entry) => {
    const raw = bytes.subarray(dataStart + entry.begin, dataStart + entry.end);
    return { ...entry, ...decodeElements(`tensor "${entry.name}"`, entry.dtype, raw) };
  });
  const make = (data: TypedArray, shape: number[], dtype: DType) => tensor(data, { shape, dtype });
  const tensors = scope(() =>
    Object.fromEntries(decoded.map(({ name, shape, elements, as }) => [name, make(elements, shape, as)])),
  );
  return { tensors, metadata };
}

function malformed(what: string): DataError {
  return new DataError(`readSafetensors: ${what}`);
}

function readHeader(bytes: Uint8Array): { entries: Entry[]; metadata: Metadata; dataStart: number } {
  if (bytes.length < 8) throw malformed(`expected a header length of 8 bytes, the file has ${bytes.length} bytes`);
  const declared = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (declared > BigInt(MAX_HEADER_BYTES)) {
    throw malformed(
      `a header of ${declared} bytes is too large (at most ${MAX_HEADER_BYTES}); not a safetensors file?`,
    );
  }
  const dataStart = 8 + Number(declared);
  if (dataStart > bytes.length) {
    throw malformed(`the header has ${declared} bytes, but the file ends after ${bytes.length} bytes: truncated?`);
  }
  const header = parseHeader(bytes.subarray(8, dataStart));
  const { [METADATA]: metadata, ...infos } = header;
  const entries = Object.entries(infos).map(([name, info]) => checkEntry(name, info));
  checkLayout(entries, bytes.length - dataStart);
  return { entries, metadata: checkMetadata(metadata), dataStart };
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  if (bytes[0] !== 0x7b) throw malformed('the header must begin with "{"');
  let text: string;
  let header: Record<string, unknown>;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.slice()); // browsers refuse to decode shared memory
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

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** JSON can write -0, which is no size. */
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

/** Every byte belongs to exactly one tensor: no overlap, no hole, nothing behind the last. */
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
