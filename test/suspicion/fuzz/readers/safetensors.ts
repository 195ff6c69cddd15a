/**
 * A reader of safetensors that is independent of the library's and follows the format's description. It reads
 * the whole file or refuses it.
 */
import { type Json, Refused, readJson } from "./json.ts";

export interface ReadTensor {
  dtype: string;
  shape: number[];
  data: number[];
}

export interface ReadFile {
  tensors: Map<string, ReadTensor>;
  metadata: Map<string, string>;
}

/**
 * For each dtype: the bytes of an element, the library's dtype, and a function that reads an element as a
 * number.
 */
const DTYPES: Record<string, [bytes: number, as: string, read: (bytes: DataView) => number]> = {
  F64: [8, "float32", (x) => narrowed(x.getFloat64(0, true))],
  F32: [4, "float32", (x) => x.getFloat32(0, true)],
  F16: [2, "float32", (x) => half(x.getUint16(0, true))],
  BF16: [2, "float32", (x) => new Float32Array(Uint32Array.of(x.getUint16(0, true) * 65536).buffer)[0]],
  I64: [8, "int32", (x) => int(x.getBigInt64(0, true))],
  U64: [8, "int32", (x) => int(x.getBigUint64(0, true))],
  I32: [4, "int32", (x) => x.getInt32(0, true)],
  U32: [4, "int32", (x) => int(BigInt(x.getUint32(0, true)))],
  I16: [2, "int32", (x) => x.getInt16(0, true)],
  U16: [2, "int32", (x) => x.getUint16(0, true)],
  I8: [1, "int32", (x) => x.getInt8(0)],
  U8: [1, "int32", (x) => x.getUint8(0)],
  BOOL: [1, "bool", (x) => (x.getUint8(0) < 2 ? x.getUint8(0) : refuse("a truth value beside 0 and 1"))],
};

function refuse(what: string): never {
  throw new Refused(what);
}

function narrowed(value: number): number {
  const narrow = Math.fround(value);
  return Number.isFinite(value) && !Number.isFinite(narrow) ? refuse("beyond float32") : narrow;
}

const int = (value: bigint) => (BigInt.asIntN(32, value) === value ? Number(value) : refuse("beyond int32"));

function half(bits: number): number {
  const sign = bits >= 0x8000 ? -1 : 1;
  const [exponent, fraction] = [Math.floor(bits / 1024) % 32, (bits % 1024) / 1024];
  if (exponent === 31) return fraction > 0 ? Number.NaN : sign / 0;
  return exponent === 0 ? sign * fraction * 2 ** -14 : sign * (1 + fraction) * 2 ** (exponent - 15);
}

const isSize = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Object.is(Math.abs(value as number), value);

/** @throws Refused */
export function readSafetensorsFile(file: Uint8Array): ReadFile {
  if (file.length < 8) refuse("too short");
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const length = view.getBigUint64(0, true);
  if (length > 100_000_000n || length > BigInt(file.length - 8)) refuse("the header is longer than the file");
  const dataStart = 8 + Number(length);
  if (file[8] !== 123 || dataStart === 8) refuse("no brace");
  let text = "";
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(file.slice(8, dataStart));
  } catch {
    refuse("no UTF-8");
  }
  const header = readJson(text) as Map<string, Json>;
  const metadata = header.get("__metadata__") ?? new Map();
  if (header.has("__metadata__")) {
    if (!(header.get("__metadata__") instanceof Map)) refuse("metadata");
    if ([...(metadata as Map<string, Json>).values()].some((value) => typeof value !== "string")) refuse("metadata");
  }
  header.delete("__metadata__");
  const used: [number, number][] = [];
  const tensors = [...header].map(([name, info]): [string, ReadTensor] => {
    if (!(info instanceof Map)) refuse("an entry");
    const [dtype, shape, offsets] = ["dtype", "shape", "data_offsets"].map((key) =>
      (info as Map<string, Json>).get(key),
    );
    const kind = typeof dtype === "string" && Object.keys(DTYPES).includes(dtype) ? DTYPES[dtype] : refuse("dtype");
    if (!Array.isArray(shape) || !shape.every(isSize)) return refuse("shape");
    if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) return refuse("offsets");
    const [begin, end] = offsets as [number, number];
    const count = (shape as number[]).reduce((a, b) => a * BigInt(b), 1n);
    if (count * BigInt(kind[0]) !== BigInt(end - begin)) refuse("the size");
    used.push([begin, end]);
    return [name, { dtype: kind[1], shape: shape as number[], data: [begin, end] }];
  });
  let at = 0;
  for (const [begin, end] of used.sort(([a, b], [c, d]) => a - c || b - d)) {
    if (begin !== at) refuse("an overlap or a hole");
    at = end;
  }
  if (at !== file.length - dataStart) refuse("the length");
  // the elements come last: the header has been checked by now
  for (const [name, tensor] of tensors) {
    const [bytes, , read] = DTYPES[(header.get(name) as Map<string, Json>).get("dtype") as string];
    const [begin, end] = tensor.data;
    tensor.data = Array.from({ length: (end - begin) / bytes }, (_, i) =>
      read(new DataView(file.buffer, file.byteOffset + dataStart + begin + i * bytes, bytes)),
    );
  }
  return { tensors: new Map(tensors), metadata: metadata as Map<string, string> };
}
