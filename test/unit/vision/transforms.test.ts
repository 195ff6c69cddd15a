/**
 * Transforms against torchvision (test/fixtures/breadth/gen_transforms.py), what random transforms draw, and
 * the arguments that transforms refuse.
 */
import { describe, expect, test } from "vitest";
import { DTypeError, Generator, manualSeed, OptionError, ones, ShapeError, type Tensor, tensor, zeros } from "wasmgrad";
import { ImageDataset, type Transform, transforms } from "wasmgrad/vision";
import { checkCase, readCases } from "../../support/pytorch_case.ts";

const cases = readCases("transforms");
const ran = new Set<string>();

function check(name: string, transform: Transform): void {
  test(name, () => {
    ran.add(name);
    checkCase(cases[name], ({ x }) => transform(x), { tolerance: 3e-6 });
  });
}

describe("torchvision's values", () => {
  for (const interpolation of ["bilinear", "bicubic", "nearest", "nearest-exact"] as const) {
    check(`resize ${interpolation} True`, transforms.resize([5, 9], { interpolation }));
    check(`resize ${interpolation} False`, transforms.resize([5, 9], { interpolation, antialias: false }));
  }
  check("resize 6 wide", transforms.resize(6));
  check("resize 6 tall", transforms.resize(6));
  check("resize 12 larger", transforms.resize(12));
  check("resize 6 of at most 8", transforms.resize(6, { maxSize: 8 }));
  check("resize 6 of at most 20", transforms.resize(6, { maxSize: 20 }));
  check("resize 7 same", transforms.resize(7));
  check("center crop even", transforms.centerCrop(4));
  check("center crop odd", transforms.centerCrop(3));
  check("center crop half to even", transforms.centerCrop(3));
  check("center crop pair", transforms.centerCrop([5, 2]));
  check("center crop larger", transforms.centerCrop(7));
  check("center crop wider", transforms.centerCrop([2, 9]));
  check("center crop same", transforms.centerCrop(5));
  check("pad constant", transforms.pad([2, 1, 3, 0], { fill: 0.5 }));
  for (const paddingMode of ["edge", "reflect", "symmetric"] as const) {
    check(`pad ${paddingMode}`, transforms.pad([2, 1, 3, 0], { paddingMode }));
  }
  check("pad pair", transforms.pad([2, 1]));
  check("pad one", transforms.pad(2, { paddingMode: "edge" }));
  check("grayscale", transforms.grayscale());
  check("grayscale 3", transforms.grayscale({ numOutputChannels: 3 }));
  check("grayscale of grey", transforms.grayscale({ numOutputChannels: 3 }));
  check("blur 5", transforms.gaussianBlur(5, { sigma: [0.8, 0.8] }));
  check("blur 3 by 7", transforms.gaussianBlur([3, 7], { sigma: 2.5 }));
  check("blur 1", transforms.gaussianBlur(1, { sigma: 2.5 }));
  const still = { scale: [1, 1], ratio: [1, 1] } as const;
  check("resized crop whole", transforms.randomResizedCrop([5, 4], still));
  check("resized crop tall", transforms.randomResizedCrop(6, { ...still, interpolation: "bicubic" }));
  const wide = { scale: [1, 1], ratio: [1.5, 2], antialias: false } as const;
  check("resized crop wide", transforms.randomResizedCrop([3, 6], wide));
  const large = { scale: [3, 4], ratio: [0.5, 2], interpolation: "nearest" } as const;
  check("resized crop too large", transforms.randomResizedCrop(6, large));
  check("erasing whole", transforms.randomErasing({ ...still, p: 1 }));
  test("every case of the file was run", () => expect([...ran].sort()).toEqual(Object.keys(cases).sort()));
});

/** Images [count, 2, height, width] whose pixels are their row and column. */
function places(count: number, height: number, width: number): Tensor {
  const plane = (value: (y: number, x: number) => number) =>
    Array.from({ length: height * width }, (_, i) => value(Math.floor(i / width), i % width));
  const image = tensor([...plane((y) => y), ...plane((_, x) => x)]).reshape([1, 2, height, width]);
  return image.repeat([count, 1, 1, 1]);
}

/** Smallest and largest number of each of the last two dimensions' planes. */
const extent = (planes: Tensor) =>
  [planes.flatten(2).amin(2), planes.flatten(2).amax(2)].map((t) => t.toArray() as number[][]);

