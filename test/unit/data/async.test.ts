/** Data sets that return promises, and loops with `for await`. */
import { describe, expect, test } from "vitest";
import { memory, nn, OptionError, optim, rand, type Tensor, tensor, WasmgradError } from "wasmgrad";
import { type AsyncDataset, DataLoader, randomSplit, Subset, TensorDataset } from "wasmgrad/data";
import { Trainer } from "wasmgrad/train";

const later = (turns: number) =>
  new Promise<void>((resolve) => (turns > 0 ? setImmediate(() => resolve(later(turns - 1))) : resolve()));

/** Samples i with two random numbers; later samples are ready earlier. */
class Slow implements AsyncDataset<[Tensor, number]> {
  readonly length: number;
  open = 0;
  most = 0;
  reads: number[] = [];
  constructor(length: number) {
    this.length = length;
  }
  async get(index: number): Promise<[Tensor, number]> {
    const noise = rand([2]);
    this.reads.push(index);
    this.most = Math.max(this.most, ++this.open);
    await later((7 * index) % 5);
    this.open--;
    return [noise.add(index), index];
  }
}

async function labels(loader: DataLoader<[Tensor, number]>): Promise<number[][]> {
  const seen: number[][] = [];
  for await (const [x, y] of loader) {
    expect(
      x
        .data()
        .filter((_, i) => i % 2 === 0)
        .map(Math.floor),
    ).toEqual(Float32Array.from(y.data()));
    seen.push([...y.data()]);
  }
  return seen;
}

