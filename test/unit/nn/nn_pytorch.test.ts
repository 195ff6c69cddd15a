/** Modules against PyTorch's numbers: see test/fixtures/modules/gen_modules.py. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { DTypeError, nn, OptionError, ones, ShapeError, type Tensor, tensor, zeros } from "wasmgrad";
import { expectClose } from "../../support/compare.ts";

interface Values {
  shape: number[];
  data: number[];
}

function read<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../../fixtures/modules/${name}.json`, import.meta.url), "utf8")) as T;
}

const toTensor = ({ shape, data }: Values, requiresGrad = false) => tensor(data, { shape, requiresGrad });

function expectValues(what: string, actual: Tensor | null | undefined, expected: Values): void {
  if (!actual) throw new Error(`${what}: nothing came`);
  expect([...actual.shape], `shape of ${what}`).toEqual(expected.shape);
  expectClose(what, actual.data(), Float32Array.from(expected.data), 2e-6);
}

interface BatchNormRun {
  momentum: number | null;
  weight: Values;
  bias: Values;
  batches: Values[];
  trained: Values[];
  runningMean: Values;
  runningVar: Values;
  numBatchesTracked: number;
  evaluated: Values;
}

describe("BatchNorm2d", () => {
  test.each(read<BatchNormRun[]>("batch_norm").map((run) => [run.momentum, run] as const))(
    "three batches with momentum %s, then eval",
    (momentum, run) => {
      const norm = new nn.BatchNorm2d(3, { momentum });
      norm.weight?.copy_(toTensor(run.weight));
      norm.bias?.copy_(toTensor(run.bias));
      run.batches.forEach((batch, i) => {
        expectValues(`batch ${i}`, norm.forward(toTensor(batch)), run.trained[i]);
      });
      const expectState = () => {
        expectValues("running mean", norm.runningMean, run.runningMean);
        expectValues("running variance", norm.runningVar, run.runningVar);
        expect(norm.numBatchesTracked?.item()).toBe(run.numBatchesTracked);
      };
      expectState();
      norm.eval();
      expectValues("after eval", norm.forward(toTensor(run.batches[0])), run.evaluated);
      expectState();
      norm.resetParameters();
      expect(Object.values(norm.stateDict()).map((t) => t.toArray())).toEqual([
        [1, 1, 1],
        [0, 0, 0],
        [0, 0, 0],
        [1, 1, 1],
        0,
      ]);
    },
  );

  test("without running statistics it always uses those of the batch", () => {
    const [{ batches }] = read<BatchNormRun[]>("batch_norm");
    const norm = new nn.BatchNorm2d(3, { trackRunningStats: false, affine: false });
    expect(Object.keys(norm.stateDict())).toEqual([]);
    const trained = norm.forward(toTensor(batches[1])).toArray();
    expect(norm.eval().forward(toTensor(batches[1])).toArray()).toEqual(trained);
  });

  test("refuses other ranks and channels", () => {
    expect(() => new nn.BatchNorm2d(3).forward(zeros([2, 4, 5, 5]))).toThrow(ShapeError);
    expect(() => new nn.BatchNorm2d(3).forward(zeros([3, 5, 5]))).toThrow(
      "BatchNorm2d: expected 4 dimensions [N,3,...], got [3,5,5]",
    );
    expect(new nn.BatchNorm1d(3).forward(zeros([2, 3])).shape).toEqual([2, 3]);
    expect(() => new nn.BatchNorm1d(3).forward(zeros([2, 3, 1, 1]))).toThrow(ShapeError);
  });
});

interface Names {
  state: [string, number[]][];
  parameters: string[];
  buffers: string[];
  modules: string[];
  children: string[];
  count: number;
}

/** The module of gen_modules.py, line for line. */
class Everything extends nn.Module {
  scale = new nn.Parameter(ones([3]));
  offset = this.registerBuffer("offset", zeros([2]));
  scratch = this.registerBuffer("scratch", zeros([2]), { persistent: false });
  encoder = new nn.Sequential(
    new nn.Conv2d(3, 8, { kernelSize: 3, padding: 1 }),
    new nn.BatchNorm2d(8),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(8, 8, { kernelSize: [3, 5], groups: 4, bias: false }),
    new nn.GroupNorm(2, 8),
  );
  decoder = new nn.Sequential(new nn.ConvTranspose2d(8, 6, { kernelSize: 2, stride: 2, groups: 2 }), new nn.Sigmoid());
  blocks = new nn.ModuleList([new nn.Linear(4, 5), new nn.Linear(5, 4, { bias: false })]);
  heads = new nn.ModuleDict({ digit: new nn.Linear(4, 10), parity: new nn.Linear(4, 2) });
  attention = new nn.MultiheadAttention(8, 2);
  norm = new nn.LayerNorm([4, 8]);
  flat = new nn.BatchNorm1d(4, { affine: false });
  plain = new nn.BatchNorm2d(4, { trackRunningStats: false });
  embedding = new nn.Embedding(7, 8);
  tied = this.embedding;
  loss = new nn.CrossEntropyLoss({ weight: ones([10]) });
  bce = new nn.BCEWithLogitsLoss({ posWeight: ones([2]) });
  forward(): never {
    throw new Error("only its state is looked at");
  }
}

