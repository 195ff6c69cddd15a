/** Data sets, splits and the loader: order, batches, scopes, resuming, bad input. */
import { describe, expect, test } from "vitest";
import {
  DTypeError,
  Generator,
  keep,
  manualSeed,
  memory,
  OptionError,
  ShapeError,
  StateDictError,
  type Tensor,
  tensor,
} from "wasmgrad";
import { DataLoader, type Dataset, randomSplit, Subset, TensorDataset } from "wasmgrad/data";
import { ImageDataset } from "wasmgrad/vision";

/** Samples 0, 10, 20 …, and a count of those that were read. */
class Tens implements Dataset<[Tensor, number]> {
  readonly length: number;
  reads: number[] = [];
  constructor(length: number) {
    this.length = length;
  }
  get(index: number): [Tensor, number] {
    this.reads.push(index);
    return [tensor([index * 10, index * 10 + 1]), index];
  }
}

/** The labels of all batches. */
function labels(loader: DataLoader<[Tensor, number]>): number[][] {
  return Array.from(loader, ([, label]) => [...label.data()]);
}

const numbers = (n: number) => Array.from({ length: n }, (_, i) => i);
const ascending = (values: number[]) => [...values].sort((a, b) => a - b);

describe("TensorDataset", () => {
  const set = new TensorDataset(
    tensor([
      [1, 2],
      [3, 4],
      [5, 6],
    ]),
    tensor([7, 8, 9], { dtype: "int32" }),
  );

  test("rows of each tensor", () => {
    expect(set.length).toBe(3);
    const [x, y] = set.get(2);
    expect([x.toArray(), y.toArray(), y.shape, y.dtype]).toEqual([[5, 6], 9, [], "int32"]);
    const [xs, ys] = set.batch([2, 0, 2]);
    expect(xs.toArray()).toEqual([
      [5, 6],
      [1, 2],
      [5, 6],
    ]);
    expect(ys.toArray()).toEqual([9, 7, 9]);
  });

  test("get() returns a copy of a row", () => {
    const [x] = set.get(0);
    x.copy_(tensor([0, 0]));
    expect(set.tensors[0].toArray()).toEqual([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
  });

  test("bad input", () => {
    expect(() => new TensorDataset()).toThrow(OptionError);
    expect(() => new TensorDataset([1] as never)).toThrow(OptionError);
    expect(() => new TensorDataset(tensor([1]), tensor([1, 2]))).toThrow("same first dimension, got [1], [2]");
    expect(() => new TensorDataset(tensor(1))).toThrow(ShapeError);
    expect(() => set.get(3)).toThrow("TensorDataset: index expected an integer in [0, 2], got 3");
    expect(() => set.batch([0.5])).toThrow(OptionError);
  });
});

describe("Subset and randomSplit", () => {
  test("a subset of a subset, with and without batch()", () => {
    const inner = new Subset(new Tens(10), [9, 8, 7, 6]);
    const outer = new Subset(inner, Int32Array.of(3, 0));
    expect(outer.length).toBe(2);
    expect(outer.get(0)[1]).toBe(6);
    expect(outer.batch).toBeUndefined();
    const rows = new Subset(new Subset(new TensorDataset(tensor([1, 2, 3])), [2, 1]), [0]);
    expect(rows.batch!([0])[0].toArray()).toEqual([3]);
  });

  test("a subset refuses what is outside", () => {
    expect(() => new Subset(new Tens(3), [3])).toThrow(OptionError);
    expect(() => new Subset(new Tens(3), [0]).get(1)).toThrow("Subset: index expected an integer in [0, 0], got 1");
    expect(() => new Subset({} as never, [])).toThrow("Subset: dataset expected an object with length and get(index)");
  });

  test.each([
    [
      [7, 3],
      [7, 3],
    ],
    [[10], [10]],
    [
      [0, 10],
      [0, 10],
    ],
    [
      [0.5, 0.5],
      [5, 5],
    ],
    [
      [0.25, 0.25, 0.5],
      [3, 2, 5],
    ],
    [
      [1 / 3, 1 / 3, 1 / 3],
      [4, 3, 3],
    ],
    [[1], [10]],
  ])("lengths %j give %j", (lengths, expected) => {
    const parts = randomSplit(new Tens(10), lengths, { seed: 3 });
    expect(parts.map((part) => part.length)).toEqual(expected);
    expect(ascending(parts.flatMap((part) => [...part.indices]))).toEqual(numbers(10));
  });

  test("seeds, generators and manualSeed fix the split", () => {
    const split = (options?: Parameters<typeof randomSplit>[2]) =>
      randomSplit(new Tens(50), [25, 25], options)[0].indices;
    expect(split({ seed: 5 })).toEqual(split({ seed: 5 }));
    expect(split({ seed: 5 })).toEqual(split({ generator: new Generator(5) }));
    expect(split({ seed: 5 })).not.toEqual(split({ seed: 6 }));
    manualSeed(8);
    const first = split();
    expect(split()).not.toEqual(first);
    manualSeed(8);
    expect(split()).toEqual(first);
  });

  test("bad lengths", () => {
    const split = (lengths: unknown, options?: object) => () => randomSplit(new Tens(10), lengths as number[], options);
    expect(split([5, 4])).toThrow("randomSplit: lengths expected to add up to 10, got 9 ([5, 4])");
    expect(split([0.5, 0.6])).toThrow("randomSplit: fractions expected to add up to 1, got 1.1");
    expect(split([-1, 11])).toThrow(OptionError);
    expect(split([NaN, 1])).toThrow(OptionError);
    expect(split([])).toThrow(OptionError);
    expect(split(10)).toThrow(OptionError);
    expect(split([10], { seed: 1, generator: new Generator(1) })).toThrow("seed or generator, not both");
    expect(split([10], { seed: -1 })).toThrow(OptionError);
    expect(split([10], { Seed: 1 })).toThrow('unknown option "Seed"');
  });
});

describe("batches", () => {
  test.each([
    [10, 3, false, [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]],
    [
      10,
      3,
      true,
      [
        [0, 1, 2],
        [3, 4, 5],
        [6, 7, 8],
      ],
    ],
    [
      4,
      2,
      false,
      [
        [0, 1],
        [2, 3],
      ],
    ],
    [2, 5, false, [[0, 1]]],
    [2, 5, true, []],
    [0, 4, false, []],
    [3, 1, false, [[0], [1], [2]]],
  ])("%i samples by %i, dropLast %s", (n, batchSize, dropLast, expected) => {
    const loader = new DataLoader(new Tens(n), { batchSize, dropLast });
    expect(loader.length).toBe(expected.length);
    expect(labels(loader)).toEqual(expected);
  });

  test("a batch stacks tensors, and converts integers to int32", () => {
    for (const [x, label] of new DataLoader(new Tens(2), { batchSize: 2 })) {
      expect(x.toArray()).toEqual([
        [0, 1],
        [10, 11],
      ]);
      expect([label.dtype, label.toArray()]).toEqual(["int32", [0, 1]]);
    }
  });

  test("a data set's own batch() is used, also by its subsets", () => {
    const set = ImageDataset.fromBytes(
      Uint8Array.from({ length: 12 }, (_, i) => i * 20),
      {
        shape: [3, 2, 1, 2],
        labels: [2, 0, 1],
      },
    );
    set.get = () => expect.unreachable();
    const loader = new DataLoader(new Subset(set, [2, 0]), { batchSize: 2 });
    for (const [images, label] of loader) {
      expect(images.shape).toEqual([2, 2, 1, 2]);
      expect([...images.data()]).toEqual([8, 9, 10, 11, 0, 1, 2, 3].map((i) => Math.fround((i * 20) / 255)));
      expect(label.toArray()).toEqual([1, 2]);
    }
    set.release();
  });

  test("collate may return any value made of the samples", () => {
    const loader = new DataLoader(new Tens(5), {
      batchSize: 2,
      collate: (samples) => samples.map(([, i]) => i).join("+"),
    });
    expect([...loader]).toEqual(["0+1", "2+3", "4"]);
  });

  test("samples that do not fit together", () => {
    const first = (get: (i: number) => unknown) => () => {
      for (const _ of new DataLoader({ length: 2, get } as Dataset, { batchSize: 2 })) expect.unreachable();
    };
    const before = memory().liveTensors;
    expect(first((i) => [[2 ** 31 - 1, 2 ** 31][i]])).toThrow(OptionError);
    expect(first((i) => [[0, 2 ** 32 + 3][i]])).toThrow("collate: part 0 of sample 1 expected an integer in");
    expect(first((i) => [tensor(new Float32Array(i + 1))])).toThrow("collate: sample 1 expected shape [1], got [2]");
    expect(first((i) => [i ? tensor([1]) : tensor([1], { dtype: "int32" })])).toThrow(DTypeError);
    expect(first((i) => new Array(i + 1).fill(1))).toThrow(
      "collate: sample 1 (the data set.get(1)) expected 1 parts, as in the first, got 2 parts",
    );
    expect(first((i) => i)).toThrow("expected an array of tensors and integers, got 0");
    expect(first((i) => [i + 0.5])).toThrow("expected tensors, or integers (labels), got 0.5; for real numbers");
    expect(first((i) => (i ? [tensor(1)] : [1]))).toThrow("got float32 []");
    expect(memory().liveTensors).toBe(before);
  });

  test("bad options", () => {
    const make =
      (options: unknown, set: unknown = new Tens(3)) =>
      () =>
        new DataLoader(set as Tens, options as object);
    for (const batchSize of [0, -1, 1.5, NaN, "4"]) expect(make({ batchSize })).toThrow(OptionError);
    expect(make({ batch_size: 4 })).toThrow('DataLoader: unknown option "batch_size"');
    expect(make({ shuffle: 1 })).toThrow("DataLoader: shuffle expected true or false, got 1");
    expect(make({ dropLast: "yes" })).toThrow(OptionError);
    expect(make({ scoped: 0 })).toThrow(OptionError);
    expect(make({ seed: NaN })).toThrow(OptionError);
    expect(make({ seed: 2 ** 53 })).toThrow(OptionError);
    expect(make({ collate: "stack" })).toThrow("DataLoader: collate expected a function");
    expect(make({}, [1, 2])).toThrow("DataLoader: dataset expected an object with length and get(index)");
    expect(make({}, null)).toThrow(OptionError);
    expect(make({}, { length: 1.5, get: () => [1] })).toThrow(OptionError);
  });
});

describe("shuffle", () => {
  const epochs = (seed?: number, count = 3) => {
    const loader = new DataLoader(new Tens(40), { batchSize: 7, shuffle: true, seed });
    return Array.from({ length: count }, () => labels(loader).flat());
  };

  test("every epoch is a different permutation, none the identity", () => {
    const orders = epochs(1);
    for (const order of orders) {
      expect(ascending(order)).toEqual(numbers(40));
      expect(order).not.toEqual(numbers(40));
    }
    expect(new Set(orders.map(String)).size).toBe(3);
  });

  test("the same seed gives the same orders, another seed others", () => {
    expect(epochs(1)).toEqual(epochs(1));
    expect(epochs(1)[0]).not.toEqual(epochs(2)[0]);
  });

  test("without a seed manualSeed decides; an unshuffled loader draws nothing", () => {
    manualSeed(3);
    const orders = epochs();
    expect(epochs()).not.toEqual(orders);
    manualSeed(3);
    new DataLoader(new Tens(3));
    expect(epochs()).toEqual(orders);
  });

  test("each position gets each sample equally often", () => {
    const loader = new DataLoader(new Tens(4), { batchSize: 4, shuffle: true, seed: 9 });
    const counts = Array.from({ length: 4 }, () => [0, 0, 0, 0]);
    for (let epoch = 0; epoch < 2000; epoch++) {
      for (const [place, label] of labels(loader)[0].entries()) counts[place][label]++;
    }
    // binomial(2000, 1/4): a deviation of 19.4; five of them
    for (const count of counts.flat()) expect(Math.abs(count - 500)).toBeLessThan(97);
  });
});

describe("stateDict", () => {
  const options = { batchSize: 3, shuffle: true, seed: 4 };

  test("continues in the middle of an epoch without reading earlier samples again", () => {
    const loader = new DataLoader(new Tens(11), options);
    const all: number[][] = [];
    const states = [];
    for (let epoch = 0; epoch < 3; epoch++) {
      for (const [, y] of loader) {
        all.push([...y.data()]);
        states.push(JSON.parse(JSON.stringify(loader.stateDict())));
      }
    }
    expect(states[5]).toEqual({ seed: 4, epoch: 1, position: 2 });
    for (const [done, state] of states.entries()) {
      const set = new Tens(11);
      const resumed = new DataLoader(set, { ...options, seed: 99 });
      resumed.loadStateDict(state);
      const rest: number[][] = [];
      while (resumed.stateDict().epoch < 3) rest.push(...labels(resumed));
      expect(rest).toEqual(all.slice(done + 1));
      expect(set.reads).toEqual(rest.flat());
    }
  });

  test("counts the current batch, and stays valid after break; the next loop is the next epoch", () => {
    const loader = new DataLoader(new Tens(11), options);
    expect(loader.stateDict()).toEqual({ seed: 4, epoch: 0, position: 0 });
    for (const _ of loader) if (loader.stateDict().position === 2) break;
    expect(loader.stateDict()).toEqual({ seed: 4, epoch: 0, position: 2 });
    for (const _ of loader) {
      expect(loader.stateDict()).toEqual({ seed: 4, epoch: 1, position: 1 });
      break;
    }
    for (const _ of loader);
    expect(loader.stateDict()).toEqual({ seed: 4, epoch: 3, position: 0 });
  });

  test("a batch that could not be read is not counted", () => {
    let broken = true;
    const set: Dataset = {
      length: 4,
      get(i) {
        if (i === 2 && broken) throw new Error("unreadable");
        return [i];
      },
    };
    const loader = new DataLoader(set);
    expect(() => [...loader]).toThrow("unreadable");
    const state = loader.stateDict();
    expect(state).toEqual({ seed: 0, epoch: 0, position: 2 });
    broken = false;
    loader.loadStateDict(state);
    expect(Array.from(loader, ([y]) => y.item())).toEqual([2, 3]);
  });

  test("refuses values that cannot be a state", () => {
    const loader = new DataLoader(new Tens(11), options);
    const bad = [
      null,
      {},
      { seed: 1, epoch: 0 },
      { seed: 1, epoch: -1, position: 0 },
      { seed: 1, epoch: 0, position: 5 },
    ];
    for (const state of bad) expect(() => loader.loadStateDict(state as never)).toThrow(StateDictError);
    expect(() => loader.loadStateDict({ seed: 1.5, epoch: 0, position: 0 })).toThrow("position (of 4 batches)");
    expect(loader.stateDict()).toEqual({ seed: 4, epoch: 0, position: 0 });
  });
});

describe("scopes", () => {
  const live = () => memory().liveTensors;

  test("each iteration releases the tensors of its body", () => {
    const before = live();
    const loader = new DataLoader(new Tens(6), { batchSize: 2 });
    let last: Tensor | undefined;
    for (const [x] of loader) {
      expect(last?.released ?? true).toBe(true);
      last = x.mul(2).add(1);
      expect(live()).toBe(before + 4); // x, y, x * 2, x * 2 + 1: the samples are gone
    }
    expect(last?.released).toBe(true);
    expect(live()).toBe(before);
    expect(() => last?.data()).toThrow("release by the end of a DataLoader iteration");
  });

  test("break and an exception release the tensors of the body", () => {
    const before = live();
    const loader = new DataLoader(new Tens(6), { batchSize: 2 });
    for (const [x] of loader) {
      x.add(1);
      break;
    }
    expect(live()).toBe(before);
    expect(() => {
      for (const [x] of loader) {
        x.add(1);
        throw new Error("mine");
      }
    }).toThrow("mine");
    expect(live()).toBe(before);
  });

  test("a data set that throws in the middle of a batch", () => {
    const before = live();
    const set: Dataset = {
      length: 4,
      get(i) {
        if (i === 3) throw new Error("unreadable");
        return [tensor([i])];
      },
    };
    for (const scoped of [true, false]) {
      const seen: Tensor[] = [];
      expect(() => {
        for (const [x] of new DataLoader(set, { batchSize: 2, scoped })) seen.push(x);
      }).toThrow("unreadable");
      for (const x of seen) x.release();
      expect(seen).toHaveLength(1);
      expect(live()).toBe(before);
    }
  });

  test("kept tensors survive, and so do the data set's own", () => {
    const own = tensor([1, 2]);
    const kept: Tensor[] = [];
    for (const [x] of new DataLoader({ length: 2, get: () => [own] })) kept.push(keep(x.add(1)));
    expect(kept.map((t) => t.toArray())).toEqual([[[2, 3]], [[2, 3]]]);
    expect(own.released).toBe(false);
    for (const t of kept) t.release();
  });

  test("scoped: false leaves all releases to the user", () => {
    const before = live();
    const loader = new DataLoader(new Tens(4), { batchSize: 2, scoped: false });
    const pairs = [...loader];
    expect(pairs.map(([, y]) => y.toArray())).toEqual([
      [0, 1],
      [2, 3],
    ]);
    for (const t of pairs.flat()) t.release();
    expect(live()).toBe(before);
  });

  test("two loaders in step", () => {
    const make = () => new DataLoader(new Tens(4), { batchSize: 2, scoped: false })[Symbol.iterator]();
    const [one, two] = [make(), make()];
    for (let a = one.next(), b = two.next(); !a.done && !b.done; a = one.next(), b = two.next()) {
      expect(a.value[0].sub(b.value[0]).toArray()).toEqual([
        [0, 0],
        [0, 0],
      ]);
    }
  });

  test("a loader inside a loader's loop", () => {
    const before = live();
    const seen: number[][] = [];
    for (const [, a] of new DataLoader(new Tens(2))) {
      for (const [, b] of new DataLoader(new Tens(2))) seen.push([a.item(), b.item()]);
    }
    expect(seen).toEqual([
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ]);
    expect(live()).toBe(before);
  });

  test("the same loader inside its own loop has a separate epoch", () => {
    const loader = new DataLoader(new Tens(3), { shuffle: true, seed: 1 });
    const outer: number[] = [];
    for (const [, a] of loader) {
      outer.push(a.item());
      expect(ascending(labels(loader).flat())).toEqual([0, 1, 2]);
    }
    expect(ascending(outer)).toEqual([0, 1, 2]);
  });
});
