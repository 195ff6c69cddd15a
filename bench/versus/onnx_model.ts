/** The forward pass of the inpainting autoencoder as an ONNX model, for runtimes that run only such files. */
import { create } from "@bufbuild/protobuf";
import { writeModel } from "../../src/onnx/file/write_model.ts";
import {
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataType as DataType,
  ModelProtoSchema,
} from "../../src/onnx/schema/onnx_pb.ts";

/** The operator set of ONNX 1.4: it has all the nodes used here, and every runtime still supports it. */
const OPERATOR_SET = 9;
const IR_VERSION = 4;

/** A weight: an array of floats in the layout that PyTorch, ONNX and wasmgrad share. */
export interface Weight {
  shape: readonly number[];
  data: Float32Array;
}

/** The layers in order. The names of layers with weights are the names in the state dict. */
const LAYERS: readonly { op: string; weights?: string; sizes?: Record<string, number[]> }[] = [
  { op: "Conv", weights: "encoder.0", sizes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] } },
  { op: "Relu" },
  { op: "MaxPool", sizes: { kernel_shape: [2, 2], strides: [2, 2] } },
  { op: "Conv", weights: "encoder.3", sizes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] } },
  { op: "Relu" },
  { op: "MaxPool", sizes: { kernel_shape: [2, 2], strides: [2, 2] } },
  { op: "ConvTranspose", weights: "decoder.0", sizes: { kernel_shape: [2, 2], strides: [2, 2] } },
  { op: "Relu" },
  { op: "ConvTranspose", weights: "decoder.2", sizes: { kernel_shape: [2, 2], strides: [2, 2] } },
  { op: "Sigmoid" },
];

export const INPUT = "images";
export const OUTPUT = "reconstruction";

function floats(name: string, { shape, data }: Weight) {
  // ONNX requires little-endian bytes; every machine that runs WebAssembly in Node is little-endian
  const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { name, dims: shape.map(BigInt), dataType: DataType.FLOAT, rawData };
}

function imagesOf(name: string, batch: number) {
  const dim = [batch, 3, 32, 32].map((length) => ({ value: { case: "dimValue" as const, value: BigInt(length) } }));
  const tensorType = { elemType: DataType.FLOAT, shape: { dim } };
  return { name, type: { value: { case: "tensorType" as const, value: tensorType } } };
}

/** The bytes of a model from `images` to `reconstruction`, both [batch, 3, 32, 32]. */
export function onnxModel(weights: Readonly<Record<string, Weight>>, batch: number): Uint8Array {
  const namesOf = (layer: (typeof LAYERS)[number]) =>
    layer.weights ? [`${layer.weights}.weight`, `${layer.weights}.bias`] : [];
  const node = LAYERS.map((layer, i) => ({
    name: `layer${i}`,
    opType: layer.op,
    input: [i === 0 ? INPUT : `layer${i - 1}`, ...namesOf(layer)],
    output: [i === LAYERS.length - 1 ? OUTPUT : `layer${i}`],
    attribute: Object.entries(layer.sizes ?? {}).map(([name, sizes]) => ({
      name,
      type: AttributeType.INTS,
      ints: sizes.map(BigInt),
    })),
  }));
  const model = create(ModelProtoSchema, {
    irVersion: BigInt(IR_VERSION),
    producerName: "wasmgrad",
    opsetImport: [{ domain: "", version: BigInt(OPERATOR_SET) }],
    graph: {
      name: "inpainting_autoencoder",
      node,
      initializer: LAYERS.flatMap(namesOf).map((name) => floats(name, weights[name])),
      input: [imagesOf(INPUT, batch)],
      output: [imagesOf(OUTPUT, batch)],
    },
  });
  return writeModel("onnxModel", model).bytes;
}
