/** Pretext tasks, probes and what they are made of, against plain references. */
import { describe, expect, test } from "vitest";
import {
  Generator,
  manualSeed,
  memory,
  nn,
  noGrad,
  OptionError,
  optim,
  rand,
  randn,
  ShapeError,
  scope,
  type Tensor,
  tensor,
  zeros,
} from "wasmgrad";
import { DataLoader, fewLabels, TensorDataset, withIndices } from "wasmgrad/data";
import {
  Classifier,
  Contrastive,
  Denoising,
  Encoder,
  embedAll,
  evaluateClassifier,
  Inpainting,
  inEvalMode,
  inpaintingMask,
  knnAccuracy,
  linearProbe,
  MaskedPatches,
  MultiTask,
  meanWhere,
  ntXent,
  type PretextTask,
  patchify,
  Rotation,
  recalibrate,
  unpatchify,
} from "wasmgrad/self-supervised";
import { augment, CIFAR10 } from "wasmgrad/vision";
import { expectClose } from "../../support/compare.ts";
import { testRandom } from "../../support/random.ts";

const sample = await CIFAR10.sample();
const small = { channels: [8, 12, 16] };
const tasks: Record<string, () => PretextTask> = {
  inpainting: () => new Inpainting(16),
  pixels: () => new Inpainting(16, { mask: "pixels", onlyHidden: false }),
  blocks: () => new Inpainting(16, { mask: "blocks", augment: augment.randomCrop() }),
  denoising: () => new Denoising(16),
  rotation: () => new Rotation(16),
  contrastive: () => new Contrastive(16, { projection: 8 }),
  patches: () => new MaskedPatches(16),
};

function batchOf(count: number, seed = 1) {
  const [images, , indices] = withIndices(sample).batch!(Array.from({ length: count }, (_, i) => i));
  return { images, indices, epoch: 0, generator: new Generator(seed) };
}

describe("Encoder", () => {
  test("normalises, and halves the image between stages", () => {
    manualSeed(1);
    const encoder = new Encoder({ channels: [4, 6], depths: [1, 1], mean: [0.5], std: [0.25] }).eval();
    const images = rand([2, 1, 8, 8]);
    const [first, second] = encoder.stages;
    const expected = second.forward(nn.functional.maxPool2d(first.forward(images.sub(0.5).div(0.25)), 2));
    expectClose("features", encoder.forward(images).data(), expected.data(), 1e-5);
    expect(encoder.stride).toBe(2);
    expectClose("embedding", encoder.embed(images).data(), expected.mean([2, 3]).data(), 1e-5);
  });

  test("its normalisation is loaded with it", () => {
    const trained = new Encoder({ ...small, mean: [0.1, 0.2, 0.3], std: [1, 2, 3] }).eval();
    const loaded = new Encoder(small).eval();
    loaded.loadStateDict(trained.stateDict());
    const { images } = batchOf(1);
    expect(loaded.forward(images).data()).toEqual(trained.forward(images).data());
  });

  test.each([false, true])("the features do not depend on hidden pixels (separable %s)", (separable) => {
    manualSeed(2);
    const encoder = new Encoder({ ...small, separable }).eval();
    const { images } = batchOf(2);
    const keep = rand([2, 1, 8, 8]).ge(0.6).float();
    const changed = images.add(
      rand(images.shape).mul(nn.functional.interpolate(keep.neg().add(1), { scaleFactor: 4 })),
    );
    expect(changed.data()).not.toEqual(images.data());
    const features = encoder.forward(images, { keep });
    expect(encoder.forward(changed, { keep }).data()).toEqual(features.data());
    expect(encoder.forward(changed).data()).not.toEqual(encoder.forward(images).data());
    const energy = features.abs().sum(1, { keepdim: true });
    expect(energy.mul(keep.neg().add(1)).sum().item()).toBe(0);
    expect(energy.mul(keep).sum().item()).toBeGreaterThan(0);
  });

  test("hidden pixels have the mean colour", () => {
    const encoder = new Encoder(small).eval();
    const { images } = batchOf(2);
    const pixels = zeros(images.shape);
    const mean = tensor([0.4914, 0.4822, 0.4465]).reshape([1, 3, 1, 1]).expand(images.shape);
    expectClose(
      "features",
      encoder.forward(images, { pixels }).data(),
      encoder.forward(mean.contiguous()).data(),
      1e-5,
    );
  });

  test("separable has far fewer parameters", () => {
    const count = (separable: boolean) =>
      new Encoder({ separable }).parameters().reduce((sum, p) => sum + p.numel(), 0);
    expect(count(false)).toBe(864 + 18_432 + 36_864 + 73_728 + 147_456 + 2 * (32 + 64 + 64 + 128 + 128));
    expect(count(true)).toBeLessThan(count(false) / 6);
  });

  test("bad options", () => {
    expect(() => new Encoder({ channels: [8] })).toThrow(OptionError);
    expect(() => new Encoder({ channels: [8, 0, 8] })).toThrow(OptionError);
    expect(() => new Encoder({ std: [1, 1] })).toThrow(OptionError);
    expect(() => new Encoder({ std: [1, 0, 1] })).toThrow(OptionError);
    expect(() => new Encoder({ mean: [0, Number.NaN, 0] })).toThrow(OptionError);
  });
});

