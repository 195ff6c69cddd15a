/** What the case tables cannot say about reductions: accuracy on many elements, dtypes, bad input. */
import { describe, expect, test } from "vitest";
import { DTypeError, OptionError, tensor, zeros } from "wasmgrad";
import { sumTo } from "../src/ops/sum.ts";
import { leaf } from "../src/tensor/tensor.ts";
import { testRandom } from "./random.ts";

const longVector = (n: number) => {
  const random = testRandom(3);
  return Float32Array.from({ length: n }, () => random() * 2 + 1);
};

describe("accuracy", () => {
  // an accumulator in float32 is wrong in the third digit here; ours is the exact sum, rounded once
  test("the sum and mean of 5,000,003 elements are exact to the last float32 bit", () => {
    const values = longVector(5_000_003);
    const exact = values.reduce((total, value) => total + value, 0); // float64
    const x = tensor(values);
    expect(x.sum().item()).toBe(Math.fround(exact));
    expect(x.mean().item()).toBe(Math.fround(exact / values.length));
  });

  test("column sums of [200001, 5]", () => {
    const values = longVector(1_000_005);
    const exact = [0, 1, 2, 3, 4].map((c) =>
      values.reduce((total, value, i) => (i % 5 === c ? total + value : total), 0),
    );
    expect([
      ...tensor(values, { shape: [200001, 5] })
        .sum(0)
        .data(),
    ]).toEqual(exact.map(Math.fround));
  });

  test("channel sums of [64,3,100,77] over [0,2,3]", () => {
    const values = longVector(64 * 3 * 7700);
    const exact = [0, 1, 2].map((c) =>
      values.reduce((total, value, i) => (Math.floor(i / 7700) % 3 === c ? total + value : total), 0),
    );
    const sums = tensor(values, { shape: [64, 3, 100, 77] }).sum([0, 2, 3]);
    expect([...sums.data()]).toEqual(exact.map(Math.fround));
  });
});

describe("sum and mean", () => {
  test("the sum of a mask counts it, as int32", () => {
    const mask = tensor([
      [true, false, true],
      [true, true, true],
    ]);
    expect(mask.sum().dtype).toBe("int32");
    expect(mask.sum().item()).toBe(5);
    expect(mask.sum(1).toArray()).toEqual([2, 3]);
  });

  test("over no element: 0 and NaN", () => {
    expect(zeros([0]).sum().item()).toBe(0);
    expect(zeros([0]).mean().item()).toBeNaN();
    expect(zeros([2, 0]).sum(1).toArray()).toEqual([0, 0]);
  });

  test("NaN and infinity go through", () => {
    expect(tensor([1, NaN, 2]).sum().item()).toBeNaN();
    expect(tensor([1, Infinity, 2]).mean().item()).toBe(Infinity);
  });

  test("bad input", () => {
    const x = zeros([2, 3]);
    expect(() => x.sum(2)).toThrow(OptionError);
    expect(() => x.sum(2)).toThrow("sum: dim expected an integer in [-2, 1], got 2");
    expect(() => x.sum([0, -2])).toThrow("sum: dim -2 appears twice in [0, -2]");
    expect(() => x.sum(0.5)).toThrow(OptionError);
    expect(() => x.mean(NaN)).toThrow(OptionError);
    expect(() => x.mean(0, { keepDim: true } as object)).toThrow('mean: unknown option "keepDim"');
    expect(() => x.mean(0, { keepdim: 1 as unknown as boolean })).toThrow("mean: keepdim expected true or false");
    expect(() => zeros([3], { dtype: "int32" }).mean()).toThrow(DTypeError);
    expect(() => zeros([3], { dtype: "bool" }).mean()).toThrow("mean: expected float32, got bool of shape [3]");
  });
});

describe("var and std", () => {
  test("a mean a million times the deviation costs no digits", () => {
    const random = testRandom(9);
    const values = Float32Array.from({ length: 10_000 }, () => 1e6 + random());
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const exact = values.reduce((total, value) => total + (value - mean) ** 2, 0) / (values.length - 1);
    expect(Math.abs(tensor(values).var().item() / exact - 1)).toBeLessThan(1e-6);
    const columns = tensor(values, { shape: [2500, 4] }).var([0, 1]);
    expect(Math.abs(columns.item() / exact - 1)).toBeLessThan(1e-6);
  });

  test("one value, none, and equal values", () => {
    expect(tensor([3]).var().item()).toBeNaN();
    expect(tensor([3]).var(null, { unbiased: false }).item()).toBe(0);
    expect(zeros([0]).std().item()).toBeNaN();
    const x = tensor([2, 2, 2], { requiresGrad: true });
    const std = x.std();
    expect(std.item()).toBe(0);
    std.backward();
    expect(x.grad?.toArray()).toEqual([0, 0, 0]);
  });

  test("correction", () => {
    expect(tensor([1, 2, 3, 4, 5]).var(0, { correction: 3 }).item()).toBe(5);
    expect(tensor([1, 2, 3]).var(0, { correction: 3 }).item()).toBe(Infinity);
  });

  test("bad input", () => {
    const x = zeros([2, 3]);
    expect(() => x.var(0, { correction: NaN })).toThrow("var: correction expected a finite number, got NaN");
    expect(() => x.var(0, { unbiased: 0 as unknown as boolean })).toThrow(OptionError);
    expect(() => x.std(0, { ddof: 1 } as object)).toThrow('std: unknown option "ddof"');
    expect(() => x.std(-3)).toThrow("std: dim expected an integer in [-2, 1], got -3");
    expect(() => zeros([3], { dtype: "int32" }).std()).toThrow(DTypeError);
  });
});

describe("sumTo", () => {
  const reduceTo = (from: number[], to: number[]) => {
    const x = tensor(longVector(from.reduce((a, b) => a * b, 1)), { shape: from });
    return leaf(() => sumTo(x.array, to));
  };
  test.each([
    [[2, 3, 4], [4]],
    [
      [2, 3, 4],
      [3, 1],
    ],
    [
      [2, 3, 4],
      [2, 1, 4],
    ],
    [[2, 3, 4], []],
    [[2, 3, 4], [1, 1, 1, 4].slice(1)],
    [[0, 3], [3]],
    [
      [0, 3],
      [1, 3],
    ],
  ])("%j to %j", (from, to) => {
    const sums = reduceTo(from, to);
    expect(sums.shape).toEqual(to);
    const all = longVector(from.reduce((a, b) => a * b, 1)).reduce((a, b) => a + b, 0);
    expect(sums.sum().item()).toBeCloseTo(all, 4);
  });

  test("refuses what broadcasting cannot have made", () => {
    expect(() => reduceTo([2, 3], [2])).toThrow("sumTo: cannot sum [2,3] to [2]");
    expect(() => reduceTo([3], [2, 3])).toThrow("sumTo: cannot sum [3] to [2,3]");
  });
});