describe("for await", () => {
  test("the order of the samples is kept, whichever is ready first", async () => {
    expect(await labels(new DataLoader(new Slow(7), { batchSize: 3 }))).toEqual([[0, 1, 2], [3, 4, 5], [6]]);
    const sync = { length: 7, get: (i: number): [Tensor, number] => [tensor([i, 0]), i] };
    const options = { batchSize: 3, shuffle: true, seed: 4 };
    const order = Array.from(new DataLoader(sync, options), ([, y]) => [...y.data()]);
    expect(await labels(new DataLoader(new Slow(7), options))).toEqual(order);
  });

  test("loaders of synchronous data sets work with both kinds of loops, with the same bits", async () => {
    const set = { length: 9, get: (i: number): [Tensor, number] => [rand([2]).add(i), i] };
    const options = { batchSize: 4, shuffle: true, seed: 8 };
    const bits = (batches: [Tensor, Tensor][]) => batches.map(([x, y]) => [x.toArray(), y.toArray()]);
    const plain = Array.from(new DataLoader(set, { ...options, scoped: false }), (batch) => bits([batch as never]));
    const waited: unknown[] = [];
    for await (const batch of new DataLoader(set, options)) waited.push(bits([batch as never]));
    expect(waited).toEqual(plain);
    const rows = new DataLoader(new TensorDataset(tensor([1, 2, 3])), { batchSize: 2 });
    const seen: unknown[] = [];
    for await (const [x] of rows) seen.push(x.toArray());
    expect(seen).toEqual([[1, 2], [3]]);
  });

  test("random numbers drawn before the first await depend on sample and epoch only", async () => {
    const drawn = async (loader: DataLoader<[Tensor, number]>) => {
      const byLabel = new Map<number, number[]>();
      for await (const [x, y] of loader) {
        const rows = x.toArray() as number[][];
        for (const [i, label] of [...y.data()].entries()) byLabel.set(label, rows[i]);
      }
      return [...byLabel].sort(([a], [b]) => a - b);
    };
    const loader = new DataLoader(new Slow(6), { batchSize: 2, shuffle: true, seed: 1 });
    const first = await drawn(loader);
    expect(await drawn(loader)).not.toEqual(first);
    expect(await drawn(new DataLoader(new Slow(6), { batchSize: 5, seed: 1 }))).toEqual(first);
    expect(await drawn(new DataLoader(new Slow(6), { batchSize: 5, seed: 2 }))).not.toEqual(first);
  });

  test.each([1, 2, 4])("prefetchFactor %i bounds what is under way", async (prefetchFactor) => {
    const set = new Slow(40);
    const loader = new DataLoader(set, { batchSize: 2, prefetchFactor });
    let batch = 0;
    for await (const _ of loader) {
      batch++;
      expect(set.reads.length).toBe(Math.min(40, 2 * (batch + prefetchFactor)));
      await later(6);
    }
    expect(set.most).toBeGreaterThan(2);
    expect(set.most).toBeLessThanOrEqual(2 * (1 + prefetchFactor));
  });

  test("subsets and splits of asynchronous data sets", async () => {
    const subset = new Subset(new Slow(9), [8, 1, 4]) as unknown as Slow;
    expect(await labels(new DataLoader(subset, { batchSize: 2 }))).toEqual([[8, 1], [4]]);
    const [part] = randomSplit(new Slow(9) as never, [4, 5], { seed: 1 });
    expect((await labels(new DataLoader(part as never))).flat()).toEqual([...part.indices]);
    const batched = {
      length: 4,
      get: async (i: number) => [i],
      batch: async (indices: readonly number[]) => [tensor(Int32Array.from(indices))],
    };
    const seen: unknown[] = [];
    for await (const [x] of new DataLoader(new Subset(batched as never, [3, 0, 2]), { batchSize: 2 })) {
      seen.push((x as Tensor).toArray());
    }
    expect(seen).toEqual([[3, 0], [2]]);
  });

  test("streams, which end when their loop is left", async () => {
    let ended = 0;
    const stream = {
      *[Symbol.iterator](): Generator<[Tensor, number]> {
        try {
          for (let i = 0; i < 5; i++) yield [tensor([i]), i];
        } finally {
          ended++;
        }
      },
    };
    const loader = new DataLoader(stream, { batchSize: 2 });
    const seen: unknown[] = [];
    for await (const [, y] of loader) seen.push(y.toArray());
    expect([seen, ended]).toEqual([[[0, 1], [2, 3], [4]], 1]);
    for await (const _ of loader) break;
    expect(ended).toBe(2);
    const workerModule = new URL("file:///photos.js");
    expect(() => new DataLoader(stream, { numWorkers: 1, workerModule })).toThrow(
      "numWorkers expected a data set with",
    );
  });

  test("a loop that does not wait says what to write", () => {
    const loader = new DataLoader(new Slow(6), { batchSize: 5 });
    expect(() => [...loader]).toThrow(OptionError);
    expect(() => [...new DataLoader(new Slow(6), { batchSize: 5 })]).toThrow(
      "DataLoader: Slow.get(0) returned a Promise; write for await (const batch of loader)",
    );
    const batched = { length: 1, get: () => [1], batch: async () => [tensor([1])] };
    expect(() => [...new DataLoader(batched)]).toThrow("the data set.batch returned a Promise; write for await");
  });
});

