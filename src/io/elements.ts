import { DataError } from "../errors.ts";
import type { DType, TypedArray } from "../ops/core/array.ts";

/** Reads the elements of one dtype in a file. Files are little-endian. */
interface Reader {
  bytes: number;
  as: DType;
  /** The element at a byte offset. For integer dtypes, NaN means a value outside the range of int32. */
  read(view: DataView, at: number): number;
}

/** The integer as a double, or NaN if it is outside the range of int32. */
const int32OrNaN = (value: number | bigint) => (value >= -(2 ** 31) && value < 2 ** 31 ? Number(value) : Number.NaN);

/** IEEE 754 half precision: 1 sign, 5 exponent, 10 fraction bits. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Infinity;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

const scratch = new DataView(new ArrayBuffer(4));

/** bfloat16 is the upper half of a float32. */
function bfloatToNumber(bits: number): number {
  scratch.setUint32(0, bits << 16);
  return scratch.getFloat32(0);
}

const readers: Record<string, Reader> = {
  F64: { bytes: 8, as: "float32", read: (view, at) => view.getFloat64(at, true) },
  F32: { bytes: 4, as: "float32", read: (view, at) => view.getFloat32(at, true) },
  F16: { bytes: 2, as: "float32", read: (view, at) => halfToNumber(view.getUint16(at, true)) },
  BF16: { bytes: 2, as: "float32", read: (view, at) => bfloatToNumber(view.getUint16(at, true)) },
  I64: { bytes: 8, as: "int32", read: (view, at) => int32OrNaN(view.getBigInt64(at, true)) },
  U64: { bytes: 8, as: "int32", read: (view, at) => int32OrNaN(view.getBigUint64(at, true)) },
  I32: { bytes: 4, as: "int32", read: (view, at) => view.getInt32(at, true) },
  U32: { bytes: 4, as: "int32", read: (view, at) => int32OrNaN(view.getUint32(at, true)) },
  I16: { bytes: 2, as: "int32", read: (view, at) => view.getInt16(at, true) },
  U16: { bytes: 2, as: "int32", read: (view, at) => view.getUint16(at, true) },
  I8: { bytes: 1, as: "int32", read: (view, at) => view.getInt8(at) },
  U8: { bytes: 1, as: "int32", read: (view, at) => view.getUint8(at) },
  BOOL: { bytes: 1, as: "bool", read: (view, at) => view.getUint8(at) },
};

/** Bytes per element for each dtype that can be read, by its name in a safetensors file. */
export const ELEMENT_BYTES: Readonly<Record<string, number>> = Object.fromEntries(
  Object.entries(readers).map(([name, { bytes }]) => [name, bytes]),
);

/** The library's dtype for each of these dtypes. */
export const KEPT_AS: Readonly<Record<string, DType>> = Object.fromEntries(
  Object.entries(readers).map(([name, { as }]) => [name, as]),
);

/**
 * Decodes elements of a file into `elements`, starting at index `first`.
 *
 * @throws DataError for a value that the library's dtype cannot hold.
 */
export function decodeElements(
  what: string,
  dtype: string,
  raw: Uint8Array,
  elements: TypedArray,
  first: number,
): void {
  const { bytes, as, read } = readers[dtype];
  if (dtype === "F32" || dtype === "I32") {
    // a copy of the bits keeps NaN payloads; every engine with WebAssembly that we know of is little-endian
    new Uint8Array(elements.buffer, elements.byteOffset + 4 * first, raw.length).set(raw);
    return;
  }
  const length = raw.length / bytes;
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  for (let i = 0; i < length; i++) {
    const value = read(view, i * bytes);
    elements[first + i] = value;
    const kept = elements[first + i];
    const lost =
      as === "float32"
        ? Number.isFinite(value) && !Number.isFinite(kept)
        : kept !== value || (as === "bool" && value > 1);
    if (lost) {
      throw new DataError(`readSafetensors: ${what}: element ${first + i} of dtype ${dtype} does not fit ${as}`);
    }
  }
}
