/**
 * Mistakes that users make. Each gives one of the library's own errors, which names the cause, never an
 * internal error.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { format, inspect } from "node:util";
import { describe, expect, test } from "vitest";
import * as core from "wasmgrad";
import { DTypeError, nn, OptionError, optim, ShapeError, Tensor, tensor, WasmgradError } from "wasmgrad";
import * as data from "wasmgrad/data";
import * as distributed from "wasmgrad/distributed";
import * as io from "wasmgrad/io";
import * as ssl from "wasmgrad/self-supervised";
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
const any = <T = never>(value: unknown) => value as T;

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

  /**
   * The errors that `run` throws for each value, as text, except the library's own errors. Calling a class is
   * always an error of JavaScript itself.
   */
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
    distributed,
    io,
  };
  // left out: functions that set memory and threads, errors, abstract classes, and helpers of tests
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

  /** The prototypes of the classes that make up Tensor, each with a family of methods. */
  function chainOf(prototype: object): object[] {
    const isClass = Object.hasOwn(prototype, "constructor") && prototype !== Object.prototype;
    return isClass ? [prototype, ...chainOf(Object.getPrototypeOf(prototype))] : [];
  }
  const methods = chainOf(Tensor.prototype)
    .flatMap((prototype) => Object.entries(Object.getOwnPropertyDescriptors(prototype)))
    .flatMap(([name, { value }]) =>
      typeof value === "function" && !["constructor", "accumulateGrad", "become"].includes(name) ? [name] : [],
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

  test("probabilities of another shape are still distinguished from labels", () => {
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

  test("if class labels may be meant, the largest label decides", () => {
    expect(oneHot(ints([3, 0])).shape).toEqual([2, 4]);
    expect(oneHot(ints([999_999])).shape).toEqual([1, 1_000_000]);
    expect(vision.ImageDataset.fromBytes(bytes, { shape: [3, 1, 1, 1], labels: [0, 6, 1] }).classes).toHaveLength(7);
  });
});

describe("what a user's function returns: data", () => {
  class Digits implements data.Dataset<unknown> {
    readonly length = 4;
    readonly get: (index: number) => unknown;
    constructor(get: (index: number) => unknown) {
      this.get = get;
    }
  }
  const image = () => tensor([[[1]]]);
  const good = { length: 4, get: (i: number) => [tensor([i]), i] as const };
  const read = (set: unknown, options: object = {}) => {
    for (const _ of new data.DataLoader(any(set), { batchSize: 2, ...options })) expect.unreachable();
  };
  const later = ["a Promise", "asynchronous", "await"];
  const nothing = ["undefined", "does it return"];
  const waits = ["returned a Promise", "write for await (const batch of loader)"];

  test.each<Row>([
    ["get without return", () => read(new Digits(() => {})), OptionError, "Digits.get(0)", "a sample", ...nothing],
    ["an asynchronous get", () => read(new Digits(async () => [image()])), OptionError, "Digits.get(0)", ...waits],
    [
      "of one index only",
      () => read(new Digits((i) => (i === 1 ? undefined : [image()]))),
      OptionError,
      "Digits.get(1)",
      ...nothing,
    ],
    ["get of null", () => read(new Digits(() => null)), ShapeError, "sample 0 (Digits.get(0))", "got null"],
    [
      "get of an object",
      () => read(new Digits(() => ({ x: 1 }))),
      ShapeError,
      "array of tensors and integers",
      '{"x":1}',
    ],
    ["get of a tensor", () => read(new Digits(image)), ShapeError, "got a float32 tensor of shape [1,1,1]"],
    [
      "a part not awaited",
      () => read(new Digits((i) => [Promise.resolve(image()), i])),
      DTypeError,
      "part 0",
      "await it",
    ],
    [
      "a part without value",
      () => read(new Digits((i) => [image(), i === 1 ? undefined : i])),
      DTypeError,
      "part 1 of sample 1 (Digits.get(1))",
      "undefined",
    ],
    ["a part as an array", () => read(new Digits((i) => [[1, 2], i])), DTypeError, "part 0", "[1,2]"],
    ["get of a plain object", () => read({ length: 4, get: () => {} }), OptionError, "the data set.get(0)", ...nothing],
    ["through a subset", () => read(new data.Subset(any(new Digits(() => {})), [3, 2])), OptionError, "Digits.get(3)"],
    [
      "through a split",
      () => read(data.randomSplit(any(new Digits(() => {})), [2, 2], { seed: 0 })[0]),
      OptionError,
      "Digits.get(",
      ...nothing,
    ],
    ["through withIndices", () => read(data.withIndices(any(new Digits(() => {})))), OptionError, "Digits.get(0)"],
    [
      "withIndices, one by one",
      () => data.withIndices(any(new Digits(() => 7))).get(2),
      OptionError,
      "withIndices: Digits.get(2)",
      "an array of tensors and integers, got 7",
    ],
    [
      "checkImages",
      () => vision.checkImages(any(new Digits(async () => [image()]))),
      OptionError,
      "Digits.get(0)",
      ...later,
    ],
    ["a batch without return", () => read({ ...good, batch: () => {} }), OptionError, "the data set.batch", ...nothing],
    ["an asynchronous batch", () => read({ ...good, batch: async () => [] }), OptionError, ".batch", ...waits],
    [
      "a batch of promises",
      () => read({ ...good, batch: () => [Promise.resolve(1)] }),
      OptionError,
      "part 0",
      ...later,
    ],
    ["collate without return", () => read(good, { collate: () => {} }), OptionError, "DataLoader: collate", ...nothing],
    ["an asynchronous collate", () => read(good, { collate: async () => [] }), OptionError, "collate", ...later],
    [
      "collate of null",
      () => read(good, { collate: () => null }),
      OptionError,
      "collate expected to return a batch, got null",
    ],
    ["collate as an array", () => read(good, { collate: [] }), OptionError, "collate expected a function, got []"],
    ["length as a function", () => read({ length: () => 4, get: () => [1] }), OptionError, "length a function"],
    [
      "an asynchronous length",
      () => read({ length: Promise.resolve(4), get: () => [1] }),
      OptionError,
      "length a Promise",
    ],
    ["no length", () => read({ size: 4, get: () => [1] }), OptionError, "length undefined"],
    [
      "a data set not awaited",
      () => read(vision.CIFAR10.sample()),
      OptionError,
      "DataLoader: dataset",
      "a Promise (await it first)",
    ],
    ["a class", () => read(Digits), OptionError, "the class Digits (write new Digits(...))"],
    ["an array", () => read([[image(), 1]]), OptionError, "got [[", "get: (index) => list[index]"],
    ["a tensor", () => read(tensor([1, 2])), OptionError, "new TensorDataset"],
    ["a loader", () => read(new data.DataLoader(good)), OptionError, "an object of the class DataLoader"],
  ])("%s", (_, run, kind, ...words) => expectError(run, kind, words));

  test("values other than tensors pass through a data set unchanged", () => {
    const names = { length: 2, get: (i: number) => (i ? "cat" : null) };
    const batches = [...new data.DataLoader(names, { batchSize: 2, collate: (list) => list.join() })];
    expect(batches).toEqual([",cat"]);
  });

  const images = (transform: unknown) =>
    vision.ImageDataset.fromBytes(new Uint8Array(12), { shape: [3, 1, 2, 2], transform: any(transform) });
  const { transforms, augment } = vision;
  const half = (x: Tensor) => x.mul(0.5);
  const forgets = (x: Tensor) => {
    x.mul(0.5);
  };
  const place = () => ({ indices: ints([0]) });

  test.each<Row>([
    [
      "without return",
      () => images(forgets).get(0),
      OptionError,
      "ImageDataset: transform (forgets)",
      "[1,1,2,2]",
      ...nothing,
    ],
    [
      "without a name",
      () => images([() => {}][0]).batch([0, 1]),
      OptionError,
      "ImageDataset: transform of",
      ...nothing,
    ],
    ["asynchronous", () => images(async (x: Tensor) => x).get(0), OptionError, "ImageDataset: transform", ...later],
    ["null", () => images(() => null).get(0), OptionError, "expected to return a tensor, got null"],
    [
      "an array",
      () => images((x: Tensor) => x.toArray()).get(0),
      OptionError,
      "expected to return a tensor, got [[[[0,0]",
    ],
    ["not called", () => images(transforms.toTensor).get(0), OptionError, "(toTensor)", "called first"],
    [
      "fewer images",
      () => images((x: Tensor) => x.flatten()).get(0),
      ShapeError,
      "ImageDataset",
      "got [4] from [1,1,2,2]",
    ],
    [
      "in a data set's compose",
      () => images(transforms.compose([transforms.toTensor(), half, any(forgets)])).get(0),
      OptionError,
      "ImageDataset: transform 2 (forgets)",
      ...nothing,
    ],
    [
      "in a compose",
      () => transforms.compose([half, any(forgets)])(image()),
      OptionError,
      "compose: transform 1 (forgets)",
    ],
    [
      "in a compose of a compose",
      () => transforms.compose([half, transforms.compose([half, any(async (x: Tensor) => x)])])(image()),
      OptionError,
      "compose: transform 1.1 of float32 [1,1,1]",
      ...later,
    ],
    [
      "a compose of a promise",
      () => transforms.compose([any(Promise.resolve(half))]),
      OptionError,
      "transform 0",
      "await",
    ],
    ["through a loader", () => read(images(forgets)), OptionError, "ImageDataset: transform (forgets)", "[2,1,2,2]"],
    [
      "an augmentation",
      () => augment.compose([any(forgets)])(image(), place()),
      OptionError,
      "augmentation 0 (forgets)",
      ...nothing,
    ],
    [
      "an asynchronous augmentation",
      () => augment.compose([augment.cutout({ size: 1 }), async () => any(1)].map(any))(tensor([[[[1]]]]), place()),
      OptionError,
      "augmentation 1",
      ...later,
    ],
    [
      "a task's augmentation",
      () =>
        new ssl.Rotation(4, { augment: any(forgets) }).forward(any({}), {
          images: image(),
          indices: ints([0]),
          epoch: 0,
        }),
      OptionError,
      "augment expected to return a tensor",
      ...nothing,
    ],
  ])("a transform: %s", (_, run, kind, ...words) => expectError(run, kind, words));
});

describe("what a user's function returns: training", () => {
  class Net extends nn.Module {
    layer = new nn.Linear(1, 1);
    readonly make: (y: Tensor) => unknown;
    constructor(make: (y: Tensor) => unknown = (y) => y) {
      super();
      this.make = make;
    }
    override forward(x: Tensor): Tensor {
      return any(this.make(this.layer.forward(x)));
    }
  }
  const set = () => new data.TensorDataset(tensor([[1], [2], [3]]), tensor([[2], [4], [6]]));

  function trainerWith(more: object, net = new Net()) {
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 });
    return new train.Trainer<Tensor[]>({
      model: net,
      loader: any(new data.DataLoader(set(), { batchSize: 3 })),
      optimizer,
      loss: ([x, y]) => nn.functional.mseLoss(net.forward(x), y),
      epochs: 1,
      ...more,
    });
  }
  const later = ["a Promise", "synchronous"];
  const nothing = ["undefined", "does it return"];
  const scalar = () => tensor(1, { requiresGrad: true });

  test.each<[name: string, more: object, kind: typeof WasmgradError, ...words: string[]]>([
    ["loss without return", { loss: () => {} }, OptionError, "Trainer: loss", ...nothing],
    ["an asynchronous loss without return", { loss: async () => {} }, OptionError, "Trainer: loss", ...nothing],
    ["a loss as a number", { loss: () => 0.5 }, OptionError, "Trainer: loss", "got 0.5"],
    ["a loss as item()", { loss: () => ({ loss: 0.5 }) }, OptionError, "{ loss: 0.5 }"],
    ["a loss per sample", { loss: ([x]: Tensor[]) => x.mul(scalar()) }, ShapeError, "[3,1]", "mean()"],
    ["another number of a loss", { loss: () => ({ loss: scalar(), acc: "1" }) }, OptionError, "a number as acc", '"1"'],
    [
      "a number not awaited",
      { loss: () => ({ loss: scalar(), acc: Promise.resolve(1) }) },
      OptionError,
      "acc",
      "await it",
    ],
    ["a vector beside a loss", { loss: () => ({ loss: scalar(), acc: tensor([1, 2]) }) }, OptionError, "acc", "[2]"],
    ["validate without return", { validate: () => {} }, OptionError, "Trainer: validate", ...nothing],
    ["an asynchronous validate of a number", { validate: async () => 0.5 }, OptionError, "validate", "got 0.5"],
    ["validate of a number", { validate: () => 0.5 }, OptionError, "Trainer: validate", "got 0.5"],
    ["validate of a tensor", { validate: () => tensor(1) }, OptionError, "validate", "{ name: tensor.item() }"],
    ["validate of text", { validate: () => ({ accuracy: "0.5" }) }, OptionError, "validate", "accuracy", '"0.5"'],
    [
      "validate of nothing",
      { validate: () => ({ accuracy: undefined }) },
      OptionError,
      "validate",
      "accuracy, got undefined",
    ],
    ["an asynchronous onEntry", { callbacks: [{ onEntry: async () => {} }] }, OptionError, "onEntry", ...later],
    ["an asynchronous onEpoch", { callbacks: [{ onEpoch: async () => {} }] }, OptionError, "onEpoch", ...later],
    ["an asynchronous onFinish", { callbacks: [{ onFinish: async () => {} }] }, OptionError, "onFinish", ...later],
  ])("Trainer: %s", async (_, more, kind, ...words) => {
    const error = await trainerWith(more)
      .fit()
      .catch((thrown) => thrown);
    expectError(
      () => {
        throw error;
      },
      kind,
      words,
    );
  });

  test("Trainer: a step of a subclass without return", async () => {
    class Own extends train.Trainer<Tensor[]> {
      protected override trainStep(): never {
        return any(undefined);
      }
    }
    const { options } = trainerWith({});
    await expect(new Own(options).fit()).rejects.toThrow(/Trainer: trainStep .*got undefined: does it return/);
  });

  test("Trainer: validate may give tensors of one element", async () => {
    const trainer = trainerWith({ validate: () => ({ accuracy: tensor([0.5]) }) });
    await trainer.fit();
    expect(trainer.epochs[0].accuracy).toBe(0.5);
  });

  test.each<[name: string, more: () => object, ...words: string[]]>([
    ["a class as model", () => ({ model: Net }), "model expected a module", "new Net(...)"],
    ["a data set as loader", () => ({ loader: set() }), "loader expected a DataLoader", "TensorDataset"],
    ["a loader not awaited", () => ({ loader: Promise.resolve() }), "loader", "await it first"],
    ["an empty loader", () => ({ loader: new data.DataLoader({ length: 0, get: () => 0 }) }), "none: 0 samples"],
    ["parameters as optimizer", () => ({ optimizer: new Net().parameters() }), "optimizer expected an optimizer"],
    ["a class as optimizer", () => ({ optimizer: optim.SGD }), "the class SGD (write new SGD(...))"],
    ["a loss as a module", () => ({ loss: new nn.MSELoss() }), "loss expected a function", "MSELoss"],
    ["validate as numbers", () => ({ validate: { accuracy: 1 } }), "validate expected a function"],
    ["a function as callback", () => ({ callbacks: [() => {}] }), "callback 0 expected an object", "onEpoch"],
    ["a class as callback", () => ({ callbacks: [train.EarlyStopping] }), "callback 0", "new EarlyStopping(...)"],
    ["one callback", () => ({ callbacks: new train.EarlyStopping(new Net()) }), "callbacks expected an array"],
    ["a class as scheduler", () => ({ scheduler: optim.StepLR }), "scheduler", "new StepLR(...)"],
    ["a module as average", () => ({ average: new Net() }), "average expected a MovingAverage"],
    ["text as clipNorm", () => ({ clipNorm: "1" }), "clipNorm expected a finite number"],
    ["a monitor for no scheduler", () => ({ monitor: "loss" }), "monitor expected a ReduceLROnPlateau"],
    [
      "another optimizer's scheduler",
      () => ({ scheduler: new optim.StepLR(new optim.SGD(new Net().parameters()), { stepSize: 1 }) }),
      "one of another",
    ],
  ])("Trainer: %s", (_, more, ...words) =>
    expectError(() => trainerWith(more()), OptionError, ["Trainer: ", ...words]),
  );

  describe("ReduceLROnPlateau as a trainer's scheduler", () => {
    const plateau = (values: number[], more: object = {}) => {
      const net = new Net();
      const optimizer = new optim.SGD(net.parameters(), { lr: 1 });
      const scheduler = new optim.ReduceLROnPlateau(optimizer, { patience: 0, factor: 0.5 });
      const loss = ([x]: Tensor[]) => net.forward(x).mean().mul(0).add(1);
      const validate = ({ epoch }: train.Place) => ({ validLoss: values[epoch - 1], other: epoch });
      return trainerWith({ model: net, optimizer, scheduler, loss, validate, epochs: values.length, ...more }, net);
    };
    const rates = (trainer: train.Trainer) => trainer.epochs.map(({ lr }) => lr);

    test("takes the validation loss of each epoch", async () => {
      const trainer = plateau([3, 2, 2, 2, 1]);
      await trainer.fit();
      // computed by hand: epochs 3 and 4 are no better than the previous one
      expect(rates(trainer)).toEqual([1, 1, 1, 0.5, 0.25]);
    });

    test("takes another number, or the training loss where nothing is validated", async () => {
      const other = plateau([1, 1, 1], { monitor: "other" });
      await other.fit();
      expect(rates(other)).toEqual([1, 1, 0.5]);
      const alone = plateau([9, 8, 7], { validate: undefined });
      await alone.fit();
      expect(rates(alone)).toEqual([1, 1, 0.5]);
    });

    test("continues from a checkpoint of any epoch with the same rates", async () => {
      const metrics = [3, 2, 2, 2, 1, 2, 2];
      const whole = plateau(metrics);
      const saved: train.TrainerState[] = [];
      whole.watch({
        onEpoch: (trainer) => {
          const { states, ...state } = trainer.stateDict();
          const { optimizer, scheduler } = states;
          saved.push(structuredClone({ ...state, states: { optimizer, scheduler } }));
        },
      });
      await whole.fit();
      expect(saved).toHaveLength(metrics.length);
      for (const { states, ...state } of saved) {
        const resumed = plateau(metrics);
        resumed.loadStateDict({ ...state, states: { ...states, model: resumed.options.model.stateDict() } });
        await resumed.fit();
        expect(rates(resumed)).toEqual(rates(whole));
      }
    });

    test("lists the existing numbers if its own is missing", async () => {
      const trainer = plateau([1], { validate: () => ({ accuracy: 1 }) });
      await expect(trainer.fit()).rejects.toThrow(/takes the number "validLoss" .*got loss, accuracy; .*monitor/);
    });

    test.each<[name: string, metric: unknown, ...words: string[]]>([
      ["nothing", undefined, "got undefined"],
      ["a tensor", tensor(1), "loss.item()", "a float32 tensor of shape []"],
      ["a promise", Promise.resolve(1), "await it"],
    ])("step of %s", (_, metric, ...words) => {
      const scheduler = new optim.ReduceLROnPlateau(new optim.SGD(new Net().parameters()));
      expectError(() => scheduler.step(any(metric)), OptionError, ["ReduceLROnPlateau.step", ...words]);
    });
  });

  const x = () => tensor([[1]]);
  const sgd = () => new optim.SGD(new Net().parameters());
  const images = () => ({ length: 2, get: () => [tensor([1]), 0] as const });
  const mistaken: Record<string, [make: (y: Tensor) => unknown, words: string[]]> = {
    nothing: [() => {}, nothing],
    "a promise": [async (y) => y, later],
    null: [() => null, ["got null"]],
  };
  test.each(Object.entries(mistaken))("forward that returns %s", (_, [make, words]) => {
    const net = () => new Net(make);
    const said = ["forward of Net expected to return a tensor", ...words];
    expectError(() => new nn.Sequential(new nn.ReLU(), net()).forward(x()), OptionError, [
      "Sequential: module 1",
      ...said,
    ]);
    expectError(() => train.summary(net(), [1, 1]), OptionError, ["summary", ...said]);
    expectError(() => ssl.evaluateClassifier(net(), any(images())), OptionError, ["evaluateClassifier", ...said]);
  });

  test.each<Row>([
    [
      "a lambda without return",
      () =>
        new optim.LambdaLR(
          sgd(),
          any(() => {}),
        ),
      OptionError,
      "function of group 0",
      "step 0",
      ...nothing,
    ],
    [
      "an asynchronous lambda",
      () =>
        new optim.LambdaLR(
          sgd(),
          any(async () => 1),
        ),
      OptionError,
      "LambdaLR",
      ...later,
    ],
    [
      "a lambda of a tensor",
      () =>
        new optim.LambdaLR(
          sgd(),
          any(() => tensor(1)),
        ),
      OptionError,
      "float32 tensor",
    ],
    [
      "an asynchronous apply",
      () => new Net().apply(any(async () => {})),
      OptionError,
      "apply: expected a synchronous function",
    ],
    ["apply of nothing", () => new Net().apply(any(undefined)), OptionError, "Net.apply: fn expected a function"],
    [
      "a noGrad of a tensor",
      () => core.noGrad(any(tensor(1))),
      OptionError,
      "noGrad: body expected a function",
      "float32",
    ],
    ["an asynchronous noGrad", () => core.noGrad(async () => 1), OptionError, "noGrad", ...later],
    ["a scope of nothing", () => core.scope(any(undefined)), OptionError, "scope: body expected a function"],
    [
      "a withGenerator of nothing",
      () => core.withGenerator(new core.Generator(1), any(1)),
      OptionError,
      "body expected",
    ],
    [
      "MovingAverage of a class",
      () => new train.MovingAverage(any(Net)),
      OptionError,
      "the class Net (write new Net(...))",
    ],
    ["EarlyStopping of parameters", () => new train.EarlyStopping(any(new Net().parameters())), OptionError, "module"],
    [
      "EarlyStopping without a number",
      () => new train.EarlyStopping(new Net()).update(any(undefined)),
      OptionError,
      "update: expected a number",
    ],
    ["an optimizer of a module", () => new optim.SGD(any(new Net())), OptionError, "class Net; pass its parameters()"],
    [
      "an optimizer of a Sequential",
      () => new optim.Adam(any(new nn.Sequential(new Net()))),
      OptionError,
      "parameters()",
    ],
    ["an optimizer of a function", () => new optim.Adam(any(new Net().parameters)), OptionError, "got a function"],
    ["an optimizer of names", () => new optim.Adam(any(new Net().namedParameters())), OptionError, "namedParameters()"],
    ["an optimizer of a tensor", () => new optim.Adam(any(x())), OptionError, "got a float32 tensor of shape [1,1]"],
    [
      "a scheduler of a module",
      () => new optim.StepLR(any(new Net()), { stepSize: 1 }),
      OptionError,
      "expected an optimizer",
      "Net",
    ],
    [
      "a plateau of a module",
      () => new optim.ReduceLROnPlateau(any(new Net())),
      OptionError,
      "expected an optimizer",
      "Net",
    ],
    [
      "clipGradNorm_ of a module",
      () => nn.utils.clipGradNorm_(any(new Net()), 1),
      OptionError,
      "pass its parameters()",
    ],
  ])("%s", (_, run, kind, ...words) => expectError(run, kind, words));
});

