/**
 * A step that is cut into turns gives the bits of a step that is not, whatever other code does between two
 * turns; and an asynchronous loss keeps its step's scope and random numbers.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import {
  AutogradError,
  cat,
  manualSeed,
  memory,
  nn,
  noGrad,
  optim,
  rand,
  scope,
  type Tensor,
  WasmgradError,
} from "wasmgrad";
import { DataLoader, TensorDataset } from "wasmgrad/data";
import { MovingAverage, nextTurn, resumeTrainer, saveTrainer, Trainer, type TrainerOptions } from "wasmgrad/train";
import { turnLimits } from "../../../src/train/turns.ts";

const folder = mkdtempSync(join(tmpdir(), "wasmgrad-turns-"));
afterAll(() => rmSync(folder, { recursive: true }));

class Net extends nn.Module {
  body = new nn.Sequential(new nn.Linear(4, 16), new nn.BatchNorm1d(16), new nn.Tanh(), new nn.Dropout(0.1));
  head = new nn.Linear(16, 1);
  override forward(x: Tensor): Tensor {
    return this.head.forward(this.body.forward(x));
  }
}

const x = rand([40, 4]);
const y = x.square().sum(1, { keepdim: true });
const EPOCHS = 3;
const STEPS = EPOCHS * 5;

function makeTrainer(more: Partial<TrainerOptions<Tensor[]>> = {}) {
  manualSeed(5);
  const model = new Net();
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.02 });
  const loss = ([inputs, targets]: Tensor[]) => nn.functional.mseLoss(model.forward(inputs.add(rand([4]))), targets);
  const loader = new DataLoader<Tensor[], Tensor[]>(new TensorDataset(x, y), { batchSize: 8, shuffle: true });
  const trainer = new Trainer<Tensor[]>({ model, loader, optimizer, loss, epochs: EPOCHS, clipNorm: 1, ...more });
  return { trainer, model, optimizer };
}

const weights = (model: nn.Module) =>
  Object.fromEntries(Object.entries(model.stateDict()).map(([name, t]) => [name, t.data()]));

const asynchronous =
  (model: () => Net) =>
  async ([inputs, targets]: Tensor[]) => {
    const noisy = inputs.add(rand([4]));
    await nextTurn();
    const hidden = await (async () => {
      const result = model().body.forward(noisy);
      await nextTurn();
      return result;
    })();
    const outputs = model().head.forward(hidden);
    await nextTurn();
    return nn.functional.mseLoss(outputs, targets);
  };

/** Cuts training wherever it can be cut. */
function cutEverywhere(): void {
  vi.spyOn(turnLimits, "ms", "get").mockReturnValue(-1);
  vi.spyOn(turnLimits, "cutsSteps", "get").mockReturnValue(true);
}

/** Calls `other` in separate tasks, until `fit` has ended. Returns the number of calls. */
async function fitBeside(trainer: Trainer, other: () => void): Promise<number> {
  let calls = 0;
  const timer = { next: setImmediate(again) };
  let failure: unknown;
  function again(): void {
    try {
      other();
    } catch (error) {
      failure ??= error;
    }
    calls++;
    timer.next = setImmediate(again);
  }
  await trainer.fit().finally(() => clearImmediate(timer.next));
  if (failure) throw failure;
  return calls;
}

afterEach(() => vi.restoreAllMocks());

async function trainedWhole() {
  const made = makeTrainer();
  await made.trainer.fit();
  return weights(made.model);
}

