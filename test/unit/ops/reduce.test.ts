/**
 * Properties of reductions that the case tables do not check: accuracy on many elements, dtypes, bad input.
 */
import { describe, expect, test } from "vitest";
import { DTypeError, OptionError, ShapeError, tensor, zeros } from "wasmgrad";
import { sumTo } from "../../../src/ops/reduce/sum.ts";
import { leaf } from "../../../src/tensor/leaf.ts";
import { testRandom } from "../../support/random.ts";

const longVector = (n: number) => {
  const random = testRandom(3);
  return Float32Array.from({ length: n }, () => random() * 2 + 1);
};

describe("accuracy", () => {
  // a float32 accumulator is wrong in the third digit here; the library gives the exact sum, rounded once
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
  test("a sum of int32 outside its range is clamped to the range", () => {
    const [most, least] = [2 ** 31 - 1, -(2 ** 31)];
    const x = tensor(Int32Array.of(most, 1, least, -1), { shape: [2, 2] });
    expect(x.sum(1).toArray()).toEqual([most, least]);
    expect(x.sum().item()).toBe(-1); // the sum of all is exact
  });

  test("the sum of a mask is the number of its ones, as int32", () => {
    const mask = tensor([
      [true, false, true],
      [true, true, true],
    ]);
    expect(mask.sum().dtype).toBe("int32");
    expect(mask.sum().item()).toBe(5);
    expect(mask.sum(1).toArray()).toEqual([2, 3]);
  });

  test("over no elements, the sum is 0 and the mean NaN", () => {
    expect(zeros([0]).sum().item()).toBe(0);
    expect(zeros([0]).mean().item()).toBeNaN();
    expect(zeros([2, 0]).sum(1).toArray()).toEqual([0, 0]);
  });

  test("NaN and infinity stay", () => {
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
  test("a mean a million times the deviation does not cost accuracy", () => {
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

describe("max, min, argmax, argmin", () => {
  test("NaN beats every number, and the first one is found", () => {
    for (const n of [3, 8, 9]) {
      const values = Array.from({ length: n }, (_, i) => (i === 1 || i === 2 ? NaN : 100 * i));
      const row = tensor(values);
      for (const op of ["max", "min"] as const) {
        expect(row[op]().item()).toBeNaN();
        expect(row[`arg${op}`]().item()).toBe(1);
        const columns = tensor(values.map((v) => [v, 1]))[op](0);
        expect(columns.values.toArray()).toEqual([NaN, 1]);
        expect(columns.indices.toArray()).toEqual([1, 0]);
      }
    }
  });

  test("infinities", () => {
    expect(tensor([-Infinity, -Infinity]).max().item()).toBe(-Infinity);
    expect(tensor([Infinity, Infinity, 3]).argmin().item()).toBe(2);
  });

  test("ties share the gradient of max(); for max(dim) the first one gets it", () => {
    const x = tensor(
      [
        [1, 3, 3],
        [3, 0, 0],
      ],
      { requiresGrad: true },
    );
    x.max().backward();
    expect(x.grad?.toArray()).toEqual(
      [
        [0, 1 / 3, 1 / 3],
        [1 / 3, 0, 0],
      ].map((row) => row.map(Math.fround)),
    );
    x.grad = null;
    x.min(1).values.backward(tensor([1, 2]));
    expect(x.grad).toMatchObject({ shape: [2, 3] });
    expect((x.grad as unknown as typeof x).toArray()).toEqual([
      [1, 0, 0],
      [0, 2, 0],
    ]);
  });

  test("dtypes", () => {
    expect(tensor([true, false]).max().dtype).toBe("bool");
    expect(tensor([3, 9, 4], { dtype: "int32" }).max(0).values.item()).toBe(9);
    expect(tensor([3, 9, 4]).max(0).indices.dtype).toBe("int32");
  });

  test("all and any", () => {
    const x = tensor([
      [true, false],
      [true, true],
    ]);
    expect([x.all().item(), x.any().item()]).toEqual([0, 1]);
    expect(x.all(0).toArray()).toEqual([1, 0]);
    expect(x.all(0).dtype).toBe("bool");
    expect(zeros([0]).all().item()).toBe(1);
    expect(tensor([0, NaN]).any().item()).toBe(1);
  });

  test("bad input", () => {
    const x = zeros([2, 0]);
    expect(() => x.max()).toThrow("max: expected at least one element to choose from, got shape [2,0]");
    expect(() => x.min(1)).toThrow(ShapeError);
    expect(() => x.argmax(1)).toThrow("argmax: expected at least one element");
    expect(() => zeros([2]).max(1)).toThrow("max: dim expected an integer in [-1, 0], got 1");
    expect(() => zeros([2]).max(NaN)).toThrow(OptionError);
    expect(() => zeros([2]).argmin(0, { keep: true } as object)).toThrow('argmin: unknown option "keep"');
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

  test("refuses shapes that broadcasting cannot produce", () => {
    expect(() => reduceTo([2, 3], [2])).toThrow("sumTo: cannot sum [2,3] to [2]");
    expect(() => reduceTo([3], [2, 3])).toThrow("sumTo: cannot sum [3] to [2,3]");
  });
});
