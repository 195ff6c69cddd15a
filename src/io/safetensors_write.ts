import { describe, readOptions } from "../checks.ts";
import { formatShape, OptionError } from "../errors.ts";
import type { DType } from "../ops/core/array.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { OwnBytes } from "../typed_arrays.ts";
import { PIECE_BYTES } from "./pieces.ts";
import { LENGTH_BYTES, MAX_HEADER_BYTES, METADATA, type Metadata } from "./safetensors_header.ts";

/** Ranks follow the order of the reference implementation: larger alignment first. */
const WRITTEN_AS: Record<DType, { rank: number; name: string; bytes: number }> = {
  float32: { rank: 0, name: "F32", bytes: 4 },
  int32: { rank: 1, name: "I32", bytes: 4 },
  bool: { rank: 2, name: "BOOL", bytes: 1 },
};

const encoder = new TextEncoder();

/** A file that is written in pieces. */
export interface FilePieces {
  /** Size of the whole file. */
  bytes: number;
  /** The pieces in order. Each is valid until the next one is requested. */
  pieces: Iterable<OwnBytes>;
}

/**
 * Checks the arguments of `writeSafetensors` and plans the file. Elements are copied only when a piece is
 * requested.
 */
export function layOut(
  tensors: Readonly<Record<string, Tensor>>,
  options?: { metadata?: Metadata },
  pieceBytes: number = PIECE_BYTES,
): FilePieces {
  const { metadata } = readOptions("writeSafetensors", options, { metadata: {} as Metadata });
  if (typeof tensors !== "object" || tensors === null) {
    throw new OptionError(`writeSafetensors: expected an object of tensors by name, got ${tensors}`);
  }
  for (const [name, value] of Object.entries(tensors)) {
    if (!(value instanceof Tensor)) {
      throw new OptionError(`writeSafetensors: "${name}" expected a tensor, got ${describe(value)}`);
    }
    value.handle.check(`writeSafetensors: "${name}" of shape ${formatShape(value.shape)}`);
  }
  const entries = Object.entries(tensors).map(([name, value]) => ({ name, key: encoder.encode(name), value }));
  entries.sort((a, b) => WRITTEN_AS[a.value.dtype].rank - WRITTEN_AS[b.value.dtype].rank || compareBytes(a.key, b.key));

  // built as text, because an object would move names like "0" to the front
  const fields: string[] = [];
  if (Object.keys(metadata).length > 0) fields.push(`"${METADATA}":${metadataJson(metadata)}`);
  let length = 0;
  for (const { name, value } of entries) {
    checkText("a tensor's name", name);
    if (name === METADATA) throw new OptionError(`writeSafetensors: "${METADATA}" cannot be a tensor's name`);
    const begin = length;
    length += value.numel() * WRITTEN_AS[value.dtype].bytes;
    fields.push(
      `${JSON.stringify(name)}:{"dtype":"${WRITTEN_AS[value.dtype].name}","shape":${formatShape(value.shape)},"data_offsets":[${begin},${length}]}`,
    );
  }
  const header = encodeHeader(`{${fields.join(",")}}`);
  const values = entries.map(({ value }) => value);
  return { bytes: header.length + length, pieces: takePieces(header, values, pieceBytes) };
}

function* takePieces(
  header: Uint8Array<ArrayBuffer>,
  tensors: readonly Tensor[],
  pieceBytes: number,
): Iterable<Uint8Array<ArrayBuffer>> {
  yield header;
  const most = tensors.reduce((bytes, x) => Math.max(bytes, x.numel() * WRITTEN_AS[x.dtype].bytes), 0);
  const buffer = new Uint8Array(Math.min(pieceBytes, most));
  for (const x of tensors) {
    const elements = pieceBytes / WRITTEN_AS[x.dtype].bytes;
    for (let from = 0; from < x.numel(); from += elements) {
      const view = x.array.view().subarray(from, from + elements);
      const raw = x.dtype === "bool" ? view : new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
      buffer.set(raw);
      yield buffer.subarray(0, raw.length);
    }
  }
}

/** The header's length and text, padded so that the data begin at a multiple of 8. */
function encodeHeader(text: string): Uint8Array<ArrayBuffer> {
  const encoded = encoder.encode(text);
  const headerBytes = Math.ceil(encoded.length / 8) * 8;
  if (headerBytes > MAX_HEADER_BYTES) {
    throw new OptionError(
      `writeSafetensors: names and metadata take ${headerBytes} bytes, at most ${MAX_HEADER_BYTES}`,
    );
  }
  const bytes = new Uint8Array(LENGTH_BYTES + headerBytes).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.set(encoded, LENGTH_BYTES);
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

/**
 * Compares strings by their UTF-8 bytes. JavaScript's order differs for characters above U+FFFF.
 */
function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i] - b[i];
  return a.length - b.length;
}
