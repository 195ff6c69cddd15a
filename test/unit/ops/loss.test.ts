/** Properties of losses that the case tables do not check: accuracy on many elements, limits, bad input. */
import { describe, expect, test } from "vitest";
import { DTypeError, nn, OptionError, ShapeError, tensor, zeros } from "wasmgrad";
import { testRandom } from "../../support/random.ts";

const F = nn.functional;
const classes = (values: number[]) => tensor(values, { dtype: "int32" });

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

  test("binaryCrossEntropyWithLogits is stable for large logits", () => {
    const x = tensor([1000, -1000, 1000, -1000], { requiresGrad: true });
    const loss = F.binaryCrossEntropyWithLogits(x, tensor([1, 1, 0, 0]), { reduction: "none" });
    expect(loss.toArray()).toEqual([0, 1000, 1000, 0]);
    loss.backward(tensor([1, 1, 1, 1]));
    expect(x.grad?.toArray()).toEqual([0, -1, 1, 0]);
  });

  test("klDiv of a zero target is 0", () => {
    expect(F.klDiv(tensor([-1, -2]), tensor([0, 1]), { reduction: "none" }).toArray()).toEqual([0, 2]);
  });

  test("only the needed gradients are computed", () => {
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

describe("crossEntropy and nllLoss", () => {
  test("far logits", () => {
    const x = tensor([[1000, 0, -1000]], { requiresGrad: true });
    const loss = F.crossEntropy(x, classes([2]));
    expect(loss.item()).toBe(2000);
    loss.backward();
    expect(x.grad?.toArray()).toEqual([[1, 0, -1]]);
  });

  test("all targets ignored: the mean is NaN, the sum 0", () => {
    const x = zeros([2, 3]);
    expect(F.crossEntropy(x, classes([-100, -100])).item()).toBeNaN();
    expect(F.crossEntropy(x, classes([-100, -100]), { reduction: "sum" }).item()).toBe(0);
  });

  test("an ignored target gets no gradient", () => {
    const x = tensor(
      [
        [1, 2],
        [3, 4],
      ],
      { requiresGrad: true },
    );
    F.crossEntropy(x, classes([-100, 1])).backward();
    expect(x.grad?.toArray()).toEqual([
      [0, 0],
      [expect.closeTo(0.268941, 6), expect.closeTo(-0.268941, 6)],
    ]);
  });

  test("bad input", () => {
    const x = zeros([2, 3]);
    expect(() => F.crossEntropy(x, classes([0, 3]))).toThrow(OptionError);
    expect(() => F.crossEntropy(x, classes([0, 3]))).toThrow(
      "crossEntropy: target expected classes in [0, 2] or ignoreIndex -100, got 3 at element 1",
    );
    expect(() => F.nllLoss(x, classes([-1, 0]))).toThrow("got -1 at element 0");
    expect(() => F.crossEntropy(x, classes([0]))).toThrow(
      "crossEntropy: target expected class indices [2] for input [2,3], got [1]",
    );
    expect(() => F.crossEntropy(x, zeros([2]))).toThrow(DTypeError);
    expect(() => F.crossEntropy(x, tensor([true, false]))).toThrow(DTypeError);
    expect(() => F.nllLoss(x, zeros([2]))).toThrow("nllLoss: target, class indices, expected int32, got float32");
    expect(() => F.crossEntropy(classes([1, 2]), classes([1]))).toThrow(DTypeError);
    expect(() => F.crossEntropy(zeros([]), classes([0]))).toThrow(ShapeError);
    expect(() => F.crossEntropy(x, classes([0, 1]), { weight: zeros([2]) })).toThrow(
      "crossEntropy: weight, one for each class, expected shape [3], got [2]",
    );
    expect(() => F.crossEntropy(x, classes([0, 1]), { labelSmoothing: 1.5 })).toThrow(OptionError);
    expect(() => F.crossEntropy(x, classes([0, 1]), { labelSmoothing: NaN })).toThrow(OptionError);
    expect(() => F.crossEntropy(x, classes([0, 1]), { ignoreIndex: 0.5 })).toThrow(OptionError);
    expect(() => F.nllLoss(x, classes([0, 1]), { labelSmoothing: 0.1 } as object)).toThrow("unknown option");
  });
});

describe("softmax", () => {
  test("infinities", () => {
    expect(F.softmax(tensor([-Infinity, 0, 0]), 0).toArray()).toEqual([0, 0.5, 0.5]);
    expect(
      F.softmax(tensor([-Infinity, -Infinity]), 0)
        .data()
        .every(Number.isNaN),
    ).toBe(true);
  });

  test("bad input", () => {
    expect(() => F.softmax(zeros([2, 3]), 2)).toThrow("softmax: dim expected an integer in [-2, 1], got 2");
    expect(() => F.logSoftmax(zeros([2]), undefined as unknown as number)).toThrow(OptionError);
    expect(() => F.softmax(classes([1, 2]), 0)).toThrow(DTypeError);
  });
});
