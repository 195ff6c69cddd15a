/** The expected texts are what PyTorch 1.13 prints for the same values (its "torch.int32" is our "int32"). */
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { arange, type Tensor, tensor, zeros } from "wasmgrad";

const cases: [name: string, make: () => Tensor, lines: string[]][] = [
  ["a whole scalar", () => tensor(3), ["tensor(3.)"]],
  ["a scalar", () => tensor(-0.1), ["tensor(-0.1000)"]],
  [
    "whole numbers",
    () =>
      tensor([
        [1, 2],
        [3, -40],
      ]),
    ["tensor([[  1.,   2.],", "        [  3., -40.]])"],
  ],
  [
    "four decimals in a common width",
    () =>
      tensor([
        [1, -22.5],
        [0.12345, 3],
      ]),
    ["tensor([[  1.0000, -22.5000],", "        [  0.1235,   3.0000]])"],
  ],
  [
    "scientific: sizes differ by more than 1000",
    () => tensor([0, 1e-3, -2.5]),
    ["tensor([ 0.0000e+00,  1.0000e-03, -2.5000e+00])"],
  ],
  ["scientific: a size above 1e8", () => tensor([2e8, -3e8]), ["tensor([ 2.0000e+08, -3.0000e+08])"]],
  ["scientific: a size below 1e-4", () => tensor([1.5e-5]), ["tensor([1.5000e-05])"]],
  ["scientific: a denormal", () => tensor([1e-40, 1]), ["tensor([9.9999e-41, 1.0000e+00])"]],
  ["ties to even, as C prints", () => tensor([0.03125, 0.09375, -0.15625]), ["tensor([ 0.0312,  0.0938, -0.1562])"]],
  ["NaN and infinity among whole numbers", () => tensor([NaN, 1, -Infinity]), ["tensor([nan, 1., -inf])"]],
  ["NaN and infinity among fractions", () => tensor([NaN, 1.5, Infinity]), ["tensor([   nan, 1.5000,    inf])"]],
  ["nothing but NaN and zeros", () => tensor([NaN, 0, -0]), ["tensor([nan, 0., -0.])"]],
  ["int32", () => arange(3), ["tensor([0, 1, 2], dtype=int32)"]],
  [
    "int32 in a common width",
    () =>
      tensor(
        [
          [1, -200],
          [30, 4],
        ],
        { dtype: "int32" },
      ),
    ["tensor([[   1, -200],", "        [  30,    4]], dtype=int32)"],
  ],
  [
    "bool",
    () =>
      tensor([
        [true, false],
        [false, true],
      ]),
    ["tensor([[ True, False],", "        [False,  True]])"],
  ],
  [
    "three dimensions",
    () => arange(8, { dtype: "float32" }).reshape([2, 2, 2]),
    ["tensor([[[0., 1.],", "         [2., 3.]],", "", "        [[4., 5.],", "         [6., 7.]]])"],
  ],
  [
    "four dimensions",
    () => arange(4, { dtype: "float32" }).reshape([2, 1, 1, 2]),
    ["tensor([[[[0., 1.]]],", "", "", "        [[[2., 3.]]]])"],
  ],
  [
    "lines of at most 80 characters",
    () => arange(12, { dtype: "float32" }).div(8),
    [
      "tensor([0.0000, 0.1250, 0.2500, 0.3750, 0.5000, 0.6250, 0.7500, 0.8750, 1.0000,",
      "        1.1250, 1.2500, 1.3750])",
    ],
  ],
  [
    "the edges of a long vector",
    () => arange(1001, { dtype: "float32" }),
    ["tensor([   0.,    1.,    2.,  ...,  998.,  999., 1000.])"],
  ],
  [
    "the edges of a matrix",
    () => arange(2000, { dtype: "float32" }).reshape([40, 50]),
    [
      "tensor([[0.0000e+00, 1.0000e+00, 2.0000e+00,  ..., 4.7000e+01, 4.8000e+01,",
      "         4.9000e+01],",
      "        [5.0000e+01, 5.1000e+01, 5.2000e+01,  ..., 9.7000e+01, 9.8000e+01,",
      "         9.9000e+01],",
      "        [1.0000e+02, 1.0100e+02, 1.0200e+02,  ..., 1.4700e+02, 1.4800e+02,",
      "         1.4900e+02],",
      "        ...,",
      "        [1.8500e+03, 1.8510e+03, 1.8520e+03,  ..., 1.8970e+03, 1.8980e+03,",
      "         1.8990e+03],",
      "        [1.9000e+03, 1.9010e+03, 1.9020e+03,  ..., 1.9470e+03, 1.9480e+03,",
      "         1.9490e+03],",
      "        [1.9500e+03, 1.9510e+03, 1.9520e+03,  ..., 1.9970e+03, 1.9980e+03,",
      "         1.9990e+03]])",
    ],
  ],
  [
    "a short dimension beside a long one",
    () => arange(1200, { dtype: "float32" }).reshape([2, 3, 200]),
    [
      "tensor([[[0.0000e+00, 1.0000e+00, 2.0000e+00,  ..., 1.9700e+02,",
      "          1.9800e+02, 1.9900e+02],",
      "         [2.0000e+02, 2.0100e+02, 2.0200e+02,  ..., 3.9700e+02,",
      "          3.9800e+02, 3.9900e+02],",
      "         [4.0000e+02, 4.0100e+02, 4.0200e+02,  ..., 5.9700e+02,",
      "          5.9800e+02, 5.9900e+02]],",
      "",
      "        [[6.0000e+02, 6.0100e+02, 6.0200e+02,  ..., 7.9700e+02,",
      "          7.9800e+02, 7.9900e+02],",
      "         [8.0000e+02, 8.0100e+02, 8.0200e+02,  ..., 9.9700e+02,",
      "          9.9800e+02, 9.9900e+02],",
      "         [1.0000e+03, 1.0010e+03, 1.0020e+03,  ..., 1.1970e+03,",
      "          1.1980e+03, 1.1990e+03]]])",
    ],
  ],
];

