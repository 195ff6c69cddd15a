/**
 * The trainer trains like a plain loop, stops and continues with the same bits, and keeps memory flat; and
 * its helpers.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import {
  DataError,
  Generator,
  getRngState,
  manualSeed,
  memory,
  nn,
  OptionError,
  optim,
  rand,
  StateDictError,
  scope,
  setRngState,
  type Tensor,
  tensor,
  WasmgradError,
} from "wasmgrad";
import { DataLoader, TensorDataset } from "wasmgrad/data";
import {
  type Callback,
  curves,
  EarlyStopping,
  formatSeconds,
  type LogEntry,
  logSeries,
  MovingAverage,
  resumeTrainer,
  saveTrainer,
  summary,
  Trainer,
  type TrainerOptions,
} from "wasmgrad/train";

const folder = mkdtempSync(join(tmpdir(), "wasmgrad-train-"));
afterAll(() => rmSync(folder, { recursive: true }));

class Net extends nn.Module {
  body = new nn.Sequential(new nn.Linear(4, 16), new nn.BatchNorm1d(16), new nn.ReLU(), new nn.Dropout(0.1));
  head = new nn.Linear(16, 1);
  override forward(x: Tensor): Tensor {
    return this.head.forward(this.body.forward(x));
  }
}

const x = rand([60, 4]);
const y = x.square().sum(1, { keepdim: true });
const dataset = new TensorDataset(x, y);

/** All that a trainer can have: schedule, average, clipping, early stopping, validation. */
function makeTrainer(more: Partial<TrainerOptions<Tensor[]>> = {}, extra: Callback[] = []) {
  manualSeed(11);
  const model = new Net();
  const optimizer = new optim.AdamW(model.parameters(), { lr: 0.02 });
  const validLoss = () => nn.functional.mseLoss(model.forward(x), y).item();
  const trainer = new Trainer<Tensor[]>({
    model,
    loader: new DataLoader<Tensor[], Tensor[]>(dataset, { batchSize: 8, shuffle: true }),
    optimizer,
    scheduler: new optim.CosineAnnealingLR(optimizer, { tMax: 32 }),
    average: new MovingAverage(model, { decay: 0.9 }),
    clipNorm: 1,
    loss: ([inputs, targets]) => {
      const outputs = model.forward(inputs);
      return { loss: nn.functional.mseLoss(outputs, targets), l1: nn.functional.l1Loss(outputs, targets) };
    },
    validate: () => ({ validLoss: validLoss() }),
    epochs: 4,
    logEvery: 3,
    callbacks: [new EarlyStopping(model, { patience: 10 }), ...extra],
    ...more,
  });
  return { trainer, model, optimizer };
}

const weights = (model: nn.Module) =>
  Object.fromEntries(Object.entries(model.stateDict()).map(([name, t]) => [name, t.data()]));
const timeless = (log: readonly LogEntry[]) => log.map(({ seconds: _, ...entry }) => entry);
/** Stops the trainer after a given step. */
const stopAfter = (step: number): Callback => ({
  onEntry: (trainer) => void (trainer.place.step >= step && trainer.stop()),
});

test("a cycle of learning rates as long as the run ends with it: the last epoch is logged, validated and finished", async () => {
  const model = new nn.Linear(4, 1);
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
  const loader = new DataLoader<Tensor[], Tensor[]>(dataset, { batchSize: 20 });
  let finished = 0;
  const trainer = new Trainer<Tensor[]>({
    model,
    loader,
    optimizer,
    scheduler: new optim.OneCycleLR(optimizer, { maxLr: 0.1, epochs: 2, stepsPerEpoch: loader.length }),
    loss: ([images, targets]) => nn.functional.mseLoss(model.forward(images), targets),
    validate: () => ({ valid: 1 }),
    epochs: 2,
    callbacks: [{ onFinish: () => finished++ }],
  });
  await trainer.fit();
  expect(trainer.epochs.map(({ epoch, step, valid }) => [epoch, step, valid])).toEqual([
    [1, 3, 1],
    [2, 6, 1],
  ]);
  expect([trainer.finished, finished]).toEqual([true, 1]);
});