describe("a step that is cut", () => {
  test("has the bits of a whole one, and leaves no tensor behind", async () => {
    const whole = await trainedWhole();
    cutEverywhere();
    const { trainer, model } = makeTrainer();
    await trainer.fit();
    expect(weights(model)).toEqual(whole);
    const live: number[] = [];
    const again = makeTrainer({ callbacks: [{ onEpoch: () => void live.push(memory().liveTensors) }] });
    await again.trainer.fit();
    expect(live).toHaveLength(EPOCHS);
    expect(new Set(live.slice(1)).size).toBe(1);
  });

  test("predictions, random numbers and gradients of other code meanwhile change nothing", async () => {
    const whole = await trainedWhole();
    cutEverywhere();
    const { trainer, model } = makeTrainer();
    const predictions: Tensor[] = [];
    const calls = await fitBeside(trainer, () => {
      model.eval();
      predictions.push(noGrad(() => model.forward(rand([1, 4]))));
      scope(() =>
        model.head
          .forward(rand([1, 16]))
          .sum()
          .backward(),
      );
      model.train();
    });
    // two nodes of each step at least have other code between them
    expect(calls).toBeGreaterThan(3 * STEPS);
    expect(weights(model)).toEqual(whole);
    expect(predictions.map((t) => t.released)).not.toContain(true);
  });

  test("two trainers that take turns end as alone", async () => {
    const whole = await trainedWhole();
    cutEverywhere();
    const [a, b] = [makeTrainer(), makeTrainer()];
    await Promise.all([a.trainer.fit(), b.trainer.fit()]);
    expect([weights(a.model), weights(b.model)]).toEqual([whole, whole]);
  });

  test("a state taken at any time is a whole number of steps, and training continues from it", async () => {
    const whole = await trainedWhole();
    cutEverywhere();
    const paths: string[] = [];
    const { trainer, model } = makeTrainer();
    let calls = 0;
    await fitBeside(trainer, () => {
      if (calls++ % 7 !== 3) return;
      paths.push(join(folder, `${calls}.safetensors`));
      saveTrainer(paths.at(-1)!, trainer);
    });
    expect(weights(model)).toEqual(whole);
    expect(paths.length).toBeGreaterThan(3);
    const steps = new Set<number>();
    for (const path of paths) {
      const resumed = makeTrainer();
      resumeTrainer(path, resumed.trainer);
      steps.add(resumed.trainer.place.step);
      await resumed.trainer.fit();
      expect(weights(resumed.model)).toEqual(whole);
    }
    expect(steps.size).toBeGreaterThan(3);
  });

  test("weights changed in the middle of a step are an error of fit", async () => {
    cutEverywhere();
    const { trainer, model } = makeTrainer();
    const change = () => noGrad(() => void model.head.weight.copy_(rand([1, 16])));
    await expect(fitBeside(trainer, change)).rejects.toThrow(AutogradError);
  });

  test("a step that fails when its end is asked for fails in fit", async () => {
    cutEverywhere();
    const { trainer } = makeTrainer({
      callbacks: [
        {
          onStep() {
            throw new RangeError("this step");
          },
        },
      ],
    });
    await expect(fitBeside(trainer, () => void trainer.stateDict())).rejects.toThrow("this step");
  });

  test("stop() in the middle of a step lets it end", async () => {
    const whole = await trainedWhole();
    cutEverywhere();
    const { trainer, model } = makeTrainer();
    for (let fits = 0; !trainer.finished; fits++) {
      expect(fits).toBeLessThan(STEPS + 1);
      await fitBeside(trainer, () => trainer.stop());
    }
    expect(weights(model)).toEqual(whole);
  });
});

describe.each(["as one turn", "cut everywhere"])("an asynchronous loss, %s", (how) => {
  const make = (more: Partial<TrainerOptions<Tensor[]>> = {}) => {
    const made: ReturnType<typeof makeTrainer> = makeTrainer({ loss: asynchronous(() => made.model), ...more });
    return made;
  };

  test("gives the same bits, and memory stays flat", async () => {
    const whole = await trainedWhole();
    if (how === "cut everywhere") cutEverywhere();
    const live: number[] = [];
    const { trainer, model } = make({ callbacks: [{ onEpoch: () => void live.push(memory().liveTensors) }] });
    await trainer.fit();
    expect(weights(model)).toEqual(whole);
    expect(new Set(live.slice(1)).size).toBe(1);
  });

  test("other code beside it keeps its tensors and its random numbers", async () => {
    const whole = await trainedWhole();
    if (how === "cut everywhere") cutEverywhere();
    const { trainer, model } = make();
    const others: Tensor[] = [];
    await fitBeside(trainer, () => void others.push(rand([2])));
    expect(weights(model)).toEqual(whole);
    expect(others.length).toBeGreaterThan(STEPS / 2);
    expect(others.map((t) => t.released)).not.toContain(true);
    manualSeed(5);
    new Net();
  });

  test("what it throws, fit throws; the step's tensors are released", async () => {
    if (how === "cut everywhere") cutEverywhere();
    let made: Tensor | undefined;
    const { trainer } = make({
      loss: async () => {
        await nextTurn();
        made = rand([3]);
        await nextTurn();
        throw new RangeError("of the loss");
      },
    });
    await expect(trainer.fit()).rejects.toThrow("of the loss");
    expect(made!.released).toBe(true);
  });
});

