import { describe, expect, test } from "vitest";
import { DTypeError, nn, OptionError, ShapeError, tensor, zeros } from "wasmgrad";

const F = nn.functional;

describe("maxPool2d", () => {
  test("gives the position of the first of equal maxima, and sends the gradient there", () => {
    const x = tensor(
      [
        [
          [1, 1, 0, 2],
          [1, 1, 2, 2],
        ],
      ],
      { requiresGrad: true },
    );
    const [y, index] = F.maxPool2d(x, 2, { returnIndices: true });
    expect(y.toArray()).toEqual([[[1, 2]]]);
    expect(index.dtype).toBe("int32");
    expect(index.toArray()).toEqual([[[0, 3]]]);
    y.backward(tensor([[[5, 7]]]));
    expect(x.grad?.toArray()).toEqual([
      [
        [5, 0, 0, 7],
        [0, 0, 0, 0],
      ],
    ]);
  });

  // the 2x2 kernel takes four windows at a time, so the windows come in fours and in a tail
  test.each([
    [2, {}],
    [[2, 2], { stride: [2, 1] as const }],
  ])("kernel %j: NaN and infinities as in PyTorch", (kernel, options) => {
    const rows = [
      [Number.NaN, 1, 1, Number.NaN, -Infinity, -Infinity, Infinity, 0, Number.NaN, 2],
      [2, 3, 4, 5, -Infinity, -Infinity, 3, Infinity, 9, Number.NaN],
    ];
    const [y, index] = F.maxPool2d(tensor([rows]), kernel, { ...options, returnIndices: true });
    const step = "stride" in options ? 2 : 1;
    const pick = (values: ArrayLike<number>) => [0, 1, 2, 3, 4].map((i) => values[i * step]);
    expect(pick(y.data())).toEqual([Number.NaN, Number.NaN, -Infinity, Infinity, Number.NaN]);
    expect(pick(index.data())).toEqual([0, 3, 4, 6, 19]);
  });

  test("a dilated window that misses the plane altogether gives -Infinity and no gradient", () => {
    const x = tensor([[[1], [2]]], { requiresGrad: true });
    const y = F.maxPool2d(x, [2, 1], { padding: [1, 0], dilation: [3, 1] });
    expect(y.toArray()).toEqual([[[-Infinity]]]);
    y.backward(tensor([[[1]]]));
    expect(x.grad?.toArray()).toEqual([[[0], [0]]]);
  });
});

describe("bad input", () => {
  const x = zeros([1, 2, 4, 4]);
  test("the kernel does not fit", () => {
    expect(() => F.maxPool2d(x, 5)).toThrow(ShapeError);
    expect(() => F.maxPool2d(x, 5)).toThrow(/maxPool2d: kernel \[5,5\].*\[1,2,4,4\]/);
    expect(() => F.avgPool2d(x, [1, 5])).toThrow(ShapeError);
    expect(() => F.maxPool2d(x, 2, { dilation: 4 })).toThrow(ShapeError);
  });
  test("padding over half the kernel", () => {
    expect(() => F.maxPool2d(x, 2, { padding: 2 })).toThrow(/half the kernel/);
    expect(() => F.avgPool2d(x, 3, { padding: [0, 2] })).toThrow(ShapeError);
  });
  test("shapes and dtypes", () => {
    expect(() => F.maxPool2d(zeros([4, 4]), 2)).toThrow(ShapeError);
    expect(() => F.avgPool2d(zeros([1, 0, 4, 4]), 2)).toThrow(/only N may be 0, got \[1,0,4,4\]/);
    expect(() => F.adaptiveAvgPool2d(zeros([1, 1, 1, 4, 4]), 2)).toThrow(ShapeError);
    expect(() => F.maxPool2d(zeros([1, 1, 2, 2], { dtype: "int32" }), 2)).toThrow(DTypeError);
  });
  test.each([
    ["a kernel of 0", () => F.maxPool2d(x, 0)],
    ["a fractional kernel", () => F.avgPool2d(x, 1.5)],
    ["three kernel sizes", () => F.maxPool2d(x, [1, 2, 3])],
    ["NaN stride", () => F.maxPool2d(x, 2, { stride: Number.NaN })],
    ["stride 0", () => F.avgPool2d(x, 2, { stride: 0 })],
    ["negative padding", () => F.maxPool2d(x, 2, { padding: -1 })],
    ["an unknown option", () => F.maxPool2d(x, 2, { strides: 2 } as object)],
    ["an option of another op", () => F.avgPool2d(x, 2, { dilation: 2 } as object)],
    ["divisor 0", () => F.avgPool2d(x, 2, { divisorOverride: 0 })],
    ["a number for a flag", () => F.maxPool2d(x, 2, { ceilMode: 1 as unknown as boolean })],
    ["a negative output size", () => F.adaptiveAvgPool2d(x, -1)],
    ["three output sizes", () => F.adaptiveAvgPool2d(x, [1, 2, 3])],
    ["NaN output size", () => F.adaptiveAvgPool2d(x, [Number.NaN, null])],
    ["returnIndices of the module", () => new nn.MaxPool2d(2, { returnIndices: true } as object)],
  ])("%s is an OptionError", (_name, run) => {
    expect(run).toThrow(OptionError);
  });
});
