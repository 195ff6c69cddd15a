/**
 * Properties of augmentation that its cases do not check: random numbers, independence of batch and threads,
 * arguments; checkImages.
 */
import { describe, expect, test } from "vitest";
import { DTypeError, OptionError, rand, ShapeError, setNumThreads, type Tensor, tensor, zeros } from "wasmgrad";
import { DataLoader, withIndices } from "wasmgrad/data";
import { type Augmentation, augment, checkImages, ImageDataset } from "wasmgrad/vision";
import { testRandom } from "../../support/random.ts";

const int = (...values: number[]) => tensor(Int32Array.from(values));

const everything = augment.compose([
  augment.resizedCrop(),
  augment.compose([augment.randomCrop(), augment.horizontalFlip(), augment.rotation()]),
  augment.colorJitter(),
  augment.grayscale(),
  augment.cutout(),
  augment.gaussianNoise(),
]);

describe("chances", () => {
  test("the random numbers of an image are the same in any batch", () => {
    const images = rand([3, 3, 16, 16]);
    const all = everything(images, { indices: int(5, 6, 7), seed: 3, epoch: 2 });
    const alone = everything(images.slice(0, 2, 3), { indices: int(7), seed: 3, epoch: 2 });
    expect(alone.toArray()).toEqual(all.slice(0, 2, 3).toArray());
  });

  test("random numbers do not depend on the threads", () => {
    const images = rand([64, 3, 32, 32]);
    const indices = tensor(Int32Array.from({ length: 64 }, (_, i) => i));
    const run = (threads: number) => {
      setNumThreads(threads);
      return everything(images, { indices }).data();
    };
    const one = run(1);
    expect(run(4)).toEqual(one);
    setNumThreads(1);
  });

  test("random numbers change with index, seed, epoch, view and position in a compose", () => {
    const images = zeros([1, 1, 8, 8]);
    const noise = augment.gaussianNoise();
    const place = { indices: int(1), seed: 1, epoch: 1, view: 1, step: 1 };
    const changed = [{ indices: int(2) }, { seed: 2 }, { epoch: 2 }, { view: 2 }, { step: 2 }];
    const results = [place, ...changed.map((change) => ({ ...place, ...change }))].map((at) =>
      String(noise(images, at).data()),
    );
    expect(new Set(results).size).toBe(results.length);
    const twice = augment
      .compose([noise, noise])(images, { indices: int(1) })
      .data();
    const once = noise(images, { indices: int(1) }).data();
    expect(Array.from(twice, (v, i) => v - once[i])).not.toEqual([...once]);
  });

  test("noise is normal: mean, variance, kurtosis of 200 images", () => {
    const indices = tensor(Int32Array.from({ length: 200 }, (_, i) => i));
    const values = augment
      .gaussianNoise({ std: 0.5 })(zeros([200, 3, 8, 8]).add(2), { indices })
      .data();
    const moment = (k: number) => [...values].reduce((sum, v) => sum + (v - 2) ** k, 0) / values.length;
    expect(Math.abs(moment(1))).toBeLessThan((4 * 0.5) / Math.sqrt(values.length));
    expect(Math.abs(moment(2) - 0.25)).toBeLessThan(4 * 0.25 * Math.sqrt(2 / values.length));
    expect(Math.abs(moment(4) / 0.0625 - 3)).toBeLessThan(0.15);
  });

  test("all displacements of a crop and both directions come equally often", () => {
    const images = zeros([5000, 1, 3, 3]);
    const indices = tensor(Int32Array.from({ length: 5000 }, (_, i) => i));
    const marked = images.add(
      tensor([
        [0, 0, 0],
        [0, 1, 0],
        [0, 0, 0],
      ]).reshape([1, 1, 3, 3]),
    );
    const counts = augment.randomCrop({ padding: 1 })(marked, { indices }).sum(0).data();
    for (const count of counts) expect(Math.abs(count - 5000 / 9)).toBeLessThan(4.5 * Math.sqrt(5000 / 9));
    const left = zeros([5000, 1, 1, 2]).add(tensor([1, 0]));
    const flipped = augment.horizontalFlip()(left, { indices }).select(3, 1).sum().item();
    expect(Math.abs(flipped - 2500)).toBeLessThan(4.5 * Math.sqrt(1250));
  });
});

