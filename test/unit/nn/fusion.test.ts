/**
 * The runs of modules that Sequential computes in one pass, and that the results agree with separate modules.
 */
import { describe, expect, test } from "vitest";
import { nn, type Tensor, tensor } from "wasmgrad";
import { forceConvAlgorithm } from "../../../src/ops/conv/choose.ts";
import { ConvTranspose2d } from "../../../src/ops/conv/conv_transpose2d.ts";
import { Conv2d } from "../../../src/ops/conv/conv2d.ts";
import { Conv2dReluPool } from "../../../src/ops/conv/conv2d_relu_pool.ts";
import { expectClose } from "../../support/compare.ts";
import { testRandom } from "../../support/random.ts";

function images(shape: number[]): Tensor {
  const random = testRandom(3);
  const size = shape.reduce((a, b) => a * b, 1);
  return tensor(
    Float32Array.from({ length: size }, () => random() * 2 - 1),
    { shape, requiresGrad: true },
  );
}

const conv = (channels = 3) => new nn.Conv2d(channels, 32, { kernelSize: 3, padding: 1 });
const pool = (options = {}) => new nn.MaxPool2d(2, options);

describe("one pass for", () => {
  const runs: [string, nn.Module[], unknown][] = [
    ["conv, ReLU", [conv(), new nn.ReLU()], Conv2d],
    ["conv, ReLU, pool", [conv(), new nn.ReLU(), pool({ stride: 2 })], Conv2dReluPool],
    ["conv of many channels, ReLU, pool", [conv(32), new nn.ReLU(), pool()], Conv2dReluPool],
    [
      "transposed conv, ReLU",
      [new nn.ConvTranspose2d(3, 5, { kernelSize: 2, stride: 2 }), new nn.ReLU()],
      ConvTranspose2d,
    ],
  ];
  test.each(runs)("%s: values and gradients agree with separate modules", (_name, modules, op) => {
    const inputs = [0, 1].map(() => images([2, modules[0] instanceof nn.Conv2d ? modules[0].inChannels : 3, 12, 20]));
    const net = new nn.Sequential(...modules);
    const fused = net.forward(inputs[0]);
    let separate: Tensor = inputs[1];
    for (const module of modules) separate = module.forward(separate);
    expect(fused.handle.node?.op).toBeInstanceOf(op);
    expect(separate.handle.node?.op).not.toBeInstanceOf(Conv2dReluPool);
    expect(fused.shape).toEqual(separate.shape);
    expectClose("values", fused.data(), separate.data(), 1e-5); // of few channels, Winograd's error
    const gradients = [fused, separate].map((y, i) => {
      net.zeroGrad();
      y.mul(y).sum().backward();
      return [inputs[i], ...net.parameters()].map((leaf) => leaf.grad?.data() as Float32Array);
    });
    gradients[0].forEach((gradient, i) => {
      const size = Math.max(...gradients[1][i].map(Math.abs));
      expectClose(
        `gradient ${i}`,
        gradient.map((g) => g / size),
        gradients[1][i].map((g) => g / size),
        1e-6,
      );
    });
  });
});

describe("one by one where a pass would give something else:", () => {
  class Half extends nn.ReLU {
    override forward(x: Tensor): Tensor {
      return super.forward(x).mul(0.5);
    }
  }
  const replaced = new nn.ReLU();
  replaced.forward = (x) => x.mul(2);
  test.each<[string, nn.Module[]]>([
    ["pooling 3x3", [conv(), new nn.ReLU(), new nn.MaxPool2d(3)]],
    ["pooling of stride 1", [conv(), new nn.ReLU(), pool({ stride: 1 })]],
    ["pooling with padding", [conv(), new nn.ReLU(), pool({ padding: 1 })]],
    ["pooling in ceil mode", [conv(), new nn.ReLU(), pool({ ceilMode: true })]],
    ["pooling without ReLU", [conv(), pool()]],
    ["a subclass of ReLU", [conv(), new Half(), pool()]],
    ["a forward of the user's", [conv(), replaced, pool()]],
    ["another activation", [conv(), new nn.GELU(), pool()]],
    ["groups", [new nn.Conv2d(4, 8, { kernelSize: 3, groups: 2 }), new nn.ReLU(), pool()]],
  ])("%s", (_name, modules) => {
    const x = images([2, modules[0] instanceof nn.Conv2d ? modules[0].inChannels : 3, 9, 9]);
    const fused = new nn.Sequential(...modules).forward(x);
    let separate: Tensor = x;
    for (const module of modules) separate = module.forward(separate);
    expect(fused.handle.node?.op).not.toBeInstanceOf(Conv2dReluPool);
    expect(fused.data()).toEqual(separate.data());
  });
});

test.each(["winograd", "shallow", "gemm"] as const)("a NaN passes through ReLU and pooling: %s", (algorithm) => {
  const x = images([1, 3, 8, 8]).detach();
  const values = x.data();
  values[27] = Number.NaN;
  const net = new nn.Sequential(conv(), new nn.ReLU(), pool());
  forceConvAlgorithm(algorithm);
  const out = net.forward(tensor(values as Float32Array, { shape: x.shape })).data();
  forceConvAlgorithm(undefined);
  const touched = new Set([...out].map((value, i) => (Number.isNaN(value) ? i % 16 : -1)));
  // pixel (3, 3) affects outputs (2..4, 2..4), and so windows (1..2, 1..2); Winograd's tiles reach further
  expect([5, 6, 9, 10].filter((window) => !touched.has(window))).toEqual([]);
  if (algorithm === "gemm") expect([...touched].sort((a, b) => a - b)).toEqual([-1, 5, 6, 9, 10]);
  expect(touched.has(15)).toBe(false);
});
