/** Builds small ONNX models for tests. */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  type AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType,
  type TensorProtoSchema,
  type ValueInfoProtoSchema,
} from "../../src/onnx/schema/onnx_pb.ts";

type Init<S extends Parameters<typeof create>[0]> = MessageInitShape<S>;
export type NodeInit = Init<typeof NodeProtoSchema>;
export type TensorInit = Init<typeof TensorProtoSchema>;
export type ValueInit = Init<typeof ValueInfoProtoSchema>;
export type GraphInit = Init<typeof GraphProtoSchema>;
type AttributeInit = Init<typeof AttributeProtoSchema>;

/** ONNX's names of element types, in lower case: "float", "int64", "bool" … */
export type ElementType = Lowercase<keyof typeof TensorProto_DataType>;

/**
 * An attribute: an integer number or a bigint is an int, another number a float, an array of numbers ints
 * (see `float` and `floats`), a text a string, and so on.
 */
export type Attribute = number | bigint | string | readonly (number | bigint)[] | readonly string[] | AttributeInit;

export const float = (f: number): AttributeInit => ({ type: AttributeType.FLOAT, f });
export const floats = (values: readonly number[]): AttributeInit => ({
  type: AttributeType.FLOATS,
  floats: [...values],
});
export const tensorAttribute = (t: TensorInit): AttributeInit => ({ type: AttributeType.TENSOR, t });
export const graphAttribute = (g: GraphInit): AttributeInit => ({ type: AttributeType.GRAPH, g });

const utf8 = (text: string) => new TextEncoder().encode(text);

function attributeOf(value: Attribute): AttributeInit {
  if (typeof value === "string") return { type: AttributeType.STRING, s: utf8(value) };
  if (typeof value === "number" && !Number.isInteger(value)) return float(value);
  if (typeof value === "number" || typeof value === "bigint") return { type: AttributeType.INT, i: BigInt(value) };
  if (!Array.isArray(value)) return value as AttributeInit;
  if (typeof value[0] === "string") return { type: AttributeType.STRINGS, strings: (value as string[]).map(utf8) };
  return { type: AttributeType.INTS, ints: (value as number[]).map(BigInt) };
}

/**
 * A node, for example `node("Conv", ["x", "w"], ["y"], { attributes: { pads: [1, 1, 1, 1] } })`. An omitted
 * input is "".
 */
export function node(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  options: { name?: string; domain?: string; attributes?: Readonly<Record<string, Attribute>> } = {},
): NodeInit {
  const { name, domain, attributes = {} } = options;
  const attribute = Object.entries(attributes).map(([key, value]) => ({ name: key, ...attributeOf(value) }));
  return { opType, input: [...input], output: [...output], name, domain, attribute } as NodeInit;
}

const TYPED_ARRAYS = {
  float: Float32Array,
  double: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  float16: Uint16Array, // bits
  bfloat16: Uint16Array, // bits
  int32: Int32Array,
  uint32: Uint32Array,
} as const;

/** The little-endian bytes of elements; those of float16 and bfloat16 are given as bits. */
export function rawData(type: ElementType, values: readonly (number | bigint)[]): Uint8Array {
  if (type === "int64" || type === "uint64") return new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  return new Uint8Array(TYPED_ARRAYS[type as keyof typeof TYPED_ARRAYS].from(values.map(Number)).buffer);
}

/**
 * A tensor with its elements in `raw_data`, or with `typed` in the field of its type. An initializer, or for
 * `tensorAttribute`.
 */
export function tensorProto(
  name: string,
  dims: readonly (number | bigint)[],
  values: readonly (number | bigint)[],
  type: ElementType = "float",
  { typed = false } = {},
): TensorInit {
  const proto = { name, dims: dims.map(BigInt), dataType: dataTypeOf(type) };
  if (!typed) return { ...proto, rawData: rawData(type, values) };
  if (type === "float") return { ...proto, floatData: values.map(Number) };
  if (type === "double") return { ...proto, doubleData: values.map(Number) };
  if (type === "int64") return { ...proto, int64Data: values.map(BigInt) };
  if (type === "uint64" || type === "uint32") return { ...proto, uint64Data: values.map(BigInt) };
  return { ...proto, int32Data: values.map(Number) };
}

/** A tensor whose elements are in another file. */
export function externalTensor(
  name: string,
  dims: readonly number[],
  entries: Readonly<Record<string, string | number>>,
  type: ElementType = "float",
): TensorInit {
  return {
    name,
    dims: dims.map(BigInt),
    dataType: dataTypeOf(type),
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: Object.entries(entries).map(([key, value]) => ({ key, value: String(value) })),
  };
}

const dataTypeOf = (type: ElementType) =>
  TensorProto_DataType[type.toUpperCase() as keyof typeof TensorProto_DataType] as TensorProto_DataType;

/** An input or output of the graph; a dimension that is a text may have any length. */
export function value(name: string, dims?: readonly (number | string)[], type: ElementType = "float"): ValueInit {
  const dim = dims?.map((length) =>
    typeof length === "string"
      ? { value: { case: "dimParam" as const, value: length } }
      : { value: { case: "dimValue" as const, value: BigInt(length) } },
  );
  const tensorType = { elemType: dataTypeOf(type), ...(dim && { shape: { dim } }) };
  return { name, type: { value: { case: "tensorType", value: tensorType } } };
}

/** The parts of a graph. An input or output that is a text is float and has any shape. */
export interface Graph {
  nodes: readonly NodeInit[];
  inputs?: readonly (string | ValueInit)[];
  outputs: readonly (string | ValueInit)[];
  initializers?: readonly TensorInit[];
  name?: string;
}

/** A graph, for `model` or for `graphAttribute`. */
export function graph({ nodes, inputs = [], outputs, initializers = [], name = "graph" }: Graph): GraphInit {
  const values = (list: readonly (string | ValueInit)[]) => list.map((v) => (typeof v === "string" ? value(v) : v));
  return create(GraphProtoSchema, {
    name,
    node: [...nodes] as never,
    input: values(inputs) as never,
    output: values(outputs) as never,
    initializer: [...initializers] as never,
  });
}

/**
 * The bytes of a model.
 *
 * @param model `opset`: version of ONNX's own operators (20); `domains`: versions of other domains
 */
export function model({
  opset = 20,
  domains = {},
  irVersion = 9,
  producerName = "wasmgrad tests",
  ...parts
}: Graph & {
  opset?: number;
  domains?: Readonly<Record<string, number>>;
  irVersion?: number;
  producerName?: string;
}): Uint8Array {
  const opsetImport = [["", opset] as const, ...Object.entries(domains)].map(([domain, version]) => ({
    domain,
    version: BigInt(version),
  }));
  const proto = create(ModelProtoSchema, {
    irVersion: BigInt(irVersion),
    producerName,
    opsetImport,
    graph: graph(parts) as never,
  });
  return toBinary(ModelProtoSchema, proto);
}
