/**
 * Random numbers: known answers, distributions with fixed seeds (so that these tests never fail at random),
 * and state.
 */
import { beforeEach, describe, expect, test } from "vitest";
import {
  bernoulli,
  DTypeError,
  Generator,
  getRngState,
  manualSeed,
  nn,
  OptionError,
  rand,
  randint,
  randLike,
  randn,
  randnLike,
  randperm,
  ShapeError,
  setRngState,
  tensor,
  withGenerator,
  zeros,
} from "wasmgrad";
import { kernels } from "../../../src/ops/random/kernels.ts";

beforeEach(() => {
  manualSeed(1234);
});

const mean = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0) / values.length;

/** The mean of the k-th powers. */
const moment = (values: ArrayLike<number>, k: number) => mean(Array.from(values, (v) => v ** k));

/** Pearson's statistic of counts that should be equal: its distance from its mean, in standard deviations. */
function chiSquareScore(counts: number[]): number {
  const expected = mean(counts);
  const statistic = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  const freedom = counts.length - 1;
  return (statistic - freedom) / Math.sqrt(2 * freedom);
}

function countInto(bins: number, values: Iterable<number>): number[] {
  const counts = new Array<number>(bins).fill(0);
  for (const value of values) counts[value]++;
  return counts;
}

describe("Philox 4x32-10", () => {
  const philox = (counter: number[], key: number[]) =>
    [0, 1, 2, 3].map((word) => {
      const [c0, c1, c2, c3] = counter;
      return (kernels().philoxWord(c0, c1, c2, c3, key[0], key[1], word) >>> 0).toString(16).padStart(8, "0");
    });

  // see: Random123, tests/kat_vectors
  test.each([
    [[0, 0, 0, 0], [0, 0], "6627e8d5 e169c58d bc57ac4c 9b00dbd8"],
    [[-1, -1, -1, -1], [-1, -1], "408f276d 41c83b0e a20bc7c6 6d5451fd"],
    [[0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0], "d16cfe09 94fdcceb 5001e420 24126ea1"],
  ])("known answer of counter %j under key %j", (counter, key, words) => {
    expect(philox(counter, key).join(" ")).toBe(words);
  });

  test("a draw has the words of its counters, in the documented order", () => {
    const seed = 2 ** 40 + 5;
    const offset = 2 ** 33 + 8;
    const generator = new Generator();
    generator.setState({ seed, offset });
    const drawn = rand([37], { generator }).data();
    const expected = Array.from(drawn, (_, i) => {
      const counter = offset + 4 * Math.floor(i / 16) + (i % 4);
      const words = philox([counter % 2 ** 32, Math.floor(counter / 2 ** 32), 0, 0], [seed % 2 ** 32, 2 ** 8]);
      return (Number.parseInt(words[Math.floor(i / 4) % 4], 16) >>> 8) / 2 ** 24;
    });
    expect([...drawn]).toEqual(expected);
    expect(generator.getState()).toEqual({ seed, offset: offset + 12 });
  });
});