describe("arguments", () => {
  const images = zeros([2, 3, 4, 4]);
  const run =
    (one: Augmentation, x: Tensor = images, place: object = { indices: int(0, 1) }) =>
    () =>
      one(x, place as never);
  const crop = augment.randomCrop();

  test.each([
    ["no place", run(crop, images, null as never), OptionError],
    ["no place for several", run(augment.compose([crop]), images, null as never), OptionError],
    ["no indices", run(crop, images, {}), OptionError],
    ["too few indices", run(crop, images, { indices: int(0) }), ShapeError],
    ["float indices", run(crop, images, { indices: tensor([0, 1]) }), DTypeError],
    ["a negative epoch", run(crop, images, { indices: int(0, 1), epoch: -1 }), OptionError],
    ["an unknown name", run(crop, images, { indices: int(0, 1), time: 1 }), OptionError],
    ["one image", run(crop, zeros([3, 4, 4])), ShapeError],
    ["integers", run(crop, zeros([2, 3, 4, 4]).int()), DTypeError],
    ["two channels", run(augment.colorJitter(), zeros([2, 2, 4, 4])), ShapeError],
    ["oblong quarter turns", () => augment.rotateQuarters(zeros([2, 1, 2, 3]), int(0, 1)), ShapeError],
    ["too few quarter turns", () => augment.rotateQuarters(images, int(0)), ShapeError],
    ["negative padding", () => augment.randomCrop({ padding: -1 }), OptionError],
    ["an area above 1", () => augment.resizedCrop({ area: [0.5, 2] }), OptionError],
    ["areas in the wrong order", () => augment.resizedCrop({ area: [0.5, 0.2] }), OptionError],
    ["hue above half a turn", () => augment.colorJitter({ hue: 0.6 }), OptionError],
    ["a cutout of no size", () => augment.cutout({ size: 0 }), OptionError],
    ["no function", () => augment.compose([3 as never]), OptionError],
  ])("%s", (_name, call, kind) => {
    expect(call).toThrow(kind);
  });
});

test("withIndices adds the index, also where a data set has no batch", () => {
  const set = withIndices({ length: 5, get: (i: number) => [tensor([i, i]), i % 2] });
  const seen = [...new DataLoader(set, { batchSize: 2, shuffle: true, seed: 4, scoped: false })];
  expect(seen.flatMap(([x, , index]) => [...index.data()].map((i, row) => [i, x.select(0, row).data()[0]]))).toSatisfy(
    (pairs: number[][]) => pairs.every(([i, value]) => i === value) && new Set(pairs.map(([i]) => i)).size === 5,
  );
});

describe("checkImages", () => {
  const random = testRandom(3);
  const noise = () => Uint8Array.from({ length: 12 }, () => random() * 256);

  test("finds constant images and copies, each group once", () => {
    const [a, b] = [noise(), noise()];
    // constant in each channel
    const grey = Uint8Array.from({ length: 12 }, (_, i) => 10 * Math.floor(i / 4));
    const images = [a, grey, b, a, noise(), b, a];
    const bytes = Uint8Array.from(images.flatMap((image) => [...image]));
    const report = checkImages(ImageDataset.fromBytes(bytes, { shape: [7, 3, 2, 2] }));
    expect(report).toEqual({
      constant: [1],
      duplicates: [
        [0, 3, 6],
        [2, 5],
      ],
      wrongSize: [],
    });
  });

  test("finds other sizes", () => {
    const sizes = [
      [1, 2, 2],
      [1, 2, 2],
      [1, 2, 3],
      [3, 2, 2],
    ];
    const report = checkImages({ length: 4, get: (i: number) => [rand(sizes[i])] });
    expect(report.wrongSize).toEqual([
      { index: 2, shape: [1, 2, 3] },
      { index: 3, shape: [3, 2, 2] },
    ]);
    expect(report.duplicates).toEqual([]);
  });

  test("a sample without an image is an error", () => {
    expect(() => checkImages({ length: 1, get: () => [3] })).toThrow(/sample 0 expected a float32 image/);
  });
});
