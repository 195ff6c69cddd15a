/**
 * Files larger than one array, and pieces smaller than a tensor: nothing is ever read or written in one
 * piece.
 */
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  DataError,
  keep,
  memory,
  nn,
  OptionError,
  OutOfMemoryError,
  ones,
  optim,
  ReleasedError,
  resetPeakMemory,
  ShapeError,
  scope,
  Tensor,
  tensor,
  zeros,
} from "wasmgrad";
import { DataLoader, TensorDataset } from "wasmgrad/data";
import {
  type BlobLike,
  loadCheckpoint,
  loadSafetensors,
  readSafetensors,
  saveCheckpoint,
  saveSafetensors,
  writeSafetensors,
  writeSafetensorsBlob,
} from "wasmgrad/io";
import { resumeTrainer, saveTrainer, Trainer } from "wasmgrad/train";
import { readWholeFile, writeFileAtomically } from "../../../src/io/files.ts";
import { bytesSource, readFrom } from "../../../src/io/pieces.ts";
import { readBlob } from "../../../src/io/safetensors.ts";
import { readingSafetensors } from "../../../src/io/safetensors_read.ts";
import { layOut } from "../../../src/io/safetensors_write.ts";
import { plain } from "../../suspicion/fuzz/readers/state.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "wasmgrad-"));
  path = join(folder, "x.safetensors");
});
afterEach(() => rmSync(folder, { recursive: true }));

const numbers = (count: number) => Uint8Array.from({ length: count }, (_, i) => (i * 37 + 11) % 251);

/** A header and its length, with which files begin. */
function headerOf(entries: Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>): Buffer {
  const text = Buffer.from(JSON.stringify(entries));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text]);
}

const values = (tensors: Record<string, Tensor>) =>
  Object.fromEntries(Object.entries(tensors).map(([name, x]) => [name, [x.dtype, [...x.shape], [...x.data()]]]));

/** Tensors of all dtypes, with more elements than fit into a small piece. */
const some = () => ({
  a: tensor(Float32Array.from(numbers(23)), { shape: [23] }),
  b: tensor([[1.5], [-2], [Number.NaN]]),
  c: tensor(Int32Array.of(1, -2, 2 ** 31 - 1, -(2 ** 31), 5)),
  d: tensor([true, false, true, true, false, true, true, false, false, true, true]),
  none: zeros([0, 3]),
  one: tensor(7),
});