describe("state", () => {
  test("the same seed gives the same numbers, another seed different ones", () => {
    const first = rand([100]).data();
    const second = rand([100]).data();
    expect(second).not.toEqual(first);
    manualSeed(1234);
    expect(rand([100]).data()).toEqual(first);
    manualSeed(1235);
    expect(rand([100]).data()).not.toEqual(first);
  });

  test("seeds that differ only above 32 bits give different numbers", () => {
    const low = rand([4], { generator: new Generator(7) }).data();
    expect(rand([4], { generator: new Generator(7 + 2 ** 32) }).data()).not.toEqual(low);
    expect(rand([4], { generator: new Generator(2 ** 53 - 1) }).data()).not.toEqual(low);
  });

  test("the state survives JSON", () => {
    rand([5]);
    const state = JSON.parse(JSON.stringify(getRngState()));
    const first = [randn([9]).data(), randint(0, 100, [9]).data(), randperm(9).data()];
    setRngState(state);
    expect([randn([9]).data(), randint(0, 100, [9]).data(), randperm(9).data()]).toEqual(first);
  });

  test("a separate generator does not change the default generator", () => {
    const before = getRngState();
    randn([100], { generator: new Generator(3) });
    expect(getRngState()).toEqual(before);
    const generator = new Generator(3);
    expect(generator.initialSeed()).toBe(3);
    expect(generator.manualSeed(4).getState()).toEqual({ seed: 4, offset: 0 });
  });

  test("the start of a larger draw is the smaller one", () => {
    const large = randn([1000]).data();
    manualSeed(1234);
    expect(randn([77]).data()).toEqual(large.slice(0, 77));
  });

  test("refuses bad seeds and states", () => {
    for (const bad of [-1, 0.5, NaN, 2 ** 53, "1" as never]) expect(() => manualSeed(bad)).toThrow(OptionError);
    expect(() => setRngState({ seed: 1, offset: 3 })).toThrow(OptionError);
    expect(() => setRngState({ seed: 1 } as never)).toThrow("offset expected an integer");
    expect(() => setRngState(null as never)).toThrow(OptionError);
    expect(() => rand([1], { generator: 5 as never })).toThrow("generator expected a Generator");
  });
});

describe("rand", () => {
  const count = 200_000;

  test("is uniform in [0, 1)", () => {
    const x = rand([count]).data();
    expect(Math.min(...x.subarray(0, 50_000))).toBeGreaterThanOrEqual(0);
    expect(x.every((v) => v >= 0 && v < 1 && Number.isInteger(v * 2 ** 24))).toBe(true);
    expect(moment(x, 1)).toBeCloseTo(1 / 2, 2);
    expect(moment(x, 2)).toBeCloseTo(1 / 3, 2);
    expect(
      Math.abs(
        chiSquareScore(
          countInto(
            256,
            Array.from(x, (v) => Math.floor(v * 256)),
          ),
        ),
      ),
    ).toBeLessThan(4);
    const low = Array.from(x, (v) => (v * 2 ** 24) % 256);
    expect(Math.abs(chiSquareScore(countInto(256, low)))).toBeLessThan(4);
  });

  test("neighbours are independent", () => {
    const x = rand([count]).data();
    for (const lag of [1, 4, 8, 12, 16]) {
      const products = Array.from(x.subarray(lag), (v, i) => (v - 0.5) * (x[i] - 0.5));
      expect(Math.abs(mean(products)) * 12 * Math.sqrt(count)).toBeLessThan(4);
    }
  });

  test("shapes, gradients, bad arguments", () => {
    expect(rand([2, 0]).shape).toEqual([2, 0]);
    expect(rand([]).shape).toEqual([]);
    expect(rand([2], { requiresGrad: true }).requiresGrad).toBe(true);
    expect(randLike(zeros([3, 2])).shape).toEqual([3, 2]);
    expect(() => rand(3 as never)).toThrow(ShapeError);
    expect(() => rand([-1])).toThrow(ShapeError);
    expect(() => rand([1], { low: 0 } as never)).toThrow('unknown option "low"');
  });

  test("uniform_ fills in place", () => {
    const x = zeros([1000]);
    expect(x.uniform_(-3, 5)).toBe(x);
    const values = x.data();
    expect(values.every((v) => v >= -3 && v < 5)).toBe(true);
    expect(Math.abs(mean(values) - 1)).toBeLessThan(0.3);
    expect(() => x.uniform_(1, 0)).toThrow(OptionError);
    expect(() => zeros([2], { dtype: "int32" }).uniform_()).toThrow(DTypeError);
  });
});

