import { create } from "@bufbuild/protobuf";
import type { DType } from "../../ops/core/array.ts";
import { hostType, typeName } from "../file/element_types.ts";
import { isFloat } from "../host_value.ts";
import {
  type ModelProto,
  type TensorShapeProto_Dimension,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "../schema/onnx_pb.ts";
import { type Graph, type GraphNode, OMITTED, type Program } from "./graph.ts";

/** An input or output of an ONNX graph. */
export interface OnnxValueInfo {
  readonly name: string;
  /** The dtype of the tensor in this library: half and double are float32 here, int64 and others int32. */
  readonly dtype: DType;
  /** The element type in the file: "float", "int64" and so on. */
  readonly elementType: string;
  /**
   * A number for a length that the file fixes, a name for one that may vary ("batch"; "?" if it has no name).
   * Null if the file does not say the rank.
   */
  readonly shape: readonly (number | string)[] | null;
}

/** A node of an ONNX graph. */
export interface OnnxNodeInfo {
  readonly name: string;
  /** The operator: "Conv". */
  readonly opType: string;
  /**
   * Names of the values that the node reads and computes, without those that it omits. `If` reads also the
   * results of its branches.
   */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** What an imported file contains. */
export interface OnnxGraphInfo {
  readonly name: string;
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
  /** The nodes in their order, those in branches of `If` before it; functions are replaced by their nodes. */
  readonly nodes: readonly OnnxNodeInfo[];
  /** The version of ONNX's operator set, and the program that wrote the file. */
  readonly opset: number;
  readonly producer: string;
}

/** Describes a model for its users. */
export function describeGraph(model: ModelProto, program: Program, outputs: readonly string[]): OnnxGraphInfo {
  const names = (slots: readonly number[]) =>
    slots.filter((slot) => slot !== OMITTED).map((slot) => program.slots[slot]);
  const { input = [], output = [], valueInfo = [] } = model.graph ?? {};
  const infos = new Map([...valueInfo, ...output, ...input].map((info) => [info.name, info]));
  const describeNamed = (name: string) => describeValue(infos.get(name) ?? create(ValueInfoProtoSchema, { name }));
  const own = model.opsetImport.find(({ domain }) => domain === "" || domain === "ai.onnx");
  return {
    name: model.graph?.name ?? "",
    inputs: names(program.inputs).map(describeNamed),
    outputs: outputs.map(describeNamed),
    nodes: [...innerFirst(program)].map(({ name, opType, inputs, outputs, graphs }) => ({
      name,
      opType,
      inputs: names([...inputs, ...[...graphs.values()].flatMap((graph) => graph.outputs)]),
      outputs: names(outputs),
    })),
    opset: Number(own?.version ?? 0),
    producer: [model.producerName, model.producerVersion].filter((text) => text !== "").join(" "),
  };
}

function* innerFirst(graph: Graph): Generator<GraphNode> {
  for (const node of graph.nodes) {
    for (const inner of node.graphs.values()) yield* innerFirst(inner);
    yield node;
  }
}

function describeValue({ name, type }: ValueInfoProto): OnnxValueInfo {
  const tensorType = type?.value.case === "tensorType" ? type.value.value : undefined;
  const elemType = tensorType?.elemType ?? 0;
  const shape = tensorType?.shape?.dim.map(lengthOf);
  return { name, dtype: dtypeOf(elemType), elementType: typeName(elemType), shape: shape ?? null };
}

function lengthOf({ value }: TensorShapeProto_Dimension): number | string {
  // some exporters write -1 for a length that may vary
  if (value.case === "dimValue" && value.value >= 0n) return Number(value.value);
  return value.case === "dimParam" && value.value !== "" ? value.value : "?";
}

function dtypeOf(elemType: number): DType {
  const type = hostType(elemType) ?? "float";
  if (type === "bool") return "bool";
  return isFloat(type) ? "float32" : "int32";
}