describe("errors and ends", () => {
  test("an error comes when the loop is there, whether thrown or rejected", async () => {
    for (const reject of [false, true]) {
      const set: AsyncDataset<[Tensor, number]> = {
        length: 8,
        get(index) {
          if (index === 5 && !reject) throw new WasmgradError("no sample 5");
          return later(1).then(() => {
            if (index === 5) throw new WasmgradError("no sample 5");
            return [tensor([index, 0]), index];
          });
        },
      };
      const seen: number[] = [];
      const run = async () => {
        for await (const [, y] of new DataLoader(set, { batchSize: 2 })) seen.push(...y.data());
      };
      await expect(run()).rejects.toThrow("no sample 5");
      expect(seen).toEqual([0, 1, 2, 3]);
    }
  });

  test("a sample that is missing, and calls of next() that do not wait", async () => {
    const nothing = new DataLoader({ length: 2, get: async () => undefined } as never);
    await expect(nothing[Symbol.asyncIterator]().next()).rejects.toThrow("expected to return a sample, got undefined");
    const iterator = new DataLoader(new Slow(4))[Symbol.asyncIterator]();
    const first = iterator.next();
    await expect(iterator.next()).rejects.toThrow("next() must be awaited before the next call");
    await first;
    const second = iterator.next().catch((error: unknown) => error);
    await iterator.return!();
    expect(String(await second)).toContain("the loop was ended while it waited for a batch");
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  test("stateDict continues an epoch", async () => {
    const options = { batchSize: 2, shuffle: true, seed: 2 };
    const whole = await labels(new DataLoader(new Slow(9), options));
    const left = new DataLoader(new Slow(9), options);
    for await (const _ of left) if (left.stateDict().position === 2) break;
    const resumed = new DataLoader(new Slow(9), options);
    resumed.loadStateDict({ ...left.stateDict() });
    expect(await labels(resumed)).toEqual(whole.slice(2));
    expect(await labels(resumed)).not.toEqual(whole);
  });

  test("tensors of samples and iterations are released", async () => {
    const before = memory().liveTensors;
    const seen: Tensor[] = [];
    for await (const [x] of new DataLoader(new Slow(20), { batchSize: 2 })) {
      seen.push(x);
      if (seen.length > 1) x.mul(2);
      expect(seen.at(-2)?.released ?? true).toBe(true);
    }
    expect(memory().liveTensors).toBeLessThanOrEqual(before); // the garbage collector may release others
    const left = new Slow(20);
    for await (const _ of new DataLoader(left, { batchSize: 2 })) break;
    expect(left.open).toBeGreaterThan(0); // samples are under way, and released when they have arrived
    await later(20);
    expect(left.open).toBe(0);
    expect(memory().liveTensors).toBeLessThanOrEqual(before);
    const passed: Tensor[] = [];
    const collate = (samples: [Tensor, number][]): Tensor[] => [samples[0][0], samples[0][0]];
    for await (const [x] of new DataLoader(new Slow(3), { collate })) {
      expect(x.data()).toHaveLength(2); // a sample's own tensor
      passed.push(x);
    }
    expect(passed.map(({ released }) => released)).toEqual([true, true, true]);
  });

  test("the time spent waiting is counted", async () => {
    const loader = new DataLoader(new Slow(6), { batchSize: 3 });
    expect(loader.waitedMs).toBe(0);
    await labels(loader);
    expect(loader.waitedMs).toBeGreaterThan(0);
  });
});

describe("the Trainer", () => {
  const setUp = (set: AsyncDataset<[Tensor, number]>) => {
    const model = new nn.Linear(2, 1);
    for (const parameter of model.parameters()) parameter.fill_(0.5);
    const loader = new DataLoader(set, { batchSize: 4, shuffle: true, seed: 3 });
    const loss = ([x, y]: Tensor[]) => nn.functional.mseLoss(model.forward(x).flatten(), y.mul(0.1));
    const trainer = new Trainer({
      model,
      loader,
      optimizer: new optim.SGD(model.parameters(), { lr: 1e-3 }),
      loss,
      epochs: 2,
    });
    return { trainer, weights: () => model.parameters().map((p) => p.toArray()) };
  };

  test("trains on an asynchronous data set as on a synchronous one", async () => {
    const slow = setUp(new Slow(11));
    await slow.trainer.fit();
    const plain = setUp({ length: 11, get: (i) => [rand([2]).add(i), i] });
    await plain.trainer.fit();
    expect(slow.weights()).toEqual(plain.weights());
    expect(slow.trainer.epochs.map(({ loss }) => loss)).toEqual(plain.trainer.epochs.map(({ loss }) => loss));
  });

  test("an error of the data set ends the training", async () => {
    const { trainer } = setUp({
      length: 8,
      get: async (i) => {
        await later(1);
        if (i === 5) throw new WasmgradError("no sample 5");
        return [tensor([1, 2]), i];
      },
    });
    await expect(trainer.fit()).rejects.toThrow("no sample 5");
  });
});
