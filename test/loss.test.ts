/** What the case tables cannot say about losses: accuracy on many elements, limits, bad input. */
import { describe, expect, test } from "vitest";
import { DTypeError, nn, OptionError, ShapeError, tensor, zeros } from "wasmgrad";
import { testRandom } from "./random.ts";

const F = nn.functional;

describe("losses of pairs", () => {
  test("the mean over a million elements is exact to the last float32 bits", () => {
    const random = testRandom(5);
    const x = Float32Array.from({ length: 1_000_003 }, () => random());
    const t = Float32Array.from({ length: 1_000_003 }, () => random());
    const exact = x.reduce((sum, value, i) => sum + (value - t[i]) ** 2, 0) / x.length;
    expect(Math.abs(F.mseLoss(tensor(x), tensor(t)).item() / exact - 1)).toBeLessThan(1e-7);
  });

  test("binaryCrossEntropy bounds its logarithms at -100, and its gradient stays finite", () => {
    const x = tensor([0, 1, 0, 1], { requiresGrad: true });
    const terms = F.binaryCrossEntropy(x, tensor([1, 0, 0, 1]), { reduction: "none" });
    expect([...terms.data()].map((value) => value + 0)).toEqual([100, 100, 0, 0]);
    terms.backward(tensor([1, 1, 1, 1]));
    expect([...(x.grad?.data() ?? [])].map(Math.fround)).toEqual([-1e12, 1e12, 0, 0].map(Math.fround));
  });

  test("binaryCrossEntropyWithLogits is stable far out", () => {
    const x = tensor([1000, -1000, 1000, -1000], { requiresGrad: true });
    const loss = F.binaryCrossEntropyWithLogits(x, tensor([1, 1, 0, 0]), { reduction: "none" });
    expect(loss.toArray()).toEqual([0, 1000, 1000, 0]);
    loss.backward(tensor([1, 1, 1, 1]));
    expect(x.grad?.toArray()).toEqual([0, -1, 1, 0]);
  });

  test("klDiv of a zero target is 0", () => {
    expect(F.klDiv(tensor([-1, -2]), tensor([0, 1]), { reduction: "none" }).toArray()).toEqual([0, 2]);
  });

  test("only the gradients that are needed are computed", () => {
    const x = zeros([3]);
    const t = tensor([1, 2, 3], { requiresGrad: true });
    F.mseLoss(x, t).backward();
    expect(x.grad).toBeNull();
    expect(t.grad?.toArray()).toEqual([2 / 3, 4 / 3, 2].map(Math.fround));
  });

  test("NaN is not hidden", () => {
    expect(F.mseLoss(tensor([NaN, 1]), tensor([0, 1])).item()).toBeNaN();
    expect(F.smoothL1Loss(tensor([NaN, 1]), tensor([0, 1])).item()).toBeNaN();
  });

  test("bad input", () => {
    const x = zeros([2, 3]);
    expect(() => F.mseLoss(x, zeros([3]))).toThrow(ShapeError);
    expect(() => F.mseLoss(x, zeros([2, 1]))).toThrow("mseLoss: target, as the input, expected shape [2,3], got [2,1]");
    expect(() => F.l1Loss(x, zeros([2, 3], { dtype: "int32" }))).toThrow(DTypeError);
    expect(() => F.mseLoss(x, x, { reduction: "avg" as "mean" })).toThrow(
      'mseLoss: reduction expected one of mean, sum, none, got "avg"',
    );
    expect(() => F.mseLoss(x, x, { reduce: "sum" } as object)).toThrow('mseLoss: unknown option "reduce"');
    expect(() => F.smoothL1Loss(x, x, { beta: -1 })).toThrow(OptionError);
    expect(() => F.smoothL1Loss(x, x, { beta: NaN })).toThrow("smoothL1Loss: beta expected a finite number");
    expect(() => F.binaryCrossEntropy(tensor([0.5, 1.5]), tensor([0, 1]))).toThrow(
      "binaryCrossEntropy: input expected probabilities in [0, 1], got 1.5 at element 1",
    );
    expect(() => F.binaryCrossEntropy(tensor([0.5]), tensor([-1]))).toThrow(OptionError);
    expect(() => F.binaryCrossEntropyWithLogits(x, x, { posWeight: zeros([2]) })).toThrow(
      "binaryCrossEntropyWithLogits: posWeight expected a shape that broadcasts to [2,3], got [2]",
    );
    expect(() => F.klDiv(x, x, { logTarget: 1 as unknown as boolean })).toThrow(OptionError);
    expect(() => F.klDiv(zeros([]), zeros([]), { reduction: "batchmean" })).toThrow(ShapeError);
  });
});
