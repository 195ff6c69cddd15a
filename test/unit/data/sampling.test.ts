/** Samplers, the loader's options that use them, streams, ConcatDataset, stratified splits, transforms. */
import { describe, expect, test } from "vitest";
import { arange, manualSeed, memory, OptionError, ShapeError, scope, type Tensor, tensor, zeros } from "wasmgrad";
import {
  BatchSampler,
  ConcatDataset,
  DataLoader,
  type IterableDataset,
  RandomSampler,
  randomSplit,
  type Sampler,
  SequentialSampler,
  SubsetRandomSampler,
  TensorDataset,
  WeightedRandomSampler,
} from "wasmgrad/data";
import { ImageDataset, transforms } from "wasmgrad/vision";
import { testRandom } from "../../support/random.ts";

const numbers = (n: number) => new TensorDataset(arange(n));
const read = (loader: Iterable<readonly { toArray(): unknown }[]>) =>
  Array.from(loader, ([x]) => x.toArray() as number[]);
const sorted = (list: Iterable<number>) => [...list].sort((a, b) => a - b);
const range = (n: number) => Array.from({ length: n }, (_, i) => i);

/** Largest deviation of counts from their expectations, in standard deviations. */
const deviation = (counts: number[], probabilities: number[], draws: number) =>
  Math.max(
    ...counts.map((n, i) => Math.abs(n - draws * probabilities[i]) / Math.sqrt(draws * probabilities[i] + 1e-9)),
  );