describe("randn", () => {
  test("has the moments of the normal distribution", () => {
    const count = 400_000;
    const x = randn([count]).data();
    const scale = 1 / Math.sqrt(count);
    // mean and standard deviation of the k-th power of a normal variable: 0, 1, 0, 3 and 1,
    // sqrt 2, sqrt 15, sqrt 96
    expect(Math.abs(moment(x, 1)) / scale).toBeLessThan(4);
    expect(Math.abs(moment(x, 2) - 1) / (scale * Math.SQRT2)).toBeLessThan(4);
    expect(Math.abs(moment(x, 3)) / (scale * Math.sqrt(15))).toBeLessThan(4);
    expect(Math.abs(moment(x, 4) - 3) / (scale * Math.sqrt(96))).toBeLessThan(4);
    const beyond = (limit: number) => mean(Array.from(x, (v) => (Math.abs(v) > limit ? 1 : 0)));
    expect(beyond(1)).toBeCloseTo(0.3173, 2);
    expect(beyond(3)).toBeCloseTo(0.0027, 3);
    expect(x.every(Number.isFinite)).toBe(true);
  });

  test("is the Box-Muller transform: pairs are four elements apart", () => {
    const normal = randn([64]).data();
    manualSeed(1234);
    const uniform = rand([64]).data();
    for (const pair of [0, 3, 8, 25, 56]) {
      const angle = Math.atan2(normal[pair + 4], normal[pair]) / (2 * Math.PI);
      expect(angle < 0 ? angle + 1 : angle).toBeCloseTo(uniform[pair + 4], 5);
      expect(Math.exp(-(normal[pair] ** 2 + normal[pair + 4] ** 2) / 2)).toBeCloseTo(uniform[pair], 5);
    }
  });

  test("normal_ fills in place, randnLike has the shape", () => {
    const values = zeros([10_000]).normal_(2, 0.5).data();
    expect(mean(values)).toBeCloseTo(2, 1);
    expect(Math.sqrt(moment(values, 2) - mean(values) ** 2)).toBeCloseTo(0.5, 1);
    expect(randnLike(zeros([3, 2])).shape).toEqual([3, 2]);
    expect(() => zeros([2]).normal_(0, -1)).toThrow(OptionError);
  });
});

describe("randint", () => {
  test("is uniform over [low, high), negative and odd ranges included", () => {
    const x = randint(-3, 10, [130_000]);
    expect(x.dtype).toBe("int32");
    const counts = countInto(
      13,
      Array.from(x.data(), (v) => v + 3),
    );
    expect(Math.abs(chiSquareScore(counts))).toBeLessThan(4);
  });

  test("is unbiased where the range does not divide 2^32", () => {
    // 3/4 of the words: a plain product would give every third value twice as often
    const range = 3 * 2 ** 30;
    const x = randint(-(2 ** 30) - 2 ** 29, 2 ** 30 + 2 ** 29, [90_000]).data();
    const counts = countInto(
      3,
      Array.from(x, (v) => (v + range / 2) % 3),
    );
    expect(Math.abs(chiSquareScore(counts))).toBeLessThan(4);
  });

  test("the whole of int32, one value, bad ranges", () => {
    const x = randint(-(2 ** 31), 2 ** 31 - 1, [10_000]).data();
    expect([Math.min(...x) < -2.1e9, Math.max(...x) > 2.1e9]).toEqual([true, true]);
    expect(randint(5, 6, [3]).toArray()).toEqual([5, 5, 5]);
    expect(() => randint(5, 5, [3])).toThrow(OptionError);
    expect(() => randint(0, 1.5, [3])).toThrow(OptionError);
  });
});

describe("randperm", () => {
  test("is a permutation", () => {
    const x = randperm(1001);
    expect(x.dtype).toBe("int32");
    expect([...x.data()].sort((a, b) => a - b)).toEqual(Array.from({ length: 1001 }, (_, i) => i));
    expect(randperm(0).shape).toEqual([0]);
    expect(randperm(1).toArray()).toEqual([0]);
    expect(() => randperm(-1)).toThrow(OptionError);
  });

  test("every order is equally likely", () => {
    const codes = Array.from({ length: 24_000 }, () => {
      const [a, b, c, d] = randperm(4).data();
      return ((a * 4 + b) * 4 + c) * 4 + d;
    });
    const counts = countInto(256, codes).filter((count) => count > 0);
    expect(counts).toHaveLength(24);
    expect(Math.abs(chiSquareScore(counts))).toBeLessThan(4);
  });
});