test("a scheduler is stepped after every step, or with schedulerInterval after every epoch", async () => {
  for (const [schedulerInterval, steps] of [
    ["step", 6],
    ["epoch", 2],
    [undefined, 6],
  ] as const) {
    const model = new nn.Linear(4, 1);
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
    const scheduler = new optim.ExponentialLR(optimizer, { gamma: 0.5 });
    const trainer = new Trainer<Tensor[]>({
      model,
      loader: new DataLoader<Tensor[], Tensor[]>(dataset, { batchSize: 20 }),
      optimizer,
      scheduler,
      schedulerInterval,
      loss: ([images, targets]) => nn.functional.mseLoss(model.forward(images), targets),
      epochs: 2,
    });
    await trainer.fit();
    expect(optimizer.paramGroups[0].lr).toBeCloseTo(0.1 * 0.5 ** steps, 12);
    expect(scheduler.lastEpoch).toBe(steps);
  }
  expect(() => makeTrainer({ schedulerInterval: "batch" as never })).toThrow(
    "schedulerInterval expected one of step, epoch",
  );
});

describe("Trainer", () => {
  test("the trainer gives the same result as a plain loop", async () => {
    const { trainer, model } = makeTrainer({ callbacks: [] });
    await trainer.fit();

    manualSeed(11);
    const other = new Net();
    const optimizer = new optim.AdamW(other.parameters(), { lr: 0.02 });
    const scheduler = new optim.CosineAnnealingLR(optimizer, { tMax: 32 });
    const loader = new DataLoader(dataset, { batchSize: 8, shuffle: true });
    let sum = 0;
    for (let epoch = 0; epoch < 4; epoch++) {
      sum = 0;
      for (const [inputs, targets] of loader) {
        const loss = nn.functional.mseLoss(other.forward(inputs), targets);
        optimizer.zeroGrad();
        loss.backward();
        nn.utils.clipGradNorm_(other.parameters(), 1);
        optimizer.step();
        scheduler.step();
        sum += loss.item();
      }
    }
    expect(weights(model)).toEqual(weights(other));
    expect(trainer.epochs.at(-1)!.loss).toBe(sum / loader.length);
    expect(trainer.epochs.map(({ epoch, step }) => [epoch, step])).toEqual([
      [1, 8],
      [2, 16],
      [3, 24],
      [4, 32],
    ]);
    expect(trainer.log.filter(({ kind }) => kind === "step").map(({ step }) => step)).toEqual([
      3, 6, 9, 12, 15, 18, 21, 24, 27, 30,
    ]);
    expect(trainer.epochs[3].loss).toBeLessThan(trainer.epochs[0].loss / 2);
  });

  test.each([3, 9, 15, 24, 27])(
    "stopped after step %i it goes on to the same bits, here and from a file",
    async (step) => {
      const whole = makeTrainer();
      await whole.trainer.fit();

      const path = join(folder, `stopped-${step}.safetensors`);
      const here = makeTrainer({}, [stopAfter(step)]);
      await here.trainer.fit();
      expect(here.trainer.finished).toBe(false);
      expect(here.trainer.place.step).toBe(step);
      saveTrainer(path, here.trainer);
      (here.trainer.options.callbacks as Callback[]).pop();
      await here.trainer.fit();

      const there = makeTrainer();
      expect(resumeTrainer(path, there.trainer)).toBe(true);
      await there.trainer.fit();
      for (const { trainer, model } of [here, there]) {
        expect(weights(model)).toEqual(weights(whole.model));
        expect(timeless(trainer.log)).toEqual(timeless(whole.trainer.log));
        expect(trainer.finished).toBe(true);
      }
    },
  );

  test("callbacks see the beginning and every step, with the epoch's means so far", async () => {
    const seen: string[] = [];
    const losses: number[] = [];
    const watch: Callback = {
      onBegin: ({ place }) => void seen.push(`begin ${place.step}`),
      onStep: (trainer, numbers) => {
        const { epoch, step } = trainer.place;
        seen.push(`step ${step}`);
        losses.push(numbers.loss);
        expect(Object.keys(numbers)).toEqual(["loss", "l1"]);
        const own = losses.slice(8 * epoch);
        expect(trainer.epochMeans.loss).toBe(own.reduce((sum, loss) => sum + loss) / own.length);
        if (step === 3) trainer.stop();
      },
      onEntry: (_, { kind, step }) => void seen.push(`${kind} entry ${step}`),
      onEpoch: (_, { epoch }) => void seen.push(`epoch ${epoch}`),
      onFinish: () => void seen.push("finish"),
    };
    const { trainer } = makeTrainer({ epochs: 2, logEvery: 6 }, [watch]);
    expect(trainer.epochMeans).toEqual({});
    await trainer.fit();
    await trainer.fit();
    const steps = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => `step ${from + i}`);
    expect(seen).toEqual(
      [
        ["begin 0", ...steps(1, 3), "begin 3", ...steps(4, 6), "step entry 6", ...steps(7, 8)],
        ["epoch entry 8", "epoch 1", ...steps(9, 12), "step entry 12", ...steps(13, 16)],
        ["epoch entry 16", "epoch 2", "finish"],
      ].flat(),
    );
  });

  test("what onEntry adds to an entry is a column of the log, also in the state", async () => {
    const addColumn: Callback = { onEntry: (_, entry) => void (entry.double = 2 * entry.loss) };
    const { trainer } = makeTrainer({ epochs: 1 }, [addColumn]);
    await trainer.fit();
    expect(trainer.log.map(({ double }) => double)).toEqual(trainer.log.map(({ loss }) => 2 * loss));
    expect(trainer.stateDict().log).toEqual(trainer.log);
  });

  test("a finished trainer continues with more epochs, unless finish() ended it", async () => {
    const long = makeTrainer({ epochs: 4, callbacks: [] });
    await long.trainer.fit();
    const short = makeTrainer({ epochs: 2, callbacks: [] });
    await short.trainer.fit();
    const longer = makeTrainer({ epochs: 4, callbacks: [] });
    longer.trainer.loadStateDict(short.trainer.stateDict());
    expect(longer.trainer.finished).toBe(false);
    await longer.trainer.fit();
    expect(longer.trainer.finished).toBe(true);
    expect(weights(longer.model)).toEqual(weights(long.model));
    expect(timeless(longer.trainer.log)).toEqual(timeless(long.trainer.log));

    const ended = makeTrainer({ epochs: 2, callbacks: [{ onEpoch: (trainer) => trainer.finish() }] });
    await ended.trainer.fit();
    longer.trainer.loadStateDict(ended.trainer.stateDict());
    expect([longer.trainer.finished, longer.trainer.place.epoch]).toEqual([true, 1]);
  });

  test("a schedule made for exactly these steps does not cut the last epoch off", async () => {
    const made = (more: Partial<TrainerOptions<Tensor[]>>) => {
      const path: string[] = [];
      const tell: Callback = {
        onEpoch: (trainer) => void path.push(`epoch ${trainer.place.epoch}`),
        onFinish: () => void path.push("finish"),
      };
      const validate = () => ({ validLoss: path.push("validate") });
      const { trainer, optimizer } = makeTrainer({ callbacks: [tell], validate, ...more });
      return { trainer, optimizer, path };
    };
    const steps = 4 * 8;
    for (const more of [{ totalSteps: steps }, { epochs: 4, stepsPerEpoch: 8, annealStrategy: "linear" as const }]) {
      const { trainer, optimizer, path } = made({});
      const scheduler = new optim.OneCycleLR(optimizer, { maxLr: 0.02, ...more });
      trainer.options.scheduler = scheduler;
      await trainer.fit();
      expect(path.slice(-3)).toEqual(["validate", "epoch 4", "finish"]);
      expect(trainer.epochs.map(({ step, validLoss }) => [step, typeof validLoss])).toEqual(
        [8, 16, 24, 32].map((step) => [step, "number"]),
      );
      expect(trainer.epochs[3].lr).toBeCloseTo(0.02 / 25 / 1e4, 12);
      expect(trainer.finished).toBe(true);
      const file = join(folder, "one-cycle.safetensors");
      saveTrainer(file, trainer);
      expect(resumeTrainer(file, trainer)).toBe(true);
    }
  });

  test("a finished trainer does not change", async () => {
    const { trainer, model } = makeTrainer();
    await trainer.fit();
    const before = weights(model);
    const path = join(folder, "finished.safetensors");
    saveTrainer(path, trainer);
    const other = makeTrainer();
    resumeTrainer(path, other.trainer);
    await other.trainer.fit();
    expect(weights(other.model)).toEqual(before);
    expect(other.trainer.log).toEqual(trainer.log);
  });

  test("memory stays flat from the second epoch on", async () => {
    const seen: number[][] = [];
    const watch: Callback = {
      onEpoch: () => {
        const { liveTensors, liveBytes } = memory();
        seen.push([liveTensors, liveBytes]);
      },
    };
    await makeTrainer({ epochs: 6 }, [watch]).trainer.fit();
    for (const later of seen.slice(2)) expect(later).toEqual(seen[1]);
  });

  test("a second fit during the first is refused, but allowed after it", async () => {
    const { trainer, model } = makeTrainer();
    const first = trainer.fit();
    await expect(trainer.fit()).rejects.toThrow(WasmgradError);
    await first;
    await trainer.fit();
    const alone = makeTrainer();
    await alone.trainer.fit();
    expect(weights(model)).toEqual(weights(alone.model));
  });

  test("tensors that other code makes while fit waits are not released", async () => {
    const made: Tensor[] = [];
    const { trainer, model } = makeTrainer({
      epochs: 1,
      loss: ([inputs]) => {
        if (made.length === 0) setTimeout(() => made.push(rand([2])));
        // longer than an iteration of the event loop
        for (const start = performance.now(); performance.now() - start < 60; );
        return model.forward(inputs).square().mean();
      },
    });
    await trainer.fit();
    expect(made.length).toBeGreaterThan(0);
    expect(made.map((x) => x.released)).not.toContain(true);
  });

  test("validation sees the averaged weights in eval mode, training its own", async () => {
    const modes: boolean[] = [];
    const { trainer, model } = makeTrainer({
      epochs: 2,
      callbacks: [],
      validate: () => {
        modes.push(model.training);
        return { first: model.head.bias!.item() };
      },
    });
    await trainer.fit();
    expect(modes).toEqual([false, false]);
    expect(model.training).toBe(true);
    const average = trainer.options.average!;
    expect(average.during(() => model.head.bias!.item())).toBe(trainer.epochs[1].first);
    expect(model.head.bias!.item()).not.toBe(trainer.epochs[1].first);
  });

  test("a NaN loss ends training with an error", async () => {
    const { trainer, model } = makeTrainer({ loss: ([inputs]) => model.forward(inputs).mul(Number.NaN).sum() });
    await expect(trainer.fit()).rejects.toThrow(WasmgradError);
    await expect(trainer.fit()).rejects.toThrow(/step \d+ gave/);
  });

  test.each<[string, () => unknown]>([
    ["a number", () => 1],
    ["nothing", () => undefined],
    ["numbers", () => ({ loss: 1 })],
    ["a promise of a number", async () => 1],
  ])("a loss function that gives %s is an error", async (_name, loss) => {
    await expect(makeTrainer({ loss: loss as never }).trainer.fit()).rejects.toThrow(OptionError);
  });

  test("a state of another training is refused", () => {
    const { trainer } = makeTrainer();
    expect(() => makeTrainer({ average: undefined }).trainer.loadStateDict(trainer.stateDict())).not.toThrow();
    const { average: _, ...states } = trainer.stateDict().states;
    expect(() => trainer.loadStateDict({ ...trainer.stateDict(), states })).toThrow(StateDictError);
    const before = trainer.stateDict();
    const sums = { count: 1, totals: { loss: 0.5 } };
    const entry = { kind: "step", epoch: 1, step: 1, lr: 0.1, loss: 2, seconds: 3 };
    for (const wrong of [
      { states: null },
      { states: [] },
      { log: null },
      { log: [null] },
      { log: [{ ...entry, kind: "other" }] },
      { log: [{ ...entry, lr: "0.1" }] },
      { log: [{ ...entry, accuracy: {} }] },
      { place: null },
      { place: { epoch: 1 } },
      { place: { epoch: -1, step: 0 } },
      { place: { epoch: 1, step: "2" } },
      { finishing: 1 },
      { finished: null },
      { seconds: "3" },
      { seconds: Number.NaN },
      { sums: {} },
      { sums: { epoch: sums } },
      { sums: { epoch: sums, entry: { ...sums, totals: { loss: "x" } } } },
      { sums: { epoch: sums, entry: { ...sums, count: 0.5 } } },
      { seconds: undefined },
    ]) {
      const state = { ...trainer.stateDict(), ...(wrong as object) };
      expect(() => trainer.loadStateDict(state), JSON.stringify(wrong)).toThrow(StateDictError);
      const [name] = Object.keys(wrong);
      expect(() => trainer.loadStateDict(state)).toThrow(`Trainer.loadStateDict: ${name} expected`);
      expect(JSON.stringify(trainer.stateDict())).toBe(JSON.stringify(before));
    }
    trainer.loadStateDict({ ...before, log: [{ ...entry, accuracy: null, note: "x" }] as never });
    expect(trainer.log).toHaveLength(1);
    expect(resumeTrainer(join(folder, "nothing"), trainer)).toBe(false);
    writeFileSync(join(folder, "damaged"), "no checkpoint");
    expect(() => resumeTrainer(join(folder, "damaged"), trainer)).toThrow(DataError);
  });

  test.each([
    ["no model", { model: 3 as never }],
    ["no loader", { loader: [] as never }],
    ["no loss", { loss: undefined }],
    ["half an epoch", { epochs: 0.5 }],
    ["an unknown option", { epoch: 5 } as object],
    ["a log every 0 steps", { logEvery: 0 }],
  ])("%s is an error", (_name, wrong) => {
    expect(() => makeTrainer(wrong)).toThrow(OptionError);
  });
});

