import { describe, expect, test } from "vitest";
import { DTypeError, manualSeed, nn, OptionError, ones, rand, ShapeError, tensor, zeros } from "wasmgrad";

const attend = nn.functional.scaledDotProductAttention;

describe("scaledDotProductAttention", () => {
  test("if all keys are equal, it averages the values that a query may see", () => {
    const values = ones([3, 1]).mul(nn.functional.pad(ones([1, 1]), [0, 0, 0, 2])); // 1, 0, 0
    const [q, k] = [zeros([3, 4]), rand([3, 4])];
    expect(attend(q, k, values, { isCausal: true }).toArray()).toEqual([[1], [0.5], [Math.fround(1 / 3)]]);
  });

  test("batch dimensions broadcast", () => {
    expect(attend(rand([2, 1, 3, 4]), rand([5, 6, 4]), rand([5, 6, 7])).shape).toEqual([2, 5, 3, 7]);
    expect(attend(rand([0, 3, 4]), rand([0, 6, 4]), rand([0, 6, 7])).shape).toEqual([0, 3, 7]);
  });

  test.each([
    [
      "bool",
      tensor([
        [true, true, false],
        [false, false, false],
      ]),
    ],
    [
      "float",
      tensor([
        [0, 0, -Infinity],
        [-Infinity, -Infinity, -Infinity],
      ]),
    ],
  ])("a query that may see no key gives 0, and no gradient passes (%s mask)", (_kind, attnMask) => {
    const [q, k, v] = [
      [2, 4],
      [3, 4],
      [3, 4],
    ].map((shape) => rand(shape, { requiresGrad: true }));
    const y = attend(q, k, v, { attnMask });
    expect(y.toArray()).toEqual(
      [attend(q.narrow(0, 0, 1), k.narrow(0, 0, 2), v.narrow(0, 0, 2)).toArray()].flat().concat([[0, 0, 0, 0]]),
    );
    y.sum().backward();
    for (const x of [q, k, v]) expect(x.grad!.data().every(Number.isFinite)).toBe(true);
    expect(q.grad!.toArray()).toEqual([expect.anything(), [0, 0, 0, 0]]);
    expect(v.grad!.select(0, 2).toArray()).toEqual([0, 0, 0, 0]);
  });

  test("dropout drops weights, the same ones for the same seed", () => {
    const [q, k, v] = [zeros([1, 2]), zeros([1000, 2]), ones([1000, 1])];
    const run = (dropoutP: number) => {
      manualSeed(1);
      return attend(q, k, v, { dropoutP }).item();
    };
    expect(run(0.5)).toBe(run(0.5));
    expect(run(0.5)).not.toBe(run(0));
    expect(Math.abs(run(0.5) - 1)).toBeLessThan(0.15); // 1000 coins: 5 standard deviations
    expect(run(1)).toBe(0);
  });

  test("bad input", () => {
    const [q, k, v] = [rand([2, 3, 4]), rand([2, 5, 4]), rand([2, 5, 6])];
    expect(() => attend(q, rand([2, 5, 3]), v)).toThrow(/q \[...,L,E\].*\[2,3,4\], \[2,5,3\], \[2,5,6\]/);
    expect(() => attend(q, k, rand([2, 4, 6]))).toThrow(ShapeError);
    expect(() => attend(rand([4]), k, v)).toThrow(ShapeError);
    expect(() => attend(q, k, v, { attnMask: ones([3, 4]) })).toThrow(/\[3,4\] does not broadcast to \[2,3,5\]/);
    expect(() => attend(q, k, v, { attnMask: ones([7, 2, 3, 5]) })).toThrow(ShapeError);
    expect(() => attend(q, k, v, { attnMask: zeros([3, 5], { dtype: "int32" }) })).toThrow(DTypeError);
    expect(() => attend(q, k, v, { attnMask: ones([3, 5]), isCausal: true })).toThrow(OptionError);
    expect(() => attend(q, k, v, { dropoutP: 1.5 })).toThrow(OptionError);
    expect(() => attend(q, k, v, { scale: Number.NaN })).toThrow(OptionError);
    expect(() => attend(q, k, v, { mask: 1 } as object)).toThrow(OptionError);
  });
});