describe("samplers", () => {
  test("sequential", () => {
    expect([...new SequentialSampler(4)]).toEqual([0, 1, 2, 3]);
    expect([...new SequentialSampler(numbers(2))]).toEqual([0, 1]);
    expect(new SequentialSampler(0).length).toBe(0);
  });

  test("random: permutations, several of them, and independent numbers", () => {
    expect(sorted(new RandomSampler(50))).toEqual(range(50));
    const sampler = new RandomSampler(numbers(7), { numSamples: 24 });
    expect(sampler.length).toBe(24);
    const order = [...sampler];
    expect(order.length).toBe(24);
    for (const first of [0, 7, 14]) expect(sorted(order.slice(first, first + 7))).toEqual(range(7));
    expect(new Set(order.slice(21)).size).toBe(3);
    expect(order.slice(0, 7)).not.toEqual(order.slice(7, 14));
    expect([...new RandomSampler(7, { numSamples: 3 })].length).toBe(3);
    const drawn = [...new RandomSampler(10, { replacement: true, numSamples: 20000 })];
    const counts = range(10).map((i) => drawn.filter((j) => i === j).length);
    expect(counts.reduce((a, b) => a + b)).toBe(20000);
    expect(deviation(counts, new Array(10).fill(0.1), 20000)).toBeLessThan(4.5);
    expect([...new RandomSampler(0)]).toEqual([]);
  });

  test("of a subset", () => {
    const indices = [9, 2, 4, 30, 5, 8, 11];
    const sampler = new SubsetRandomSampler(indices);
    expect(sorted(sampler)).toEqual(sorted(indices));
    const orders = range(20).map((epoch) => Array.from(sampler.order(1, epoch)).join());
    expect(new Set(orders).size).toBe(20);
  });

  test("weighted: frequencies with replacement, the positive weights without", () => {
    const weights = [1, 0, 5, 2, 2];
    const drawn = [...new WeightedRandomSampler(weights, 30000)];
    const counts = range(5).map((i) => drawn.filter((j) => i === j).length);
    expect(counts[1]).toBe(0);
    const probabilities = weights.map((w) => w / 10);
    expect(deviation(counts, probabilities, 30000)).toBeLessThan(4.5);
    expect(sorted(new WeightedRandomSampler(weights, 4, { replacement: false }))).toEqual([0, 2, 3, 4]);
  });

  test("batches, with and without a smaller last one", () => {
    expect([...new BatchSampler(new SequentialSampler(10), 3)]).toEqual([[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]);
    const dropped = new BatchSampler([5, 6, 7, 8], 3, { dropLast: true });
    expect([dropped.length, ...dropped]).toEqual([1, [5, 6, 7]]);
  });

  test("manualSeed determines what samplers draw; an epoch depends on the seed and its number only", () => {
    const samplers: (Sampler & { order(seed: number, epoch: number): ArrayLike<number> })[] = [
      new RandomSampler(9),
      new RandomSampler(9, { numSamples: 20 }),
      new RandomSampler(9, { replacement: true }),
      new SubsetRandomSampler(range(9)),
      new WeightedRandomSampler([1, 2, 3, 4, 5, 6, 7], 12),
      new WeightedRandomSampler([1, 2, 3, 4, 5, 6, 7], 7, { replacement: false }),
    ];
    for (const sampler of samplers) {
      manualSeed(4);
      const first = [...sampler];
      const second = [...sampler];
      expect(second).not.toEqual(first);
      manualSeed(4);
      expect([...sampler]).toEqual(first);
      const epochs = range(6).map((epoch) => Array.from(sampler.order(7, epoch)).join());
      expect(new Set(epochs).size).toBe(6);
      expect(Array.from(sampler.order(7, 3)).join()).toBe(epochs[3]);
      expect(Array.from(sampler.order(8, 3)).join()).not.toBe(epochs[3]);
    }
  });

  test.each<[string, () => unknown]>([
    ["no data set", () => new SequentialSampler({} as never)],
    ["a negative length", () => new RandomSampler(-1)],
    ["samples of an empty set", () => new RandomSampler(0, { numSamples: 3 })],
    ["a negative index", () => new SubsetRandomSampler([1, -1])],
    ["no indices", () => new SubsetRandomSampler(null as never)],
    ["no weights", () => new WeightedRandomSampler(3 as never, 2)],
    ["a negative weight", () => new WeightedRandomSampler([1, -1], 2)],
    ["NaN as a weight", () => new WeightedRandomSampler([1, Number.NaN], 2)],
    ["no positive weight", () => new WeightedRandomSampler([0, 0], 2)],
    ["too few weights", () => new WeightedRandomSampler([1, 0, 1], 3, { replacement: false })],
    ["batch size 0", () => new BatchSampler([1, 2], 0)],
    ["a sampler without length", () => new BatchSampler(new Set([1]) as never, 1)],
    ["an unknown option", () => new RandomSampler(3, { seed: 1 } as never)],
  ])("%s is an OptionError", (_what, make) => expect(make).toThrow(OptionError));
});

describe("the loader's samplers", () => {
  test("an array of indices", () => {
    const loader = new DataLoader(numbers(10), { batchSize: 2, sampler: [3, 3, 9, 0, 1] });
    expect(loader.length).toBe(3);
    expect(read(loader)).toEqual([[3, 3], [9, 0], [1]]);
    const dropping = new DataLoader(numbers(10), { batchSize: 2, sampler: [3, 3, 9, 0, 1], dropLast: true });
    expect(read(dropping)).toEqual([
      [3, 3],
      [9, 0],
    ]);
  });

  test("a random sampler: another order in each epoch, the same for the same seed, also after loadStateDict", () => {
    const make = (seed?: number) => {
      const sampler = new WeightedRandomSampler([1, 1, 1, 1, 4], 7);
      return new DataLoader(numbers(5), { batchSize: 3, sampler, ...(seed === undefined ? {} : { seed }) });
    };
    const loader = make(5);
    const epochs = [read(loader), read(loader), read(loader)];
    expect(epochs[0].map((batch) => batch.length)).toEqual([3, 3, 1]);
    expect(epochs[1]).not.toEqual(epochs[0]);
    const again = make(5);
    expect([read(again), read(again), read(again)]).toEqual(epochs);
    const resumed = make();
    resumed.loadStateDict({ seed: 5, epoch: 1, position: 1 });
    expect(read(resumed)).toEqual(epochs[1].slice(1));
    expect(read(resumed)).toEqual(epochs[2]);
    manualSeed(2);
    const first = read(make());
    manualSeed(2);
    expect(read(make())).toEqual(first);
    expect(read(make())).not.toEqual(first);
  });

  test("batches of a sampler or an array", () => {
    const fixed = new DataLoader(numbers(10), { batchSampler: [[1, 2, 3], [9], [0, 0]] });
    expect(fixed.length).toBe(3);
    expect(read(fixed)).toEqual([[1, 2, 3], [9], [0, 0]]);
    const sampler = new BatchSampler(new RandomSampler(10), 4, { dropLast: true });
    const random = new DataLoader(numbers(10), { batchSampler: sampler, seed: 3 });
    const epochs = [read(random), read(random)];
    expect(epochs.map((batches) => batches.map((batch) => batch.length))).toEqual([
      [4, 4],
      [4, 4],
    ]);
    expect(new Set(epochs[0].flat()).size).toBe(8);
    expect(epochs[1]).not.toEqual(epochs[0]);
  });

  test("padLast: copies of the last sample, and the number of real ones", () => {
    const loader = new DataLoader(numbers(7), { batchSize: 3, padLast: true });
    const seen: [number[], number][] = [];
    for (const [x] of loader) seen.push([x.toArray() as number[], loader.realSamples]);
    expect(seen).toEqual([
      [[0, 1, 2], 3],
      [[3, 4, 5], 3],
      [[6, 6, 6], 1],
    ]);
    const shuffled = new DataLoader(numbers(7), { batchSize: 5, padLast: true, shuffle: true, seed: 1 });
    const real: number[] = [];
    for (const [x] of shuffled) {
      expect(x.shape).toEqual([5]);
      real.push(...([...x.data()] as number[]).slice(0, shuffled.realSamples));
    }
    expect(sorted(real)).toEqual(range(7));
    const even = new DataLoader(numbers(6), { batchSize: 3, padLast: true });
    for (const _ of even) expect(even.realSamples).toBe(3);
    const sampled = new DataLoader(numbers(9), { batchSize: 2, sampler: [8, 7, 6], padLast: true });
    expect(read(sampled)).toEqual([
      [8, 7],
      [6, 6],
    ]);
    // a mean over real samples is that of the unpadded set
    let sum = 0;
    for (const [x] of loader) sum += x.mul(arange(3).lt(loader.realSamples).to("float32")).sum().item();
    expect(sum).toBe(21);
  });

  test.each<[string, object, RegExp]>([
    ["sampler and shuffle", { sampler: [1], shuffle: true }, /sampler and shuffle exclude each other/],
    ["batchSampler and batchSize", { batchSampler: [[1]], batchSize: 2 }, /batchSampler and batchSize/],
    ["batchSampler and shuffle", { batchSampler: [[1]], shuffle: true }, /batchSampler and shuffle/],
    ["batchSampler and dropLast", { batchSampler: [[1]], dropLast: true }, /batchSampler and dropLast/],
    ["batchSampler and sampler", { batchSampler: [[1]], sampler: [1] }, /batchSampler and sampler/],
    ["batchSampler and padLast", { batchSampler: [[1]], padLast: true }, /batchSampler and padLast/],
    ["padLast and dropLast", { padLast: true, dropLast: true }, /padLast and dropLast/],
    ["no iterable", { sampler: 3 }, /sampler expected an iterable with a length, got 3/],
    ["a set, which has no length", { sampler: new Set([1]) }, /expected an iterable with a length/],
    ["a text", { sampler: "012" }, /expected an iterable with a length/],
    ["padLast that is no boolean", { padLast: 1 }, /padLast expected true or false/],
  ])("%s is an OptionError", (_what, options, message) => {
    const make = () => new DataLoader(numbers(4), options);
    expect(make).toThrow(OptionError);
    expect(make).toThrow(message);
  });

  test("a sampler's bad index is refused when its batch is read", () => {
    const loader = new DataLoader(numbers(4), { sampler: [0, 4] });
    expect(() => read(loader)).toThrow("DataLoader: an index of sampler expected an integer in [0, 3], got 4");
    expect(() => read(new DataLoader(numbers(4), { batchSampler: [[0], [-1]] }))).toThrow("an index of batchSampler");
    expect(() => read(new DataLoader(numbers(4), { batchSampler: [1, 2] as never }))).toThrow(
      "lists of indices, got 1",
    );
    const batches = new DataLoader(numbers(4), { batchSampler: [[1]] });
    expect(() => batches.realSamples).toThrow(OptionError);
  });
});

describe("streams", () => {
  const stream = (n: number, onEnd = () => {}): IterableDataset => ({
    *[Symbol.iterator]() {
      try {
        for (let i = 0; i < n; i++) yield [tensor([i, 2 * i]), i];
      } finally {
        onEnd();
      }
    },
  });

  test("batches, in order, in every loop", () => {
    const loader = new DataLoader(stream(5), { batchSize: 2 });
    for (const _ of [1, 2]) {
      const batches = Array.from(loader, ([x, y]) => [x.toArray(), y.toArray()]);
      expect(batches).toEqual([
        [
          [
            [0, 0],
            [1, 2],
          ],
          [0, 1],
        ],
        [
          [
            [2, 4],
            [3, 6],
          ],
          [2, 3],
        ],
        [[[4, 8]], [4]],
      ]);
    }
    expect([...new DataLoader(stream(5), { batchSize: 2, dropLast: true })].length).toBe(2);
    expect([...new DataLoader(stream(4), { batchSize: 2 })].length).toBe(2);
    expect([...new DataLoader(stream(0))].length).toBe(0);
    const sums = new DataLoader(stream(5), { batchSize: 3, collate: (samples) => samples.length });
    expect([...sums]).toEqual([3, 2]);
  });

  test("an endless stream is read only as far as the loop goes, and closed", () => {
    let ended = 0;
    const endless = stream(Infinity, () => ended++);
    const before = memory().liveTensors;
    let loops = 0;
    for (const [x] of new DataLoader(endless, { batchSize: 4 })) {
      expect(x.shape).toEqual([4, 2]);
      if (++loops === 3) break;
    }
    expect(ended).toBe(1);
    expect(memory().liveTensors).toBeLessThanOrEqual(before);
  });

  test("what needs indices is refused", () => {
    for (const option of ["shuffle", "padLast"]) {
      expect(() => new DataLoader(stream(3), { [option]: true })).toThrow(
        `DataLoader: ${option} expected a data set with`,
      );
    }
    expect(() => new DataLoader(stream(3), { sampler: [0] })).toThrow(OptionError);
    const loader = new DataLoader(stream(3));
    expect(() => loader.length).toThrow("DataLoader: a stream has no length");
    expect(() => loader.stateDict()).toThrow(OptionError);
    expect(() => new DataLoader([1, 2] as never)).toThrow("length and get(index)");
    const uneven: IterableDataset = {
      *[Symbol.iterator]() {
        yield [zeros([2])];
        yield [zeros([3])];
      },
    };
    expect(() => [...new DataLoader(uneven, { batchSize: 2 })]).toThrow(ShapeError);
    const pairs = {
      *[Symbol.iterator]() {
        yield [1, 2];
        yield [1];
      },
    } as IterableDataset;
    expect(() => [...new DataLoader(pairs, { batchSize: 2 })]).toThrow("sample 1 of the stream");
  });
});

describe("ConcatDataset", () => {
  const parts = [3, 0, 4, 1].map((n, i) => new TensorDataset(arange(n).add(10 * i), arange(n).mul(-1)));
  const all = new ConcatDataset(parts);
  const values = [0, 1, 2, 20, 21, 22, 23, 30];

  test("samples and batches, in any order", () => {
    expect(all.length).toBe(8);
    expect(range(8).map((i) => all.get(i)[0].item())).toEqual(values);
    const random = testRandom(3);
    for (let run = 0; run < 20; run++) {
      const indices = range(6).map(() => Math.floor(random() * 8));
      const [x, y] = all.batch!(indices);
      expect(x.toArray()).toEqual(indices.map((i) => values[i]));
      expect(y.toArray()).toEqual(indices.map((i) => [0, -1, -2, 0, -1, -2, -3, 0][i] + 0));
    }
    expect(all.batch!([4, 3])[0].toArray()).toEqual([21, 20]);
    expect(read(new DataLoader(all, { batchSize: 5 }))).toEqual([values.slice(0, 5), values.slice(5)]);
  });

  test("data sets of images, and data sets without batch()", () => {
    const images = (first: number, labels: number[]) =>
      ImageDataset.fromBytes(Uint8Array.of(first, first + 1), { shape: [2, 1, 1, 1], labels, classes: ["a", "b"] });
    const both = new ConcatDataset([images(10, [0, 1]), images(20, [1, 1])]);
    const [x, y] = both.batch!([3, 0]);
    expect([...x.data()].map((v) => Math.round(v * 255))).toEqual([21, 10]);
    expect(y.toArray()).toEqual([1, 0]);
    const plain = { length: 2, get: (i: number) => [tensor([i]), i] as const };
    const mixed = new ConcatDataset<readonly unknown[], unknown>([plain, plain]);
    expect(mixed.batch).toBeUndefined();
    const loader = new DataLoader(new ConcatDataset([plain, plain]), { sampler: [3, 0], batchSize: 2 });
    for (const [z, labels] of loader) {
      expect(z.toArray()).toEqual([[1], [0]]);
      expect(labels.toArray()).toEqual([1, 0]);
    }
  });

  test("promises of batches are joined when all are there", async () => {
    const later = (set: TensorDataset<[Tensor, Tensor]>) => ({
      length: set.length,
      get: (i: number) => set.get(i),
      batch: (indices: readonly number[]) => Promise.resolve(set.batch(indices)),
    });
    const async = new ConcatDataset(parts.map(later) as never[]) as ConcatDataset<unknown, Promise<[Tensor, Tensor]>>;
    const [x] = await async.batch!([7, 0, 4]);
    expect(x.toArray()).toEqual([30, 0, 21]);
  });

  test("errors", () => {
    expect(() => new ConcatDataset([])).toThrow(OptionError);
    expect(() => new ConcatDataset([{} as never])).toThrow("length and get(index)");
    expect(() => all.get(8)).toThrow("ConcatDataset: index expected an integer in [0, 7], got 8");
    expect(() => all.batch!([0, -1])).toThrow(OptionError);
  });
});

describe("randomSplit with classes", () => {
  test("every class has its share of each part, up to one sample; the parts have their sizes", () => {
    const random = testRandom(6);
    for (let run = 0; run < 30; run++) {
      const n = 20 + Math.floor(random() * 80);
      const labels = Int32Array.from({ length: n }, () => Math.floor(random() ** 2 * 5));
      const lengths = [0.6, 0.25, 0.15];
      const sizes = randomSplit(numbers(n), lengths, { seed: run }).map(({ length }) => length);
      const parts = randomSplit(numbers(n), lengths, { seed: run, stratify: labels });
      expect(parts.map(({ length }) => length)).toEqual(sizes);
      expect(sorted(parts.flatMap(({ indices }) => [...indices]))).toEqual(range(n));
      for (const label of new Set(labels)) {
        const total = labels.filter((l) => l === label).length;
        for (const [p, { indices }] of parts.entries()) {
          const count = indices.filter((i) => labels[i] === label).length;
          expect(Math.abs(count - (total * sizes[p]) / n), `class ${label} of part ${p}`).toBeLessThan(1.5);
        }
      }
    }
  });

  test("two halves of a rare class; random, but the same for a seed", () => {
    const labels = range(100).map((i) => Number(i % 10 === 0));
    const split = (seed: number) =>
      randomSplit(numbers(100), [50, 50], { seed, stratify: labels }).map((part) => [...part.indices]);
    for (const seed of range(10)) {
      for (const part of split(seed)) expect(part.filter((i) => labels[i] === 1).length).toBe(5);
    }
    expect(split(1)).toEqual(split(1));
    expect(split(1)).not.toEqual(split(2));
    expect(split(1)[0]).not.toEqual(sorted(split(1)[0]));
    const counts = new Array(100).fill(0);
    for (const seed of range(400)) for (const i of split(seed)[0]) counts[i]++;
    expect(deviation(counts, new Array(100).fill(0.5), 400)).toBeLessThan(4.5);
  });

  test("bad classes", () => {
    expect(() => randomSplit(numbers(3), [1, 2], { stratify: [0, 1] })).toThrow("stratify expected 3 classes");
    expect(() => randomSplit(numbers(2), [1, 1], { stratify: [0, 0.5] })).toThrow("stratify[1] expected an integer");
  });
});

describe("TensorDataset with a transform", () => {
  test("it is applied to the first tensor's rows", () => {
    const images = arange(2 * 3 * 4 * 4)
      .reshape([2, 3, 4, 4])
      .to("float32")
      .div(96);
    const set = new TensorDataset(images, tensor([7, 8]), { transform: transforms.centerCrop(2) });
    const [x, y] = set.batch([1, 0, 1]);
    expect([x.shape, y.toArray()]).toEqual([
      [3, 3, 2, 2],
      [8, 7, 8],
    ]);
    expect(x.select(0, 1).toArray()).toEqual(images.select(0, 0).narrow(1, 1, 2).narrow(2, 1, 2).toArray());
    const [one, label] = set.get(1);
    expect([one.toArray(), label.item()]).toEqual([x.select(0, 0).toArray(), 8]);
    const before = memory().liveTensors;
    scope(() => {
      set.get(0);
    });
    expect(memory().liveTensors).toBeLessThanOrEqual(before);
  });

  test("errors", () => {
    const rows = zeros([4, 2]);
    const reads = (transform: unknown) => () =>
      new TensorDataset(rows, { transform: transform as never }).batch([0, 1]);
    expect(reads(3)).toThrow("TensorDataset: transform expected a function, got 3");
    expect(reads(() => 3)).toThrow("transform expected to return a tensor, got 3");
    expect(reads(() => zeros([3, 2]))).toThrow(
      "transform expected to keep the first dimension, 2 rows, got [3,2] from [2,2]",
    );
    expect(() => new TensorDataset(rows, { transforms: 1 } as never)).toThrow('unknown option "transforms"');
    expect(() => new TensorDataset({ transform: (x) => x })).toThrow("expected one tensor or more");
  });
});