test("a module with every kind of layer has PyTorch's state names, shapes and order", () => {
  const expected = read<Names>("names");
  const net = new Everything();
  const names = (entries: [string, unknown][]) => entries.map(([name]) => name);
  expect(Object.entries(net.stateDict()).map(([name, t]) => [name, [...t.shape]])).toEqual(expected.state);
  expect(names(net.namedParameters())).toEqual(expected.parameters);
  expect(names(net.namedBuffers())).toEqual(expected.buffers);
  expect(names(net.namedModules())).toEqual(expected.modules);
  expect(names(net.namedChildren())).toEqual(expected.children);
  expect(net.parameters().reduce((sum, p) => sum + p.numel(), 0)).toBe(expected.count);
  const other = new Everything();
  expect(other.loadStateDict(net.stateDict())).toEqual({ missingKeys: [], unexpectedKeys: [] });
  expect(other.attention.inProjWeight.toArray()).toEqual(net.attention.inProjWeight.toArray());
});

interface AttentionRun {
  batchFirst: boolean;
  bias: boolean;
  state: Record<string, Values>;
  query: Values;
  key: Values;
  value: Values;
  mask: Values | null;
  output: Values;
  weights: Values;
  gradOutput: Values;
  grads: Record<string, Values>;
}

describe("MultiheadAttention", () => {
  const runs = read<AttentionRun[]>("multihead_attention");
  const load = ({ batchFirst, bias, state }: AttentionRun) => {
    const attention = new nn.MultiheadAttention(6, 3, { batchFirst, bias });
    attention.loadStateDict(Object.fromEntries(Object.entries(state).map(([name, v]) => [name, toTensor(v)])));
    return attention;
  };
  const name = (run: AttentionRun) =>
    `batchFirst ${run.batchFirst}, bias ${run.bias}, mask ${run.mask !== null}, source ${run.key.shape}`;

  test.each(runs.map((run) => [name(run), run] as const))("%s", (_name, run) => {
    const attention = load(run);
    const inputs = { query: run.query, key: run.key, value: run.value };
    const given = Object.fromEntries(Object.entries(inputs).map(([what, v]) => [what, toTensor(v, true)]));
    const attnMask = run.mask && toTensor(run.mask).bool();
    const [output, weights] = attention.forward(given.query, given.key, given.value, { attnMask });
    expectValues("output", output, run.output);
    expectValues("weights", weights, run.weights);
    output.backward(toTensor(run.gradOutput));
    const found = { ...given, ...Object.fromEntries(attention.namedParameters()) };
    for (const [what, expected] of Object.entries(run.grads)) {
      expectValues(`gradient of ${what}`, found[what].grad, expected);
    }
    expect(Object.keys(found).sort()).toEqual(Object.keys(run.grads).sort());
  });

  test("float masks of -Infinity, masks per head and padded keys act like a bool mask", () => {
    const run = runs[1];
    const attention = load(run);
    const [q, k, v] = [run.query, run.key, run.value].map((values) => toTensor(values));
    const mask = (run.mask as Values).data;
    const float = tensor(
      mask.map((blocked) => (blocked ? Number.NEGATIVE_INFINITY : 0)),
      { shape: [4, 4] },
    );
    expectValues("float mask", attention.forward(q, k, v, { attnMask: float })[0], run.output);
    const each = tensor(Int32Array.from(Array(6).fill(mask).flat()), { shape: [6, 4, 4] }).bool();
    expectValues("mask a head", attention.forward(q, k, v, { attnMask: each })[0], run.output);

    const padding = tensor([
      [false, false, true, true],
      [false, false, true, true],
    ]);
    const padded = attention.forward(q, k, v, { keyPaddingMask: padding })[0];
    const shorter = attention.forward(q, k.narrow(1, 0, 2), v.narrow(1, 0, 2))[0];
    const asValues = { shape: [...shorter.shape], data: Array.from(shorter.data()) };
    expectValues("padded keys", padded, asValues);
  });

  test("without a batch, without weights, weights of each head", () => {
    const run = runs[1];
    const attention = load(run);
    const x = toTensor(run.query).narrow(0, 0, 1);
    const [batched] = attention.forward(x, x, x);
    const flat = x.squeeze(0);
    const [single, weights] = attention.forward(flat, flat, flat, { averageAttnWeights: false });
    expect(single.toArray()).toEqual(batched.squeeze(0).toArray());
    expect(weights?.shape).toEqual([3, 4, 4]);
    expect(attention.forward(x, x, x, { needWeights: false })[1]).toBe(null);
  });

  test("starts with Xavier's weights and biases of 0", () => {
    const attention = new nn.MultiheadAttention(24, 4);
    const bound = Math.sqrt(6 / (72 + 24));
    const most = Math.max(...Array.from(attention.inProjWeight.data(), Math.abs));
    expect(most).toBeLessThanOrEqual(bound);
    expect(most).toBeGreaterThan(0.95 * bound);
    expect(attention.inProjBias?.abs().sum().item()).toBe(0);
    expect(attention.outProj.bias?.abs().sum().item()).toBe(0);
  });

  test("bad arguments", () => {
    const attention = new nn.MultiheadAttention(6, 3);
    const x = zeros([4, 2, 6]);
    expect(() => new nn.MultiheadAttention(6, 4)).toThrow(OptionError);
    expect(() => new nn.MultiheadAttention(6, 3, { dropout: 2 })).toThrow(OptionError);
    expect(() => new nn.MultiheadAttention(6, 3, { heads: 2 } as object)).toThrow(OptionError);
    expect(() => attention.forward(zeros([4, 2, 5]), x, x)).toThrow(
      "MultiheadAttention: expected query, key, value [L,N,E] or [L,E] with E = 6 and one N, got [4,2,5], [4,2,6], [4,2,6]",
    );
    expect(() => attention.forward(x, zeros([4, 3, 6]), x)).toThrow(ShapeError);
    expect(() => attention.forward(x, zeros([5, 2, 6]), x)).toThrow(ShapeError);
    expect(() => attention.forward(x, x, x, { attnMask: zeros([4, 5]) })).toThrow(ShapeError);
    expect(() => attention.forward(x, x, x, { attnMask: zeros([4, 4], { dtype: "int32" }) })).toThrow(DTypeError);
    expect(() => attention.forward(x, x, x, { keyPaddingMask: zeros([2, 4]) })).toThrow(DTypeError);
    expect(() => attention.forward(x, x, x, { mask: null } as object)).toThrow(OptionError);
  });
});