describe("a state of something else", () => {
  class Net extends nn.Module {
    layer = new nn.Linear(2, 1);
    override forward(x: Tensor): Tensor {
      return this.layer.forward(x);
    }
  }
  type Part = { stateDict(): unknown; loadStateDict(state: unknown): unknown };

  /** Returns it after a step, so that there is a state for its parameters. */
  function stepped<O extends optim.Optimizer<never>>(make: (params: nn.Parameter[]) => O): O {
    const net = new Net();
    const optimizer = make(net.parameters());
    net
      .forward(tensor([[1, 2]]))
      .sum()
      .backward();
    optimizer.step();
    return optimizer;
  }
  const sgd = () =>
    stepped((params) => new optim.SGD(params, { lr: 0.5, momentum: 0.9 }) as never) as unknown as optim.SGD;

  function trainer() {
    const model = new Net();
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
    const loader = new data.DataLoader<Tensor[], Tensor[]>(any(new data.TensorDataset(tensor([[1, 2]]))));
    return new train.Trainer<Tensor[]>({ model, optimizer, loader, epochs: 1, loss: ([x]) => model.forward(x).sum() });
  }

  /** Each part, with the words that describe its state. */
  const parts: [name: string, make: () => unknown, words: string][] = [
    ["Net", () => new Net(), "a module's state"],
    ["SGD", sgd, "the state of SGD"],
    ["Adam", () => stepped((params) => new optim.Adam(params) as never), "the state of Adam or AdamW"],
    ["RMSprop", () => stepped((params) => new optim.RMSprop(params) as never), "the state of RMSprop"],
    ["StepLR", () => new optim.StepLR(sgd(), { stepSize: 2 }), "the state of StepLR"],
    ["MultiStepLR", () => new optim.MultiStepLR(sgd(), { milestones: [2] }), "the state of MultiStepLR"],
    ["LambdaLR", () => new optim.LambdaLR(sgd(), () => 1), "the state of LambdaLR"],
    ["LinearLR", () => new optim.LinearLR(sgd()), "the state of LinearLR"],
    ["CosineAnnealingLR", () => new optim.CosineAnnealingLR(sgd(), { tMax: 3 }), "the state of CosineAnnealingLR"],
    ["OneCycleLR", () => new optim.OneCycleLR(sgd(), { maxLr: 1, totalSteps: 5 }), "the state of OneCycleLR"],
    ["ReduceLROnPlateau", () => new optim.ReduceLROnPlateau(sgd()), "the state of ReduceLROnPlateau"],
    [
      "SequentialLR",
      () => {
        const optimizer = sgd();
        const schedulers = [new optim.LinearLR(optimizer), new optim.StepLR(optimizer, { stepSize: 1 })];
        return new optim.SequentialLR(optimizer, schedulers, { milestones: [2] });
      },
      "the state of SequentialLR",
    ],
    ["DataLoader", () => new data.DataLoader({ length: 3, get: () => [1] }), "the state of a DataLoader"],
    ["MovingAverage", () => new train.MovingAverage(new Net()), "the state of a MovingAverage"],
    ["EarlyStopping", () => new train.EarlyStopping(new Net()), "the state of an EarlyStopping"],
    ["Trainer", trainer, "the state of a Trainer"],
  ];
  const pairs = parts.flatMap(([into, makeInto]) =>
    parts
      .filter(([from]) => from !== into)
      .map(([from, makeFrom, words]) => [from, into, makeFrom, makeInto, words] as const),
  );

  test.each(pairs)("%s's into %s", (_, into, makeFrom, makeInto, words) => {
    const target = makeInto() as Part;
    const before = JSON.stringify(target.stateDict());
    const state = (makeFrom() as Part).stateDict();
    expectError(() => target.loadStateDict(state), core.StateDictError, [
      `${into}.loadStateDict: expected the state of ${into}, got ${words}`,
    ]);
    expect(JSON.stringify(target.stateDict())).toBe(before);
  });

  test.each(parts)("%s: what is no state at all", (name, make) => {
    const target = make() as Part;
    const refused = (state: unknown, ...words: string[]) =>
      expectError(() => target.loadStateDict(state), core.StateDictError, [`${name}.loadStateDict: `, ...words]);
    refused(undefined, "got undefined");
    refused(null, "got null");
    refused("model.safetensors", '"model.safetensors"', "read a file first");
    refused(Promise.resolve({}), "await it first");
    refused(target, `an object of the class ${name}; pass what its stateDict() gives`);
    refused([], "got []");
    expect(() => target.loadStateDict({ other: 1 })).toThrow(core.StateDictError);
    target.loadStateDict(target.stateDict());
  });

  test.each(parts.filter(([name]) => /LR|Plateau/.test(name)))("%s: a state without a name still loads", (_, make) => {
    const target = make() as Part;
    const { name: __, ...state } = target.stateDict() as Record<string, unknown>;
    target.loadStateDict(state);
  });

  test("loading Adam's checkpoint into SGD changes nothing, whatever was loaded before it", () => {
    const path = join(mkdtempSync(join(tmpdir(), "wasmgrad-messages-")), "checkpoint");
    const make = <O extends optim.SGD | optim.Adam>(optimizerOf: (params: nn.Parameter[]) => O) => {
      const model = new Net();
      return { model, optimizer: optimizerOf(model.parameters()) };
    };
    const [adam, other] = [make((p) => new optim.Adam(p)), make((p) => new optim.SGD(p))];
    io.saveCheckpoint(path, adam);
    const before = JSON.stringify(other.model.stateDict());
    expectError(() => io.loadCheckpoint(path, other), core.StateDictError, ["SGD", "the state of Adam or AdamW"]);
    expectError(() => io.loadCheckpoint(path, { model: adam.optimizer }), core.StateDictError, [
      "Adam",
      "a module's state",
    ]);
    expectError(() => train.resumeTrainer(path, trainer()), core.StateDictError, ["Trainer", "a module's state"]);
    expect(JSON.stringify(other.model.stateDict())).toBe(before);
    train.saveTrainer(path, trainer());
    expectError(() => io.loadCheckpoint(path, { model: other.model }), core.StateDictError, [
      "Net",
      "state of a Trainer",
    ]);
    rmSync(dirname(path), { recursive: true });
  });

  test("if the optimizer's state does not fit, a trainer does not load the model's", () => {
    const [from, into] = [trainer(), trainer()];
    const { states, ...rest } = from.stateDict();
    const adam = new optim.Adam(new Net().parameters());
    const before = JSON.stringify({ ...into.stateDict(), seconds: 0 });
    expectError(
      () => into.loadStateDict({ ...rest, states: { ...states, optimizer: adam.stateDict() } }),
      core.StateDictError,
      ["SGD.loadStateDict", "Adam"],
    );
    expect(JSON.stringify({ ...into.stateDict(), seconds: 0 })).toBe(before);
    expect(JSON.stringify(from.stateDict().states)).not.toBe(JSON.stringify(into.stateDict().states));
  });

  test("another model's state is listed by name, and an optimizer's state does not count as empty", () => {
    const other = new nn.Sequential(new nn.Linear(2, 1)).stateDict();
    expectError(() => new Net().loadStateDict(other), core.StateDictError, [
      '"layer.weight"',
      '"0.weight"',
      "nothing was changed",
    ]);
    expectError(() => new Net().loadStateDict(any(sgd().stateDict()), { strict: false }), core.StateDictError, ["SGD"]);
  });
});