describe("tasks", () => {
  test.each(Object.keys(tasks))("%s: a few steps make the loss smaller, and the encoder gets gradients", (name) => {
    manualSeed(3);
    const model = new MultiTask(new Encoder(small), { [name]: tasks[name]() });
    const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 });
    const losses = Array.from({ length: 15 }, () =>
      scope(() => {
        const { loss } = model.forward(batchOf(32));
        optimizer.zeroGrad();
        loss.backward();
        for (const parameter of model.parameters()) expect(parameter.grad).not.toBeNull();
        optimizer.step();
        return loss.item();
      }),
    );
    expect(losses.at(-1)).toBeLessThan(losses[0] * 0.9);
  });

  test.each(Object.keys(tasks))("%s: the same generator, the same loss", (name) => {
    manualSeed(4);
    const model = new MultiTask(new Encoder(small), { [name]: tasks[name]() }).eval();
    const loss = (seed: number) => scope(() => model.forward(batchOf(8, seed)).loss.item());
    expect(loss(1)).toBe(loss(1));
    if (name !== "contrastive") expect(loss(2)).not.toBe(loss(1)); // its chances come from indices and epoch
  });

  test.each(["inpainting", "blocks", "denoising", "contrastive", "patches"])("%s can be drawn as pictures", (name) => {
    const columns = inEvalMode(new Encoder(small), () => tasks[name]().show!(new Encoder(small), batchOf(2)));
    expect(columns.map(({ images }) => images.shape.join())).toEqual(["2,3,32,32", "2,3,32,32", "2,3,32,32"]);
    expect(columns[1].images.data()).not.toEqual(columns[0].images.data());
  });

  test("together: the weighted sum, each task's numbers, one encoder", () => {
    manualSeed(5);
    const model = new MultiTask(
      new Encoder(small),
      { rotation: tasks.rotation(), denoising: tasks.denoising() },
      { denoising: 5 },
    );
    const numbers = model.forward(batchOf(8));
    const value = (name: string) => (numbers[name] as Tensor).item();
    expect(Object.keys(numbers)).toEqual(["loss", "rotationLoss", "rotationAccuracy", "denoisingLoss"]);
    expect(numbers.loss.item()).toBeCloseTo(value("rotationLoss") + 5 * value("denoisingLoss"), 5);
    expect(Object.keys(model.stateDict()).filter((name) => name.startsWith("encoder."))).toHaveLength(
      Object.keys(model.encoder.stateDict()).length,
    );
    expect(() => new MultiTask(new Encoder(small), { rotation: tasks.rotation() }, { other: 1 })).toThrow(OptionError);
    expect(() => new MultiTask(new Encoder(small), {})).toThrow(OptionError);
  });

  test("inpainting: only hidden elements count in the loss, or all if requested", () => {
    manualSeed(6);
    const encoder = new Encoder(small).eval();
    const { images, indices } = batchOf(3);
    const task = new Inpainting(16, { mask: "channels" });
    const generator = new Generator(9);
    const { loss } = task.forward(encoder, { images, indices, epoch: 0, generator });
    const mask = inpaintingMask(images.shape, task.options, new Generator(9));
    const painted = task.decoder.forward(encoder.forward(images, { pixels: mask }));
    let [sum, count] = [0, 0];
    const [p, x, m] = [painted.data(), images.data(), mask.data()];
    m.forEach((seen, i) => {
      if (seen) return;
      sum += (p[i] - x[i]) ** 2;
      count++;
    });
    expect(loss.item()).toBeCloseTo(sum / count, 5);
    expect(count / m.length).toBeCloseTo(0.5, 1);
  });

  test.each([
    ["channels", 3],
    ["pixels", 1],
  ] as const)("mask %s hides the given share, channels alike or not", (mask, kinds) => {
    const drawn = inpaintingMask([40, 3, 16, 16], { mask, ratio: 0.7, blockSize: 1, blocks: 1 }, new Generator(1));
    expect(drawn.mean().item()).toBeCloseTo(0.3, 1);
    const sums = new Set(drawn.sum(1).data());
    expect(sums.size).toBe(kinds === 3 ? 4 : 2);
  });

  test("rotation: an untrained head has a large loss, and a valid accuracy", () => {
    const task = new Rotation(16);
    const { loss, accuracy } = task.forward(new Encoder(small), batchOf(16));
    expect(loss.item()).toBeGreaterThan(0.5);
    expect((accuracy as Tensor).item()).toBeLessThanOrEqual(1);
  });
});

