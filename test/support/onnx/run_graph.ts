/** A plain evaluator of ONNX graphs over tables of operators, for tests of single operators. */
import { fromBinary } from "@bufbuild/protobuf";
import { DataError } from "../../../src/errors.ts";
import { type HostType, HostValue, sizeOf, toHost, toTensor, type Value } from "../../../src/onnx/host_value.ts";
import type { AttributeReader, Call, NodeView, OperatorTable } from "../../../src/onnx/operator.ts";
import {
  type AttributeProto,
  type GraphProto,
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
  TensorProto_DataType as Type,
} from "../../../src/onnx/schema/onnx_pb.ts";
import { tensor } from "../../../src/tensor/creation.ts";
import type { Tensor } from "../../../src/tensor/tensor.ts";

const HOST_TYPES: Readonly<Record<number, HostType>> = {
  [Type.FLOAT]: "float",
  [Type.DOUBLE]: "double",
  [Type.INT32]: "int32",
  [Type.INT64]: "int64",
  [Type.BOOL]: "bool",
  [Type.INT8]: "int8",
  [Type.UINT8]: "uint8",
  [Type.INT16]: "int16",
  [Type.UINT16]: "uint16",
  [Type.UINT32]: "uint32",
  [Type.UINT64]: "uint64",
};

const ARRAYS = {
  float: Float32Array,
  double: Float64Array,
  int32: Int32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
} as const;

