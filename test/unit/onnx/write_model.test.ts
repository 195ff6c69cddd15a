import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { OptionError } from "../../../src/errors.ts";
import { readModel } from "../../../src/onnx/file/read_model.ts";
import { layOutModel, writeModel } from "../../../src/onnx/file/write_model.ts";
import { type ModelProto, ModelProtoSchema } from "../../../src/onnx/schema/onnx_pb.ts";
import { model, node, tensorProto } from "../../support/onnx_model.ts";

const large = Array.from({ length: 300 }, (_, i) => i / 3);
const source = () =>
  fromBinary(
    ModelProtoSchema,
    model({
      nodes: [node("Add", ["x", "large"], ["y"], { attributes: { axis: 1 } })],
      inputs: ["x"],
      outputs: ["y"],
      initializers: [
        tensorProto("large", [300], large),
        tensorProto("small", [2], [1, 2]),
        tensorProto("typed", [3], [1, 2, 300], "int64", { typed: true }),
        tensorProto("none", [0], []),
        tensorProto("large2", [1, 300], large),
      ],
    }),
  );

function withoutEmpty() {
  const proto = source();
  delete (proto.graph!.initializer[3] as { rawData?: Uint8Array }).rawData;
  return proto;
}

async function elementsOf(bytes: Uint8Array, externalData = {}) {
  const file = await readModel(bytes, { externalData });
  return file.proto.graph!.initializer.map((proto) => {
    const data = file.tensorData(proto);
    return [data.name, data.dims, [...data.tensor().data()].map(Number)];
  });
}

const expected = [
  ["large", [300], large.map(Math.fround)],
  ["small", [2], [1, 2]],
  ["typed", [3], [1, 2, 300]],
  ["none", [0], []],
  ["large2", [1, 300], large.map(Math.fround)],
];

describe("writeModel", () => {
  it("writes what protobuf's writer writes, in another order", async () => {
    const { bytes, external } = writeModel("exportOnnx", source());
    expect(external).toBeUndefined();
    // no field for the elements of the tensor that has none
    expect(bytes.length).toBe(toBinary(ModelProtoSchema, source()).length - 2);
    expect(fromBinary(ModelProtoSchema, bytes)).toEqual(withoutEmpty());
    expect(await elementsOf(bytes)).toEqual(expected);
  });

  it("writes what was read", async () => {
    const { proto } = await readModel(toBinary(ModelProtoSchema, source()));
    expect(fromBinary(ModelProtoSchema, writeModel("exportOnnx", proto).bytes)).toEqual(withoutEmpty());
  });

  it("writes large weights to another file, aligned for memory maps", async () => {
    const { bytes, external } = writeModel("exportOnnx", source(), { externalData: "w.bin" });
    expect(external!.length).toBe(4096 + 1200);
    expect(bytes.length).toBeLessThan(700);
    expect(await elementsOf(bytes, { "w.bin": external })).toEqual(expected);
    const { initializer } = fromBinary(ModelProtoSchema, bytes).graph!;
    expect(initializer[4].externalData.map(({ key, value }) => [key, value])).toEqual([
      ["location", "w.bin"],
      ["offset", "4096"],
      ["length", "1200"],
    ]);
    expect(initializer.map(({ rawData }) => rawData.length)).toEqual([0, 8, 0, 0, 0]);
  });

  it("does not copy elements, and reads them when their turn comes", () => {
    const proto = source();
    const { rawData } = proto.graph!.initializer[0];
    const { model } = layOutModel("exportOnnx", proto);
    rawData.fill(7);
    const pieces = [...model.pieces];
    expect(pieces).toContain(rawData);
    expect(pieces.reduce((sum, { length }) => sum + length, 0)).toBe(model.size);
  });

  it("refuses a model of more than 2 GiB, unless its weights are in another file", () => {
    const proto: ModelProto = source();
    const half = { length: 2 ** 30 } as Uint8Array; // nothing reads it
    for (const i of [0, 4]) proto.graph!.initializer[i].rawData = half;
    expect(() => writeModel("exportOnnx", proto)).toThrow(OptionError);
    expect(() => writeModel("exportOnnx", proto)).toThrow(
      /exportOnnx: the model takes 2147\d+ bytes.*pass externalData/,
    );
    expect(layOutModel("exportOnnx", proto, { externalData: "w.bin" }).external!.size).toBe(2 ** 31);
  });

  it("writes a model without a graph", () => {
    const proto = create(ModelProtoSchema, { irVersion: 9n });
    expect(writeModel("exportOnnx", proto).bytes).toEqual(toBinary(ModelProtoSchema, proto));
  });
});