describe("a tensor is no number and no array", () => {
  const x = () => tensor([1, 2, 3]);
  const one = () => tensor([7]);
  const ops = ["Tensor: operators", "x.add(y)", "x.mul(y)", "x.item()"];
  /** JavaScript that TypeScript would refuse. */
  const js = (text: string) => new Function("x", "y", "typed", text.includes("return") ? text : `return ${text}`);

  test.each([
    "x + 1",
    "1 + x",
    "x + y",
    "'loss ' + x",
    "x - 1",
    "x * 2",
    "x / y",
    "x ** 2",
    "x % 2",
    "-x",
    "+x",
    "~x",
    "x < 1",
    "x >= y",
    "x == 1",
    "1 != x",
    "x++; return x",
    "x += 1; return x",
    "Number(x)",
    "Math.max(x, 1)",
    "isNaN(x)",
    "typed[0] = x; return typed",
    "Float32Array.of(x)",
    "[x, y].reduce((a, b) => a + b)",
  ])("%s", (text) => {
    const run = (make: () => Tensor) => () => js(text)(make(), make(), new Float32Array(1));
    expectError(run(x), OptionError, ["float32 [3]", "template literal", ...ops]);
    expectError(run(one), OptionError, ["float32 [1]", ...ops]);
    expectError(
      run(() => new nn.Parameter(tensor(1))),
      OptionError,
      ["float32 []", ...ops],
    );
  });

  test("a tensor's text is the text that it prints", () => {
    expect(`${x()}`).toBe("tensor([1., 2., 3.])");
    expect(String(one())).toBe("tensor([7.])");
    expect([one(), one()].join(" ")).toBe("tensor([7.]) tensor([7.])");
    expect(format("%s", one())).toBe("tensor([7.])");
    expect(inspect({ x: one() })).toBe("{ x: tensor([7.]) }");
    expect(`${new nn.Parameter(one())}`).toBe("tensor([7.], requiresGrad=true)");
  });

  test("a tensor is equal only to itself, and not to null", () => {
    const y = x();
    expect(js("[x == x, x == y, x == null, null != x, x != y]")(y, x())).toEqual([true, false, false, true, true]);
    expect(Object.is(y, y) && [y].includes(y)).toBe(true);
  });

  const get = (key: PropertyKey, of: object = x()) => (of as Record<PropertyKey, unknown>)[key];
  const set = (key: PropertyKey, of: object = x()) => {
    (of as Record<PropertyKey, unknown>)[key] = 1;
  };
  const read = ["reads no element of float32 [3]", "x.index(i)", "x.select(dim, i)", "x.data()[i]"];
  const written = ["changes no element of float32 [3]", "where()", "copy_()"];

  test.each<Row>([
    ["x[0]", () => get(0), OptionError, "Tensor: x[0]", ...read],
    ["x[1000]", () => get(1000), OptionError, "x[1000]", ...read],
    ["x[-1]", () => get(-1), OptionError, "x[-1]", ...read],
    ["x[0.5]", () => get(0.5), OptionError, "x[0.5]", ...read],
    ["x[[0, 1]]", () => get(any([0, 1])), OptionError, "x[0,1]", ...read],
    ["x[':2']", () => get(":2"), OptionError, "x[:2]", ...read],
    ["x[mask]", () => get(any(x().gt(1))), OptionError, "x[tensor([False", "x.where(mask, y)", "reads"],
    ["x[0] of a parameter", () => get(0, new nn.Parameter(x())), OptionError, ...read],
    ["x[0] = 1", () => set(0), OptionError, "x[0] = ...", ...written],
    ["x[-1] = 1", () => set(-1), OptionError, "x[-1] = ...", ...written],
    ["x[1000] = 1", () => set(1000), OptionError, "x[1000] = ...", ...written],
    ["x[mask] = 1", () => set(any(x().gt(1))), OptionError, "maskedFill()", "changes"],
    ["x[0] = 1 of a parameter", () => set(0, new nn.Parameter(x())), OptionError, ...written],
    [
      "x[0] += 1",
      () => {
        const y = any(x()) as number[];
        y[0] += 1;
      },
      OptionError,
      ...read,
    ],
    ["x.requires_grad = true", () => set("requires_grad"), OptionError, "expected requiresGrad, got requires_grad"],
    ["x.index_select", () => get("index_select"), OptionError, "expected indexSelect, got index_select"],
    ["Array.from(x)", () => Array.from(any(x())), OptionError, ...read],
    ["new Float32Array(x)", () => new Float32Array(any(x())), OptionError, ...read],
    [
      "indices of a subset",
      () => new data.Subset({ length: 3, get: () => [1] }, any(ints([0, 1]))),
      OptionError,
      "int32 [2]",
    ],
    ["labels of fewLabels", () => data.fewLabels(any(ints([0, 1])), 1), OptionError, "x.data()[i]"],
  ])("%s", (_, run, kind, ...words) => expectError(run, kind, words));

  test("length is the size of the first dimension", () => {
    expect(x().length).toBe(3);
    expect(core.zeros([0, 2]).length).toBe(0);
    expect(tensor(1).length).toBeUndefined();
    const y = x();
    const rows = [];
    for (let i = 0; i < y.length; i++) rows.push(y.index(i).item());
    expect(rows).toEqual([1, 2, 3]);
    expect(() => [...any<Iterable<number>>(y)]).toThrow(/not iterable|iterator/);
  });

  test("a tensor behaves like other objects", async () => {
    const y = x();
    expect([y instanceof Tensor, y instanceof Object, y instanceof nn.Parameter]).toEqual([true, true, false]);
    expect(await y).toBe(y);
    expect(["dtype" in y, "nothing" in y, 0 in y]).toEqual([true, false, false]);
    expect(Object.hasOwn(y, "contents")).toBe(true);
    expect([get("nothing", y), get("_isMockFunction", y), get("__esModule", y), get("snake_case", y)]).toEqual(
      new Array(4).fill(undefined),
    );
    set("note", y);
    expect(get("note", y)).toBe(1);
    expect(Object.keys(y).sort()).toEqual(["contents", "note"]);
    class Named extends nn.Parameter {
      constructor(values: Tensor) {
        super(values);
        set("own", this);
      }
    }
    expect(get("own", new Named(y))).toBe(1);
  });
});