/** A constant of the file. Floats of more than one element become tensors. */
function decode(proto: TensorProto): Value {
  const shape = proto.dims.map(Number);
  const type = HOST_TYPES[proto.dataType];
  if (!type) throw new DataError(`tensor ${proto.name}: type ${proto.dataType}`);
  const lists = [proto.floatData, proto.doubleData, proto.int32Data, proto.int64Data, proto.uint64Data];
  const listed = lists.find((list) => list.length > 0) ?? [];
  const raw = proto.rawData.slice().buffer;
  const data = Array.from((raw.byteLength ? new ARRAYS[type](raw) : listed) as Iterable<number | bigint>, Number);
  if (type === "float" && sizeOf(shape) > 1) return tensor(Float32Array.from(data), { shape });
  return new HostValue(shape, data, type);
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

class Attributes implements AttributeReader {
  readonly #byName: Map<string, AttributeProto>;

  constructor(node: NodeProto) {
    this.#byName = new Map(node.attribute.map((a) => [a.name, a]));
  }

  get(name: string): AttributeProto | undefined {
    return this.#byName.get(name);
  }
  has(name: string): boolean {
    return this.#byName.has(name);
  }
  int(name: string, fallback: number): number {
    return this.has(name) ? Number(this.get(name)!.i) : fallback;
  }
  flag(name: string, fallback: boolean): boolean {
    return this.has(name) ? this.get(name)!.i !== 0n : fallback;
  }
  float(name: string, fallback: number): number {
    return this.get(name)?.f ?? fallback;
  }
  string(name: string, fallback: string): string {
    return this.has(name) ? text(this.get(name)!.s) : fallback;
  }
  ints(name: string): readonly number[] | undefined {
    return this.get(name)?.ints.map(Number);
  }
  floats(name: string): readonly number[] | undefined {
    return this.get(name)?.floats;
  }
  strings(name: string): readonly string[] | undefined {
    return this.get(name)?.strings.map(text);
  }
  value(name: string): Value | undefined {
    const t = this.get(name)?.t;
    return t && decode(t);
  }
}

type Values = Map<string, Value>;

/** A model that evaluates its graph with the operators of a table. */
export class GraphRunner {
  readonly graph: GraphProto;
  readonly opset: number;
  readonly table: OperatorTable;
  training = false;

  constructor(bytes: Uint8Array, table: OperatorTable) {
    const model = fromBinary(ModelProtoSchema, bytes);
    this.graph = model.graph!;
    this.table = table;
    this.opset = Number(model.opsetImport.find(({ domain }) => domain === "" || domain === "ai.onnx")?.version ?? 1);
  }

  /** Why the graph cannot be computed: a sentence for each node that is refused. */
  refusals(): string[] {
    return this.#refusals(this.graph, new Map());
  }

  #refusals(graph: GraphProto, outer: Map<string, Value>): string[] {
    const constants: Values = new Map(outer);
    for (const t of graph.initializer) constants.set(t.name, decode(t));
    return graph.node.flatMap((node) => {
      const operator = Object.hasOwn(this.table, node.opType) ? this.table[node.opType] : undefined;
      if (node.opType === "Constant" && node.attribute[0].t) {
        constants.set(node.output[0], decode(node.attribute[0].t));
      }
      if (node.domain !== "" && node.domain !== "ai.onnx") return [`operator ${node.domain}::${node.opType}`];
      if (!operator) return [`operator ${node.opType}`];
      const reason = operator.refuse?.(this.#view(node, constants));
      if (reason) return [`${node.opType}: ${reason}`];
      const known = operator.attributes ?? [];
      const unknown = node.attribute.filter(({ name }) => !known.includes(name));
      if (unknown.length > 0) return unknown.map(({ name }) => `${node.opType}: attribute ${name}`);
      return node.attribute.flatMap(({ g }) => (g ? this.#refusals(g, constants) : []));
    });
  }

  #view(node: NodeProto, constants: ReadonlyMap<string, Value>): NodeView {
    return {
      opType: node.opType,
      name: node.name || node.output[0],
      opset: this.opset,
      attributes: new Attributes(node),
      hasInput: (i) => !!node.input[i],
      constantInput: (i) => {
        const value = constants.get(node.input[i] ?? "");
        return value && toHost(value);
      },
      hasOutput: (i) => !!node.output[i],
    };
  }

  /** The outputs of the graph for inputs in its order. */
  run(inputs: readonly Value[]): (Value | undefined)[] {
    const values: Values = new Map();
    const names = new Set(this.graph.initializer.map(({ name }) => name));
    const given = this.graph.input.filter(({ name }) => !names.has(name) || this.graph.input.length === inputs.length);
    given.forEach(({ name }, i) => {
      values.set(name, inputs[i]);
    });
    return this.#evaluate(this.graph, values);
  }

  #evaluate(graph: GraphProto, values: Values): (Value | undefined)[] {
    for (const t of graph.initializer) if (!values.has(t.name)) values.set(t.name, decode(t));
    for (const node of graph.node) {
      const result = this.table[node.opType].run(this.#call(node, values));
      const results: readonly (Value | undefined)[] = Array.isArray(result) ? result : [result];
      node.output.forEach((name, i) => {
        const value = results[i];
        if (name && value) values.set(name, value);
      });
    }
    return graph.output.map(({ name }) => values.get(name));
  }

  #call(node: NodeProto, values: Values): Call {
    const inputs = node.input.map((name) => {
      if (name && !values.has(name)) throw new Error(`${node.opType}: no value ${name}`);
      return values.get(name);
    });
    const input = (i: number): Value => {
      const value = inputs[i];
      if (!value) throw new DataError(`${node.opType}: input ${i} is missing`);
      return value;
    };
    const float = (x: Tensor) => (x.dtype === "float32" ? x : x.float());
    return {
      ...this.#view(node, values),
      inputs,
      outputCount: node.output.length,
      training: this.training,
      tensor: (i) => toTensor(input(i)),
      float: (i) => float(toTensor(input(i))),
      optionalTensor: (i) => (inputs[i] ? toTensor(inputs[i]) : null),
      host: (i) => toHost(input(i)),
      optionalInts: (i) => (inputs[i] ? toHost(inputs[i]).data : undefined),
      ints: (i) => toHost(input(i)).data,
      number: (i) => toHost(input(i)).data[0],
      runGraph: (attribute) => {
        const graph = node.attribute.find(({ name }) => name === attribute)?.g;
        if (!graph) throw new DataError(`${node.opType}: no graph ${attribute}`);
        return this.#evaluate(graph, new Map(values)) as Value[];
      },
    };
  }
}
