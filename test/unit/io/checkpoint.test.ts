import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  DataError,
  manualSeed,
  memory,
  nn,
  OptionError,
  optim,
  rand,
  StateDictError,
  scope,
  type Tensor,
  tensor,
} from "wasmgrad";
import { loadCheckpoint, loadSafetensors, saveCheckpoint, saveSafetensors } from "wasmgrad/io";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "wasmgrad-"));
  path = join(folder, "checkpoint.safetensors");
});
afterEach(() => rmSync(folder, { recursive: true }));

class Net extends nn.Module {
  hidden: nn.Parameter;
  out: nn.Parameter;

  constructor(width: number) {
    super();
    this.hidden = new nn.Parameter(rand([3, width]).sub(0.5));
    this.out = new nn.Parameter(rand([width, 2]).sub(0.5));
  }

  override forward(x: Tensor): Tensor {
    return x.matmul(this.hidden).relu().matmul(this.out);
  }
}

/** A small network with its optimizer; `train` takes steps on random data. */
function makeLearner(width = 5) {
  const model = new Net(width);
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 });
  const train = (steps: number) => {
    for (let i = 0; i < steps; i++) {
      scope(() => {
        const loss = model
          .forward(rand([4, 3]))
          .square()
          .mean();
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
      });
    }
  };
  const weights = () => model.parameters().map((x) => x.data());
  return { model, optimizer, train, weights };
}

test("training continues from a checkpoint with the same bits", () => {
  manualSeed(3);
  const whole = makeLearner();
  whole.train(4);
  saveCheckpoint(path, { model: whole.model, optimizer: whole.optimizer, epoch: 1, step: 4 });
  whole.train(6);

  manualSeed(99);
  const other = makeLearner();
  other.train(2);
  const { epoch, step } = loadCheckpoint(path, { model: other.model, optimizer: other.optimizer });
  expect([epoch, step]).toEqual([1, 4]);
  other.train(6);
  expect(other.weights()).toEqual(whole.weights());
});

test("a learning rate changed by a scheduler is restored", () => {
  const { model, optimizer } = makeLearner();
  optimizer.paramGroups[0].lr = 0.125;
  saveCheckpoint(path, { model, optimizer });
  const other = makeLearner();
  loadCheckpoint(path, { optimizer: other.optimizer });
  expect(other.optimizer.paramGroups[0].lr).toBe(0.125);
});

test("the weights can be read without conversion", () => {
  const { model } = makeLearner();
  saveCheckpoint(path, { model });
  const { tensors } = loadSafetensors(path);
  expect(tensors["model.hidden"].data()).toEqual(model.hidden.data());
});

test("extra is restored unchanged", () => {
  const extra = {
    numbers: [0, -0, 1 / 3, Number.NaN, Infinity, -Infinity, 2 ** 53],
    text: 'ü"\n',
    nothing: null,
    yes: true,
    big: 2n ** 80n,
    bytes: Uint8Array.of(1, 255),
    doubles: Float64Array.of(0.1, -0),
    nested: { list: [{ x: 1 }, []], "a.b": tensor([1, 2]), a: { b: tensor([[3]]) } },
  };
  expect(() => saveCheckpoint(path, { extra })).toThrow(/two tensors are called "extra.nested.a.b"/);
  extra.nested.a = {} as never;
  saveCheckpoint(path, { extra });
  const { epoch, step, extra: read } = loadCheckpoint(path);
  expect([epoch, step]).toEqual([0, 0]);
  expect(read.nested["a.b"].data()).toEqual(Float32Array.of(1, 2));
  const { nested, ...plain } = extra;
  const { nested: readNested, ...readPlain } = read;
  expect(readPlain).toEqual(plain);
  expect(Object.is(readPlain.numbers[1], -0)).toBe(true);
  expect(readNested.list).toEqual(nested.list);
  saveCheckpoint(path, {});
  expect(loadCheckpoint(path).extra).toBeNull();
});

