/** Losses, distances and activations against PyTorch: see test/fixtures/breadth/gen_losses.py. */
import { describe, expect, test } from "vitest";
import { DTypeError, nn, OptionError, ShapeError, type Tensor, tensor, zeros } from "wasmgrad";
import { checkCase, readCases } from "../../support/pytorch_case.ts";

const F = nn.functional;
const cases = readCases("losses");
type Run = (inputs: Record<string, Tensor>) => Tensor;
const targets = tensor(
  [
    [1, 2, 2, 0],
    [3, 1, 2, 4],
    [2, 0, 0, 0],
  ],
  { dtype: "int32" },
);

const runs: Record<string, Run> = {};
for (const reduction of ["mean", "sum", "none"] as const) {
  Object.assign(runs, {
    [`huber ${reduction}`]: ({ input, target }) => F.huberLoss(input, target, { delta: 0.7, reduction }),
    [`poisson ${reduction}`]: ({ input, target }) => F.poissonNllLoss(input, target, { reduction }),
    [`margin ranking ${reduction}`]: ({ a, b, target }) =>
      F.marginRankingLoss(a, b, target, { margin: 0.3, reduction }),
    [`hinge embedding ${reduction}`]: ({ input, target }) =>
      F.hingeEmbeddingLoss(input, target, { margin: 0.8, reduction }),
    [`cosine embedding ${reduction}`]: ({ a, b, target }) =>
      F.cosineEmbeddingLoss(a, b, target, { margin: 0.1, reduction }),
    [`soft margin ${reduction}`]: ({ input, target }) => F.softMarginLoss(input, target, { reduction }),
    [`multi margin ${reduction}`]: ({ input, target }) => F.multiMarginLoss(input, target, { reduction }),
    [`multi label ${reduction}`]: ({ input, target }) => F.multiLabelSoftMarginLoss(input, target, { reduction }),
    [`triplet ${reduction}`]: ({ a, p, n }) => F.tripletMarginLoss(a, p, n, { reduction }),
    [`gaussian ${reduction}`]: ({ input, target, var: v }) => F.gaussianNllLoss(input, target, v, { reduction }),
    [`ctc ${reduction}`]: ({ logits }) => F.ctcLoss(logits.logSoftmax(2), targets, [9, 6, 7], [3, 4, 1], { reduction }),
  } satisfies Record<string, Run>);
}
Object.assign(runs, {
  "poisson full": ({ input, target }) => F.poissonNllLoss(input, target, { logInput: false, full: true }),
  "gaussian full": ({ input, target, var: v }) => F.gaussianNllLoss(input, target, v, { full: true, eps: 0.5 }),
  "gaussian of rows": ({ input, target, var: v }) => F.gaussianNllLoss(input, target, v, { reduction: "sum" }),
  "multi margin squared": ({ input, target, weight }) =>
    F.multiMarginLoss(input, target, { p: 2, margin: 0.5, weight }),
  "multi margin single": ({ input, target }) => F.multiMarginLoss(input, target),
  "triplet swapped": ({ a, p, n }) => F.tripletMarginLoss(a, p, n, { margin: 3, p: 1, swap: true }),
  "triplet cubic": ({ a, p, n }) => F.tripletMarginLoss(a, p, n, { p: 3, eps: 1e-3 }),
  "cosine embedding single": ({ a, b, target }) => F.cosineEmbeddingLoss(a, b, target),
  "ctc blank": ({ logits }) =>
    F.ctcLoss(logits.logSoftmax(2), targets, [9, 6, 7], [3, 4, 1], { blank: 5, reduction: "sum" }),
  "ctc impossible": ({ logits }) =>
    F.ctcLoss(logits.logSoftmax(2), targets, [3, 6, 7], tensor([3, 4, 1], { dtype: "int32" }), { zeroInfinity: true }),
  "ctc single": ({ logits }) => F.ctcLoss(logits.logSoftmax(1), targets.select(0, 0).narrow(0, 0, 3), [8], [3]),
  "ctc empty target": ({ logits }) => F.ctcLoss(logits.logSoftmax(2), targets, [9, 6, 7], [0, 2, 1]),
  relu6: ({ input }) => F.relu6(input),
  hardtanh: ({ input }) => F.hardtanh(input, { minVal: -0.5, maxVal: 2 }),
  hardswish: ({ input }) => F.hardswish(input),
  hardsigmoid: ({ input }) => F.hardsigmoid(input),
  mish: ({ input }) => F.mish(input),
  softsign: ({ input }) => F.softsign(input),
  selu: ({ input }) => F.selu(input),
  celu: ({ input }) => F.celu(input, { alpha: 1.5 }),
  logsigmoid: ({ input }) => F.logsigmoid(input),
  glu: ({ input }) => F.glu(input),
  "glu 0": ({ input }) => F.glu(input, 0),
  prelu: ({ input, weight }) => F.prelu(input, weight),
  "prelu one": ({ input, weight }) => F.prelu(input, weight),
  "prelu vector": ({ input, weight }) => F.prelu(input, weight),
  "cosine similarity": ({ a, b }) => F.cosineSimilarity(a, b),
  "cosine similarity 0": ({ a, b }) => F.cosineSimilarity(a, b, { dim: 0 }),
  distance: ({ a, b }) => F.pairwiseDistance(a, b),
  "distance 3": ({ a, b }) => F.pairwiseDistance(a, b, { p: 3, keepdim: true }),
  "distance inf": ({ a, b }) => F.pairwiseDistance(a, b, { p: Infinity }),
} satisfies Record<string, Run>);

