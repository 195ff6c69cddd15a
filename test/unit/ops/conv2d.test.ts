/** Convolutions: the arguments that they refuse, and the accuracy of Winograd's algorithm. */
import { afterEach, describe, expect, test } from "vitest";
import {
  DTypeError,
  getConvAlgorithm,
  memory,
  nn,
  noGrad,
  OptionError,
  ShapeError,
  setConvAlgorithm,
  type Tensor,
  tensor,
  zeros,
} from "wasmgrad";
import type { ConvAlgorithmName } from "../../../src/ops/conv/algorithm.ts";
import { forceConvAlgorithm } from "../../../src/ops/conv/choose.ts";
import { testRandom } from "../../support/random.ts";

const { conv2d, convTranspose2d, linear } = nn.functional;

describe("conv2d refuses", () => {
  const x = zeros([2, 4, 8, 8]);
  const weight = zeros([6, 4, 3, 3]);
  test.each<[string, () => Tensor, typeof ShapeError, string]>([
    [
      "channels that do not fit",
      () => conv2d(x, zeros([6, 3, 3, 3])),
      ShapeError,
      "conv2d: weight expects 3 input channels, input has 4 (input [2,4,8,8], weight [6,3,3,3])",
    ],
    [
      "groups that do not divide",
      () => conv2d(x, zeros([6, 2, 3, 3]), null, { groups: 4 }),
      ShapeError,
      "2 input channels in each of 4 groups, input has 4",
    ],
    [
      "filters that cannot be grouped",
      () => conv2d(x, zeros([5, 2, 3, 3]), null, { groups: 2 }),
      ShapeError,
      "5 output channels cannot be split into 2 groups",
    ],
    [
      "a kernel larger than the image",
      () => conv2d(x, zeros([6, 4, 9, 9])),
      ShapeError,
      "9 x 9 pixels does not fit the padded input of 8 x 8",
    ],
    ["an empty kernel", () => conv2d(x, zeros([6, 4, 0, 3])), ShapeError, "the kernel is empty"],
    ["no channels", () => conv2d(zeros([2, 0, 8, 8]), zeros([6, 0, 3, 3])), ShapeError, "there are no input channels"],
    [
      "a flat input",
      () => conv2d(zeros([4, 8]), weight),
      ShapeError,
      "input expected 4 dimensions [N,C,H,W] or [C,H,W], got [4,8]",
    ],
    ["a bias of another length", () => conv2d(x, weight, zeros([5])), ShapeError, "bias expected shape [6], got [5]"],
    [
      "int32",
      () => conv2d(zeros([2, 4, 8, 8], { dtype: "int32" }), weight),
      DTypeError,
      "conv2d: expected float32, got int32 of shape [2,4,8,8]",
    ],
    ["stride 0", () => conv2d(x, weight, null, { stride: 0 }), OptionError, "stride expected an integer >= 1, got 0"],
    ["a stride that is NaN", () => conv2d(x, weight, null, { stride: Number.NaN }), OptionError, "got NaN"],
    [
      "negative padding",
      () => conv2d(x, weight, null, { padding: [1, -1] }),
      OptionError,
      "padding expected an integer >= 0, got -1",
    ],
    [
      "three strides",
      () => conv2d(x, weight, null, { stride: [1, 1, 1] }),
      OptionError,
      "stride expected one integer or two, got [1,1,1]",
    ],
    [
      "an unknown option",
      () => conv2d(x, weight, null, { strides: 2 } as never),
      OptionError,
      'unknown option "strides" (known: stride, padding, dilation, groups)',
    ],
    [
      "an unknown padding",
      () => conv2d(x, weight, null, { padding: "full" as never }),
      OptionError,
      'padding expected integers, "same" or "valid", got "full"',
    ],
    [
      'padding "same" with a stride',
      () => conv2d(x, weight, null, { padding: "same", stride: 2 }),
      OptionError,
      'padding "same" expects stride 1',
    ],
    [
      "linear: features that do not fit",
      () => linear(zeros([2, 3]), zeros([5, 4])),
      ShapeError,
      "got input [2,3], weight [5,4]",
    ],
    [
      "convTranspose2d: channels that do not fit",
      () => convTranspose2d(x, zeros([3, 2, 2, 2])),
      ShapeError,
      "weight expects 3 input channels, input has 4",
    ],
    [
      "convTranspose2d: no channels",
      () => convTranspose2d(zeros([2, 0, 8, 8]), zeros([0, 6, 2, 2])),
      ShapeError,
      "convTranspose2d: there are no input channels",
    ],
    [
      "convTranspose2d: outputPadding as large as the stride",
      () => convTranspose2d(x, zeros([4, 2, 2, 2]), null, { stride: 2, outputPadding: 2 }),
      OptionError,
      "outputPadding must be smaller than stride or dilation",
    ],
    [
      "convTranspose2d: nothing left",
      () => convTranspose2d(zeros([1, 1, 1, 1]), zeros([1, 1, 2, 2]), null, { padding: 1 }),
      ShapeError,
      "the result would be 0 x 0 pixels",
    ],
    [
      "matmul: inner lengths that differ",
      () => zeros([2, 3]).matmul(zeros([4, 5])),
      ShapeError,
      "the left operand has 3 columns, the right one 4 rows (left [2,3], right [4,5])",
    ],
    [
      "matmul: stacks that do not broadcast",
      () => zeros([2, 3, 4]).matmul(zeros([3, 4, 5])),
      ShapeError,
      "[2] and [3] cannot be broadcast",
    ],
    ["matmul: a scalar", () => zeros([]).matmul(zeros([3])), ShapeError, "expected at least one dimension"],
  ])("%s", (_what, run, type, message) => {
    expect(run).toThrow(type);
    expect(run).toThrow(message);
  });
});