describe("NT-Xent", () => {
  test("follows its formula in float64", () => {
    const [rows, width, t] = [10, 4, 0.3];
    const random = testRandom(8);
    const z = Array.from({ length: rows }, () => Array.from({ length: width }, () => random() * 2 - 1));
    const unit = z.map((row) => row.map((v) => v / Math.hypot(...row)));
    const s = (i: number, j: number) => unit[i].reduce((sum, v, d) => sum + v * unit[j][d], 0) / t;
    let expected = 0;
    for (let i = 0; i < rows; i++) {
      let below = 0;
      for (let k = 0; k < rows; k++) if (k !== i) below += Math.exp(s(i, k));
      expected -= Math.log(Math.exp(s(i, (i + 5) % rows)) / below) / rows;
    }
    expect(ntXent(tensor(z), t).item()).toBeCloseTo(expected, 4);
  });

  test("an odd number of rows, one pair and temperature 0 are errors", () => {
    expect(() => ntXent(zeros([5, 2]), 0.5)).toThrow(ShapeError);
    expect(() => ntXent(zeros([2, 2]), 0.5)).toThrow(ShapeError);
    expect(() => ntXent(zeros([4, 2]), 0)).toThrow(OptionError);
  });
});

describe("patches", () => {
  test("patches are the image's squares, and can be joined again", () => {
    const images = rand([2, 3, 8, 12]);
    const patches = patchify(images, 4);
    expect(patches.shape).toEqual([2, 2, 3, 48]);
    const square = images.slice(2, 4, 8).slice(3, 8, 12).select(0, 1);
    expect(patches.select(0, 1).select(0, 1).select(0, 2).toArray()).toEqual(square.reshape([48]).toArray());
    expect(unpatchify(patches, 4).data()).toEqual(images.data());
    expect(() => patchify(images, 5)).toThrow(ShapeError);
  });

  test("meanWhere, of a mask that is broadcast, and of nothing", () => {
    const x = tensor([
      [1, 2],
      [3, 4],
    ]);
    expect(meanWhere(x, tensor([[1], [0]])).item()).toBe(1.5);
    expect(meanWhere(x, zeros([2, 2])).item()).toBe(0);
  });
});

