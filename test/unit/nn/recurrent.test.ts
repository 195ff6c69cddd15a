/** Recurrent layers against PyTorch: see test/fixtures/breadth/gen_recurrent.py. */
import { describe, expect, test } from "vitest";
import {
  DTypeError,
  getNumThreads,
  manualSeed,
  nn,
  OptionError,
  randn,
  ShapeError,
  setNumThreads,
  type Tensor,
  tensor,
  zeros,
} from "wasmgrad";
import { checkCase, readCases } from "../../support/pytorch_case.ts";

const cases = readCases("recurrent");
const LENGTHS = [3, 5, 1];

describe.each(["LSTM", "GRU", "RNN"] as const)("%s", (kind) => {
  const pair = kind === "LSTM";
  const make = (inputSize: number, hiddenSize: number, options?: nn.RecurrentOptions): nn.Module =>
    new nn[kind](inputSize, hiddenSize, options);
  const stateOf = ({ h, c }: Record<string, Tensor>) => (h === undefined ? undefined : pair ? [h, c] : h);
  const run = (module: nn.Module, options?: nn.SequenceOptions) => (inputs: Record<string, Tensor>) =>
    module.forward(inputs.x, stateOf(inputs), options) as Tensor[];

  test.each<[string, nn.Module, nn.SequenceOptions?]>([
    ["plain", make(3, 5)],
    ["states", make(3, 5)],
    ["two layers, both directions", make(3, 5, { numLayers: 2, bidirectional: true })],
    ["batch first, no bias", make(3, 6, { batchFirst: true, bias: false })],
    ["one sequence", make(3, 4)],
    ["lengths", make(3, 5), { lengths: LENGTHS }],
    [
      "lengths, both directions",
      make(3, 5, { numLayers: 2, bidirectional: true, batchFirst: true }),
      { lengths: tensor(LENGTHS, { dtype: "int32" }) },
    ],
    ["wide", make(17, 33)],
  ])("%s", (name, module, options) => {
    checkCase(cases[`${kind} ${name}`], run(module, options), { module });
  });

  test.each<[string, nn.Module]>([
    ["Cell", new nn[`${kind}Cell`](3, 5)],
    ["Cell from zeros", new nn[`${kind}Cell`](3, 5, { bias: false })],
  ])("%s", (name, module) => {
    checkCase(cases[`${kind}${name}`], ({ x, ...states }) => module.forward(x, stateOf(states)) as Tensor, { module });
  });

  test("dropout between layers works in training only; its parameters start within the bound", () => {
    const layer = make(4, 16, { numLayers: 2, dropout: 0.5 });
    const x = zeros([3, 2, 4]).add(1);
    const output = () => (layer.forward(x) as [Tensor])[0].toArray();
    expect(output()).not.toEqual(output());
    layer.eval();
    expect(output()).toEqual(output());
    for (const parameter of layer.parameters()) {
      const most = parameter.abs().max().item();
      expect(most).toBeLessThanOrEqual(0.25);
      expect(most).toBeGreaterThan(0.2);
    }
  });

  test("the bits do not depend on the number of threads", () => {
    manualSeed(1);
    const layer = make(20, 70);
    const x = randn([6, 11, 20], { requiresGrad: true });
    const lengths = [6, 1, 6, 3, 6, 0, 2, 6, 5, 6, 4];
    const before = getNumThreads();
    const bits = (threads: number) => {
      setNumThreads(threads);
      try {
        for (const tensor of [x, ...layer.parameters()]) tensor.grad = null;
        const [output] = layer.forward(x, undefined, { lengths }) as [Tensor];
        output.square().sum().backward();
        return [output, ...[x, ...layer.parameters()].map(({ grad }) => grad!)].map((values) => [...values.data()]);
      } finally {
        setNumThreads(before);
      }
    };
    const one = bits(1);
    expect(one[1].some((value) => value !== 0)).toBe(true);
    expect(bits(3)).toEqual(one);
    expect(bits(2)).toEqual(one);
  });

  test("bad arguments", () => {
    const layer = make(3, 5);
    const any = (value: unknown) => value as never;
    expect(() => make(3, 0)).toThrow(OptionError);
    expect(() => make(3, 5, any({ layers: 2 }))).toThrow(OptionError);
    expect(() => layer.forward(zeros([4, 2, 4]))).toThrow(`${kind}: expected [L,N,3] or [L,3], got [4,2,4]`);
    expect(() => layer.forward(any(1))).toThrow(DTypeError);
    const bad = zeros([2, 2, 5]);
    expect(() => layer.forward(zeros([4, 2, 3]), pair ? [bad, bad] : bad)).toThrow(ShapeError);
    expect(() => layer.forward(zeros([4, 2, 3]), any(pair ? [bad] : 3))).toThrow(pair ? OptionError : DTypeError);
    expect(() => layer.forward(zeros([4, 2, 3]), undefined, { lengths: [1] })).toThrow(OptionError);
    expect(() => layer.forward(zeros([4, 2, 3]), undefined, { lengths: [1, 5] })).toThrow(OptionError);
    expect(() => layer.forward(zeros([4, 2, 3]), undefined, { lengths: zeros([2]) })).toThrow(DTypeError);
    const cell = new nn[`${kind}Cell`](3, 5);
    expect(() => cell.forward(zeros([2, 4]))).toThrow(ShapeError);
  });
});

test("RNN with relu", () => {
  const rnn = new nn.RNN(3, 5, { nonlinearity: "relu" });
  checkCase(cases["RNN relu"], ({ x, h }) => rnn.forward(x, h), { module: rnn });
  const cell = new nn.RNNCell(3, 5, { nonlinearity: "relu" });
  checkCase(cases["RNNCell relu"], ({ x, h }) => cell.forward(x, h), { module: cell });
  expect(() => new nn.RNN(3, 5, { nonlinearity: "sin" as never })).toThrow(OptionError);
});

test("weights() returns the parameters of a layer and direction", () => {
  const lstm = new nn.LSTM(3, 5, { numLayers: 2, bidirectional: true });
  expect(lstm.weights(1, "reverse").weightIh.shape).toEqual([20, 10]);
  expect(lstm.weights(0).biasHh).toBe((lstm as unknown as Record<string, Tensor>).bias_hh_l0);
  expect(() => lstm.weights(2)).toThrow(OptionError);
  expect(`${lstm}`).toContain("LSTM(3, 5, numLayers=2, bidirectional=true)");
});