test('padding "same" keeps the size, and an odd zero comes last', () => {
  const y = conv2d(tensor([[[[1, 2, 3]]]]), tensor([[[[1, 10]]]]), null, { padding: "same" });
  expect(y.toArray()).toEqual([[[[21, 32, 3]]]]);
});

describe("Winograd", () => {
  afterEach(() => forceConvAlgorithm(undefined));

  /** Relative root mean square difference from the same sums in float64. */
  function error(algorithm: ConvAlgorithmName, channels: number, size: number, kernel: number, stride: number): number {
    const random = testRandom(3);
    const taps = kernel * kernel;
    const x = Float32Array.from({ length: channels * size * size }, () => random() * 2 - 1);
    const weight = Float32Array.from({ length: 4 * channels * taps }, () => random() * 2 - 1);
    forceConvAlgorithm(algorithm);
    const images = tensor(x, { shape: [1, channels, size, size] });
    const kernels = tensor(weight, { shape: [4, channels, kernel, kernel] });
    const y = noGrad(() => conv2d(images, kernels, null, { stride })).data();
    const out = Math.floor((size - kernel) / stride) + 1;
    expect(y.length).toBe(4 * out * out);
    let squares = 0;
    let differences = 0;
    for (let i = 0; i < y.length; i++) {
      const [co, oy, ox] = [Math.floor(i / (out * out)), Math.floor(i / out) % out, i % out];
      let sum = 0;
      for (let ci = 0; ci < channels; ci++)
        for (let tap = 0; tap < taps; tap++) {
          const [iy, ix] = [oy * stride + Math.floor(tap / kernel), ox * stride + (tap % kernel)];
          sum += x[(ci * size + iy) * size + ix] * weight[(co * channels + ci) * taps + tap];
        }
      squares += sum * sum;
      differences += (y[i] - sum) ** 2;
    }
    return Math.sqrt(differences / squares);
  }

  test.each([
    [3, 1, 18],
    [3, 2, 33],
    [4, 2, 34],
  ])(
    "kernel %i, stride %i: its error is within 2e-6, the error of the direct product within 1e-6",
    (kernel, stride, size) => {
      expect(error("winograd", 64, size, kernel, stride)).toBeLessThan(2e-6);
      expect(error("gemm", 64, size, kernel, stride)).toBeLessThan(1e-6);
    },
  );
});

