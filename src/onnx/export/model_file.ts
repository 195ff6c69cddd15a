import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { writeModel } from "../file/write_model.ts";
import { ModelProtoSchema, type ValueInfoProtoSchema } from "../schema/onnx_pb.ts";
import type { FunctionGraph, GraphValue } from "./graph.ts";
import { isFixed, nameOfLength } from "./length.ts";
import { DATA_TYPES, type NodeWriter } from "./node_writer.ts";

/** An exported model whose weights are in a separate file. */
export interface ExternalModel {
  /** The bytes of the .onnx file. */
  model: Uint8Array;
  /** The bytes of the file that `externalData` names. */
  data: Uint8Array;
}

/** What a file says about a graph. */
export interface FileOptions {
  opset: number;
  inputNames: readonly string[];
  outputNames: readonly string[];
  externalData: string | null;
  description: string;
  title: string;
}

/** The file of a graph whose nodes are written, or both files if weights go into another one. */
export function fileOf(writer: NodeWriter, graph: FunctionGraph, options: FileOptions): Uint8Array | ExternalModel {
  const info = (value: GraphValue, name: string): MessageInitShape<typeof ValueInfoProtoSchema> => {
    const dim = value.shape.map((n) => ({
      value: isFixed(n)
        ? { case: "dimValue" as const, value: BigInt(n) }
        : { case: "dimParam" as const, value: nameOfLength(n) },
    }));
    return {
      name,
      type: { value: { case: "tensorType", value: { elemType: DATA_TYPES[value.dtype], shape: { dim } } } },
    };
  };
  const model = create(ModelProtoSchema, {
    irVersion: BigInt(irVersionOf(options.opset)),
    opsetImport: [{ domain: "", version: BigInt(options.opset) }],
    producerName: "wasmgrad",
    docString: options.description,
    graph: {
      name: options.title,
      node: writer.nodes,
      initializer: writer.initializers,
      input: graph.inputs.map((value, i) => info(value, options.inputNames[i])),
      output: graph.outputs.map((value, i) => info(value, options.outputNames[i])),
    },
  });
  const { externalData } = options;
  const written = writeModel("exportOnnx", model, externalData === null ? {} : { externalData });
  if (externalData === null) return written.bytes;
  return { model: written.bytes, data: written.external ?? new Uint8Array(0) };
}

/** The version of the file format that came with an opset. */
function irVersionOf(opset: number): number {
  if (opset <= 14) return 7;
  if (opset <= 18) return 8;
  if (opset <= 20) return 9;
  return opset <= 22 ? 10 : 11;
}