test("values that cannot be saved are refused, and the old file stays", () => {
  saveCheckpoint(path, { epoch: 7 });
  const before = readFileSync(path);
  expect(() => saveCheckpoint(path, { extra: { f: () => 1 } })).toThrow(/extra\.f cannot be saved: function/);
  expect(() => saveCheckpoint(path, { extra: new Map() })).toThrow(OptionError);
  const cyclic: unknown[] = [[1], [2]];
  saveCheckpoint(path, { extra: [cyclic, cyclic], epoch: 7 }); // twice is no cycle
  writeFileSync(path, before);
  cyclic.push({ cyclic });
  expect(() => saveCheckpoint(path, { extra: cyclic })).toThrow(/extra\.2\.cyclic cannot be saved: it contains itself/);
  expect(() => saveCheckpoint(path, { extra: { $tensor: "x" } })).toThrow(/cannot begin with "\$"/);
  expect(() => saveCheckpoint(path, { epoch: Number.NaN })).toThrow(/epoch expected an integer/);
  expect(() => saveCheckpoint(path, { steps: 1 } as object)).toThrow(/unknown option "steps"/);
  expect(readFileSync(path).equals(before)).toBe(true);
});

test("if any part does not fit, nothing is changed", () => {
  manualSeed(1);
  const small = makeLearner(4);
  small.train(1);
  const wide = makeLearner(5);
  wide.train(1);
  // the model's state would fit, the optimizer's does not
  saveCheckpoint(path, { model: wide.model, optimizer: small.optimizer });
  const target = makeLearner(5);
  target.train(3);
  const weights = target.weights();
  const { liveTensors } = memory();
  manualSeed(5);
  expect(() => loadCheckpoint(path, { model: target.model, optimizer: target.optimizer })).toThrow(StateDictError);
  expect(target.weights()).toEqual(weights);
  expect(memory().liveTensors).toBe(liveTensors);
  const next = rand([3]).data();
  manualSeed(5);
  expect(next).toEqual(rand([3]).data());
  saveCheckpoint(path, { model: target.model });
  expect(() => loadCheckpoint(path, { model: target.model, optimizer: target.optimizer })).toThrow(
    /has no state of optimizer/,
  );
});

test("files that are not checkpoints are refused", () => {
  const { model } = makeLearner();
  expect(() => loadCheckpoint(path, { model })).toThrow(/cannot read .*ENOENT/);
  saveSafetensors(path, { x: tensor([1]) });
  expect(() => loadCheckpoint(path, { model })).toThrow(/a safetensors file, but not a checkpoint/);
  saveSafetensors(path, {}, { metadata: { format: "wasmgrad checkpoint 1", state: "{" } });
  expect(() => loadCheckpoint(path, { model })).toThrow(DataError);
  saveSafetensors(path, {}, { metadata: { format: "wasmgrad checkpoint 1", state: "{}" } });
  expect(() => loadCheckpoint(path, { model })).toThrow(/no epoch and step/);
  for (const parts of ["null", "3", "[]", '{"$tensor":"none"}', '{"$bigint":"1"}']) {
    const state = `{"epoch":0,"step":0,"parts":${parts}}`;
    saveSafetensors(path, {}, { metadata: { format: "wasmgrad checkpoint 1", state } });
    expect(() => loadCheckpoint(path, { model }), parts).toThrow(DataError);
  }
  saveCheckpoint(path, { model });
  const bytes = readFileSync(path);
  for (const length of [0, 7, 50, bytes.length - 1]) {
    writeFileSync(path, bytes.subarray(0, length));
    expect(() => loadCheckpoint(path, { model }), `${length} bytes`).toThrow(DataError);
  }
});

test("loading again and again grows nothing", () => {
  const { model, optimizer, train } = makeLearner();
  train(1);
  saveCheckpoint(path, { model, optimizer });
  loadCheckpoint(path, { model, optimizer });
  const { liveTensors, liveBytes } = memory();
  for (let i = 0; i < 5; i++) loadCheckpoint(path, { model, optimizer });
  expect(memory()).toMatchObject({ liveTensors, liveBytes });
});
