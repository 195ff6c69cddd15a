import { DataError } from "../../errors.ts";
import { bfloatToNumber, halfToNumber } from "../../io/elements.ts";
import type { DType, TypedArray } from "../../ops/core/array.ts";
import { type HostType, isFloat } from "../host_value.ts";
import { TensorProto_DataType as DataType } from "../schema/onnx_pb.ts";

/** What to do about a quantised model, for errors. */
export const QUANTISED = "quantised models cannot be trained: take the model in float32 from before it was quantised";

/** Whether an operator belongs to quantised models, in ONNX's own domain or in another one. */
export function isQuantisedOperator(opType: string): boolean {
  return /quantize|^QLinear|^Q(Attention|Gemm|Embed|MoE)|Integer(Bias|$)|NBits|DynamicQuantizeLSTM/i.test(opType);
}

/**
 * The integers that stand for "to the end" in Slice and others are near 2^63. They become the largest safe
 * ones.
 */
const SENTINEL = 2 ** 62;

const FLOAT32_MAX = 2 ** 128 - 2 ** 104;
const INT32_MAX = 2 ** 31 - 1;

/** One of ONNX's element types, which this library reads. */
export interface ElementType {
  /** ONNX's name in lower case. */
  readonly name: string;
  /** Bytes per element in raw_data and external data, which are little-endian. */
  readonly bytes: number;
  /** The field of a tensor for elements that are not in raw_data: 4, 5, 7, 10 or 11 (`ElementField`). */
  readonly field: number;
  readonly host: HostType;
  readonly dtype: DType;
  /** The element at a byte offset. int64 is exact up to 2^53. */
  read(view: DataView, at: number): number;
  /**
   * The element from an integer of a field, or NaN if the type does not have it. Only types with such a
   * field.
   */
  from?(integer: number): number;
}

const inRange = (min: number, max: number) => (value: number) => (value >= min && value <= max ? value : Number.NaN);

const fromBits = (decode: (bits: number) => number) => (value: number) =>
  value >= 0 && value <= 0xffff ? decode(value) : Number.NaN;

const TYPES: Readonly<Record<number, ElementType>> = {
  [DataType.FLOAT]: {
    name: "float",
    bytes: 4,
    field: 4,
    host: "float",
    dtype: "float32",
    read: (view, at) => view.getFloat32(at, true),
  },
  [DataType.DOUBLE]: {
    name: "double",
    bytes: 8,
    field: 10,
    host: "double",
    dtype: "float32",
    read: (view, at) => view.getFloat64(at, true),
  },
  [DataType.FLOAT16]: {
    name: "float16",
    bytes: 2,
    field: 5,
    host: "float",
    dtype: "float32",
    read: (view, at) => halfToNumber(view.getUint16(at, true)),
    from: fromBits(halfToNumber),
  },
  [DataType.BFLOAT16]: {
    name: "bfloat16",
    bytes: 2,
    field: 5,
    host: "float",
    dtype: "float32",
    read: (view, at) => bfloatToNumber(view.getUint16(at, true)),
    from: fromBits(bfloatToNumber),
  },
  [DataType.BOOL]: {
    name: "bool",
    bytes: 1,
    field: 5,
    host: "bool",
    dtype: "bool",
    read: (view, at) => (view.getUint8(at) === 0 ? 0 : 1),
    from: (value) => (value === 0 ? 0 : 1),
  },
  [DataType.INT8]: integer("int8", 1, 5, -128, 127, (view, at) => view.getInt8(at)),
  [DataType.UINT8]: integer("uint8", 1, 5, 0, 255, (view, at) => view.getUint8(at)),
  [DataType.INT16]: integer("int16", 2, 5, -32768, 32767, (view, at) => view.getInt16(at, true)),
  [DataType.UINT16]: integer("uint16", 2, 5, 0, 65535, (view, at) => view.getUint16(at, true)),
  [DataType.INT32]: integer("int32", 4, 5, -(2 ** 31), INT32_MAX, (view, at) => view.getInt32(at, true)),
  [DataType.UINT32]: integer("uint32", 4, 11, 0, 2 ** 32 - 1, (view, at) => view.getUint32(at, true)),
  [DataType.INT64]: integer("int64", 8, 7, -(2 ** 63), 2 ** 63, (view, at) =>
    toInteger(view.getUint32(at, true), view.getInt32(at + 4, true)),
  ),
  [DataType.UINT64]: integer("uint64", 8, 11, 0, 2 ** 64, (view, at) =>
    toInteger(view.getUint32(at, true), view.getUint32(at + 4, true)),
  ),
};

