/**
 * If a worker dies, the caller runs the kernel again over the whole range (src/runtime/parallel/job.ts). So
 * this test runs every kernel twice. The second run must not change a byte of the memory, unless the kernel
 * is marked as one that reads what it writes (`@inPlace`).
 */
import { readFileSync } from "node:fs";
import { describe, expect, test, vi } from "vitest";
import { arange, bernoulli, eye, grad, linspace, nn, optim, poisson, rand, randn, scope } from "wasmgrad";
import { describeImages, noiseImages } from "../../src/ops/image/augment.ts";
import { ByteImages } from "../../src/ops/image/byte_images.ts";
import { averageStep } from "../../src/ops/optim/moving_average.ts";
import { withFrame } from "../../src/runtime/frame.ts";
import { IN_PLACE_KERNELS } from "../../src/runtime/kernels.generated.ts";
import { allCases } from "../cases/index.ts";
import { checkCase } from "../support/check_case.ts";

/**
 * Launches that are checked for each kernel and each pattern of equal arguments (as where it works in place).
 */
const LOOKS = 4;

const runs = vi.hoisted(() => ({
  looks: new Map<string, number>(),
  kernels: new Set<string>(),
  changing: new Set<string>(),
}));

vi.mock("../../src/runtime/kernels.ts", async (importOriginal) => {
  const { replaceLaunch } = await import("../support/replace_launch.ts");
  const { linearMemory } = await import("../../src/runtime/linear_memory.ts");
  const { HEAP_START } = await import("../../src/runtime/memory.ts");
  const { settle } = await import("../../src/runtime/parallel/pending.ts");
  return replaceLaunch(await importOriginal(), (launch) => (name, total, grain, ...args) => {
    const again = () => {
      launch(name, total, grain, ...args);
      settle();
    };
    again();
    if (total <= 0) return;
    runs.kernels.add(name);
    const aliases = args.map((value, i) => (value === 0 ? i : args.indexOf(value)));
    const key = `${name} ${aliases}`;
    const looks = runs.looks.get(key) ?? 0;
    runs.looks.set(key, looks + 1);
    if (looks >= LOOKS) return;
    const heap = Buffer.from(linearMemory.buffer, HEAP_START);
    const once = Buffer.from(heap);
    again();
    if (once.equals(heap)) return;
    runs.changing.add(name);
    heap.set(once);
  });
});

describe.each(Object.entries(allCases))("%s", (_op, cases) => {
  test.each(cases.map((testCase) => [testCase.name, testCase] as const))("%s", (_name, testCase) => {
    scope(() => checkCase(testCase, 1));
  });
});

test("optimizers, running statistics, clipping", () => {
  const model = new nn.Sequential(new nn.Conv2d(2, 4, { kernelSize: 3 }), new nn.BatchNorm2d(4), new nn.Dropout(0.5));
  for (const optimizer of [
    new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 }),
    new optim.Adam(model.parameters(), { lr: 0.1 }),
    new optim.RMSprop(model.parameters(), { lr: 0.1 }),
    new optim.Adagrad(model.parameters(), { lr: 0.1 }),
    new optim.Adadelta(model.parameters(), { lr: 0.1 }),
    new optim.Adamax(model.parameters(), { lr: 0.1 }),
    new optim.NAdam(model.parameters(), { lr: 0.1 }),
    new optim.RAdam(model.parameters(), { lr: 0.1 }),
    new optim.Rprop(model.parameters(), { lr: 0.1 }),
    new optim.ASGD(model.parameters(), { lr: 0.1 }),
  ]) {
    optimizer.zeroGrad();
    nn.functional.mseLoss(model.forward(randn([2, 2, 6, 6])), rand([2, 4, 4, 4])).backward();
    nn.utils.clipGradNorm_(model.parameters(), 0.01);
    nn.utils.clipGradValue_(model.parameters(), 0.001);
    optimizer.step();
  }
});

test("averages, noise, hashes of images", () => {
  const [mean, x] = [randn([5]), randn([5])];
  averageStep(mean.array, x.array, 0.5);
  const images = rand([2, 1, 3, 3]).array;
  const chance = { indices: arange(2).array, seed: 1, epoch: 0, step: 0, view: 0 };
  withFrame(() => noiseImages(images, chance, 0.5));
  withFrame(() => describeImages(images));
});

test("creation, random numbers, images of bytes", () => {
  arange(5);
  arange(0, 1, 0.25);
  linspace(0, 1, 5);
  eye(3);
  bernoulli([5], { p: 0.5 });
  bernoulli(rand([5]).bool().float());
  poisson(rand([5]));
  const images = new ByteImages(2, 3, 4, 4);
  images.write(0, new Uint8Array(96), "CHW");
  withFrame(() => images.statistics());
  images.release();
});

test("a product that is added to what is there", () => {
  // 40 images of 16 tiles: the gradient of the weight is summed over several chunks of images
  const weight = rand([32, 32, 3, 3], { requiresGrad: true });
  nn.functional
    .conv2d(rand([40, 32, 16, 16]), weight, null, { padding: 1 })
    .sum()
    .backward();
});

test("the gradient of a gradient, through a convolution with ReLU and pooling", () => {
  const model = new nn.Sequential(
    new nn.Conv2d(3, 4, { kernelSize: 3, padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
  );
  const x = rand([2, 3, 8, 8], { requiresGrad: true });
  const [dx] = grad(model.forward(x).square().sum(), [x], { createGraph: true });
  grad(dx.square().sum(), [x]);
});

test("only the marked kernels change their result when they run again, and all kernels ran", () => {
  const declared = readFileSync(new URL("../../src/runtime/kernels.generated.ts", import.meta.url), "utf8");
  const kernels = [...declared.matchAll(/^ {2}(\w+)\(begin: number, end: number/gm)].map((match) => match[1]);
  expect(kernels.length).toBeGreaterThan(100);
  expect(kernels.filter((name) => !runs.kernels.has(name))).toEqual([]);
  expect([...runs.changing].sort()).toEqual([...IN_PLACE_KERNELS].sort());
});