describe("a trainer's own random numbers", () => {
  afterEach(() => void vi.restoreAllMocks());
  /** Lets a trainer wait after each step, as if each took long. */
  function slowly(): void {
    let now = 0;
    vi.spyOn(performance, "now").mockImplementation(() => (now += 100));
  }
  const run = async ({ trainer, model }: ReturnType<typeof makeTrainer>) => {
    await trainer.fit();
    return weights(model);
  };
  const makeAnother = () => {
    makeTrainer({ epochs: 3 });
    setRngState({ seed: 5, offset: 8 });
  };

  test("two that overlap, made at once or one after the other, end as alone", async () => {
    slowly();
    const alone = [await run(makeTrainer()), await run(makeTrainer({ epochs: 3, clipNorm: 0.5 }))];
    const [a, b] = [makeTrainer(), makeTrainer({ epochs: 3, clipNorm: 0.5 })];
    expect(await Promise.all([run(a), run(b)])).toEqual(alone);
    const first = run(makeTrainer());
    await Promise.resolve();
    expect(await Promise.all([first, run(makeTrainer({ epochs: 3, clipNorm: 0.5 }))])).toEqual(alone);
  });

  test.each(["timers", "microtasks"])(
    "draws and seeds of %s meanwhile change nothing, nor are they changed",
    async (kind) => {
      const alone = await run(makeTrainer());
      const draw = () => rand([3]).toArray();
      const made = makeTrainer();
      const before = getRngState();
      const drawn: unknown[] = [];
      if (kind === "timers") slowly();
      // a trainer that waits for a timer would never get it
      else vi.spyOn(performance, "now").mockReturnValue(0);
      let done = false;
      const others = (async () => {
        while (!done) {
          await (kind === "timers" ? new Promise((resolve) => setTimeout(resolve)) : null);
          if (!done) drawn.push(draw());
        }
      })();
      const together = await run(made).finally(() => {
        done = true;
      });
      expect(together).toEqual(alone);
      await others;
      expect(drawn.length).toBeGreaterThan(2);
      setRngState(before);
      expect(drawn.map(draw)).toEqual(drawn);
    },
  );

  test("the default generator continues where a run ended; a seed set before fit counts", async () => {
    const made = makeTrainer();
    manualSeed(3);
    const one = await run(made);
    const after = getRngState();
    expect(after).toEqual(made.trainer.generator.getState());
    expect(after.offset).toBeGreaterThan(0);
    const generator = new Generator(3);
    const given = makeTrainer({ generator });
    const untouched = getRngState();
    expect(await run(given)).toEqual(one);
    expect([getRngState(), generator.getState()]).toEqual([untouched, after]);
  });

  test("callbacks draw from the trainer's generator, even if one throws", async () => {
    const states: unknown[] = [];
    const { trainer } = makeTrainer({}, [
      {
        onEpoch: (trainer) => {
          states.push(getRngState(), trainer.generator.getState());
          throw new Error("stop here");
        },
      },
    ]);
    await expect(trainer.fit()).rejects.toThrow("stop here");
    expect(states[0]).toEqual(states[1]);
    expect(getRngState()).toEqual(states[0]);
  });

  test("a checkpoint holds it: resumed while others draw, a run ends with the same bits", async () => {
    const whole = await run(makeTrainer());
    const path = join(folder, "random.safetensors");
    for (const saveIn of ["a callback", "the program"]) {
      const save: Callback = { onEpoch: (trainer) => void saveTrainer(path, trainer) };
      const stopped = makeTrainer({}, saveIn === "a callback" ? [save, stopAfter(9)] : [{}, stopAfter(9)]);
      const fit = stopped.trainer.fit();
      rand([5]);
      await fit;
      if (saveIn === "the program") saveTrainer(path, stopped.trainer);
      const resumed = makeTrainer({}, [{}, stopAfter(99)]);
      resumeTrainer(path, resumed.trainer);
      makeAnother();
      expect(await run(resumed)).toEqual(whole);
    }
  });

  test("a state of an earlier version, without a generator, still loads", async () => {
    const whole = await run(makeTrainer());
    const stopped = makeTrainer({}, [stopAfter(9)]);
    await stopped.trainer.fit();
    const { generator, ...old } = stopped.trainer.stateDict();
    expect(generator).toEqual(getRngState());
    const resumed = makeTrainer({}, [stopAfter(99)]);
    resumed.trainer.loadStateDict(old as never);
    makeAnother();
    setRngState(generator!);
    expect(await run(resumed)).toEqual(whole);
    for (const bad of [{ seed: -1, offset: 0 }, { seed: 1 }, 5, 0, "x", "", false]) {
      expect(() => resumed.trainer.loadStateDict({ ...old, generator: bad as never })).toThrow(StateDictError);
    }
    expect(() => makeTrainer({ generator: 5 as never })).toThrow(OptionError);
  });
});