describe("bernoulli", () => {
  test("follows one probability", () => {
    const x = bernoulli([100_000], { p: 0.3 });
    expect(x.dtype).toBe("float32");
    expect(mean(x.data())).toBeCloseTo(0.3, 2);
    expect(new Set(x.data())).toEqual(new Set([0, 1]));
    expect(mean(bernoulli([1000], { p: 0 }).data())).toBe(0);
    expect(mean(bernoulli([1000], { p: 1 }).data())).toBe(1);
  });

  test("follows a tensor of probabilities", () => {
    const p = tensor(Float32Array.from({ length: 90_000 }, (_, i) => (i % 3) / 2));
    const x = bernoulli(p).data();
    const means = [0, 1, 2].map((k) => mean(x.filter((_, i) => i % 3 === k)));
    expect([means[0], means[2]]).toEqual([0, 1]);
    expect(means[1]).toBeCloseTo(0.5, 1);
  });

  test("refuses values that are not probabilities", () => {
    expect(() => bernoulli([2], { p: 1.5 })).toThrow(OptionError);
    expect(() => bernoulli([2], {} as never)).toThrow(OptionError);
    expect(() => bernoulli(tensor([0.5, -0.1]))).toThrow("element 1 is not");
    expect(() => bernoulli(tensor([0.5, 0, NaN]))).toThrow("element 2 is not");
    expect(() => bernoulli(tensor([1], { dtype: "int32" }))).toThrow(DTypeError);
  });
});

describe("withGenerator", () => {
  const draws = () => [
    rand([3]).toArray(),
    randn([3]).toArray(),
    randint(0, 9, [3]).toArray(),
    randperm(5).toArray(),
    bernoulli([9], { p: 0.5 }).toArray(),
    zeros([3]).uniform_().toArray(),
    nn.init.normal_(zeros([3])).toArray(),
    new nn.Linear(2, 2).weight.toArray(),
    new nn.Dropout(0.5).forward(rand([20])).toArray(),
  ];

  test("all draws come from the given generator, and the default one does not advance", () => {
    manualSeed(7);
    const [expected, end] = [draws(), getRngState()];
    const before = manualSeed(1).getState();
    const generator = new Generator(7);
    expect(withGenerator(generator, draws)).toEqual(expected);
    expect([generator.getState(), getRngState()]).toEqual([end, before]);
  });

  test("inside, the given generator is the default one, with the same seed and state", () => {
    const generator = new Generator(7);
    const both = withGenerator(generator, () => [rand([4]).toArray(), rand([4], { generator }).toArray()]);
    manualSeed(7);
    expect(both).toEqual([rand([4]).toArray(), rand([4]).toArray()]);
    withGenerator(generator, () => manualSeed(3));
    expect([generator.initialSeed(), getRngState().seed]).toEqual([3, 7]);
  });

  test("calls nest, and the previous generator returns after an error", () => {
    const [outer, inner] = [new Generator(1), new Generator(2)];
    const state = getRngState();
    withGenerator(outer, () => {
      expect(() =>
        withGenerator(inner, () => {
          rand([4]);
          throw new Error("mine");
        }),
      ).toThrow("mine");
      expect(getRngState()).toEqual({ seed: 1, offset: 0 });
    });
    expect([getRngState(), inner.getState().offset]).toEqual([state, 4]);
  });

  test("refuses async functions and values that are not generators", () => {
    const state = getRngState();
    expect(() => withGenerator(new Generator(1), async () => 1)).toThrow(/returned a Promise.*after each await/);
    expect(() => withGenerator({} as never, () => 1)).toThrow(OptionError);
    expect(() => withGenerator(new Generator(1), 5 as never)).toThrow(OptionError);
    expect(getRngState()).toEqual(state);
  });
});
