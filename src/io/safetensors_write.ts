import { describe, readOptions } from "../checks.ts";
import { formatShape, OptionError } from "../errors.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { OwnBytes } from "../typed_arrays.ts";
import { encodeElements, STORED_DTYPES, type StoredDType, storedAs } from "./elements.ts";
import { PIECE_BYTES } from "./pieces.ts";
import { LENGTH_BYTES, MAX_HEADER_BYTES, METADATA, type Metadata } from "./safetensors_header.ts";

export interface WriteSafetensorsOptions {
  /** Text to store along with the tensors. Default none. */
  metadata?: Metadata;
  /**
   * How to store the elements. Default: as they are. "float16", "bfloat16" and "float64" apply to float32
   * tensors and "int64" to int32 tensors; tensors of other dtypes are stored as they are. A function returns
   * the type of each tensor, or undefined for its own.
   */
  dtype?: StoredDType | ((name: string, tensor: Tensor) => StoredDType | undefined);
}

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
  options?: WriteSafetensorsOptions,
  pieceBytes: number = PIECE_BYTES,
): FilePieces {
  const { metadata, dtype } = readOptions("writeSafetensors", options, {
    metadata: {} as Metadata,
    dtype: undefined as WriteSafetensorsOptions["dtype"],
  });
  checkDType(dtype);
  if (typeof tensors !== "object" || tensors === null) {
    throw new OptionError(`writeSafetensors: expected an object of tensors by name, got ${tensors}`);
  }
  for (const [name, value] of Object.entries(tensors)) {
    if (!(value instanceof Tensor)) {
      throw new OptionError(`writeSafetensors: "${name}" expected a tensor, got ${describe(value)}`);
    }
    value.handle.check(`writeSafetensors: "${name}" of shape ${formatShape(value.shape)}`);
  }
  const entries = Object.entries(tensors).map(([name, value]) => {
    const stored = chooseDType(name, value, dtype);
    return { name, key: encoder.encode(name), value, stored, rank: STORED_DTYPES.indexOf(stored) };
  });
  entries.sort((a, b) => a.rank - b.rank || compareBytes(a.key, b.key));

  // built as text, because an object would move names like "0" to the front
  const fields: string[] = [];
  if (Object.keys(metadata).length > 0) fields.push(`"${METADATA}":${metadataJson(metadata)}`);
  let length = 0;
  for (const { name, value, stored } of entries) {
    checkText("a tensor's name", name);
    if (name === METADATA) throw new OptionError(`writeSafetensors: "${METADATA}" cannot be a tensor's name`);
    const begin = length;
    length += value.numel() * storedAs(stored).bytes;
    fields.push(
      `${JSON.stringify(name)}:{"dtype":"${storedAs(stored).name}","shape":${formatShape(value.shape)},"data_offsets":[${begin},${length}]}`,
    );
  }
  const header = encodeHeader(`{${fields.join(",")}}`);
  return { bytes: header.length + length, pieces: takePieces(header, entries, pieceBytes) };
}

/** A tensor of the file, and how it is stored. */
interface StoredTensor {
  name: string;
  value: Tensor;
  stored: StoredDType;
}

function checkDType(dtype: unknown): void {
  if (dtype === undefined || typeof dtype === "function") return;
  if (!STORED_DTYPES.includes(dtype as StoredDType)) {
    throw new OptionError(
      `writeSafetensors: dtype expected ${STORED_DTYPES.join(", ")} or a function, got ${describe(dtype)}`,
    );
  }
}

function chooseDType(name: string, value: Tensor, dtype: WriteSafetensorsOptions["dtype"]): StoredDType {
  if (typeof dtype !== "function") return dtype && storedAs(dtype).of === value.dtype ? dtype : value.dtype;
  const chosen = dtype(name, value) ?? value.dtype;
  const suitable = STORED_DTYPES.filter((type) => storedAs(type).of === value.dtype);
  if (!suitable.includes(chosen)) {
    throw new OptionError(
      `writeSafetensors: dtype of "${name}", a ${value.dtype} tensor, expected ${suitable.join(", ")}, got ${describe(chosen)}`,
    );
  }
  return chosen;
}

function* takePieces(
  header: Uint8Array<ArrayBuffer>,
  tensors: readonly StoredTensor[],
  pieceBytes: number,
): Iterable<Uint8Array<ArrayBuffer>> {
  yield header;
  const most = tensors.reduce((max, { value, stored }) => Math.max(max, value.numel() * storedAs(stored).bytes), 0);
  const buffer = new Uint8Array(Math.min(pieceBytes, most));
  for (const { name, value, stored } of tensors) {
    const { bytes } = storedAs(stored);
    const count = pieceBytes / bytes;
    for (let from = 0; from < value.numel(); from += count) {
      const view = value.array.view().subarray(from, from + count);
      const piece = buffer.subarray(0, view.length * bytes);
      encodeElements(`tensor "${name}"`, stored, view, piece);
      yield piece;
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