describe("probes", () => {
  /** Three classes in three directions, with noise. */
  function clusters(count: number, seed: number) {
    const generator = new Generator(seed);
    const labels = Int32Array.from({ length: count }, (_, i) => i % 3);
    const centres = tensor(Array.from(labels, (label) => [0, 1, 2, 3].map((d) => (d === label ? 3 : 0))));
    return { x: centres.add(randn([count, 4], { generator })), labels };
  }

  test("k-NN agrees with a plain search", () => {
    const [train, test] = [clusters(60, 1), clusters(40, 2)];
    const rows = (x: Tensor) => (x.toArray() as number[][]).map((row) => row.map((v) => v / Math.hypot(...row)));
    const [from, on] = [rows(train.x), rows(test.x)];
    let right = 0;
    on.forEach((row, i) => {
      const near = from
        .map((other, j) => ({ s: other.reduce((sum, v, d) => sum + v * row[d], 0), label: train.labels[j] }))
        .sort((a, b) => b.s - a.s)
        .slice(0, 7);
      const votes = [0, 0, 0];
      for (const { s, label } of near) votes[label] += Math.exp(s / 0.1);
      if (votes.indexOf(Math.max(...votes)) === test.labels[i]) right++;
    });
    expect(knnAccuracy(train, test, { k: 7 })).toBe(right / 40);
    expect(right / 40).toBeGreaterThan(0.7);
    expect(() => knnAccuracy(train, test, { k: 61 })).toThrow(OptionError);
    const none = { x: zeros([0, 4]), labels: new Int32Array(0) };
    expect(() => knnAccuracy(train, none)).toThrow("knnAccuracy: expected one test sample or more");
  });

  test("a linear probe learns separate classes, with the same result for the same seed", () => {
    const [train, test] = [clusters(300, 3), clusters(300, 4)];
    const result = linearProbe(train, test, { epochs: 20, batchSize: 32 });
    expect(result.testAccuracy).toBeGreaterThan(0.88);
    expect(noGrad(() => linearProbe(train, test, { epochs: 20, batchSize: 32 }))).toEqual(result);
    // labels that are independent of the features cannot be predicted from them
    const foreign = { x: train.x, labels: Int32Array.from(train.labels, (_, i) => Math.floor(i / 100)) };
    expect(linearProbe(foreign, test, { epochs: 5 }).testAccuracy).toBeLessThan(0.6);
  });

  test("embedAll applies the encoder to each image, in order", () => {
    const encoder = new Encoder(small);
    const set = Object.assign(new TensorDataset(rand([7, 3, 32, 32]), tensor(Int32Array.from([0, 1, 2, 3, 4, 5, 6]))));
    const { x, labels } = embedAll(encoder, set, { batchSize: 3 });
    expect([...labels]).toEqual([0, 1, 2, 3, 4, 5, 6]);
    const expected = inEvalMode(encoder, () => encoder.embed(set.tensors[0]));
    expectClose("features", x.data(), expected.data(), 1e-6);
    expect(encoder.training).toBe(true);
  });

  test("a part that is frozen in a model in training stays frozen", () => {
    const model = new Classifier(new Encoder(small));
    const { encoder } = model;
    encoder.stages[0].eval();
    const modes = () => model.modules().map((module) => module.training);
    const before = modes();
    evaluateClassifier(model, sample);
    embedAll(encoder, sample);
    recalibrate(encoder, sample, { batches: 1, batchSize: 20 });
    expect(modes()).toEqual(before);
    const broken = { length: 1, get: () => [] };
    expect(() => recalibrate(encoder, broken)).toThrow();
    expect(modes()).toEqual(before);
  });

  test("embedAll of no image", () => {
    expect(() => embedAll(new Encoder(small), { length: 0, get: () => [] })).toThrow("embedAll: expected one image");
  });

  test("embedAll leaves no tensors if the data set fails half-way", () => {
    const encoder = new Encoder(small);
    const [x, y] = [rand([6, 3, 32, 32]), tensor(new Int32Array(6))];
    const set = {
      length: 6,
      get: (i: number) => {
        if (i === 5) throw new RangeError("no more");
        return [x.select(0, i), y.select(0, i)];
      },
    };
    const before = memory().liveTensors;
    expect(() => embedAll(encoder, set, { batchSize: 2 })).toThrow("no more");
    expect(memory().liveTensors).toBe(before);
  });

  test("recalibrate changes running statistics only", () => {
    const encoder = new Encoder(small).eval();
    const names = Object.keys(encoder.stateDict());
    const values = () => Object.values(encoder.stateDict()).map((t) => String(t.data()));
    const before = values();
    recalibrate(encoder, sample, { batches: 2, batchSize: 50 });
    const changed = names.filter((_, i) => values()[i] !== before[i]);
    expect(changed.length).toBeGreaterThan(0);
    expect(changed.every((name) => /running|num_batches/.test(name))).toBe(true);
    expect(encoder.training).toBe(false);
  });
});

