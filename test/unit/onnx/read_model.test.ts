import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { DataError, OptionError } from "../../../src/errors.ts";
import { type ModelFile, readModel } from "../../../src/onnx/file/read_model.ts";
import "../../../src/tensor/all_methods.ts";
import { externalTensor, model, node, rawData, type TensorInit, tensorProto } from "../../support/onnx_model.ts";

const folder = mkdtempSync(join(tmpdir(), "onnx-"));
afterAll(() => rmSync(folder, { recursive: true }));

const withTensors = (...initializers: TensorInit[]) =>
  model({ nodes: [node("Identity", ["w"], ["y"])], outputs: ["y"], initializers });

/** The tensor "w". */
const weightOf = (file: ModelFile) => file.tensorData(file.proto.graph!.initializer[0]);

const numbers = [1, -2.5, 3e-3, Infinity];
const stored = tensorProto("w", [2, 2], numbers);

describe("readModel", () => {
  const bytes = withTensors(stored);
  const path = join(folder, "model.onnx");
  writeFileSync(path, bytes);

  it.each([
    ["bytes", bytes],
    ["an ArrayBuffer", bytes.slice().buffer],
    ["a path", path],
    ["a file URL", pathToFileURL(path)],
    ["a Blob", new Blob([bytes as Uint8Array<ArrayBuffer>])],
    ["an address", `data:application/octet-stream;base64,${Buffer.from(bytes).toString("base64")}`],
  ])("reads %s", async (_, source) => {
    const file = await readModel(source);
    expect(file.proto.producerName).toBe("wasmgrad tests");
    const { name, dims, type, size } = weightOf(file);
    expect([name, dims, type.name, size]).toEqual(["w", [2, 2], "float", 4]);
    expect(weightOf(file).tensor().toArray()).toEqual([
      [1, -2.5],
      [Math.fround(3e-3), Infinity],
    ]);
  });

  it("shares the bytes of the file", async () => {
    const file = await readModel(bytes);
    expect(file.proto.graph!.initializer[0].rawData.buffer).toBe(bytes.buffer);
  });

  it("refuses what is no model, and names it", async () => {
    await expect(readModel(new Uint8Array(0))).rejects.toThrow(/^importOnnx: no valid ONNX file: it is empty/);
    await expect(readModel(join(folder, "missing.onnx"))).rejects.toThrow(DataError);
    await expect(readModel(folder)).rejects.toThrow(DataError);
    await expect(readModel(3 as never)).rejects.toThrow(OptionError);
    await expect(readModel(bytes, { external: 1 } as never)).rejects.toThrow(OptionError);
    writeFileSync(join(folder, "text.onnx"), "this is text");
    await expect(readModel(join(folder, "text.onnx"))).rejects.toThrow(
      /text\.onnx: no valid ONNX file: byte \d+, model/,
    );
  });

  it("names the damaged node", async () => {
    const damaged = model({
      nodes: [node("Add", ["x", "y"], ["z"], { name: "sum", attributes: { axis: 7 } })],
      outputs: [],
    });
    damaged[Buffer.from(damaged).indexOf("axis") - 1] = 100;
    await expect(readModel(damaged)).rejects.toThrow('graph > node "sum" "Add" > attribute > name: a length of 100');
  });

  it("refuses a file of more than 2 GiB before it reads it", async () => {
    const blob = { size: 2 ** 31, slice: () => expect.unreachable(), arrayBuffer: () => expect.unreachable() };
    await expect(readModel(blob as never)).rejects.toThrow(
      "2147483648 bytes, but an ONNX file holds at most 2147483647",
    );
  });
});

