import { describe, expect, test } from "vitest";
import { arange, manualSeed, memory, nn, optim, rand, type Tensor, tensor } from "wasmgrad";
import { DataLoader, TensorDataset } from "wasmgrad/data";
import { DistributedDataParallel, initProcessGroup, Sharded } from "wasmgrad/distributed";
import { nextTurn, Trainer } from "wasmgrad/train";
import { OptionError } from "../../../src/errors.ts";

const rows = (part: Tensor[] | null) => part?.[0].toArray() ?? null;
const group = (rank: number, worldSize: number) => ({ rank, worldSize });

describe("Sharded", () => {
  const set = new TensorDataset(arange(10));

  test("a loader returns the shards of each global batch", () => {
    const loader = new DataLoader(new Sharded(set, { shards: 3 }), { batchSize: 7 });
    const batches = Array.from(loader, ({ size, parts }) => [size, parts.map(rows)]);
    expect(batches).toEqual([
      [
        7,
        [
          [0, 1, 2],
          [3, 4],
          [5, 6],
        ],
      ],
      [3, [[7], [8], [9]]],
    ]);
  });

  test("the ranks together have what one process has, empty shards included", () => {
    for (const [shards, worldSize] of [
      [4, 2],
      [3, 2],
      [5, 3],
      [2, 4],
    ] as const) {
      const load = (rank: number, ranks: number) => {
        const own = new Sharded(set, { shards, group: group(rank, ranks) });
        const loader = new DataLoader(own, { batchSize: 4, shuffle: true, seed: 3 });
        return Array.from(loader, ({ parts }) => parts.map(rows));
      };
      const all = Array.from({ length: worldSize }, (_, rank) => load(rank, worldSize));
      const joined = all[0].map((_, batch) => all.flatMap((own) => own[batch]));
      expect(joined).toEqual(load(0, 1));
    }
  });

  test("what the data set draws depends on the shard, not on the rank", () => {
    const noisy = new TensorDataset(rand([8, 2]), { transform: (x) => x.add(rand(x.shape)) });
    const load = (rank: number, worldSize: number) => {
      const own = new Sharded(noisy, { shards: 4, group: group(rank, worldSize) });
      return Array.from(new DataLoader(own, { batchSize: 8 }), ({ parts }) => parts.map(rows))[0];
    };
    expect([...load(0, 2), ...load(1, 2)]).toEqual(load(0, 1));
  });

  test("promises and collate", async () => {
    const later = { length: 5, get: async (index: number) => index };
    const options = { batchSize: 4, collate: (samples: number[]) => samples.map((x) => x * 2) };
    const seen: unknown[] = [];
    // biome-ignore lint/suspicious/noExplicitAny: collate makes the parts
    const loader = new DataLoader(new Sharded<number, number[]>(later as any, { shards: 2 }) as any, options as any);
    for await (const batch of loader as AsyncIterable<{ parts: number[][] }>) seen.push(batch.parts);
    expect(seen).toEqual([
      [
        [0, 2],
        [4, 6],
      ],
      [[8], null],
    ]);
  });

  test("wrong arguments", () => {
    expect(() => new Sharded(set, { shards: 0 })).toThrow("Sharded: shards expected an integer in [1, 65536], got 0");
    expect(() => new Sharded(new Sharded(set, { shards: 2 }), { shards: 2 })).toThrow(OptionError);
    expect(() => new Sharded(set, { shards: 2, group: 3 as never })).toThrow(
      "expected the result of initProcessGroup()",
    );
  });
});