describe("Classifier", () => {
  test("groups nearer to the image have smaller rates, and each parameter is in one", () => {
    const model = new Classifier(new Encoder(small));
    const groups = model.groups(0.1, 0.5);
    expect(groups.map(({ lr }) => lr)).toEqual([0.1, 0.05, 0.025, 0.0125]);
    expect(groups[0].params).toEqual(model.head.parameters());
    expect(new Set(groups.flatMap(({ params }) => params))).toEqual(new Set(model.parameters()));
  });

  test("evaluateClassifier counts right answers and cross entropy, batches of any size", () => {
    const model = new Classifier(new Encoder(small), { dropout: 0.5 });
    const logits = inEvalMode(model, () =>
      model.forward(sample.batch([0, 1, 2, 3, 4, 5, 6])[0]),
    ).toArray() as number[][];
    const labels = [...sample.targets.slice(0, 7)];
    const right = logits.filter((row, i) => row.indexOf(Math.max(...row)) === labels[i]).length;
    const loss = logits.map((row, i) => Math.log(row.reduce((sum, v) => sum + Math.exp(v), 0)) - row[labels[i]]);
    const set = {
      length: 7,
      get: (i: number) => sample.get(i),
      batch: (indices: readonly number[]) => sample.batch(indices),
    };
    for (const batchSize of [3, 7]) {
      const result = evaluateClassifier(model, set, { batchSize });
      expect(result.accuracy).toBe(right / 7);
      expect(result.loss).toBeCloseTo(loss.reduce((a, b) => a + b) / 7, 4);
    }
  });
});

describe("fewLabels", () => {
  test("takes equally many of each class, each index once, others for another seed", () => {
    const chosen = fewLabels(sample.targets, 5);
    expect(chosen.map((i) => sample.targets[i])).toEqual(Array.from({ length: 50 }, (_, i) => i % 10));
    expect(new Set(chosen).size).toBe(50);
    expect(fewLabels(sample.targets, 5)).toEqual(chosen);
    expect(fewLabels(sample.targets, 5, { seed: 1 })).not.toEqual(chosen);
    expect(() => fewLabels([0, 0, 1], 2)).toThrow(/class 1 has 1 samples/);
  });
});

test("a set with indices runs through a loader", () => {
  const [first] = [...new DataLoader(withIndices(sample), { batchSize: 4, scoped: false })];
  expect(first.map(({ shape }) => shape.join())).toEqual(["4,3,32,32", "4", "4"]);
});