describe("setConvAlgorithm", () => {
  afterEach(() => void setConvAlgorithm("auto"));

  /**
   * Relative root mean square differences from float64, for the result and both gradients of the 3x3
   * convolution of one image.
   */
  function errors(): number[] {
    const [channels, size] = [32, 10];
    const random = testRandom(9);
    const draw = (count: number) => Float32Array.from({ length: count }, () => random() * 2 - 1);
    const [x, w, d] = [draw(channels * size * size), draw(channels * channels * 9), draw(channels * 64)];
    const input = tensor(x, { shape: [1, channels, size, size], requiresGrad: true });
    const weight = tensor(w, { shape: [channels, channels, 3, 3], requiresGrad: true });
    const y = conv2d(input, weight);
    y.mul(tensor(d, { shape: [1, channels, 8, 8] }))
      .sum()
      .backward();
    const exact = [new Float64Array(channels * 64), new Float64Array(x.length), new Float64Array(w.length)];
    for (let co = 0; co < channels; co++)
      for (let pixel = 0; pixel < 64; pixel++)
        for (let ci = 0; ci < channels; ci++)
          for (let tap = 0; tap < 9; tap++) {
            const row = (pixel >> 3) + Math.floor(tap / 3);
            const [out, k] = [co * 64 + pixel, (co * channels + ci) * 9 + tap];
            const at = (ci * size + row) * size + (pixel & 7) + (tap % 3);
            exact[0][out] += x[at] * w[k];
            exact[1][at] += d[out] * w[k];
            exact[2][k] += x[at] * d[out];
          }
    return [y.data(), input.grad!.data(), weight.grad!.data()].map((came, i) => {
      const squares = exact[i].reduce((sum, value) => sum + value * value, 0);
      const differences = exact[i].reduce((sum, value, j) => sum + (came[j] - value) ** 2, 0);
      return Math.sqrt(differences / squares);
    });
  }

  test("all passes use the chosen algorithm, which their errors against float64 reveal", () => {
    expect(getConvAlgorithm()).toBe("auto");
    const auto = errors();
    expect(setConvAlgorithm("gemm")).toBe("gemm");
    expect(getConvAlgorithm()).toBe("gemm");
    const gemm = errors();
    setConvAlgorithm("winograd");
    expect(errors()).toEqual(auto); // 32 channels: Winograd pays
    for (const pass of [0, 1, 2]) {
      expect(auto[pass]).toBeLessThan(2e-6);
      expect(gemm[pass]).toBeLessThan(5e-7);
      expect(auto[pass]).toBeGreaterThan(1.5 * gemm[pass]);
    }
  });

  test.each(["direct", "", "Gemm", undefined, null, 1])("%s is refused, and changes nothing", (choice) => {
    setConvAlgorithm("gemm");
    expect(() => setConvAlgorithm(choice as never)).toThrow(OptionError);
    expect(getConvAlgorithm()).toBe("gemm");
  });
});

describe("panels of weights are kept until the weight changes", () => {
  const random = testRandom(5);
  const draw = (shape: number[]) =>
    tensor(
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random() * 2 - 1),
      { shape },
    );
  const runs: [string, (x: Tensor, weight: Tensor) => Tensor, number[], number[]][] = [
    ["Winograd", (x, w) => conv2d(x, w, null, { padding: 1 }), [1, 32, 8, 8], [32, 32, 3, 3]],
    ["Winograd, stride 2", (x, w) => conv2d(x, w, null, { stride: 2 }), [4, 16, 16, 16], [16, 16, 4, 4]],
    ["product", (x, w) => conv2d(x, w, null, { stride: 2 }), [1, 4, 8, 8], [6, 4, 3, 3]],
    ["transposed", (x, w) => convTranspose2d(x, w, null, { stride: 2 }), [1, 4, 8, 8], [4, 3, 2, 2]],
  ];

  test.each(runs)("%s: a weight written to in place counts at once, in all passes", (_name, run, xShape, wShape) => {
    const [w, other] = [draw(wShape), draw(wShape)];
    const gradients = (weight: Tensor) => {
      const x = tensor(
        Float32Array.from({ length: xShape.reduce((a, b) => a * b, 1) }, (_, i) => (i % 7) - 3),
        {
          shape: xShape,
          requiresGrad: true,
        },
      );
      const y = run(x, weight);
      y.mul(y).sum().backward();
      return [y.data(), x.grad?.data()];
    };
    const before = gradients(w);
    expect(gradients(w)).toEqual(before);
    w.copy_(other);
    const after = gradients(w);
    expect(after).not.toEqual(before);
    expect(after).toEqual(gradients(other));
  });

  test.each(runs)("%s: they are released with the weight", (_name, run, xShape, wShape) => {
    const x = draw(xShape);
    const before = memory().liveBytes;
    const weight = draw(wShape);
    const own = memory().liveBytes - before;
    run(x, weight).release();
    run(x, weight).release(); // panels that are used again are kept
    expect(memory().liveBytes - before).toBeGreaterThan(own);
    weight.release();
    expect(memory().liveBytes).toBe(before);
  });
});