describe("random transforms", () => {
  const count = 600;

  test("randomResizedCrop: areas, aspect ratios and positions", () => {
    // enlarged without interpolation, so the result has all pixels of the part
    const crop = transforms.randomResizedCrop(90, { scale: [0.2, 0.6], ratio: [0.5, 2], interpolation: "nearest" });
    const [low, high] = extent(crop(places(count, 30, 40)));
    const boxes = low.map(([top, left], i) => ({
      top,
      left,
      height: high[i][0] - top + 1,
      width: high[i][1] - left + 1,
    }));
    const shares = boxes.map(({ height, width }) => (height * width) / 1200);
    const logRatios = boxes.map(({ height, width }) => Math.log2(width / height));
    expect(Math.min(...shares)).toBeGreaterThan(0.17);
    expect(Math.max(...shares)).toBeLessThan(0.65);
    expect(Math.max(...logRatios.map(Math.abs))).toBeLessThan(1.15);
    const mean = (values: number[]) => values.reduce((a, b) => a + b) / values.length;
    // large wide or tall parts do not fit, so the mean is below 0.4
    expect(mean(shares)).toBeGreaterThan(0.36);
    expect(mean(shares)).toBeLessThan(0.41);
    expect(mean(logRatios)).toBeGreaterThan(-0.05);
    expect(mean(logRatios)).toBeLessThan(0.25);
    const free = boxes.filter(({ height, width }) => height < 30 && width < 40);
    const across = free.map(({ left, width }) => left / (40 - width));
    const down = free.map(({ top, height }) => top / (30 - height));
    for (const positions of [across, down]) {
      expect(Math.abs(mean(positions) - 0.5)).toBeLessThan(0.06);
      expect([Math.min(...positions), Math.max(...positions)]).toEqual([0, 1]);
    }
  });

  test("randomErasing: probability, areas, positions and values", () => {
    const erase = transforms.randomErasing({ p: 0.75, scale: [0.1, 0.3], ratio: [0.5, 2], value: [-1, -2] });
    const erased = erase(places(count, 20, 30)).toArray() as number[][][][];
    let changed = 0;
    const covered = new Set<string>();
    for (const [rows, columns] of erased) {
      const inside = rows.flatMap((row, y) => row.flatMap((value, x) => (value === -1 ? [[y, x]] : [])));
      const second = columns.flatMap((row, y) => row.flatMap((value, x) => (value === -2 ? [[y, x]] : [])));
      expect(second).toEqual(inside);
      if (inside.length === 0) continue;
      changed++;
      const [ys, xs] = [inside.map(([y]) => y), inside.map(([, x]) => x)];
      const [height, width] = [ys, xs].map((list) => Math.max(...list) - Math.min(...list) + 1);
      expect(inside.length, "a rectangle").toBe(height * width);
      expect(inside.length / 600).toBeGreaterThan(0.08);
      expect(inside.length / 600).toBeLessThan(0.33);
      for (const [y, x] of inside) covered.add(`${y},${x}`);
    }
    expect(Math.abs(changed / count - 0.75)).toBeLessThan(4.5 * Math.sqrt((0.75 * 0.25) / count));
    expect(covered.size, "every pixel may be overwritten").toBe(600);
    expect(erased[0][0][0].length).toBe(30);
  });

  test("randomErasing: noise is normal, and p = 0 changes nothing", () => {
    const noise = transforms.randomErasing({ p: 1, scale: [0.3, 0.3], ratio: [1, 1], value: "random" });
    const values = [...noise(zeros([200, 1, 16, 16])).data()].filter((value) => value !== 0);
    expect(values.length).toBe(200 * 81);
    expect(Math.abs(values.reduce((a, b) => a + b) / values.length)).toBeLessThan(0.03);
    expect(Math.abs(values.reduce((a, b) => a + b * b, 0) / values.length - 1)).toBeLessThan(0.05);
    const images = ones([3, 1, 5, 5]);
    expect(transforms.randomErasing({ p: 0 })(images).toArray()).toEqual(images.toArray());
  });

  test("gaussianBlur: each image has another sigma in the range", () => {
    const point = zeros([count, 1, 9, 9]).add(
      tensor(Array.from({ length: 81 }, (_, i) => Number(i === 40))).reshape([1, 1, 9, 9]),
    );
    const blurred = transforms.gaussianBlur(5, { sigma: [0.5, 1.5] })(point);
    const sigmas = (blurred.toArray() as number[][][][]).map(([image]) => {
      const ratio = Math.log(image[4][4] / image[4][5]); // 1 / (2 sigma²)
      return Math.sqrt(1 / (2 * ratio));
    });
    expect(Math.min(...sigmas)).toBeGreaterThan(0.4999);
    expect(Math.max(...sigmas)).toBeLessThan(1.5001);
    expect(Math.abs(sigmas.reduce((a, b) => a + b) / count - 1)).toBeLessThan(4.5 / Math.sqrt(12 * count));
  });

  test("manualSeed or a generator determines the results; images of a batch differ", () => {
    const images = places(4, 16, 16);
    const makers = [
      (generator?: Generator) => transforms.randomResizedCrop(8, generator ? { generator } : {}),
      (generator?: Generator) => transforms.randomErasing({ p: 1, ...(generator ? { generator } : {}) }),
      (generator?: Generator) => transforms.gaussianBlur(3, generator ? { generator } : {}),
    ];
    for (const make of makers) {
      const run = (generator?: Generator) => make(generator)(images).toArray() as unknown[];
      manualSeed(3);
      const first = run();
      expect(run()).not.toEqual(first);
      manualSeed(3);
      expect(run()).toEqual(first);
      expect(run(new Generator(3))).toEqual(first);
      expect(first[0]).not.toEqual(first[1]);
    }
  });

  test("an empty batch stays empty", () => {
    const none = zeros([0, 3, 8, 8]);
    expect(transforms.randomResizedCrop(4)(none).shape).toEqual([0, 3, 4, 4]);
    expect(transforms.randomErasing()(none).shape).toEqual([0, 3, 8, 8]);
    expect(transforms.gaussianBlur(3)(none).shape).toEqual([0, 3, 8, 8]);
    expect(transforms.resize([4, 5])(none).shape).toEqual([0, 3, 4, 5]);
  });
});