function integer(
  name: HostType,
  bytes: number,
  field: number,
  min: number,
  max: number,
  read: ElementType["read"],
): ElementType {
  return { name, bytes, field, host: name, dtype: "int32", read, from: inRange(min, max) };
}

/** The integer of two halves. Above 2^53 it is rounded. */
export const toInteger = (low: number, high: number): number => high * 2 ** 32 + low;

/** The name of an element type, for messages: "int64", "float8e4m3fn". */
export function typeName(dataType: number): string {
  const found = Object.entries(DataType).find(([, value]) => value === dataType);
  return found ? found[0].toLowerCase() : `number ${dataType}`;
}

/**
 * Why elements of a type cannot be read, for example "elements of type string", or null if they can.
 *
 * @param dataType `TensorProto.data_type`
 */
export function refuseElementType(dataType: number): string | null {
  if (dataType in TYPES) return null;
  const name = typeName(dataType);
  return `elements of type ${name}${/^u?int[24]$|^float[468]/.test(name) ? ` (${QUANTISED})` : ""}`;
}

/** The type of host values that holds elements of a type of ONNX, or undefined if they cannot be read. */
export function hostType(dataType: number): HostType | undefined {
  return TYPES[dataType]?.host;
}

/** Whether elements of a type of ONNX are read to float32. */
export function isFloatType(dataType: number): boolean {
  const host = hostType(dataType);
  return host !== undefined && isFloat(host);
}

/** @throws DataError for a type that cannot be read. */
export function elementType(what: string, dataType: number): ElementType {
  const refused = refuseElementType(dataType);
  if (refused) throw new DataError(`${what}: ${refused}`);
  return TYPES[dataType];
}

/** A value for the host. @throws DataError for an integer that is not exact. */
export function toHostNumber(what: string, { name }: ElementType, value: number): number {
  if (Number.isSafeInteger(value) || (name !== "int64" && name !== "uint64")) return value;
  if (Math.abs(value) >= SENTINEL) return Math.sign(value) * Number.MAX_SAFE_INTEGER;
  throw new DataError(`${what}: ${name} ${value}: expected at most 2^53 - 1, or a number near 2^63 for "to the end"`);
}

let halves: Float32Array | undefined;

/** Float32 of all halves, by their bits: a table is faster than the computation. */
function halfTable(): Float32Array {
  if (!halves) halves = Float32Array.from({ length: 2 ** 16 }, (_, bits) => halfToNumber(bits));
  return halves;
}

/**
 * Decodes the bytes of elements into a tensor's elements, from index `first`.
 *
 * @throws DataError for an integer that int32 cannot hold.
 */
export function decodeRaw(what: string, type: ElementType, raw: Uint8Array, out: TypedArray, first: number): void {
  const count = raw.length / type.bytes;
  if (type.name === "float" || type.name === "int32") {
    // every engine with WebAssembly is little-endian, as the file is
    new Uint8Array(out.buffer, out.byteOffset + 4 * first, raw.length).set(raw);
    return;
  }
  const view = new DataView(raw.buffer, raw.byteOffset, raw.length);
  if (type.name === "float16") {
    const table = halfTable();
    for (let i = 0; i < count; i++) out[first + i] = table[view.getUint16(2 * i, true)];
  } else if (type.name === "bfloat16") {
    const bits = new Uint32Array(out.buffer, out.byteOffset + 4 * first, count);
    for (let i = 0; i < count; i++) bits[i] = view.getUint16(2 * i, true) << 16;
  } else {
    const { read, bytes } = type;
    for (let i = 0; i < count; i++) out[first + i] = toElement(what, type, read(view, bytes * i));
  }
}

/**
 * A value for a tensor. Doubles beyond float32 become its largest number, which stays finite.
 *
 * @throws DataError for an integer that int32 cannot hold.
 */
export function toElement(what: string, { dtype, name }: ElementType, value: number): number {
  if (dtype === "float32") return Number.isFinite(value) ? Math.min(Math.max(value, -FLOAT32_MAX), FLOAT32_MAX) : value;
  if (value >= -(2 ** 31) && value <= INT32_MAX) return value;
  if (value >= SENTINEL) return INT32_MAX;
  if (value <= -SENTINEL) return -(2 ** 31);
  throw new DataError(`${what}: ${name} ${value} does not fit into an int32 tensor`);
}
