import { DataError, OptionError } from "../errors.ts";
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
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Infinity;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

const scratch = new DataView(new ArrayBuffer(4));

/** The bits of the nearest half, ties to even. A magnitude of 65520 or more becomes infinity. */
function numberToHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (magnitude >= 65520) return sign | 0x7c00;
  // the spacing of halves is 2^-24 up to 2^-13, and doubles with each power of two above that
  scratch.setFloat32(0, magnitude);
  const exponent = Math.max((scratch.getUint32(0) >>> 23) - 127, -14);
  const fraction = roundToEven(magnitude * 2 ** (10 - exponent));
  return sign | (((exponent + 14) << 10) + fraction);
}

/** The nearest integer, ties to even, of a number below 2^52. */
const roundToEven = (value: number) => value + 2 ** 52 - 2 ** 52;

/** The bits of the nearest bfloat16 to a float32, ties to even. */
function numberToBfloat(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0;
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/** bfloat16 is the upper half of a float32. */
export function bfloatToNumber(bits: number): number {
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

/** Types that elements can have in a file that is written. */
export type StoredDType = "float16" | "bfloat16" | "float32" | "float64" | "int32" | "int64" | "bool";

/** Writes the elements of one dtype to a file. */
interface Writer {
  /** The name in a safetensors file. */
  name: string;
  bytes: number;
  /** The dtype of the tensors that can be stored so. */
  of: DType;
  write(view: DataView, at: number, value: number): void;
}

/** In the order of the reference implementation, which begins with the largest alignment. */
const writers: Record<StoredDType, Writer> = {
  int64: { name: "I64", bytes: 8, of: "int32", write: (view, at, x) => view.setBigInt64(at, BigInt(x), true) },
  float64: { name: "F64", bytes: 8, of: "float32", write: (view, at, x) => view.setFloat64(at, x, true) },
  float32: { name: "F32", bytes: 4, of: "float32", write: (view, at, x) => view.setFloat32(at, x, true) },
  int32: { name: "I32", bytes: 4, of: "int32", write: (view, at, x) => view.setInt32(at, x, true) },
  bfloat16: {
    name: "BF16",
    bytes: 2,
    of: "float32",
    write: (view, at, x) => view.setUint16(at, numberToBfloat(x), true),
  },
  float16: { name: "F16", bytes: 2, of: "float32", write: (view, at, x) => view.setUint16(at, numberToHalf(x), true) },
  bool: { name: "BOOL", bytes: 1, of: "bool", write: (view, at, x) => view.setUint8(at, x) },
};

/** The types, in the order in which their tensors come in a file. */
export const STORED_DTYPES = Object.keys(writers) as StoredDType[];

/** How a type is written: its name in a file, its bytes per element, and the dtype of its tensors. */
export function storedAs(dtype: StoredDType): Readonly<Omit<Writer, "write">> {
  return writers[dtype];
}

/**
 * Encodes `elements` into the start of `out`.
 *
 * @throws OptionError for a finite element that the type cannot hold.
 */
export function encodeElements(what: string, dtype: StoredDType, elements: TypedArray, out: Uint8Array): void {
  const { bytes, of, write } = writers[dtype];
  if (dtype === of) {
    const raw = dtype === "bool" ? elements : new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
    out.set(raw);
    return;
  }
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
  for (let i = 0; i < elements.length; i++) {
    const value = elements[i];
    write(view, i * bytes, value);
    const half = dtype === "float16" || dtype === "bfloat16";
    if (half && Number.isFinite(value) && !Number.isFinite(readers[writers[dtype].name].read(view, i * bytes))) {
      throw new OptionError(`writeSafetensors: ${what}: ${value} does not fit ${dtype}; nothing was written`);
    }
  }
}
