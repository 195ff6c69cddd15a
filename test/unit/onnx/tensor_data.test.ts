import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { DataError } from "../../../src/errors.ts";
import { isQuantisedOperator, refuseElementType } from "../../../src/onnx/file/element_types.ts";
import { readModel } from "../../../src/onnx/file/read_model.ts";
import type { TensorData } from "../../../src/onnx/file/tensor_data.ts";
import { TensorProto_DataType as DataType, TensorProto_SegmentSchema } from "../../../src/onnx/schema/onnx_pb.ts";
import { memory } from "../../../src/tensor/lifetime/memory_statistics.ts";
import { type ElementType, model, node, type TensorInit, tensorProto } from "../../support/onnx_model.ts";

async function dataOf(tensor: TensorInit): Promise<TensorData> {
  const file = await readModel(
    model({ nodes: [node("Identity", ["w"], ["y"])], outputs: ["y"], initializers: [tensor] }),
  );
  return file.tensorData(file.proto.graph!.initializer[0]);
}

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

// elements of a file; what a host value has; what a tensor has, if that differs
const cases: [ElementType, (number | bigint)[], number[], number[]?][] = [
  ["float", [0.1, -0, Infinity, 1e-45], [Math.fround(0.1), -0, Infinity, Math.fround(1e-45)]],
  [
    "double",
    [0.1, 1e300, -1e300, -Infinity],
    [0.1, 1e300, -1e300, -Infinity],
    [Math.fround(0.1), 3.4028234663852886e38, -3.4028234663852886e38, -Infinity],
  ],
  // 1, -2, the largest, the smallest subnormal, infinity
  ["float16", [0x3c00, 0xc000, 0x7bff, 0x0001, 0x7c00], [1, -2, 65504, 2 ** -24, Infinity]],
  ["bfloat16", [0x3f80, 0xc000, 0x7f80, 0x4049], [1, -2, Infinity, 3.140625]],
  ["bool", [0, 1, 1], [0, 1, 1]],
  ["int8", [-128, 127, -1], [-128, 127, -1]],
  ["uint8", [0, 255, 128], [0, 255, 128]],
  ["int16", [-32768, 32767, -1], [-32768, 32767, -1]],
  ["uint16", [0, 65535], [0, 65535]],
  ["int32", [-(2 ** 31), 2 ** 31 - 1, -1, 300], [-(2 ** 31), 2 ** 31 - 1, -1, 300]],
  ["uint32", [0, 2 ** 31 - 1], [0, 2 ** 31 - 1]],
  [
    "int64",
    [-1n, 300n, INT64_MAX, INT64_MIN, INT64_MIN + 1n],
    [-1, 300, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, Number.MIN_SAFE_INTEGER],
    [-1, 300, 2 ** 31 - 1, -(2 ** 31), -(2 ** 31)],
  ],
  ["uint64", [7n, 2n ** 64n - 1n], [7, Number.MAX_SAFE_INTEGER], [7, 2 ** 31 - 1]],
];

