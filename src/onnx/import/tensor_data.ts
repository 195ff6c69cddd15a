import { DataError, formatShape } from "../../errors.ts";
import { tensor } from "../../tensor/creation.ts";
import { type HostType, HostValue, isFloat, MAX_HOST_ELEMENTS, sizeOf, type Value } from "../host_value.ts";
import { TensorProto_DataType as DataType, type TensorProto } from "../schema/onnx_pb.ts";

/** Element types that are read, with the type of host values that holds them. Halves become floats. */
const HOST_TYPES: Readonly<Record<number, HostType>> = {
  [DataType.FLOAT]: "float",
  [DataType.FLOAT16]: "float",
  [DataType.BFLOAT16]: "float",
  [DataType.DOUBLE]: "double",
  [DataType.BOOL]: "bool",
  [DataType.INT8]: "int8",
  [DataType.UINT8]: "uint8",
  [DataType.INT16]: "int16",
  [DataType.UINT16]: "uint16",
  [DataType.INT32]: "int32",
  [DataType.UINT32]: "uint32",
  [DataType.INT64]: "int64",
  [DataType.UINT64]: "uint64",
};

const NAMES = new Map(Object.entries(DataType).map(([name, number]) => [number as number, name]));

/** ONNX's name of an element type: "FLOAT16". */
export function typeName(type: number): string {
  return NAMES.get(type) ?? `type ${type}`;
}

/** The type of host values that holds elements of a type of ONNX, or undefined if they are not supported. */
export function hostType(type: number): HostType | undefined {
  return HOST_TYPES[type];
}

/** Float tensors of at most so many elements stay on the host, where shapes, scales and bounds are needed. */
const SMALL = 16;

/** The shape of a tensor in a file. */
export function dimsOf(proto: TensorProto): number[] {
  return proto.dims.map(Number);
}

type Elements = Float32Array | Float64Array | Int32Array | Uint8Array | Int8Array | readonly number[];

function elementsOf(proto: TensorProto): Elements {
  const size = sizeOf(dimsOf(proto));
  const raw = proto.rawData;
  if (raw.length === 0) {
    if (proto.dataType === DataType.FLOAT) return Float32Array.from(proto.floatData);
    if (proto.dataType === DataType.DOUBLE) return proto.doubleData;
    if (proto.dataType === DataType.INT64) return proto.int64Data.map(Number);
    return proto.int32Data;
  }
  const bytes = raw.slice();
  switch (proto.dataType) {
    case DataType.FLOAT:
      return new Float32Array(bytes.buffer, 0, size);
    case DataType.DOUBLE:
      return new Float64Array(bytes.buffer, 0, size);
    case DataType.INT64:
      return Array.from(new BigInt64Array(bytes.buffer, 0, size), Number);
    case DataType.INT32:
      return new Int32Array(bytes.buffer, 0, size);
    case DataType.INT8:
      return new Int8Array(bytes.buffer, 0, size);
    case DataType.UINT8:
    case DataType.BOOL:
      return bytes;
  }
  throw new DataError(`tensor "${proto.name}" of ${typeName(proto.dataType)} ${formatShape(dimsOf(proto))}`);
}

/** A constant of a file: small ones and integers stay on the host. */
export function readValue(proto: TensorProto): Value {
  const type = HOST_TYPES[proto.dataType];
  const dims = dimsOf(proto);
  const size = sizeOf(dims);
  const onHost = isFloat(type) ? size <= SMALL : size <= MAX_HOST_ELEMENTS;
  if (onHost) return new HostValue(dims, Array.from(elementsOf(proto)), type);
  return isFloat(type) ? readFloats(proto) : tensor(Int32Array.from(elementsOf(proto)), { shape: dims });
}

/** A tensor of a file as float32. */
export function readFloats(proto: TensorProto) {
  const elements = elementsOf(proto);
  return tensor(elements instanceof Float32Array ? elements : Float32Array.from(elements), { shape: dimsOf(proto) });
}