test("a data set's transform may change the images' size", () => {
  const pixels = Uint8Array.from({ length: 2 * 3 * 6 * 8 }, (_, i) => (i * 37) % 256);
  const all = transforms.compose([
    transforms.toTensor(),
    transforms.resize(4),
    transforms.centerCrop(4),
    transforms.normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),
  ]);
  const set = ImageDataset.fromBytes(pixels, { shape: [2, 3, 6, 8], transform: all });
  expect(set.batch([1, 0])[0].shape).toEqual([2, 3, 4, 4]);
  expect(set.get(1)[0].toArray()).toEqual(set.batch([1, 0])[0].select(0, 0).toArray());
});

describe("bad arguments", () => {
  const image = zeros([3, 4, 6]);
  test.each<[string, () => unknown]>([
    ["size 0", () => transforms.resize(0)],
    ["three sizes", () => transforms.resize([1, 2, 3])],
    ["an unknown interpolation", () => transforms.resize(4, { interpolation: "area" as never })],
    ["maxSize with two sizes", () => transforms.resize([4, 4], { maxSize: 8 })],
    ["maxSize not above size", () => transforms.resize(4, { maxSize: 4 })],
    ["an unknown option", () => transforms.resize(4, { max_size: 8 } as never)],
    ["a fractional crop", () => transforms.centerCrop(2.5)],
    ["three paddings", () => transforms.pad([1, 2, 3])],
    ["negative padding", () => transforms.pad(-1)],
    ["two channels of grey", () => transforms.grayscale({ numOutputChannels: 2 as never })],
    ["an even kernel", () => transforms.gaussianBlur(4)],
    ["sigma 0", () => transforms.gaussianBlur(3, { sigma: 0 })],
    ["a descending range", () => transforms.randomResizedCrop(4, { scale: [1, 0.5] })],
    ["ratio 0", () => transforms.randomErasing({ ratio: [0, 1] })],
    ["probability 2", () => transforms.randomErasing({ p: 2 })],
    ["a value that is no number", () => transforms.randomErasing({ value: "noise" as never })],
  ])("%s is an OptionError", (_name, run) => expect(run).toThrow(OptionError));

  test("images of a wrong shape or dtype", () => {
    const all = [
      transforms.resize(4),
      transforms.centerCrop(4),
      transforms.pad(1),
      transforms.grayscale(),
      transforms.gaussianBlur(3),
      transforms.randomErasing(),
      transforms.randomResizedCrop(4),
    ];
    for (const transform of all) {
      expect(() => transform(zeros([4, 4]))).toThrow(
        /images expected \[N,C,H,W\] or \[C,H,W\] with pixels, got \[4,4\]/,
      );
      expect(() => transform(zeros([3, 0, 4]))).toThrow(ShapeError);
      expect(() => transform(zeros([3, 4, 4], { dtype: "int32" }))).toThrow(DTypeError);
    }
    expect(() => transforms.grayscale()(zeros([2, 4, 4]))).toThrow(
      "grayscale: images expected 1 or 3 channels, got [2,4,4]",
    );
    expect(() => transforms.pad(4, { paddingMode: "reflect" })(image)).toThrow(ShapeError);
    expect(() => transforms.pad(5, { paddingMode: "symmetric" })(image)).toThrow(
      "pad: symmetric padding expected at most the image's side 4, got 5,5",
    );
    expect(() => transforms.gaussianBlur(9)(image)).toThrow(ShapeError);
    expect(() => transforms.randomErasing({ value: [1, 2] })(image)).toThrow(
      "value expected 1 or 3 numbers for [3,4,6]",
    );
    expect(() => transforms.resize(1, { maxSize: 2 })(zeros([1, 100, 1]))).toThrow("is empty");
  });
});