describe("pieces", () => {
  test.each([1, 2, 7, 100, 1000])("a file is written and read in calls of %i bytes", (most) => {
    const bytes = numbers(333);
    writeFileAtomically(path, [bytes.subarray(0, 100), new Uint8Array(0), bytes.subarray(100)], most);
    expect(readFileSync(path).equals(bytes)).toBe(true);
    expect(Buffer.from(readWholeFile(path, most)).equals(bytes)).toBe(true);
  });

  test.each([8, 16, 24, 1024])("safetensors in pieces of %i bytes", (pieceBytes) => {
    const whole = writeSafetensors(some(), { metadata: { note: "x" } });
    const { bytes, pieces } = layOut(some(), { metadata: { note: "x" } }, pieceBytes);
    const [header, ...data] = Array.from(pieces, (piece) => Buffer.from(piece));
    expect(Buffer.concat([header, ...data]).equals(whole)).toBe(true);
    expect(bytes).toBe(whole.length);
    expect(Math.max(...data.map((piece) => piece.length))).toBeLessThanOrEqual(pieceBytes);
    const read = readFrom(bytesSource(whole), readingSafetensors(bytes, undefined, pieceBytes));
    expect(values(read.tensors)).toEqual(values(some()));
  });

  test.each(["F64", "F32", "F16", "BF16", "I64", "I32", "U16", "I8", "U8", "BOOL"])("%s in pieces", (dtype) => {
    const size = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, U16: 2 }[dtype] ?? 1;
    const data = dtype === "BOOL" ? numbers(37).map((x) => x & 1) : numbers(37 * size);
    if (dtype === "I64") for (let i = 0; i < 37; i++) data.fill(0, 8 * i + 3, 8 * i + 8);
    if (dtype === "F64") for (let i = 0; i < 37; i++) data.set([0xf0, 0x3f], 8 * i + 6);
    const bytes = Buffer.concat([headerOf({ x: { dtype, shape: [37], data_offsets: [0, data.length] } }), data]);
    const whole = values(readSafetensors(bytes).tensors);
    for (const pieceBytes of [8, 16, 40]) {
      const read = readFrom(bytesSource(bytes), readingSafetensors(bytes.length, undefined, pieceBytes));
      expect(values(read.tensors), `${pieceBytes}`).toEqual(whole);
    }
  });

  test("an error counts the elements of all pieces, and no tensor stays", () => {
    const data = new Uint8Array(40);
    data[29] = 2;
    const bytes = Buffer.concat([headerOf({ x: { dtype: "BOOL", shape: [40], data_offsets: [0, 40] } }), data]);
    const { liveTensors } = memory();
    const read = () => scope(() => readFrom(bytesSource(bytes), readingSafetensors(bytes.length, undefined, 8)));
    expect(read).toThrow(/tensor "x": element 29 of dtype BOOL does not fit bool/);
    expect(memory().liveTensors).toBe(liveTensors);
  });

  test("a write that fails half-way leaves the old file, and no other", () => {
    writeFileSync(path, "old");
    const fails = function* () {
      yield numbers(10);
      throw new Error("no more");
    };
    expect(() => writeFileAtomically(path, fails())).toThrow(/cannot write .*: no more; nothing was changed/);
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(readdirSync(folder)).toEqual(["x.safetensors"]);
  });

  test("a released tensor is refused before anything is written", () => {
    const x = tensor([1]);
    x.release();
    expect(() => saveSafetensors(path, { x })).toThrow(ReleasedError);
    expect(() => saveSafetensors(path, { x })).toThrow(/"x" of shape \[1\]/);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("bytes that no array can hold", () => {
    const Real = Uint8Array;
    // imitates the engine's error, without using the memory
    vi.stubGlobal(
      "Uint8Array",
      new Proxy(Real, {
        construct(target, [first, ...rest], by) {
          if (first > 10_000) throw new RangeError("Array buffer allocation failed");
          return Reflect.construct(target, [first, ...rest], by);
        },
      }),
    );
    try {
      const x = zeros([3000]);
      expect(() => writeSafetensors({ x })).toThrow(OutOfMemoryError);
      expect(() => writeSafetensors({ x })).toThrow(
        /takes 12072 bytes, more than the engine allows for one array .*; saveSafetensors/,
      );
      writeFileSync(path, "x".repeat(12_000));
      expect(() => readWholeFile(path, 1000)).toThrow(
        /cannot read .*: 12000 bytes are more than the engine allows for one array/,
      );
    } finally {
      vi.unstubAllGlobals();
    }
  });
});

describe("names", () => {
  test("only these tensors are read", () => {
    saveSafetensors(path, some());
    const { c, one } = some();
    expect(values(loadSafetensors(path, { names: ["one", "c"] }).tensors)).toEqual(values({ c, one }));
    expect(loadSafetensors(path, { names: [] }).tensors).toEqual({});
    const { liveTensors } = memory();
    expect(() => loadSafetensors(path, { names: ["c", "e"] })).toThrow(DataError);
    expect(() => loadSafetensors(path, { names: ["c", "e"] })).toThrow(
      /x\.safetensors: .*expected tensors c, e, got 6 tensors without e/,
    );
    expect(() => loadSafetensors(path, { names: "c" as never })).toThrow(OptionError);
    expect(() => readSafetensors(readFileSync(path), { names: [1] as never })).toThrow(
      /names expected an array of strings/,
    );
    expect(() => loadSafetensors(path, { name: ["c"] } as object)).toThrow(/unknown option "name"/);
    expect(memory().liveTensors).toBe(liveTensors);
  });
});

// the files are mostly holes, which take no space on the disks of these systems
describe.skipIf(process.platform === "win32")("offsets beyond 2^31 and 2^32", () => {
  const marks = { low: 2 ** 31 - 8, high: 2 ** 32 - 4, far: 5 * 2 ** 30 };
  const DATA_BYTES = 5 * 2 ** 30 + 16;

  beforeEach(() => {
    const i32 = (begin: number, count: number) => ({
      dtype: "I32",
      shape: [count],
      data_offsets: [begin, begin + 4 * count] as [number, number],
    });
    const u8 = (begin: number, end: number) => ({
      dtype: "U8",
      shape: [end - begin],
      data_offsets: [begin, end] as [number, number],
    });
    const header = headerOf({
      a: u8(0, marks.low),
      low: i32(marks.low, 4),
      b: u8(marks.low + 16, marks.high),
      high: i32(marks.high, 4),
      c: u8(marks.high + 16, marks.far),
      far: i32(marks.far, 4),
    });
    writeFileSync(path, header);
    truncateSync(path, header.length + DATA_BYTES);
    const file = openSync(path, "r+");
    for (const [i, begin] of Object.values(marks).entries()) {
      writeSync(file, Int32Array.of(1, 2, 3, 4 + i), 0, 16, header.length + begin);
    }
    closeSync(file);
  });

  const expected = {
    low: ["int32", [4], [1, 2, 3, 4]],
    high: ["int32", [4], [1, 2, 3, 5]],
    far: ["int32", [4], [1, 2, 3, 6]],
  };
  const names = Object.keys(marks);

  test("a file", () => {
    expect(values(loadSafetensors(path, { names }).tensors)).toEqual(expected);
  });

  test("a Blob", async () => {
    // openAsBlob of Node 20 counts the bytes in 32 bits
    const read = (begin: number, end: number) => {
      const file = openSync(path, "r");
      const bytes = new Uint8Array(end - begin);
      expect(readSync(file, bytes, 0, bytes.length, begin)).toBe(bytes.length);
      closeSync(file);
      return Promise.resolve(bytes.buffer);
    };
    const slice = (begin: number, end: number) => ({ arrayBuffer: () => read(begin, end) });
    const { size } = statSync(path);
    const blob: BlobLike = { size, slice, arrayBuffer: () => read(0, size) } as BlobLike;
    expect(values((await readSafetensors(blob, { names })).tensors)).toEqual(expected);
  });

  test("a file too large for memory is refused before it is read", () => {
    const { liveTensors } = memory();
    expect(() => loadSafetensors(path)).toThrow(OutOfMemoryError);
    expect(() => loadSafetensors(path)).toThrow(
      /tensors of \d{11} bytes do not fit .*4 GiB in total.*names to read some/,
    );
    expect(memory().liveTensors).toBe(liveTensors);
  });

  test("a byte too few", () => {
    truncateSync(path, statSync(path).size - 1);
    expect(() => loadSafetensors(path, { names })).toThrow(
      /the tensors take 5368709136 bytes, the file has 5368709135: truncated/,
    );
  });
});

describe("a Blob", () => {
  test("is written and read", async () => {
    const blob = writeSafetensorsBlob(some(), { metadata: { note: "x" } });
    expect(Buffer.from(await blob.arrayBuffer()).equals(writeSafetensors(some(), { metadata: { note: "x" } }))).toBe(
      true,
    );
    const { tensors, metadata } = await readSafetensors(blob);
    expect(values(tensors)).toEqual(values(some()));
    expect(metadata).toEqual({ note: "x" });
    expect(Object.keys((await readSafetensors(new File([blob], "x"), { names: ["one"] })).tensors)).toEqual(["one"]);
    expect(values((await readBlob(blob, undefined, 8)).tensors)).toEqual(values(some()));
  });

  test("its tensors belong to the surrounding scope, also after an await", async () => {
    const blob = writeSafetensorsBlob({ x: tensor([1, 2]) });
    const { liveTensors } = memory();
    const sum = await scope(async () => {
      const { tensors } = await readSafetensors(blob);
      expect(memory().liveTensors).toBe(liveTensors + 1);
      return tensors.x.sum();
    });
    expect(sum.item()).toBe(3);
    sum.release();
    expect(memory().liveTensors).toBe(liveTensors);
  });

  test("that is damaged, or cannot be read, is refused, and no tensor stays", async () => {
    const bytes = writeSafetensors(some());
    bytes[bytes.length - 1] = 2; // the last truth value
    const { liveTensors } = memory();
    await expect(readSafetensors(new Blob([bytes]))).rejects.toThrow(/"d": element 10 of dtype BOOL does not fit bool/);
    await expect(readSafetensors(new Blob([bytes.subarray(0, 50)]))).rejects.toThrow(DataError);
    await expect(readSafetensors(new Blob([]))).rejects.toThrow(/the file has 0 bytes/);
    await expect(readSafetensors(new Blob([bytes]), { name: 1 } as object)).rejects.toThrow(OptionError);
    const whole = new Blob([bytes]);
    for (const [read, message] of [
      [
        () => Promise.reject(new Error("the file has changed")),
        /bytes 0 to 8 of a Blob of \d+ bytes: the file has changed/,
      ],
      [() => new Blob([]).arrayBuffer(), /bytes 0 to 8 of a Blob expected 8 bytes, got 0/],
    ] as const) {
      const blob = { size: whole.size, slice: () => ({ arrayBuffer: read }), arrayBuffer: read } as BlobLike;
      await expect(readSafetensors(blob)).rejects.toThrow(DataError);
      await expect(readSafetensors(blob)).rejects.toThrow(message);
    }
    expect(memory().liveTensors).toBe(liveTensors);
  });
});

describe("checkpoints", () => {
  const MODEL_BYTES = 4 * 1000 * 1000;

  function makeLearner() {
    const model = new nn.Linear(1000, 1000, { bias: false });
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
    return { model, optimizer };
  }
  const step = ({ model, optimizer }: ReturnType<typeof makeLearner>) =>
    scope(() => {
      model.weight.sum().backward();
      optimizer.step();
      optimizer.zeroGrad();
    });

  test("are loaded without a copy in WebAssembly memory", () => {
    const learner = makeLearner();
    step(learner);
    const saved = learner.model.weight.data();
    resetPeakMemory();
    const before = memory().liveBytes;
    saveCheckpoint(path, learner);
    expect(memory().peakBytes - before).toBeLessThan(MODEL_BYTES / 10);
    step(learner);

    resetPeakMemory();
    loadCheckpoint(path, { model: learner.model });
    expect(memory().peakBytes - memory().liveBytes).toBeLessThan(MODEL_BYTES / 10);
    // toEqual would take seconds
    expect(Buffer.from(learner.model.weight.data().buffer).equals(Buffer.from(saved.buffer))).toBe(true);
    // an optimizer's new state is made before the old one is released
    resetPeakMemory();
    loadCheckpoint(path, learner);
    expect(memory().peakBytes - memory().liveBytes).toBeLessThan(1.5 * MODEL_BYTES);
  });

  test("a file is loaded without a second copy", () => {
    saveCheckpoint(path, makeLearner());
    resetPeakMemory();
    const { tensors } = loadSafetensors(path);
    expect(memory().peakBytes - memory().liveBytes).toBeLessThan(MODEL_BYTES / 10);
    expect(tensors["model.weight"].numel()).toBe(1000 * 1000);
  });

  test("a failure after half is loaded changes nothing", () => {
    class Gated extends nn.Module {
      weight = new nn.Parameter(tensor([1, 2, 3]));
      forward = (x: Tensor) => x;
      gate = this.registerBuffer("gate", tensor([true, false]));
    }
    const model = new Gated();
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
    saveCheckpoint(path, { model, optimizer, extra: { flags: tensor([true]) } });
    const bytes = readFileSync(path);
    bytes[bytes.length - 1] = 2; // the last truth value: of the model's gate
    model.weight.copy_(tensor([4, 5, 6]));
    writeFileSync(path, bytes);
    const { liveTensors } = memory();
    expect(() => loadCheckpoint(path, { model, optimizer })).toThrow(DataError);
    expect(() => loadCheckpoint(path, { model, optimizer })).toThrow(
      /x\.safetensors: .*"model.gate": element 1 .*does not fit/,
    );
    expect([...model.weight.data()]).toEqual([4, 5, 6]);
    expect([...model.gate.data()]).toEqual([1, 0]);
    expect(memory().liveTensors).toBe(liveTensors);
  });

  test("a damaged tensor of `extra` is found before anything is changed for good", () => {
    const model = new nn.Linear(2, 1);
    saveCheckpoint(path, { model, extra: { flags: tensor([true]) } });
    const bytes = readFileSync(path);
    bytes[bytes.length - 1] = 2;
    writeFileSync(path, bytes);
    model.weight.copy_(tensor([[8, 9]]));
    const { liveTensors } = memory();
    expect(() => loadCheckpoint(path, { model })).toThrow(/"extra.flags": element 0/);
    expect([...model.weight.data()]).toEqual([8, 9]);
    expect(memory().liveTensors).toBe(liveTensors);
  });

  test("of a trainer are loaded with one copy of its present state, and undone whole", async () => {
    const make = (width: number) => {
      const model = new nn.Linear(2, width);
      const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
      const loader = new DataLoader(new TensorDataset(ones([4, 2])), { batchSize: 2 });
      const loss = ([x]: Tensor[]) => model.forward(x).square().mean();
      return new Trainer({ model, optimizer, loader, loss, epochs: 2 });
    };
    const [saved, other] = [make(3), make(3)];
    await saved.fit();
    saveTrainer(path, saved);
    const data = vi.spyOn(Tensor.prototype, "data");
    resumeTrainer(path, other);
    expect(data).toHaveBeenCalledTimes(2); // weight and bias: it has no momentum yet
    data.mockClear();
    resumeTrainer(path, other);
    expect(data).toHaveBeenCalledTimes(4);
    data.mockRestore();
    expect(plain(other.stateDict())).toEqual(plain(saved.stateDict()));

    saveCheckpoint(path, { model: saved, loader: make(3) });
    const target = make(3);
    const before = JSON.stringify(target.stateDict());
    const broken = { stateDict: () => 0, loadStateDict: () => void tensor([1]).reshape([2]) };
    expect(() => loadCheckpoint(path, { model: target, loader: broken })).toThrow(ShapeError);
    expect(JSON.stringify(target.stateDict())).toBe(before);
  });

  test("a part may keep the tensors that it is given, or views and sums of them", () => {
    const kept: Record<string, Tensor> = {};
    const part = {
      stateDict: () => ({ x: tensor([1, 2, 3, 4]), y: tensor([5]) }),
      loadStateDict({ x, y }: Record<string, Tensor>) {
        Object.assign(kept, { y: keep(y), view: keep(x.reshape([2, 2])), sum: keep(x.sum()) });
      },
    };
    saveCheckpoint(path, { model: part });
    loadCheckpoint(path, { model: part });
    rmSync(path);
    expect(values(kept)).toEqual({
      y: ["float32", [1], [5]],
      view: ["float32", [2, 2], [1, 2, 3, 4]],
      sum: ["float32", [], [10]],
    });
  });
});
