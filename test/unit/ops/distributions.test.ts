/** multinomial, normal and poisson: ranges, moments and frequencies, for fixed seeds. */
import { beforeEach, describe, expect, test } from "vitest";
import { full, Generator, manualSeed, multinomial, normal, OptionError, poisson, tensor, zeros } from "wasmgrad";

beforeEach(() => {
  manualSeed(3);
});

describe("multinomial", () => {
  const weights = [1, 0, 3, 4];

  test.each([1, 2])("frequencies with replacement are those of the weights: %s rows", (rows) => {
    const n = 20000;
    const x = multinomial(tensor(new Array(rows).fill(weights)), n, { replacement: true });
    for (const row of x.unbind()) {
      const counts = row.bincount({ minlength: 4 }).toArray() as number[];
      for (const [i, count] of counts.entries()) expect(Math.abs(count / n - weights[i] / 8)).toBeLessThan(0.015);
      expect(counts[1]).toBe(0);
    }
  });

  test("without replacement, each position is drawn at most once, the likely ones first", () => {
    const x = multinomial(tensor([1, 0, 3, 4]).expand([4000, 4]), 3);
    expect(x.sort().values.unique().toArray()).toEqual([0, 2, 3]);
    const first = (x.select(1, 0).bincount({ minlength: 4 }).toArray() as number[]).map((count) => count / 4000);
    for (const [i, p] of [1 / 8, 0, 3 / 8, 1 / 2].entries()) expect(Math.abs(first[i] - p)).toBeLessThan(0.03);
  });

  test("weights that allow no draw are refused", () => {
    expect(() => multinomial(tensor([1, -1]), 1)).toThrow(OptionError);
    expect(() => multinomial(tensor([1, Number.NaN]), 1)).toThrow(OptionError);
    expect(() => multinomial(tensor([0, 0]), 1, { replacement: true })).toThrow(OptionError);
    expect(() => multinomial(tensor([1, 0]), 2)).toThrow(OptionError);
  });
});

test("normal has the means and deviations that are given", () => {
  const x = normal(tensor([0, 100]), tensor([1, 10]).expand([20000, 2]));
  const [mean, std] = [x.mean(0).toArray() as number[], x.std(0).toArray() as number[]];
  expect(Math.abs(mean[0])).toBeLessThan(0.03);
  expect(Math.abs(mean[1] - 100)).toBeLessThan(0.3);
  expect(Math.abs(std[0] - 1)).toBeLessThan(0.03);
  expect(Math.abs(std[1] - 10)).toBeLessThan(0.3);
  expect(normal(0, 1, [2, 3]).shape).toEqual([2, 3]);
  expect(() => normal(0, 1)).toThrow(OptionError);
});

describe("poisson", () => {
  test.each([0, 0.3, 4, 9.9, 10, 35, 1000])("mean and variance of rate %s", (rate) => {
    const n = 20000;
    const x = poisson(full([n], rate));
    const [mean, variance] = [x.mean().item(), x.var().item()];
    expect(x.frac().abs().max().item()).toBe(0);
    expect(Math.abs(mean - rate)).toBeLessThanOrEqual(4 * Math.sqrt(rate / n));
    expect(Math.abs(variance - rate)).toBeLessThanOrEqual(0.06 * rate + 0.001);
  });

  test("frequencies of rate 12 are those of the distribution", () => {
    const n = 50000;
    const counts = poisson(full([n], 12))
      .int()
      .bincount({ minlength: 40 })
      .toArray() as number[];
    let p = 0.00000614421235332821; // e^-12
    for (let k = 0; k < 30; k++) {
      expect(Math.abs(counts[k] / n - p)).toBeLessThan(0.006);
      p *= 12 / (k + 1);
    }
  });

  test("a generator gives the same numbers again", () => {
    const draw = () => poisson(full([100], 3), { generator: new Generator(9) }).toArray();
    expect(draw()).toEqual(draw());
    expect(() => poisson(full([2], -1))).toThrow(OptionError);
    expect(poisson(zeros([2])).toArray()).toEqual([0, 0]);
  });
});
