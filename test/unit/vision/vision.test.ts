/** Transforms, masks and metrics against plain references. */
import { describe, expect, test } from "vitest";
import {
  DataError,
  DTypeError,
  Generator,
  manualSeed,
  OptionError,
  rand,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from "wasmgrad";
import { ImageDataset, masks, mse, psnr, transforms } from "wasmgrad/vision";
import { expectClose } from "../../support/compare.ts";
import { testRandom } from "../../support/random.ts";

const f = Math.fround;

describe("transforms", () => {
  test.each([[[1, 1, 1]], [[3, 5, 7]], [[2, 3, 4, 5]], [[1, 2, 1, 3]], [[0, 2, 3, 3]], [[2, 2, 0, 3]]])(
    "normalize %j, and its gradient",
    (shape) => {
      const channels = shape[shape.length - 3];
      const random = testRandom(channels);
      const numbers = () => Array.from({ length: channels }, () => random() + 0.5);
      const [mean, std] = [numbers(), numbers()];
      const size = shape.reduce((a, b) => a * b, 1);
      const values = Float32Array.from({ length: size }, () => random());
      const x = tensor(values, { shape, requiresGrad: true });
      const plane = shape.at(-1)! * shape.at(-2)!;
      const channelOf = (i: number) => Math.floor(i / plane) % channels;
      const y = transforms.normalize(mean, std)(x);
      expect([...y.data()]).toEqual(
        Array.from(values, (v, i) => f(f(v - f(mean[channelOf(i)])) / f(std[channelOf(i)]))),
      );
      y.backward(tensor(values, { shape }));
      if (size > 0) {
        expect([...x.grad!.data()]).toEqual(Array.from(values, (v, i) => f(v / f(std[channelOf(i)]))));
      }
    },
  );

  test("compose runs from first to last, composed ones as well", () => {
    const add = (n: number) => (x: Tensor) => x.add(n);
    const double = (x: Tensor) => x.mul(2);
    const both = transforms.compose([transforms.compose([add(1), double]), transforms.toTensor(), add(10)]);
    expect(both(tensor([1, 2])).toArray()).toEqual([14, 16]);
    expect(
      transforms
        .compose([])(tensor([1]))
        .toArray(),
    ).toEqual([1]);
  });

  test.each([1, 3, 16, 17])("images of %i pixels a row: gathered, normalised, other functions after", (width) => {
    const bytes = Uint8Array.from({ length: 4 * 2 * 3 * width }, (_, i) => (i * 37) % 256);
    const options = { shape: [4, 2, 3, width] };
    const [mean, std] = [
      [0.3, 0.6],
      [0.2, 0.4],
    ];
    const steps = [transforms.normalize(mean, std), (x: Tensor) => x.add(1)];
    const plain = ImageDataset.fromBytes(bytes, options);
    const folded = ImageDataset.fromBytes(bytes, {
      ...options,
      transform: transforms.compose([transforms.toTensor(), ...steps]),
    });
    const order = [3, 0, 3];
    const expected = order.flatMap((n) =>
      Array.from(bytes.subarray(n * 6 * width, (n + 1) * 6 * width), (byte) => f(byte / 255)),
    );
    expect([...plain.batch(order)[0].data()]).toEqual(expected);
    const afterwards = steps.reduce((x, step) => step(x), plain.batch(order)[0]);
    expect(folded.batch(order)[0].data()).toEqual(afterwards.data());
    expect(plain.batch([])[0].shape).toEqual([0, 2, 3, width]);
  });

  test("HWC bytes become CHW", () => {
    const bytes = Uint8Array.from({ length: 2 * 6 * 3 }, (_, i) => i);
    const set = ImageDataset.fromBytes(bytes, { shape: [2, 3, 2, 3], layout: "HWC" });
    const expected = [0, 1].flatMap((n) =>
      [0, 1, 2].flatMap((c) => [0, 1, 2, 3, 4, 5].map((i) => f(bytes[(n * 6 + i) * 3 + c] / 255))),
    );
    expect([...set.batch([0, 1])[0].data()]).toEqual(expected);
  });

  test("statistics of large and odd planes", () => {
    const [channels, plane] = [2, 70001];
    const bytes = Uint8Array.from({ length: channels * plane }, (_, i) => (i < plane ? 255 : (i * 7) % 251));
    const { mean, std } = ImageDataset.fromBytes(bytes, { shape: [1, channels, 1, plane] }).statistics();
    const second = [...bytes.subarray(plane)].map((byte) => byte / 255);
    const average = second.reduce((a, b) => a + b, 0) / plane;
    const deviation = Math.sqrt(second.reduce((sum, v) => sum + (v - average) ** 2, 0) / plane);
    expectClose("mean", mean, [1, average], 1e-7);
    expectClose("std", std, [0, deviation], 1e-7);
  });

  test("bad input", () => {
    expect(() => transforms.normalize([0.5], [0.5, 0.5])).toThrow(
      "normalize: expected as many std as mean, got 1 mean and 2",
    );
    expect(() => transforms.normalize([0.5], [0])).toThrow("normalize: std expected numbers other than 0");
    expect(() => transforms.normalize([NaN], [1])).toThrow("normalize: mean[0] expected a finite number, got NaN");
    expect(() => transforms.normalize([], [])).toThrow(OptionError);
    expect(() => transforms.normalize(0.5 as never, [1])).toThrow(OptionError);
    const normalize = transforms.normalize([0.5, 0.5], [1, 1]);
    expect(() => normalize(zeros([3, 4, 4]))).toThrow("expected [2,H,W] or [N,2,H,W] for 2 means, got [3,4,4]");
    expect(() => normalize(zeros([2, 4]))).toThrow(ShapeError);
    expect(() => normalize(zeros([2, 4, 4], { dtype: "int32" }))).toThrow(DTypeError);
    expect(() => transforms.toTensor()(zeros([2], { dtype: "int32" }))).toThrow(DTypeError);
    expect(() => transforms.compose([1 as never])).toThrow("compose: transform 0 expected a function");
    expect(() => transforms.compose(normalize as never)).toThrow(OptionError);
    const grey = ImageDataset.fromBytes(new Uint8Array(4), { shape: [1, 1, 2, 2], transform: normalize });
    expect(() => grey.get(0)).toThrow(ShapeError);
    const from = (options: object, bytes: unknown = new Uint8Array(4)) => {
      return () => ImageDataset.fromBytes(bytes as Uint8Array, { shape: [1, 1, 2, 2], ...options });
    };
    expect(from({}, new Uint8Array(5))).toThrow(DataError);
    expect(from({}, [1, 2, 3, 4])).toThrow("expected bytes (a Uint8Array or an ArrayBuffer), got Array");
    expect(from({ shape: [4] })).toThrow("shape expected [N,C,H,W]");
    expect(from({ shape: [1, 1, 2, NaN] })).toThrow(OptionError);
    expect(from({ labels: [1.7] })).toThrow("expected integers as labels, got 1.7 of image 0");
    expect(from({ labels: [2 ** 32] })).toThrow(DataError);
    expect(from({ labels: [0, 1] })).toThrow("expected 1 labels in [0, 1], got 2 labels");
    expect(from({ labels: [2], classes: ["a", "b"] })).toThrow("got label 2 of image 0");
    expect(from({ layout: "NHWC" })).toThrow("layout expected one of CHW, HWC");
    expect(from({ label: [0] })).toThrow('unknown option "label"');
  });
});

describe("masks", () => {
  const share = (mask: Tensor) => mask.sum().item() / mask.numel();

  test.each([0, 0.25, 0.5, 0.9, 1])("randomPixels hides %d of all elements", (ratio) => {
    const mask = masks.randomPixels([16, 3, 33, 31], { ratio, generator: new Generator(1) });
    expect([mask.dtype, mask.shape]).toEqual(["bool", [16, 3, 33, 31]]);
    expect([...new Set(mask.data())].every((v) => v === 0 || v === 1)).toBe(true);
    // five standard deviations of a binomial share of 49,104
    expect(Math.abs(share(mask) - (1 - ratio))).toBeLessThanOrEqual(5 * Math.sqrt((ratio * (1 - ratio)) / 49104));
  });

  test("randomPixels keeps what rand(shape) >= ratio says", () => {
    const shape = [2, 3, 5, 7];
    const u = rand(shape, { generator: new Generator(4) });
    const mask = masks.randomPixels(shape, { ratio: 0.3, generator: new Generator(4) });
    expect([...mask.data()]).toEqual(Array.from(u.data(), (v) => (v >= f(0.3) ? 1 : 0)));
  });

  test("randomPixels by whole pixels: all channels alike, images not", () => {
    const shape = [2, 3, 5, 7];
    const data = masks.randomPixels(shape, { perChannel: false, generator: new Generator(2) }).data();
    const planes = Array.from({ length: 6 }, (_, p) => [...data.subarray(p * 35, p * 35 + 35)]);
    expect(planes[1]).toEqual(planes[0]);
    expect(planes[2]).toEqual(planes[0]);
    expect(planes[5]).toEqual(planes[3]);
    expect(planes[3]).not.toEqual(planes[0]);
  });

  test("randomPixels by channel: channels differ", () => {
    const data = masks.randomPixels([3, 6, 6], { generator: new Generator(2) }).data();
    expect([...data.subarray(0, 36)]).not.toEqual([...data.subarray(36, 72)]);
  });

  test("without a generator manualSeed decides", () => {
    const draw = () =>
      [masks.randomPixels([1, 4, 4]), masks.randomBlocks([5, 1, 9, 9], { size: 2 })].map((m) => m.toArray());
    manualSeed(1);
    const first = draw();
    expect(draw()).not.toEqual(first);
    manualSeed(1);
    expect(draw()).toEqual(first);
  });

  test.each([
    [[1, 4, 4], 2, ["1111", "1001", "1001", "1111"]],
    [[1, 3, 5], 1, ["11111", "11011", "11111"]],
    [[1, 3, 4], [3, 1] as [number, number], ["1011", "1011", "1011"]],
    [[1, 2, 2], 2, ["00", "00"]],
    [[1, 1, 1], 1, ["0"]],
  ])("centerBlock %j, size %j", (shape, size, rows) => {
    expect([...masks.centerBlock(shape, { size }).data()].join("")).toBe(rows.join(""));
    const batch = masks.centerBlock([3, 2, ...shape.slice(1)], { size });
    expect([batch.dtype, batch.shape.length]).toEqual(["bool", 4]);
    expect([...batch.data()].join("")).toBe(rows.join("").repeat(6));
  });

  test("randomBlocks hides the union of blocks inside the image, the same in all channels", () => {
    const [n, c, h, w] = [200, 2, 7, 5];
    const data = masks.randomBlocks([n, c, h, w], { size: [3, 2], generator: new Generator(3) }).data();
    const corners = new Set<string>();
    for (let i = 0; i < n; i++) {
      const planes = [0, 1].map((p) => [...data.subarray((i * c + p) * h * w, (i * c + p + 1) * h * w)]);
      expect(planes[1]).toEqual(planes[0]);
      const first = planes[0].indexOf(0);
      const [top, left] = [Math.floor(first / w), first % w];
      const inside = (at: number) => {
        const [y, x] = [Math.floor(at / w) - top, (at % w) - left];
        return y >= 0 && y < 3 && x >= 0 && x < 2;
      };
      expect(planes[0]).toEqual(planes[0].map((_, at) => (inside(at) ? 0 : 1)));
      corners.add(`${top},${left}`);
    }
    expect(corners.size).toBe(5 * 4); // every place there is, in 200 draws
  });

  test("several blocks hide more than one block, and no block hides nothing", () => {
    const hidden = (count: number) => 1 - share(masks.randomBlocks([64, 1, 16, 16], { size: 4, count }));
    expect(hidden(0)).toBe(0);
    expect(hidden(1)).toBe(1 / 16);
    expect(hidden(4)).toBeGreaterThan(2.5 / 16);
    expect(hidden(4)).toBeLessThanOrEqual(4 / 16);
  });

  test("an empty batch gives an empty mask", () => {
    for (const mask of [
      masks.randomPixels([0, 3, 4, 4]),
      masks.centerBlock([0, 3, 4, 4], { size: 2 }),
      masks.randomBlocks([0, 3, 4, 4], { size: 2 }),
    ]) {
      expect(mask.shape).toEqual([0, 3, 4, 4]);
    }
  });

  test("bad input", () => {
    expect(() => masks.randomPixels([4, 4])).toThrow("randomPixels: shape expected [N,C,H,W] or [C,H,W], got [4,4]");
    expect(() => masks.randomPixels([1, -4, 4])).toThrow(ShapeError);
    for (const ratio of [-0.1, 1.1, NaN]) expect(() => masks.randomPixels([1, 4, 4], { ratio })).toThrow(OptionError);
    expect(() => masks.randomPixels([1, 4, 4], { perChannel: 1 as never })).toThrow(OptionError);
    expect(() => masks.randomPixels([1, 4, 4], { share: 1 } as never)).toThrow('unknown option "share"');
    expect(() => masks.randomPixels([1, 4, 4], { generator: 7 as never })).toThrow(OptionError);
    expect(() => masks.centerBlock([1, 4, 4], { size: 5 })).toThrow(
      "size expected at most the image's 4 x 4, got 5 x 5",
    );
    expect(() => masks.centerBlock([1, 4, 4], {} as never)).toThrow("centerBlock: size expected the side of the block");
    expect(() => masks.centerBlock([1, 4, 4], { size: 0 })).toThrow(OptionError);
    expect(() => masks.randomBlocks([1, 4, 4], { size: 1, count: -1 })).toThrow(OptionError);
    expect(() => masks.randomBlocks([1, 4, 4], { size: 1.5 })).toThrow(OptionError);
  });
});

describe("metrics", () => {
  const random = testRandom(11);
  const values = () => Float32Array.from({ length: 2 * 3 * 5 * 7 }, () => random());
  const [a, b] = [values(), values()];
  const shape = [2, 3, 5, 7];
  const [ta, tb] = [tensor(a, { shape }), tensor(b, { shape })];
  const error = (counts: (i: number) => boolean) => {
    const squares = [...a].map((v, i) => (v - b[i]) ** 2).filter((_, i) => counts(i));
    return squares.reduce((x, y) => x + y, 0) / squares.length;
  };

  test("mse", () => {
    expectClose("mse", [mse(ta, tb)], [error(() => true)], 1e-7);
    expect(mse(ta, ta)).toBe(0);
    expect(mse(zeros([0]), zeros([0]))).toBeNaN();
  });

  test("mse under a mask, of the same shape or broadcast", () => {
    const bits = Array.from(a, (_, i) => i % 3 === 0);
    const mask = tensor(bits, { shape });
    expectClose("masked", [mse(ta, tb, { mask })], [error((i) => bits[i])], 1e-7);
    const hidden = mse(ta, tb, { mask: mask.logicalNot() });
    expectClose("hidden", [hidden], [error((i) => !bits[i])], 1e-7);
    const row = tensor([true, false, false, true, false, true, true]);
    expectClose("broadcast", [mse(ta, tb, { mask: row })], [error((i) => [0, 3, 5, 6].includes(i % 7))], 1e-7);
    expect(mse(ta, tb, { mask: tensor(false) })).toBeNaN();
  });

  test("psnr", () => {
    expectClose("psnr", [psnr(ta, tb)], [10 * Math.log10(1 / error(() => true))], 1e-6);
    expectClose("range 255", [psnr(ta, tb, { range: 255 })], [10 * Math.log10(255 ** 2 / error(() => true))], 1e-6);
    const mask = ta.gt(0.5);
    expectClose("masked", [psnr(ta, tb, { mask })], [10 * Math.log10(1 / error((i) => a[i] > 0.5))], 1e-6);
    expect(psnr(ta, ta)).toBe(Infinity);
  });

  test("no gradient", () => {
    const x = tensor([1, 2], { requiresGrad: true });
    expect(mse(x, tensor([1, 4]))).toBe(2);
    expect(x.grad).toBeNull();
  });

  test("bad input", () => {
    expect(() => mse(ta, zeros([2]))).toThrow("mse: second tensor expected shape [2,3,5,7], got [2]");
    expect(() => mse(ta, zeros(shape, { dtype: "int32" }))).toThrow(DTypeError);
    expect(() => mse(ta, 1 as never)).toThrow(OptionError);
    expect(() => mse(ta, tb, { mask: ta })).toThrow("mse: mask expected bool, got float32 of shape [2,3,5,7]");
    expect(() => mse(ta, tb, { mask: tensor([true, false]) })).toThrow(ShapeError);
    expect(() => mse(tensor([1]), tensor([2]), { mask: tensor([true, false]) })).toThrow(
      "mse: mask, broadcast, expected",
    );
    expect(() => mse(ta, tb, { weight: 1 } as never)).toThrow('mse: unknown option "weight"');
    for (const range of [0, -1, NaN, Infinity]) expect(() => psnr(ta, tb, { range })).toThrow(OptionError);
  });
});
