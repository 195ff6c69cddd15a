/**
 * Properties of normalization that the case tables do not check: running statistics, large means, bad input.
 */
import { describe, expect, test } from "vitest";
import { DTypeError, nn, OptionError, ShapeError, type Tensor, tensor, zeros } from "wasmgrad";
import { expectClose } from "../../support/compare.ts";

const F = nn.functional;

describe("batchNorm", () => {
  test("training moves the running statistics, with the unbiased variance", () => {
    const runningMean = tensor([1, 0]);
    const runningVar = tensor([1, 2]);
    const x = tensor([
      [1, 10],
      [3, 30],
      [5, 20],
    ]);
    F.batchNorm(x, runningMean, runningVar, { training: true, momentum: 0.25 });
    expect(runningMean.toArray()).toEqual([0.75 + 0.25 * 3, 0.25 * 20]);
    expect(runningVar.toArray()).toEqual([0.75 + 0.25 * 4, 0.75 * 2 + 0.25 * 100]);
  });

  test("running statistics do not change outside training", () => {
    const runningMean = tensor([1, 0]);
    const runningVar = tensor([4, 1]);
    expect(F.batchNorm(tensor([[5, 6]]), runningMean, runningVar, { eps: 0 }).toArray()).toEqual([[2, 6]]);
    expect(runningMean.toArray()).toEqual([1, 0]);
    expect(runningVar.toArray()).toEqual([4, 1]);
  });

  test("an empty batch does not change running statistics", () => {
    const runningMean = tensor([1, 2]);
    const y = F.batchNorm(zeros([0, 2, 3]), runningMean, tensor([1, 1]), { training: true });
    expect(y.shape).toEqual([0, 2, 3]);
    expect(runningMean.toArray()).toEqual([1, 2]);
  });

  test("bad input", () => {
    const x = zeros([2, 3, 4]);
    expect(() => F.batchNorm(zeros([1, 3]), null, null, { training: true })).toThrow(
      "batchNorm: expected more than 1 value per channel when training, got [1,3]",
    );
    expect(() => F.batchNorm(zeros([3]), null, null, { training: true })).toThrow(ShapeError);
    expect(() => F.batchNorm(x, null, null)).toThrow("runningMean and runningVar are required unless training is true");
    expect(() => F.batchNorm(x, zeros([4]), zeros([3]))).toThrow("batchNorm: runningMean expected shape [3], got [4]");
    expect(() => F.batchNorm(x, null, null, { training: true, weight: zeros([1]) })).toThrow(ShapeError);
    expect(() => F.batchNorm(x, null, null, { training: true, eps: NaN })).toThrow(OptionError);
    expect(() => F.batchNorm(x, null, null, { training: true, momentum: 2 })).toThrow(OptionError);
    expect(() => F.batchNorm(x, null, null, { train: true } as object)).toThrow('batchNorm: unknown option "train"');
    expect(() => F.batchNorm(zeros([2, 3], { dtype: "int32" }), null, null, { training: true })).toThrow(DTypeError);
  });
});

test("a large mean does not cost accuracy", () => {
  const deviations = [-1, 1, -1, 1, 1, -1, -1, 1];
  const x = tensor(
    deviations.map((d) => 4e6 + d),
    { shape: [1, 8] },
  );
  for (const y of [
    F.layerNorm(x, [8]),
    F.groupNorm(x, 1),
    F.batchNorm(tensor(x.data(), { shape: [8, 1] }), null, null, { training: true }),
  ]) {
    expect([...y.data()]).toEqual(deviations.map((d) => expect.closeTo(d, 4)));
  }
});

describe("layerNorm", () => {
  test("bad input", () => {
    const x = zeros([2, 3, 4]);
    expect(() => F.layerNorm(x, [3])).toThrow("layerNorm: input expected [...,3] for normalizedShape [3], got [2,3,4]");
    expect(() => F.layerNorm(x, [])).toThrow(ShapeError);
    expect(() => F.layerNorm(x, [1, 2, 3, 4])).toThrow(ShapeError);
    expect(() => F.layerNorm(x, 4 as unknown as number[])).toThrow(ShapeError);
    expect(() => F.layerNorm(x, [4], { weight: zeros([3]) })).toThrow("layerNorm: weight expected shape [4], got [3]");
    expect(() => F.layerNorm(x, [4], { eps: -1 })).toThrow(OptionError);
    expect(() => F.layerNorm(x, [4], { bias: zeros([4], { dtype: "int32" }) })).toThrow(DTypeError);
  });
});