describe.each(["as one part", "cut everywhere"])("an asynchronous validation, %s", (how) => {
  const validate = (model: () => Net) => () => ({ validLoss: nn.functional.mseLoss(model().forward(x), y).item() });
  const asyncValidate = (model: () => Net) => async () => {
    const [first, second] = [model().body.forward(x.narrow(0, 0, 20)), model().body.forward(x.narrow(0, 20, 20))];
    await nextTurn();
    const outputs = model().head.forward(cat([first, second]));
    expect(outputs.requiresGrad).toBe(false);
    await nextTurn();
    return { validLoss: nn.functional.mseLoss(outputs, y) };
  };
  const make = (kind: typeof validate | typeof asyncValidate) => {
    const made: ReturnType<typeof makeTrainer> = makeTrainer({ validate: kind(() => made.model) as never });
    (made.trainer.options as { average?: MovingAverage }).average = new MovingAverage(made.model, { decay: 0.9 });
    return made;
  };
  const validLosses = (trainer: Trainer) => trainer.epochs.map(({ validLoss }) => validLoss);

  test("has the numbers of the averaged weights, in eval mode; other code finds the training's", async () => {
    const alone = make(validate);
    await alone.trainer.fit();
    if (how === "cut everywhere") cutEverywhere();
    const { trainer, model } = make(asyncValidate);
    const seen = new Set<string>();
    const others: Tensor[] = [];
    await fitBeside(trainer, () => {
      others.push(model.head.forward(rand([2, 16])));
      seen.add(`training ${model.training}, graph ${others.at(-1)!.requiresGrad}`);
    });
    expect([...seen]).toEqual(["training true, graph true"]);
    expect(others.map((t) => t.released)).not.toContain(true);
    expect(validLosses(trainer)).toEqual(validLosses(alone.trainer));
  });

  test("gives the same log and weights", async () => {
    const alone = make(validate);
    await alone.trainer.fit();
    if (how === "cut everywhere") cutEverywhere();
    const { trainer, model } = make(asyncValidate);
    const states: unknown[] = [];
    await fitBeside(trainer, () => {
      rand([3]);
      try {
        states.push(trainer.stateDict().place);
      } catch (error) {
        expect(error).toBeInstanceOf(WasmgradError);
      }
    });
    expect(weights(model)).toEqual(weights(alone.model));
    expect(validLosses(trainer)).toEqual(validLosses(alone.trainer));
    expect(validLosses(trainer)).toHaveLength(EPOCHS);
    expect(states.length).toBeGreaterThan(0);
  });
});

test("a function that returns a promise, without async, is an asynchronous loss too", async () => {
  const whole = await trainedWhole();
  cutEverywhere();
  const made: ReturnType<typeof makeTrainer> = makeTrainer({
    loss: (batch) => asynchronous(() => made.model)(batch),
  });
  await made.trainer.fit();
  expect(weights(made.model)).toEqual(whole);
});

test("a subclass that calls trainStep cannot have an asynchronous loss", async () => {
  class Twice extends Trainer<Tensor[]> {
    protected override trainStep(batch: Tensor[]): Record<string, number> {
      super.trainStep(batch);
      return super.trainStep(batch);
    }
  }
  const usual = makeTrainer();
  await new Twice(usual.trainer.options).fit();
  expect(weights(usual.model)).not.toEqual(await trainedWhole());
  const made: ReturnType<typeof makeTrainer> = makeTrainer({ loss: asynchronous(() => made.model) });
  await expect(new Twice(made.trainer.options).fit()).rejects.toThrow(
    "Trainer: trainStep expected a loss that is not asynchronous",
  );
});

test("while an asynchronous loss is computed, a state is refused, and may be taken later", async () => {
  cutEverywhere();
  const made: ReturnType<typeof makeTrainer> = makeTrainer({ loss: asynchronous(() => made.model) });
  const { trainer } = made;
  const errors: unknown[] = [];
  let taken = 0;
  await fitBeside(trainer, () => {
    try {
      trainer.stateDict();
      taken++;
    } catch (error) {
      errors.push(error);
    }
  });
  expect(taken).toBeGreaterThan(0);
  expect(errors.length).toBeGreaterThan(0);
  expect(errors.every((error) => error instanceof WasmgradError)).toBe(true);
  expect(String(errors[0])).toContain("call it in a callback such as onStep");
});