describe("TensorData", () => {
  describe.each([
    ["raw_data", false],
    ["the field of its type", true],
  ])("in %s", (_, typed) => {
    it.each(cases)("reads %s", async (type, elements, onHost, inTensor = onHost) => {
      const data = await dataOf(tensorProto("w", [1, elements.length], elements, type, { typed }));
      expect(data.type.name).toBe(type);
      expect([...data.host().data]).toEqual(onHost);
      expect(data.host().dims).toEqual([1, elements.length]);
      const x = data.tensor();
      expect([...x.data()].map(Number)).toEqual(inTensor);
      expect(x.shape).toEqual([1, elements.length]);
      expect(x.dtype).toBe(type === "bool" ? "bool" : /float|double/.test(type) ? "float32" : "int32");
    });

    it("reads int64 exactly up to 2^53 - 1 on the host, and refuses more", async () => {
      const most = 2n ** 53n - 1n;
      const exact = await dataOf(tensorProto("w", [2], [most, -most], "int64", { typed }));
      expect(exact.host().data).toEqual([Number(most), -Number(most)]);
      expect(() => exact.tensor()).toThrow("int64 9007199254740991 does not fit into an int32 tensor");
      const larger = await dataOf(tensorProto("w", [1], [most + 1n], "int64", { typed }));
      expect(() => larger.host()).toThrow(/importOnnx: tensor "w": int64 9007199254740992: expected at most 2\^53 - 1/);
    });

    it("reads many elements, and none", async () => {
      const many = Array.from({ length: 70_000 }, (_, i) => i);
      const data = await dataOf(tensorProto("w", [7, 10_000], many, "float", { typed }));
      expect(data.tensor().data()).toEqual(Float32Array.from(many));
      expect(() => data.host()).toThrow("70000 elements where at most 65536 are expected");
      const none = await dataOf(tensorProto("w", [0, 3], [], "float", { typed }));
      expect(none.tensor().shape).toEqual([0, 3]);
      expect(none.host().data).toEqual([]);
    });

    it("checks the number of elements before it allocates", async () => {
      for (const dims of [[3], [], [2 ** 30, 2 ** 10], [2 ** 40], [2, 0]]) {
        await expect(dataOf(tensorProto("w", dims, [1, 2], "float", { typed }))).rejects.toThrow(/"w": .*elements/);
      }
      await expect(dataOf(tensorProto("w", [-2], [1, 2], "float", { typed }))).rejects.toThrow("got [-2]");
      await expect(dataOf(tensorProto("w", [2n ** 62n], [1], "float", { typed }))).rejects.toThrow(DataError);
      await expect(dataOf(tensorProto("w", [2 ** 30, 2 ** 30], [1], "float", { typed }))).rejects.toThrow("2^53 bytes");
    });
  });

  it("releases the memory of a tensor that it cannot fill", async () => {
    const data = await dataOf(tensorProto("w", [2], [1n, 2n ** 40n], "int64"));
    const { liveBytes } = memory();
    expect(() => data.tensor()).toThrow(DataError);
    expect(memory().liveBytes).toBe(liveBytes);
  });

  it("normalises bytes of bool", async () => {
    const proto = { ...tensorProto("w", [3], [0, 1, 1], "bool"), rawData: Uint8Array.of(0, 255, 2) };
    expect((await dataOf(proto)).tensor().toArray()).toEqual([0, 1, 1]);
  });

  it("refuses integers that the type does not have", async () => {
    const read = async (type: ElementType, value: number) =>
      (await dataOf(tensorProto("w", [1], [value], type, { typed: true }))).tensor();
    await expect(read("uint8", 256)).rejects.toThrow("256 is no uint8");
    await expect(read("int8", -129)).rejects.toThrow("-129 is no int8");
    await expect(read("uint16", -1)).rejects.toThrow("-1 is no uint16");
  });

  it("refuses elements in two places, in another field, or in none", async () => {
    const proto = tensorProto("w", [1], [1]);
    await expect(dataOf({ ...proto, floatData: [1] })).rejects.toThrow("has elements in 2 fields");
    await expect(dataOf({ ...proto, rawData: new Uint8Array(0), int32Data: [1] })).rejects.toThrow(
      "elements of type float expected in field 4, got field 5",
    );
    await expect(dataOf({ ...proto, rawData: new Uint8Array(0) })).rejects.toThrow("take 4 bytes, got 0");
    await expect(dataOf({ ...proto, segment: create(TensorProto_SegmentSchema, { begin: 0n }) })).rejects.toThrow(
      "in segments",
    );
    await expect(dataOf({ ...proto, dataLocation: 1, externalData: [] })).rejects.toThrow("without a location");
  });

  it("refuses other types by name", async () => {
    expect(refuseElementType(DataType.STRING)).toBe("elements of type string");
    expect(refuseElementType(DataType.COMPLEX64)).toBe("elements of type complex64");
    expect(refuseElementType(DataType.FLOAT8E4M3FN)).toMatch(
      /^elements of type float8e4m3fn \(quantised models cannot/,
    );
    expect(refuseElementType(DataType.INT4)).toMatch(/^elements of type int4 \(quantised models cannot be trained: /);
    expect(refuseElementType(99)).toBe("elements of type number 99");
    expect(refuseElementType(DataType.FLOAT16)).toBeNull();
    const strings = { name: "w", dims: [1n], dataType: DataType.STRING, stringData: [Uint8Array.of(65)] };
    await expect(dataOf(strings)).rejects.toThrow('importOnnx: tensor "w": elements of type string');
  });
});

it("knows the operators of quantised models", () => {
  const quantised = ["ConvInteger", "MatMulInteger", "QLinearConv", "DynamicQuantizeLinear", "QuantizeLinear", "QGemm"];
  expect([...quantised, "DequantizeLinear", "DynamicQuantizeLSTM", "MatMulNBits"].every(isQuantisedOperator)).toBe(
    true,
  );
  expect(["Conv", "MatMul", "Gemm", "LSTM", "Equal", "Unique", "Squeeze"].some(isQuantisedOperator)).toBe(false);
});