describe("EarlyStopping", () => {
  test("stops after `patience` epochs without improvement, with the best weights", async () => {
    const losses = [5, 3, 4, 2.95, 4, 3.5, 1];
    const biases: number[] = [];
    const { trainer, model } = makeTrainer({
      epochs: 7,
      validate: ({ epoch }) => ({ validLoss: losses[epoch - 1] }),
      average: undefined,
    });
    const stopping = new EarlyStopping(model, { patience: 2, minDelta: 0.1 });
    const watch: Callback = { onEpoch: () => void biases.push(model.head.bias!.item()) };
    (trainer.options.callbacks as Callback[]).splice(0, 1, watch, stopping);
    await trainer.fit();
    expect(trainer.epochs).toHaveLength(5);
    expect(stopping.best).toBe(3);
    expect(model.head.bias!.item()).toBe(biases[1]);
    expect(new Set(biases).size).toBe(5);
  });

  test("counts upwards with mode max; NaN is no improvement", () => {
    const stopping = new EarlyStopping(new nn.Linear(1, 1), { mode: "max", patience: 1 });
    expect([0.1, Number.NaN, 0.2, 0.2, 0.1].map((value) => stopping.update(value))).toEqual([
      false,
      false,
      false,
      false,
      true,
    ]);
  });

  test.each([
    ["min", -Infinity],
    ["max", Infinity],
    ["min", Infinity],
  ] as const)("mode %s: a best of %d comes back through JSON", (mode, value) => {
    const make = () => new EarlyStopping(new nn.Linear(1, 1), { mode, restoreBest: false });
    const [stopping, resumed] = [make(), make()];
    stopping.update(value);
    resumed.loadStateDict(JSON.parse(JSON.stringify(stopping.stateDict())));
    expect(resumed.best).toBe(value);
  });

  test("loading a state without weights drops the present ones", () => {
    const layer = new nn.Linear(1, 1);
    const stopping = new EarlyStopping(layer);
    const fresh = stopping.stateDict();
    const before = memory().liveTensors;
    stopping.update(1);
    stopping.loadStateDict(fresh);
    expect(memory().liveTensors).toBe(before);
    layer.weight.copy_(tensor([[7]]));
    stopping.restoreBest();
    expect(layer.weight.item()).toBe(7);
    expect(stopping.stateDict()).toEqual(fresh);
  });

  test.each<[string, object | null]>([
    ["nothing", null],
    ["no best", { waited: 0 }],
    ["no weights", { best: 1, waited: 0 }],
    ["NaN", { best: Number.NaN, waited: 0, weights: null }],
    ["a negative count", { best: 1, waited: -1, weights: null }],
    ["other weights", { best: 1, waited: 0, weights: { weight: rand([2, 2]), bias: rand([2]) } }],
  ])("a state with %s is refused, and changes nothing", (_name, state) => {
    const stopping = new EarlyStopping(new nn.Linear(1, 1));
    const fresh = stopping.stateDict();
    const before = memory().liveTensors;
    expect(() => stopping.loadStateDict(state as never)).toThrow(StateDictError);
    expect(stopping.stateDict()).toEqual(fresh);
    expect(memory().liveTensors).toBe(before);
  });

  test("a number that no epoch has is an error that lists the existing ones", async () => {
    const { trainer, model } = makeTrainer({ callbacks: [] });
    (trainer.options.callbacks as Callback[]).push(new EarlyStopping(model, { monitor: "accuracy" }));
    await expect(trainer.fit()).rejects.toThrow(/no number "accuracy" \(known: .*validLoss/);
  });
});

describe("MovingAverage", () => {
  test("follows its formula, and gives the weights back after an exception", () => {
    const layer = new nn.Linear(2, 1, { bias: false });
    layer.weight.copy_(tensor([[1, -1]]));
    const average = new MovingAverage(layer, { decay: 0.5 });
    let expected = 1;
    for (let step = 1; step <= 12; step++) {
      layer.weight.copy_(tensor([[step, -step]]));
      average.update();
      const decay = Math.min(0.5, (1 + step) / (10 + step));
      expected += (1 - decay) * (step - expected);
    }
    expect(layer.weight.data()[0]).toBe(12);
    average.during(() => expect(layer.weight.data()[0]).toBeCloseTo(expected, 5));
    expect(() =>
      average.during(() => {
        throw new Error("inside");
      }),
    ).toThrow("inside");
    expect(layer.weight.toArray()).toEqual([[12, -12]]);
  });

  test("an async function would have them for its first part only, and is refused", () => {
    const layer = new nn.Linear(1, 1, { bias: false });
    const average = new MovingAverage(layer);
    layer.weight.copy_(tensor([[12]]));
    expect(() => average.during(async () => 1)).toThrow(OptionError);
    expect(layer.weight.item()).toBe(12);
  });

  test("averages running statistics too, and counts of batches are the last", () => {
    const norm = new nn.BatchNorm1d(2);
    const average = new MovingAverage(norm, { decay: 0.9 });
    for (let i = 0; i < 3; i++) {
      scope(() => norm.forward(rand([8, 2]).add(5)));
      average.update();
    }
    const last = norm.runningMean!.data()[0];
    average.during(() => {
      expect(norm.runningMean!.data()[0]).toBeLessThan(last);
      expect(norm.runningMean!.data()[0]).toBeGreaterThan(0);
      expect(norm.numBatchesTracked!.item()).toBe(3);
    });
  });
});

describe("curves", () => {
  test("there is one curve for all losses, one for the rate, and one per other number", async () => {
    const { trainer } = makeTrainer({ validate: () => ({ validLoss: 1, accuracy: 0.5 }) });
    await trainer.fit();
    expect(Object.keys(curves(trainer.log, "title"))).toEqual(["loss", "lr", "l1", "accuracy"]);
    expect(curves([])).toEqual({});
    for (const wrong of [null, 3, "x", undefined]) {
      expect(() => curves([...trainer.log, wrong as never])).toThrow(OptionError);
      expect(() => curves([wrong as never])).toThrow(/curves: entry 0 of the log expected an object, got/);
    }
  });
});

describe("logSeries", () => {
  const log = [
    { kind: "step", epoch: 1, step: 5, lr: 1, loss: 3, seconds: 1 },
    { kind: "epoch", epoch: 1, step: 10, lr: 1, loss: 2, seconds: 2, accuracy: 0.5 },
    { kind: "epoch", epoch: 2, step: 20, lr: 1, loss: 1, seconds: 3 },
  ] as LogEntry[];

  test("takes one number of one kind of entries, over steps or epochs", () => {
    expect(logSeries(log, "loss")).toEqual({
      label: "loss",
      points: [
        [10, 2],
        [20, 1],
      ],
    });
    expect(logSeries(log, "loss", { kind: "step", label: "train", stepsPerEpoch: 10 })).toEqual({
      label: "train",
      points: [[0.5, 3]],
    });
    expect(logSeries(log, "accuracy").points).toEqual([[10, 0.5]]);
  });

  test.each<[string, () => unknown, RegExp]>([
    ["no log", () => logSeries(3 as never, "loss"), /logSeries: log expected an array of log entries, got 3/],
    ["null as entry", () => logSeries([null as never], "loss"), /logSeries: entry 0 of the log expected an object/],
    ["another kind", () => logSeries(log, "loss", { kind: "batch" as never }), /logSeries: kind expected/],
    ["no steps", () => logSeries(log, "loss", { stepsPerEpoch: 0 }), /logSeries: stepsPerEpoch expected/],
    ["an unknown option", () => logSeries(log, "loss", { x: 1 } as never), /logSeries: unknown option "?x/],
  ])("%s is an error", (_name, make, message) => {
    expect(make).toThrow(OptionError);
    expect(make).toThrow(message);
  });
});

test("durations as text", () => {
  expect([0.4, 59.4, 59.5, 75, 3599.6, 3675, 360_000].map(formatSeconds)).toEqual([
    "0 s",
    "59 s",
    "1:00",
    "1:15",
    "1:00:00",
    "1:01:15",
    "100:00:00",
  ]);
});

describe("summary", () => {
  class Small extends nn.Module {
    conv = new nn.Conv2d(3, 8, { kernelSize: 3, padding: 1, groups: 1 });
    separable = new nn.Conv2d(8, 8, { kernelSize: 3, padding: 1, groups: 8, bias: false });
    act = new nn.ReLU();
    up = new nn.ConvTranspose2d(8, 4, { kernelSize: 2, stride: 2 });
    flat = new nn.Flatten();
    out = new nn.Linear(4 * 12 * 12, 10);
    override forward(images: Tensor): Tensor {
      const features = this.act.forward(this.separable.forward(this.act.forward(this.conv.forward(images))));
      return this.out.forward(this.flat.forward(this.up.forward(features)));
    }
  }

  test("parameters, operations and shapes, counted by hand", () => {
    const model = new Small();
    const { layers, parameters, flops } = summary(model, [2, 3, 6, 6]);
    expect(
      layers.map(({ name, kind, outputShape, parameters, flops }) => [
        name,
        kind,
        outputShape.join(),
        parameters,
        flops,
      ]),
    ).toEqual([
      ["conv", "Conv2d", "2,8,6,6", 8 * 27 + 8, 2 * 8 * 36 * (2 * 27 + 1)],
      ["act", "ReLU", "2,8,6,6", 0, 576],
      ["separable", "Conv2d", "2,8,6,6", 72, 2 * 8 * 36 * 2 * 9],
      ["act", "ReLU", "2,8,6,6", 0, 576],
      ["up", "ConvTranspose2d", "2,4,12,12", 8 * 4 * 4 + 4, 2 * 36 * 8 * 4 * 4 * 2 + 2 * 4 * 144],
      ["flat", "Flatten", "2,576", 0, 1152],
      ["out", "Linear", "2,10", 5770, 2 * 10 * (2 * 576 + 1)],
    ]);
    expect(parameters).toBe(model.parameters().reduce((sum, p) => sum + p.numel(), 0));
    expect(flops).toBe(layers.reduce((sum, layer) => sum + layer.flops, 0));
  });

  test("leaves the model as it was, also after an error", () => {
    const model = new Small();
    model.act.eval();
    expect(() => summary(model, [2, 4, 6, 6])).toThrow();
    summary(model, [1, 3, 6, 6]);
    expect(model.training).toBe(true);
    expect(model.act.training).toBe(false);
    expect(Object.keys(model.conv)).not.toContain("forward");
  });

  test("the summary prints as a table", () => {
    const text = String(summary(new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU()), [1, 4]));
    expect(text.split("\n").map((line) => line.split(/\s{2,}/))).toEqual([
      ["layer", "kind", "output", "parameters", "FLOPs"],
      ["0", "Linear", "[1, 8]", "40", "72"],
      ["1", "ReLU", "[1, 8]", "0", "8"],
      ["total", "40", "80"],
    ]);
  });
});