describe("as PyTorch prints", () => {
  test.each(cases)("%s", (_name, make, lines) => {
    expect(String(make())).toBe(lines.join("\n"));
  });
});

test("empty tensors show their shape and dtype", () => {
  expect(String(zeros([0]))).toBe("tensor([])");
  expect(String(zeros([0, 3]))).toBe("tensor([], size=[0, 3])");
  expect(String(zeros([2, 0], { dtype: "bool" }))).toBe("tensor([], size=[2, 0], dtype=bool)");
});

test("a tensor says how it takes part in a graph", () => {
  const x = tensor([1, 2], { requiresGrad: true });
  expect(String(x)).toBe("tensor([1., 2.], requiresGrad=true)");
  expect(String(x.reshape([2, 1]))).toBe("tensor([[1.],\n        [2.]], gradFn=<reshape>)");
  expect(String(x.detach())).toBe("tensor([1., 2.])");
});

test("a suffix that does not fit goes on a line of its own", () => {
  const x = tensor(new Array(9).fill(1.5), { requiresGrad: true });
  expect(String(x).split("\n").at(-1)).toBe("       requiresGrad=true)");
});

test("1000 elements are shown in full, 1001 are not", () => {
  expect(String(arange(1000))).toContain("500");
  expect(String(arange(1001))).not.toContain("500");
});

test("console.log in Node shows the same", () => {
  expect(inspect(tensor([1, 2]))).toBe("tensor([1., 2.])");
  expect(inspect({ x: tensor(1) })).toBe("{ x: tensor(1.) }");
});

test("a notebook shows the same", () => {
  const x: object = tensor([1, 2]);
  const display = Reflect.get(x, Symbol.for("Jupyter.display")) as () => object;
  expect(display.call(x)).toEqual({ "text/plain": "tensor([1., 2.])" });
});

test("a released tensor says so, and throws nothing", () => {
  const x = tensor([1, 2]);
  x.release();
  expect(String(x)).toBe("tensor(released by release(), shape=[2])");
});