describe("groupNorm", () => {
  test("bad input", () => {
    const x = zeros([2, 6, 4]);
    expect(() => F.groupNorm(x, 4)).toThrow(
      "groupNorm: channels expected to be divisible by numGroups 4, got 6 (input [2,6,4])",
    );
    expect(() => F.groupNorm(x, 0)).toThrow(OptionError);
    expect(() => F.groupNorm(x, 1.5)).toThrow(OptionError);
    expect(() => F.groupNorm(zeros([6]), 2)).toThrow(ShapeError);
    expect(() => F.groupNorm(x, 2, { weight: zeros([2]) })).toThrow(
      "groupNorm: weight, one for each channel, expected shape [6], got [2]",
    );
  });
});

describe("normalize", () => {
  test.each([0.5, 1, 2, 3])("p = %s: rows and elements of zeros have finite gradients, NaN stays", (p) => {
    const x = tensor(
      [
        [0, 0],
        [0, 2],
      ],
      { requiresGrad: true },
    );
    const y = F.normalize(x, { p });
    expect(y.toArray()).toEqual([
      [0, 0],
      [0, expect.closeTo(1, 6)],
    ]);
    y.sum().backward();
    // x / max(norm, eps): 1 / eps where the norm is below it, as in PyTorch
    expect(x.grad!.toArray()).toEqual([
      [Math.fround(1e12), Math.fround(1e12)],
      [0.5, 0].map((v) => expect.closeTo(v, 6)),
    ]);
    expect(F.normalize(tensor([[Number.NaN, 1]]), { p }).toArray()).toEqual([[Number.NaN, Number.NaN]]);
  });

  test.each([0.5, 1, 3, 4.5, 10, 40])("p = %s: powers of small and large elements neither vanish nor overflow", (p) => {
    const row = [1, -0.75, 0.5, 0, 0.9];
    const dy = [1, 2, -3, 4, 0.5];
    for (const scale of [1e-36, 1e-20, 1e-5, 1, 1e5, 1e20, 1e36]) {
      const values = row.map((value) => Math.fround(value * scale));
      const x = tensor([values], { requiresGrad: true });
      const y = F.normalize(x, { p, eps: 0 });
      y.backward(tensor([dy]));
      // float64, on the row divided by its largest: y does not change, and dx is divided by the same
      const [largest] = values;
      const u = values.map((value) => value / largest);
      const norm = u.reduce((sum, value) => sum + Math.abs(value) ** p, 0) ** (1 / p);
      const dot = u.reduce((sum, value, i) => sum + value * dy[i], 0);
      const slope = (value: number) =>
        value === 0 ? 0 : Math.sign(value) * Math.abs(value) ** (p - 1) * norm ** (1 - p);
      expectClose(
        `scale ${scale}`,
        y.data(),
        u.map((value) => value / norm),
        2e-6,
      );
      expectClose(
        `gradient at scale ${scale}`,
        [...(x.grad as Tensor).data()].map((value) => value * largest),
        u.map((value, i) => dy[i] / norm - (dot * slope(value)) / norm ** 2),
        2e-5,
      );
    }
    expect(F.normalize(tensor([[1e-5]]), { p }).item()).toBeCloseTo(1, 6);
    expect(F.normalize(zeros([2, 0]), { p }).shape).toEqual([2, 0]);
  });

  test("a zero vector stays zero", () => {
    const x = tensor(
      [
        [0, 0],
        [3, 4],
      ],
      { requiresGrad: true },
    );
    const y = F.normalize(x, { eps: 0.5 });
    expect(y.toArray()).toEqual([
      [0, 0],
      [expect.closeTo(0.6, 6), expect.closeTo(0.8, 6)],
    ]);
    y.backward(
      tensor([
        [1, 1],
        [0, 0],
      ]),
    );
    expect(x.grad?.toArray()).toEqual([
      [2, 2],
      [0, 0],
    ]);
  });

  test("bad input", () => {
    expect(() => F.normalize(zeros([3]))).toThrow("normalize: dim expected an integer in [-1, 0], got 1");
    expect(() => F.normalize(zeros([3, 2]), { p: 0 })).toThrow("normalize: p expected a number > 0, got 0");
    expect(() => F.normalize(zeros([3, 2]), { eps: NaN })).toThrow(OptionError);
    expect(() => F.normalize(zeros([3, 2], { dtype: "int32" }))).toThrow(DTypeError);
  });
});