test.each(Object.keys(cases))("%s", (name) => checkCase(cases[name], runs[name]));

test("every function that is run has a case", () =>
  expect(Object.keys(runs).sort()).toEqual(Object.keys(cases).sort()));

describe("modules", () => {
  const x = tensor([
    [0.5, -2],
    [3, -0.25],
  ]);
  const y = tensor([
    [1, 0],
    [2, 1],
  ]);
  const signs = tensor([1, -1]);
  const classes = tensor([0, 1], { dtype: "int32" });

  test.each<[string, () => Tensor, () => Tensor]>([
    ["HuberLoss", () => new nn.HuberLoss({ delta: 2 }).forward(x, y), () => F.huberLoss(x, y, { delta: 2 })],
    [
      "PoissonNLLLoss",
      () => new nn.PoissonNLLLoss({ full: true }).forward(x, y),
      () => F.poissonNllLoss(x, y, { full: true }),
    ],
    ["GaussianNLLLoss", () => new nn.GaussianNLLLoss().forward(x, y, y), () => F.gaussianNllLoss(x, y, y)],
    [
      "MarginRankingLoss",
      () => new nn.MarginRankingLoss().forward(x, y, signs),
      () => F.marginRankingLoss(x, y, signs),
    ],
    ["HingeEmbeddingLoss", () => new nn.HingeEmbeddingLoss().forward(x, signs), () => F.hingeEmbeddingLoss(x, signs)],
    [
      "CosineEmbeddingLoss",
      () => new nn.CosineEmbeddingLoss().forward(x, y, signs),
      () => F.cosineEmbeddingLoss(x, y, signs),
    ],
    ["SoftMarginLoss", () => new nn.SoftMarginLoss().forward(x, y), () => F.softMarginLoss(x, y)],
    [
      "MultiMarginLoss",
      () => new nn.MultiMarginLoss({ p: 2 }).forward(x, classes),
      () => F.multiMarginLoss(x, classes, { p: 2 }),
    ],
    [
      "MultiLabelSoftMarginLoss",
      () => new nn.MultiLabelSoftMarginLoss().forward(x, y),
      () => F.multiLabelSoftMarginLoss(x, y),
    ],
    [
      "TripletMarginLoss",
      () => new nn.TripletMarginLoss({ p: 1 }).forward(x, y, x),
      () => F.tripletMarginLoss(x, y, x, { p: 1 }),
    ],
    [
      "CTCLoss",
      () => new nn.CTCLoss().forward(x.logSoftmax(1), classes.narrow(0, 1, 1), [2], [1]),
      () => F.ctcLoss(x.logSoftmax(1), classes.narrow(0, 1, 1), [2], [1]),
    ],
    ["ReLU6", () => new nn.ReLU6().forward(x), () => F.relu6(x)],
    ["Hardtanh", () => new nn.Hardtanh({ minVal: -2 }).forward(x), () => F.hardtanh(x, { minVal: -2 })],
    ["Hardswish", () => new nn.Hardswish().forward(x), () => F.hardswish(x)],
    ["Hardsigmoid", () => new nn.Hardsigmoid().forward(x), () => F.hardsigmoid(x)],
    ["Mish", () => new nn.Mish().forward(x), () => F.mish(x)],
    ["Softsign", () => new nn.Softsign().forward(x), () => F.softsign(x)],
    ["SELU", () => new nn.SELU().forward(x), () => F.selu(x)],
    ["CELU", () => new nn.CELU({ alpha: 2 }).forward(x), () => F.celu(x, { alpha: 2 })],
    ["LogSigmoid", () => new nn.LogSigmoid().forward(x), () => F.logsigmoid(x)],
    ["GLU", () => new nn.GLU(0).forward(x), () => F.glu(x, 0)],
    ["PReLU", () => new nn.PReLU({ numParameters: 2 }).forward(x), () => F.leakyRelu(x, { negativeSlope: 0.25 })],
    ["Softmax2d", () => new nn.Softmax2d().forward(zeros([2, 1, 1])), () => zeros([2, 1, 1]).add(0.5)],
  ])("%s", (_name, module, expected) => {
    expect(module().toArray()).toEqual(expected().toArray());
  });
});