describe("DistributedDataParallel on one process", () => {
  const x = rand([10, 3]);
  const lossOf =
    (model: nn.Module) =>
    ([part]: Tensor[]) =>
      model.forward(part).square().mean();

  test.each([1, 2, 3, 4, 16])("%d shards give the gradients of the whole batch", (shards) => {
    manualSeed(1);
    const model = new nn.Sequential(new nn.Linear(3, 4), new nn.Tanh(), new nn.Linear(4, 2));
    const parallel = new DistributedDataParallel(model, { shards });
    const [batch] = new DataLoader(new Sharded(new TensorDataset(x), { shards }), { batchSize: 10, scoped: false });
    const loss = parallel.backward(batch, lossOf(model));
    const gradients = model.parameters().map(({ grad }) => Array.from(grad!.data()));
    for (const parameter of model.parameters()) parameter.grad = null;
    const whole = lossOf(model)([x]);
    whole.backward();
    expect(loss).toBeCloseTo(whole.item(), 6);
    for (const [i, { grad }] of model.parameters().entries()) {
      for (const [j, value] of grad!.data().entries()) {
        expect(gradients[i][j]).toBeCloseTo(value, 5);
      }
    }
  });

  test("a layer that no shard uses has no gradient, one that some shards use has", () => {
    const model = new nn.Sequential(new nn.Linear(1, 1), new nn.Linear(1, 1), new nn.Linear(1, 1));
    const [often, sometimes, never] = Array.from(model.children()) as nn.Linear[];
    const parallel = new DistributedDataParallel(model, { shards: 2 });
    const set = new Sharded(new TensorDataset(tensor([[1], [1], [-1], [-1]])), { shards: 2 });
    const [batch] = new DataLoader(set, { batchSize: 4, scoped: false });
    parallel.backward(batch, ([part]) => {
      const hidden = often.forward(part);
      return (part.sum().item() > 0 ? sometimes.forward(hidden) : hidden).mean();
    });
    expect(often.weight.grad).not.toBeNull();
    expect(sometimes.weight.grad).not.toBeNull();
    expect(never.weight.grad).toBeNull();
  });

  test("running statistics are the means over the shards, weighted by their samples; batches count once", () => {
    const norm = new nn.BatchNorm1d(1, { momentum: 0.5 });
    const parallel = new DistributedDataParallel(norm, { shards: 2 });
    const values = tensor([[1], [3], [8], [10], [20]]);
    const [batch] = new DataLoader(new Sharded(new TensorDataset(values), { shards: 2 }), {
      batchSize: 5,
      scoped: false,
    });
    parallel.backward(batch, ([part]) => norm.forward(part).square().mean());
    // shards [1, 3, 8] and [10, 20]: each moves the mean half of the way from 0 to its own
    expect(norm.runningMean!.item()).toBeCloseTo((3 / 5) * (4 / 2) + (2 / 5) * (15 / 2), 5);
    expect(norm.numBatchesTracked!.item()).toBe(1);
  });

  test("a batch of another number of shards is refused", () => {
    const model = new nn.Linear(3, 1);
    const parallel = new DistributedDataParallel(model, { shards: 2 });
    const [batch] = new DataLoader(new Sharded(new TensorDataset(x), { shards: 3 }), { batchSize: 10, scoped: false });
    expect(() => parallel.backward(batch, lossOf(model))).toThrow("batch expected shards 0 to 1 of 2");
  });
});