describe("external data", () => {
  const elements = rawData("float", numbers);
  const file = new Uint8Array([0, 0, 0, 0, ...elements, 9]);
  const external = (entries: Record<string, string | number>, dims = [2, 2]) =>
    withTensors(externalTensor("w", dims, entries));
  const good = external({ location: "weights/w.bin", offset: 4, length: 16, checksum: "unknown" });
  mkdirSync(join(folder, "model", "weights"), { recursive: true });
  writeFileSync(join(folder, "model", "weights", "w.bin"), file);
  writeFileSync(join(folder, "outside.bin"), file);
  symlinkSync(join(folder, "outside.bin"), join(folder, "model", "link.bin"));
  const place = (bytes: Uint8Array) => {
    const path = join(folder, "model", "model.onnx");
    writeFileSync(path, bytes);
    return path;
  };
  const expected = [
    [1, -2.5],
    [Math.fround(3e-3), Infinity],
  ];

  it("is found beside the model", async () => {
    const data = weightOf(await readModel(place(good)));
    expect(data.tensor().toArray()).toEqual(expected);
    expect((await data.load()).toArray()).toEqual(expected);
    expect(data.host().data).toEqual(expected.flat());
  });

  it("is found beside the file to which the model's name is a link", async () => {
    // as in the cache of Hugging Face's hub
    mkdirSync(join(folder, "snapshot"));
    mkdirSync(join(folder, "blobs"));
    writeFileSync(join(folder, "blobs", "model"), external({ location: "w.bin", offset: 4 }));
    writeFileSync(join(folder, "blobs", "data"), file);
    symlinkSync(join(folder, "blobs", "model"), join(folder, "snapshot", "model.onnx"));
    symlinkSync(join(folder, "blobs", "data"), join(folder, "snapshot", "w.bin"));
    expect(
      weightOf(await readModel(join(folder, "snapshot", "model.onnx")))
        .tensor()
        .toArray(),
    ).toEqual(expected);
  });

  it.each([
    ["bytes", file],
    ["a Blob", new Blob([file as Uint8Array<ArrayBuffer>])],
  ])("is given as %s", async (_, given) => {
    for (const externalData of [
      { "weights/w.bin": given },
      (name: string) => (name === "weights/w.bin" ? given : file),
    ]) {
      const data = weightOf(await readModel(good, { externalData }));
      expect((await data.load()).toArray()).toEqual(expected);
      expect(data.host().data).toEqual(expected.flat());
    }
  });

  it("in a Blob is read in pieces if it is large", async () => {
    const values = Float32Array.from({ length: 70_000 }, (_, i) => i);
    const externalData = { w: new Blob([values]) };
    const data = weightOf(await readModel(external({ location: "w" }, [70_000]), { externalData }));
    expect(data.isLater).toBe(true);
    expect(() => data.tensor()).toThrow("load()");
    expect((await data.load()).sum().item()).toBe(Float32Array.of((70_000 * 69_999) / 2)[0]);
  });

  it.each([
    ["../outside.bin", /within the folder/],
    ["weights/../../outside.bin", /within the folder/],
    ["weights\\..\\..\\outside.bin", /within the folder/],
    ["/etc/hostname", /within the folder/],
    ["//host/share", /within the folder/],
    ["C:\\w.bin", /within the folder/],
    ["https://example.com/w.bin", /within the folder/],
    ["w\0.bin", /within the folder/],
    ["link.bin", /link to a place outside/],
    ["weights", /is no file/],
    ["missing.bin", /external data: ENOENT/],
  ])("refuses the location %j", async (location, message) => {
    const reading = readModel(place(external({ location })));
    await expect(reading).rejects.toThrow(DataError);
    await expect(reading).rejects.toThrow(message);
  });

  it("checks ranges before it allocates", async () => {
    const read = async (entries: Record<string, string | number>, dims?: number[]) =>
      weightOf(await readModel(external({ location: "w", ...entries }, dims), { externalData: { w: file } }));
    await expect(read({ offset: 8 })).rejects.toThrow('bytes 8 to 24 of "w", which has 21 bytes');
    await expect(read({}, [2 ** 40])).rejects.toThrow("bytes 0 to 4398046511104");
    await expect(read({ length: 12 })).rejects.toThrow("take 16 bytes, but its external data has a length of 12");
    await expect(read({ offset: -4 })).rejects.toThrow('offset expected an integer >= 0, got "-4"');
    await expect(read({ offset: "1e3" })).rejects.toThrow("offset expected an integer");
    await expect(read({ location: "" })).rejects.toThrow("without a location");
  });

  it("must be given with bytes", async () => {
    await expect(readModel(good)).rejects.toThrow('in the file "weights/w.bin": pass it as externalData');
    await expect(readModel(good, { externalData: {} })).rejects.toThrow('externalData has no file "weights/w.bin"');
    await expect(readModel(good, { externalData: 1 as never })).rejects.toThrow(OptionError);
  });
});