test("gumbelSoftmax: probabilities, or one-hot with the soft gradient", () => {
  const logits = tensor(
    [
      [0, 1, 2],
      [5, 0, 0],
    ],
    { requiresGrad: true },
  );
  const soft = F.gumbelSoftmax(logits, { tau: 0.5 });
  for (const sum of soft.sum(1).data()) expect(sum).toBeCloseTo(1, 5);
  const hard = F.gumbelSoftmax(logits, { hard: true });
  expect(Array.from(hard.data(), (v) => Math.round(v)).sort()).toEqual([0, 0, 0, 0, 1, 1]);
  hard
    .mul(tensor([1, 2, 3]))
    .sum()
    .backward();
  expect(logits.grad!.abs().sum().item()).toBeGreaterThan(0);
  const counts = [0, 0, 0];
  for (let i = 0; i < 300; i++)
    counts[
      F.gumbelSoftmax(tensor([0, 1, 2]), { hard: true })
        .argmax(0)
        .item()
    ]++;
  // softmax: 0.09, 0.24, 0.67
  expect(counts[0]).toBeLessThan(70);
  expect(counts[2]).toBeGreaterThan(150);
});

test("bad arguments", () => {
  const any = (value: unknown) => value as never;
  const x = zeros([2, 3]);
  expect(() => F.huberLoss(x, x, { delta: 0 })).toThrow(OptionError);
  expect(() => F.huberLoss(x, zeros([3]))).toThrow(ShapeError);
  expect(() => new nn.HuberLoss({ reduction: any("batchmean") })).toThrow("HuberLoss: reduction expected one of");
  expect(() => F.multiMarginLoss(x, zeros([2]))).toThrow(DTypeError);
  expect(() => F.multiMarginLoss(x, x, { p: 3 })).toThrow(OptionError);
  expect(() => F.gaussianNllLoss(x, x, zeros([4]))).toThrow(ShapeError);
  expect(() => F.cosineEmbeddingLoss(x, x, x)).toThrow(ShapeError);
  expect(() => F.ctcLoss(zeros([4, 3, 5]), targets, [4, 4], [1, 1, 1])).toThrow(ShapeError);
  expect(() => F.ctcLoss(zeros([4, 3, 5]), targets, [4, 4, 5], [1, 1, 1])).toThrow(OptionError);
  expect(() => F.ctcLoss(zeros([4, 3, 5]), targets, [4, 4, 4], [1, 1, 1], { blank: 5 })).toThrow(OptionError);
  expect(() => F.ctcLoss(zeros([4, 3, 5]), targets.float(), [4, 4, 4], [1, 1, 1])).toThrow(DTypeError);
  expect(() => F.glu(x)).toThrow("glu: dimension -1 expected an even length, got [2,3]");
  expect(() => F.prelu(x, zeros([2]))).toThrow(ShapeError);
  expect(() => F.hardtanh(x, { minVal: 2 })).toThrow(OptionError);
  expect(() => F.celu(x, { alpha: 0 })).toThrow(OptionError);
  expect(() => F.gumbelSoftmax(x, { tau: 0 })).toThrow(OptionError);
  expect(() => F.pairwiseDistance(x, x, { p: 0 })).toThrow(OptionError);
  expect(() => new nn.Softmax2d().forward(x)).toThrow(ShapeError);
});