describe("Trainer with shards", () => {
  const images = rand([22, 4]);
  const noise = (x: Tensor) => x.add(rand(x.shape).mul(0.1));

  async function train(options: object, asynchronous = false) {
    manualSeed(2);
    const model = new nn.Sequential(new nn.Linear(4, 6), new nn.Dropout(0.3), new nn.Linear(6, 4));
    const lossOf = ([x]: Tensor[]) => nn.functional.mseLoss(model.forward(x), x);
    const trainer = new Trainer({
      model,
      loader: new DataLoader(new TensorDataset(images, { transform: noise }), { batchSize: 8, shuffle: true }),
      optimizer: new optim.Adam(model.parameters(), { lr: 0.01 }),
      loss: asynchronous
        ? async (batch: Tensor[]) => {
            await nextTurn();
            return lossOf(batch);
          }
        : lossOf,
      epochs: 3,
      ...options,
    });
    await trainer.fit();
    return { trainer, weights: model.parameters().map((parameter) => parameter.toArray()) };
  }

  test("the shards decide the bits: with a group of one, a Sharded data set, or an asynchronous loss they are the same", async () => {
    const { weights } = await train({ shards: 4 });
    expect((await train({ shards: 4, group: initProcessGroup() })).weights).toEqual(weights);
    expect((await train({ shards: 4 }, true)).weights).toEqual(weights);
    const sharded = new Sharded(new TensorDataset(images, { transform: noise }), { shards: 4 });
    manualSeed(2);
    expect(
      (await train({ shards: 4, loader: new DataLoader(sharded, { batchSize: 8, shuffle: true }) })).weights,
    ).toHaveLength(4);
    expect((await train({ shards: 3 })).weights).not.toEqual(weights);
  });

  test("memory does not grow with the steps", async () => {
    const tensors: number[] = [];
    await train({ shards: 4, callbacks: [{ onStep: () => void tensors.push(memory().liveTensors) }] });
    expect(tensors.length).toBe(9);
    expect(new Set(tensors.slice(1)).size).toBe(1);
  });

  test("all numbers of the loss are averaged over the samples", async () => {
    const { trainer } = await train({
      shards: 3,
      epochs: 1,
      loader: new DataLoader(new TensorDataset(tensor([[1], [2], [3], [4], [10]])), { batchSize: 5 }),
      model: new nn.Linear(1, 1),
      loss: ([x]: Tensor[]) => ({ loss: new nn.Linear(1, 1).forward(x).mean(), value: x.mean() }),
    });
    expect(trainer.epochs[0].value).toBeCloseTo(4, 5);
  });

  test("wrong options", async () => {
    await expect(train({ shards: 0 })).rejects.toThrow("shards expected an integer");
    await expect(train({ shards: 2, localSteps: 0 })).rejects.toThrow("localSteps expected an integer >= 1");
    await expect(train({ group: {} })).rejects.toThrow("group expected the result of initProcessGroup()");
    const other = new DataLoader(new Sharded(new TensorDataset(images), { shards: 2 }), { batchSize: 4 });
    await expect(train({ shards: 4, loader: other })).rejects.toThrow(
      "a Sharded data set of the trainer's group and 4 shards",
    );
    const layer = new nn.Linear(4, 1);
    const numbers = ([x]: Tensor[]) =>
      x.shape[0] === 1 ? { loss: layer.forward(x).mean() } : { loss: layer.forward(x).mean(), more: 1 };
    const uneven = new DataLoader(new TensorDataset(images), { batchSize: 3 });
    await expect(train({ shards: 2, loader: uneven, loss: numbers })).rejects.toThrow("the same numbers in each shard");
  });
});

describe("a group of one", () => {
  test("does what MPI does with one rank, and is made once", () => {
    const group = initProcessGroup();
    expect(initProcessGroup()).toBe(group);
    expect([group.rank, group.worldSize, group.localRank, group.library]).toEqual([0, 1, 0, ""]);
    const x = tensor([1, 2]);
    group.allReduce(x);
    group.broadcast(x);
    group.barrier();
    expect(group.allGather(x).map((t) => t.toArray())).toEqual([[1, 2]]);
    expect(group.allGatherObject({ a: 1 })).toEqual([{ a: 1 }]);
    expect(() => group.broadcast(x, 1)).toThrow("broadcast: src expected an integer in [0, 0], got 1");
    expect(() => group.allReduce(3 as never)).toThrow("allReduce: expected a tensor, got 3");
    expect(() => group.allReduce(tensor([1], { dtype: "int32" }))).toThrow("allReduce: expected float32, got int32");
    group.destroy();
    expect(() => group.barrier()).toThrow("barrier: the process group was destroyed");
    expect(initProcessGroup()).not.toBe(group);
  });
});
