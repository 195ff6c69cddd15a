/** Mistakes that users make: each gets one of the library's own errors, which names the cause, and never one from its inside. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import * as core from "wasmgrad";
import { DTypeError, nn, OptionError, optim, ShapeError, Tensor, tensor, WasmgradError } from "wasmgrad";
import * as data from "wasmgrad/data";
import * as io from "wasmgrad/io";
import * as ssl from "wasmgrad/ssl";
import * as train from "wasmgrad/train";
import * as vision from "wasmgrad/vision";

type Row = [name: string, run: () => unknown, kind: typeof WasmgradError, ...words: string[]];

/** Checks an error's class, and that its message has all the words. */
function expectError(run: () => unknown, kind: typeof WasmgradError, words: readonly string[]): void {
  let error: unknown;
  try {
    run();
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(kind);
  for (const word of words) expect((error as Error).message).toContain(word);
}

const ints = (values: number[]) => tensor(values, { dtype: "int32" });
const any = (value: unknown) => value as never;

describe("arguments of another kind", () => {
  // a path in a file, so that nothing can be written there
  const nowhere = join(fileURLToPath(import.meta.url), "folder");
  const square = () =>
    tensor([
      [1, 2],
      [3, 4],
    ]);
  const values: Record<string, () => unknown> = {
    undefined: () => undefined,
    null: () => null,
    "an array": () => [
      [1, 2],
      [3, 4],
    ],
    "a string": () => nowhere,
    "a promise": () => Promise.resolve(1),
    "a number": () => 5,
    "an object": () => ({}),
    "a module": () => new nn.Linear(1, 1),
    "a class": () => nn.Linear,
    "a function": () => () => 1,
    "an async function": () => async () => 1,
    "a tensor": square,
    "an int32 tensor": () => ints([0, 1]),
  };
  type Call = (...args: unknown[]) => unknown;
  const isClass = (f: unknown) => typeof f === "function" && /^class\b/.test(Function.prototype.toString.call(f));

  /** What `run` throws for each value, but for the library's errors, as text. A class is called by nobody who means it. */
  async function foreignErrors(run: (value: unknown) => unknown): Promise<string[]> {
    const found: string[] = [];
    for (const [kind, value] of Object.entries(values)) {
      try {
        await run(value());
      } catch (error) {
        const message = `${(error as Error).message}`;
        if (error instanceof WasmgradError || /cannot be invoked without 'new'/.test(message)) continue;
        found.push(`${kind}: ${message}`);
      }
    }
    return found;
  }

  const spaces: Record<string, object> = {
    core,
    nn,
    functional: nn.functional,
    init: nn.init,
    utils: nn.utils,
    optim,
    data,
    vision,
    augment: vision.augment,
    transforms: vision.transforms,
    masks: vision.masks,
    train,
    ssl,
    io,
  };
  // what sets the library's memory and threads, errors, abstract classes, and helpers of tests
  const left = /Error$|^setMemoryLimit|^setNumThreads|^formatShape|^Optimizer$|^LRScheduler$/;
  const functions = Object.entries(spaces).flatMap(([space, members]) =>
    Object.entries(members)
      .filter(([name, value]) => typeof value === "function" && !left.test(name))
      .map(([name, value]) => [`${space}.${name}`, value as Call] as const),
  );

  test.each(functions)("%s: the first, second and third", async (_, f) => {
    const call: Call = isClass(f) ? (...args) => Reflect.construct(f, args) : f;
    const first = () => (isClass(f) ? new nn.Linear(1, 1) : square());
    expect(await foreignErrors((value) => call(value))).toEqual([]);
    expect(await foreignErrors((value) => call(first(), value))).toEqual([]);
    expect(await foreignErrors((value) => call(first(), square(), value))).toEqual([]);
  });

  const methods = Object.entries(Object.getOwnPropertyDescriptors(Tensor.prototype)).flatMap(([name, { value }]) =>
    typeof value === "function" && !["constructor", "accumulateGrad"].includes(name) ? [name] : [],
  );

  test.each(methods)("x.%s: the first and second", async (name) => {
    const call = (...args: unknown[]) => (square() as unknown as Record<string, Call>)[name](...args);
    expect(await foreignErrors((value) => call(value))).toEqual([]);
    expect(await foreignErrors((value) => call(0, value))).toEqual([]);
    expect(await foreignErrors((value) => call(square(), value))).toEqual([]);
  });

  const modules: Record<string, () => nn.Module> = {
    Linear: () => new nn.Linear(2, 2),
    Conv2d: () => new nn.Conv2d(1, 1, { kernelSize: 1 }),
    ConvTranspose2d: () => new nn.ConvTranspose2d(1, 1, { kernelSize: 1 }),
    BatchNorm1d: () => new nn.BatchNorm1d(2),
    BatchNorm2d: () => new nn.BatchNorm2d(2),
    LayerNorm: () => new nn.LayerNorm([2]),
    GroupNorm: () => new nn.GroupNorm(1, 2),
    Embedding: () => new nn.Embedding(3, 2),
    Dropout: () => new nn.Dropout(0.5),
    ReLU: () => new nn.ReLU(),
    Sigmoid: () => new nn.Sigmoid(),
    Softmax: () => new nn.Softmax(1),
    Flatten: () => new nn.Flatten(),
    MultiheadAttention: () => new nn.MultiheadAttention(2, 1),
    CrossEntropyLoss: () => new nn.CrossEntropyLoss(),
    MSELoss: () => new nn.MSELoss(),
    "Conv2d, ReLU and MaxPool2d": () =>
      new nn.Sequential(new nn.Conv2d(3, 8, { kernelSize: 3 }), new nn.ReLU(), new nn.MaxPool2d(2)),
  };

  test.each(Object.entries(modules))("%s.forward: the first, second and third", async (_, make) => {
    const module = make();
    expect(await foreignErrors((value) => module.forward(value))).toEqual([]);
    expect(await foreignErrors((value) => module.forward(square(), value))).toEqual([]);
    expect(await foreignErrors((value) => module.forward(square(), square(), value))).toEqual([]);
  });

  test.each<Row>([
    ["nothing", () => nn.functional.relu(any(undefined)), DTypeError, "relu: expected a tensor, got undefined"],
    ["null", () => nn.functional.relu(any(null)), DTypeError, "relu: expected a tensor, got null"],
    ["an array", () => nn.functional.relu(any([1])), DTypeError, "got an array; write tensor(...) around it"],
    [
      "a typed array",
      () => tensor([1]).add(any(Float32Array.of(1))),
      DTypeError,
      "got Float32Array; write tensor(...)",
    ],
    ["a number", () => tensor([1]).matmul(any(2)), DTypeError, "matmul: expected a tensor, got 2"],
    ["a promise", () => tensor([1]).mul(any(Promise.resolve(1))), DTypeError, "a Promise (await it first)"],
    ["a string beside a tensor", () => tensor([1, 2]).mul(any("2")), DTypeError, '"2"', "float32 [2], string"],
    ["a module", () => nn.functional.relu(any(new nn.ReLU())), DTypeError, "an object of the class ReLU"],
    ["a class", () => new nn.Sequential(any(nn.ReLU)), OptionError, "the class ReLU (write new ReLU(...))"],
    ["a class for a model", () => vision.lossCurve(any(nn.ReLU)), OptionError, "lossCurve: series expected an array"],
    ["no target", () => nn.functional.mseLoss(tensor([1]), any(null)), DTypeError, "mseLoss: expected a tensor"],
    ["new Tensor", () => new Tensor(any([1, 2])), OptionError, "tensor(values)"],
    ["new CIFAR10", () => new vision.CIFAR10(any({ root: "." }), []), OptionError, "await CIFAR10.load({ root })"],
  ])("%s", (_, run, kind, ...words) => expectError(run, kind, words));
});

describe("labels and indices", () => {
  const logits = () => tensor([0.5, 1, 2, 3, 4, 5], { shape: [2, 3] });
  const labels = () => tensor([0, 2]);
  const how = ["tensor(", 'dtype: "int32"', ".int()", "float32"];
  const { crossEntropy, nllLoss, embedding, oneHot } = nn.functional;

  test.each<Row>([
    ["crossEntropy", () => crossEntropy(logits(), labels()), DTypeError, "int32 class indices [2]", "[2,3]", ...how],
    ["crossEntropy, [N,1]", () => crossEntropy(logits(), labels().unsqueeze(1)), DTypeError, "[2,1]", ...how],
    ["crossEntropy of one", () => crossEntropy(tensor([1, 2, 3]), tensor(1)), DTypeError, "class indices []", ...how],
    ["CrossEntropyLoss", () => new nn.CrossEntropyLoss().forward(logits(), labels()), DTypeError, ...how],
    ["nllLoss", () => nllLoss(logits(), labels()), DTypeError, "nllLoss: target, class indices,", "[2]", ...how],
    ["embedding", () => embedding(labels(), logits()), DTypeError, "embedding: index expected int32", "[2]", ...how],
    ["oneHot", () => oneHot(labels()), DTypeError, "oneHot: index expected int32", ...how],
    ["oneHot of known classes", () => oneHot(labels(), 3), DTypeError, "oneHot: index expected int32", ...how],
    [
      "gather",
      () => logits().gather(1, tensor([[0], [1]])),
      DTypeError,
      "gather: index expected int32",
      "[2,1]",
      ...how,
    ],
    ["indexSelect", () => logits().indexSelect(0, labels()), DTypeError, "indexSelect: index expected int32", ...how],
    ["rotateQuarters", () => vision.augment.rotateQuarters(tensor([[[[1]]]]), tensor([1])), DTypeError, ...how],
    ["maskTokens", () => ssl.maskTokens(tensor([[1, 2]]), 20), DTypeError, "maskTokens: tokens expected int32", ...how],
  ])("of float32: %s", (_, run, kind, ...words) => expectError(run, kind, words));

  test.each<Row>([
    ["crossEntropy", () => crossEntropy(ints([0, 2]), logits()), DTypeError, "is the target the first argument?"],
    ["nllLoss", () => nllLoss(ints([0, 2]), logits()), DTypeError, "is the target the first argument?", "int32 [2]"],
  ])("exchanged with the input: %s", (_, run, kind, ...words) => expectError(run, kind, words));

  test("probabilities of another shape are still told apart from labels", () => {
    expectError(() => crossEntropy(logits(), tensor([[1, 2]])), DTypeError, ["int32 class indices [2]"]);
    expectError(() => crossEntropy(logits(), tensor([1, 2, 3])), ShapeError, ["float32 probabilities [2,3]", "[3]"]);
  });

  const huge = 200_000_000;
  const bytes = new Uint8Array(3);
  const features = (label: number) => ({ x: tensor([[1], [2]]), labels: Int32Array.of(0, label) });
  test.each<Row>([
    ["crossEntropy", () => crossEntropy(logits(), ints([0, huge])), OptionError, `${huge} at element 1`, "[0, 2]"],
    ["nllLoss", () => nllLoss(logits(), ints([huge, 0])), OptionError, `${huge} at element 0`, "[0, 2]"],
    ["embedding", () => embedding(ints([1, 0, huge]), logits()), OptionError, `index ${huge}`, "[0, 1], at element 2"],
    [
      "oneHot",
      () => oneHot(ints([0, 0, huge])),
      OptionError,
      `label ${huge} of element 2`,
      "200000001 classes",
      "numClasses",
    ],
    [
      "oneHot of known classes",
      () => oneHot(ints([0, huge]), 10),
      OptionError,
      `index ${huge}`,
      "[0, 9], at element 1",
    ],
    ["gather", () => logits().gather(1, ints([0, huge]).unsqueeze(1)), OptionError, `index ${huge}`, "at element 1"],
    ["indexSelect", () => logits().indexSelect(1, ints([huge])), OptionError, `index ${huge}`, "[0, 2], at element 0"],
    [
      "ImageDataset without classes",
      () => vision.ImageDataset.fromBytes(bytes, { shape: [3, 1, 1, 1], labels: [0, huge, 1] }),
      OptionError,
      `label ${huge} of image 1`,
      "names of the classes",
    ],
    [
      "ImageDataset",
      () => vision.ImageDataset.fromBytes(bytes, { shape: [3, 1, 1, 1], labels: [0, huge, 1], classes: ["a", "b"] }),
      core.DataError,
      `label ${huge} of image 1`,
      "[0, 1]",
    ],
    [
      "knnAccuracy",
      () => ssl.knnAccuracy(features(huge), features(0), { k: 1 }),
      OptionError,
      `label ${huge} of training sample 1`,
    ],
    ["linearProbe", () => ssl.linearProbe(features(0), features(huge)), OptionError, `label ${huge} of test sample 1`],
  ])("of 2e8: %s", (_, run, kind, ...words) => expectError(run, kind, words));

  test("the largest label decides where it may be meant", () => {
    expect(oneHot(ints([3, 0])).shape).toEqual([2, 4]);
    expect(oneHot(ints([999_999])).shape).toEqual([1, 1_000_000]);
    expect(vision.ImageDataset.fromBytes(bytes, { shape: [3, 1, 1, 1], labels: [0, 6, 1] }).classes).toHaveLength(7);
  });
});
