/** Distributions against PyTorch, and samples: see test/fixtures/breadth/gen_distributions.py. */
import { describe, expect, test } from "vitest";
import {
  AutogradError,
  distributions,
  Generator,
  manualSeed,
  OptionError,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from "wasmgrad";
import { expectClose } from "../../support/compare.ts";
import { checkCase, readCases } from "../../support/pytorch_case.ts";

const { Categorical, klDivergence, Normal } = distributions;
const cases = readCases("distributions");

const ofProbs = ({ probs, value }: Record<string, Tensor>) => new Categorical({ probs }).logProb(value);
const ofLogits = ({ logits, value }: Record<string, Tensor>) => new Categorical({ logits }).logProb(value);
const runs: Record<string, (inputs: Record<string, Tensor>) => Tensor> = {
  "categorical probs": ofProbs,
  "categorical logits": ofLogits,
  "categorical samples": ofLogits,
  "categorical vector": ofProbs,
  "categorical single": ofProbs,
  "categorical entropy": ({ probs }) => new Categorical({ probs }).entropy(),
  "categorical entropy of logits": ({ logits }) => new Categorical({ logits }).entropy(),
  "categorical divergence": ({ p, q }) => klDivergence(new Categorical({ probs: p }), new Categorical({ logits: q })),
  normal: ({ loc, scale, value }) => new Normal(loc, scale).logProb(value),
  "normal numbers": ({ value }) => new Normal(0.5, 2).logProb(value),
  "normal entropy": ({ loc, scale }) => new Normal(loc, scale).entropy(),
  "normal divergence": ({ a, b, c, d }) => klDivergence(new Normal(a, b), new Normal(c, d)),
};

test("every case of the file is run", () => {
  expect(Object.keys(runs).sort()).toEqual(Object.keys(cases).sort());
});

test.each(Object.entries(runs))("%s", (name, run) => {
  checkCase(cases[name], run);
});

describe("Categorical", () => {
  test("samples have the probabilities of their rows", () => {
    manualSeed(4);
    const actions = new Categorical({
      probs: tensor([
        [1, 2, 5],
        [0, 3, 1],
      ]),
    });
    const drawn = actions.sample([20_000]);
    expect([drawn.dtype, ...drawn.shape]).toEqual(["int32", 20_000, 2]);
    const shares = [0, 1, 2].map((action) => drawn.eq(action).float().mean(0).data());
    // the standard deviation of a share is at most 0.0036
    const expected = [0.125, 0.25, 0.625, 0, 0.75, 0.25];
    expect(Math.max(...expected.map((p, i) => Math.abs(shares[i % 3][Math.floor(i / 3)] - p)))).toBeLessThan(0.015);
    expect(shares[0][1]).toBe(0);
  });

  test("a sample has the shape of the rows, and a seed determines it", () => {
    const generator = () => new Generator(7);
    const actions = new Categorical({ logits: zeros([2, 3, 4]) });
    expect(actions.batchShape).toEqual([2, 3]);
    expect(actions.sample().shape).toEqual([2, 3]);
    expect(new Categorical({ logits: zeros([4]) }).sample().shape).toEqual([]);
    const draw = () => actions.sample([5, 6], { generator: generator() });
    expect(draw().shape).toEqual([5, 6, 2, 3]);
    expect(draw().toArray()).toEqual(draw().toArray());
  });

  test("a probability of 0 has a finite logarithm, as in PyTorch, and infinite logits are allowed", () => {
    const certain = new Categorical({ probs: tensor([0, 1]) });
    expectClose("log", certain.logits.data(), [-15.942385, -1.1920929e-7], 1e-6);
    const excluded = new Categorical({ logits: tensor([0, 0, -Infinity]) });
    expectClose("entropy", [excluded.entropy().item()], [Math.LN2], 1e-6);
    expect(klDivergence(new Categorical({ probs: tensor([1, 1, 1]) }), excluded).item()).toBe(Infinity);
    expectClose(
      "divergence",
      [klDivergence(excluded, new Categorical({ logits: zeros([3]) })).item()],
      [0.4054651],
      1e-6,
    );
  });

  test("errors", () => {
    expect(() => new Categorical({})).toThrow("expected either probs or logits, got neither");
    expect(() => new Categorical({ probs: zeros([2]), logits: zeros([2]) })).toThrow("got both");
    expect(() => new Categorical({ probs: tensor(1) })).toThrow(ShapeError);
    expect(() => new Categorical({ probs: tensor([-1, 2]) }).sample()).toThrow(OptionError);
    const pair = new Categorical({ probs: tensor([[0.5, 0.5]]).expand([3, 2]) });
    expect(() => pair.logProb(zeros([2]).int())).toThrow(ShapeError);
    expect(() => klDivergence(pair, new Normal(0, 1))).toThrow("two distributions of the same kind");
  });
});

describe("Normal", () => {
  test("samples have the mean and the standard deviation", () => {
    manualSeed(5);
    const drawn = new Normal(tensor([[1], [-2]]), tensor([0.5, 2, 1])).sample([20_000]);
    expect(drawn.shape).toEqual([20_000, 2, 3]);
    const [mean, deviation] = [drawn.mean(0).data(), drawn.std(0).data()];
    expect(Math.max(...[1, 1, 1, -2, -2, -2].map((v, i) => Math.abs(mean[i] - v)))).toBeLessThan(0.06);
    expect(Math.max(...[0.5, 2, 1, 0.5, 2, 1].map((v, i) => Math.abs(deviation[i] - v)))).toBeLessThan(0.04);
  });

  test("gradients flow through rsample, not through sample", () => {
    const [loc, scale] = [tensor([1, 2], { requiresGrad: true }), tensor([3, 4], { requiresGrad: true })];
    const normal = new Normal(loc, scale);
    expect(() => normal.sample().sum().backward()).toThrow(AutogradError);
    const drawn = normal.rsample([], { generator: new Generator(3) });
    drawn.sum().backward();
    expect(loc.grad?.toArray()).toEqual([1, 1]);
    const noise = [...drawn.data()].map((value, i) => (value - loc.data()[i]) / scale.data()[i]);
    expectClose("gradient of scale", scale.grad!.data(), noise, 1e-5);
  });

  test("errors", () => {
    expect(() => new Normal(0, 0)).toThrow("scale expected positive numbers");
    expect(() => new Normal(0, Number.NaN)).toThrow(OptionError);
    expect(() => new Normal(zeros([2]), tensor([1, 2, 3]))).toThrow(ShapeError);
    expect(() => new Normal("0" as unknown as number, 1)).toThrow("loc expected a tensor or a number");
  });
});
