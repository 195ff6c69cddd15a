/** Optimizers and schedulers against PyTorch's numbers: see test/fixtures/breadth/gen_optim.py. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  memory,
  nn,
  OptionError,
  optim,
  ReleasedError,
  StateDictError,
  scope,
  type Tensor,
  tensor,
  zeros,
} from "wasmgrad";
import { exponential, logarithm, realPower } from "../../../src/optim/exact_math.ts";
import { expectClose } from "../../support/compare.ts";

function read<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../../fixtures/breadth/${name}.json`, import.meta.url), "utf8")) as T;
}

interface OptimFixtures {
  runs: { name: string; options: object; path: number[][]; state: Record<string, number[]> }[];
  lbfgs: {
    options: Partial<optim.LBFGSOptions>;
    steps: { loss: number; p: number[]; q: number[] }[];
    evaluations: number;
    iterations: number;
  }[];
}

type AnyOptimizer = optim.Optimizer<optim.LearningRate>;
type Make = new (params: Tensor[], options?: object) => AnyOptimizer;
const makeOf = (name: string) => optim[name as "SGD"] as unknown as Make;

const START = [0.5, -1, 2, 0, -0.25];
const gradient = (step: number) => tensor([0, 1, 2, 3, 4].map((i) => (((step * 7 + i * 3) % 11) - 5) / 4));

function run(optimizer: AnyOptimizer, p: Tensor, from: number, to: number): void {
  for (let step = from; step < to; step++) {
    p.grad = gradient(step);
    optimizer.step();
  }
}

const fixtures = read<OptimFixtures>("optim");

describe.each(fixtures.runs.map((item) => [item.name, item.options, item] as const))("%s %j", (name, options, item) => {
  test("follows PyTorch, with PyTorch's names in its state", () => {
    const p = tensor(START, { requiresGrad: true });
    const optimizer = new (makeOf(name))([p], options);
    item.path.forEach((expected, step) => {
      run(optimizer, p, step, step + 1);
      expectClose(`after step ${step + 1}`, p.data(), expected, 2e-6);
    });
    const state = optimizer.stateDict().state[0];
    for (const [key, expected] of Object.entries(item.state)) {
      const value = state[key];
      if (value === undefined && key === "step") continue; // PyTorch counts the steps of SGD
      expectClose(key, typeof value === "number" ? [value] : value.data(), expected, 2e-6);
    }
  });

  test("continues from its state dict with the same bits", () => {
    const [whole, stopped] = [tensor(START, { requiresGrad: true }), tensor(START, { requiresGrad: true })];
    run(new (makeOf(name))([whole], options), whole, 0, 6);
    const first = new (makeOf(name))([stopped], options);
    run(first, stopped, 0, 3);
    const resumed = tensor(stopped.data(), { requiresGrad: true });
    const second = new (makeOf(name))([resumed], options);
    second.loadStateDict(first.stateDict());
    run(first, stopped, 3, 5); // the copy must not share memory with the original
    run(second, resumed, 3, 6);
    expect(resumed.data()).toEqual(whole.data());
  });
});

const names = ["Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam", "Rprop", "ASGD"];

describe.each(names)("%s", (name) => {
  test("updates every element of odd sizes alike, and the zero-size parameter not at all", () => {
    const moved = (size: number) => {
      const p = tensor(new Float32Array(size).fill(1), { requiresGrad: true });
      p.grad = tensor(new Float32Array(size).fill(2));
      new (makeOf(name))([p, zeros([1], { requiresGrad: true })], { lr: 0.25 }).step();
      return p.data();
    };
    const [one] = moved(1);
    expect(one).toBeLessThan(1);
    for (const size of [0, 3, 4, 7, 64]) expect(moved(size)).toEqual(new Float32Array(size).fill(one));
  });

  test("its state outlives the scope of its first step, and steps after it allocate nothing", () => {
    const p = tensor(START, { requiresGrad: true });
    const optimizer = new (makeOf(name))([p]);
    scope(() => run(optimizer, p, 0, 1));
    const before = memory();
    for (let i = 1; i < 20; i++) scope(() => run(optimizer, p, i, i + 1));
    expect(memory().liveTensors).toBe(before.liveTensors);
    expect(memory().liveBytes).toBe(before.liveBytes);
    optimizer.release();
    expect(memory().liveTensors).toBeLessThan(before.liveTensors);
  });

  test("bad options, bad states and released parameters are refused", () => {
    const p = tensor(START, { requiresGrad: true });
    const bad = [{ lr: -1 }, { lr: "0.1" }, { unknown: 1 }, { maximize: 1 }];
    for (const options of bad) expect(() => new (makeOf(name))([p], options)).toThrow(OptionError);
    const optimizer = new (makeOf(name))([p]);
    run(optimizer, p, 0, 1);
    const { state, paramGroups } = optimizer.stateDict();
    const [key] = Object.keys(state[0]).filter((item) => typeof state[0][item] !== "number");
    for (const value of [zeros([4]), 3, "x"]) {
      const dict = { state: { 0: { ...state[0], [key]: value } }, paramGroups } as optim.OptimizerStateDict;
      expect(() => optimizer.loadStateDict(dict)).toThrow(StateDictError);
    }
    p.release();
    expect(() => optimizer.step()).toThrow(ReleasedError);
  });
});

test("options of single optimizers are checked", () => {
  const p = tensor([1], { requiresGrad: true });
  expect(() => new optim.Rprop([p], { etas: [1, 2] })).toThrow(OptionError);
  expect(() => new optim.Rprop([p], { etas: [0.5] as never })).toThrow(OptionError);
  expect(() => new optim.Adadelta([p], { rho: 1.5 })).toThrow(OptionError);
  expect(() => new optim.NAdam([p], { betas: [0.9, 1] })).toThrow(OptionError);
  expect(() => new optim.RAdam([p], { decoupledWeightDecay: 1 as never })).toThrow(OptionError);
  expect(() => new optim.LBFGS([p], { lineSearchFn: "wolfe" as never })).toThrow(OptionError);
  expect(() => new optim.LBFGS([{ params: [p] }, { params: [tensor([1], { requiresGrad: true })] }])).toThrow(
    OptionError,
  );
  expect(() => new optim.LBFGS([p]).step()).toThrow("LBFGS.step: closure expected a function, got undefined");
});

test("Rprop's signs do not underflow", () => {
  const p = tensor([1, 1], { requiresGrad: true });
  const optimizer = new optim.Rprop([p], { lr: 0.5 });
  for (let step = 0; step < 2; step++) {
    p.grad = tensor([1e-30, step === 0 ? 1e-30 : -1e-30]);
    optimizer.step();
  }
  expectClose("p", p.data(), [1 - 0.5 - 0.6, 0.5], 1e-6);
});

test("a step with a closure returns the closure's loss", () => {
  const p = tensor([2], { requiresGrad: true });
  const optimizer = new optim.SGD([p], { lr: 0.25 });
  const loss = optimizer.step(() => {
    optimizer.zeroGrad();
    const value = p.square().sum();
    value.backward();
    return value;
  });
  expect([loss.item(), p.item()]).toEqual([4, 1]);
  expect(() => optimizer.step(1 as never)).toThrow(OptionError);
  expect(() => optimizer.step(async () => 1)).toThrow(OptionError);
});

describe.each(fixtures.lbfgs.map((item) => [item.options, item] as const))("LBFGS %j", (options, item) => {
  const make = (p: Tensor, q: Tensor) => {
    const optimizer = new optim.LBFGS([p, q], options);
    const closure = () => {
      optimizer.zeroGrad();
      const bowl = p
        .square()
        .mul(tensor([1, 3, 0.5]))
        .sum();
      const loss = bowl.add(p.sum().sub(q.sum().mul(2)).square()).add(p.mul(3).sin().sum().mul(0.5));
      loss.backward();
      return loss;
    };
    return { optimizer, closure };
  };
  const start = () =>
    [tensor([1.5, -1, 0.5], { requiresGrad: true }), tensor([[0.25]], { requiresGrad: true })] as const;

  test("follows PyTorch in losses, parameters and evaluations", () => {
    const [p, q] = start();
    const { optimizer, closure } = make(p, q);
    for (const [i, expected] of item.steps.entries()) {
      const loss = optimizer.step(closure);
      expectClose(`loss ${i}`, [loss.item()], [expected.loss], 2e-5);
      expectClose(`p ${i}`, p.data(), expected.p, 2e-3);
      expectClose(`q ${i}`, q.data(), expected.q, 2e-3);
      if (i === 0) expect(loss.released).toBe(false);
    }
  });

  test("continues from its state dict with the same numbers, and frees its memory", () => {
    const [p, q] = start();
    const whole = make(p, q);
    whole.optimizer.step(whole.closure);
    const [p2, q2] = [
      tensor(p.data(), { requiresGrad: true }),
      tensor(q.data(), { shape: [1, 1], requiresGrad: true }),
    ];
    const resumed = make(p2, q2);
    resumed.optimizer.loadStateDict(whole.optimizer.stateDict());
    const losses = [whole, resumed].map(({ optimizer, closure }) => optimizer.step(closure).item());
    expect(losses[1]).toBe(losses[0]);
    expectClose("p", p2.data(), p.data(), 1e-6);
    const { state, paramGroups } = whole.optimizer.stateDict();
    const bad = { state: { 0: { ...state[0], d: zeros([3]) } }, paramGroups };
    expect(() => resumed.optimizer.loadStateDict(bad)).toThrow(StateDictError);
    const { liveTensors } = memory();
    resumed.optimizer.release();
    expect(memory().liveTensors).toBeLessThan(liveTensors);
  });
});

test("LBFGS's memory does not grow once its history is full", () => {
  const model = new nn.Linear(3, 1);
  const [x, y] = [
    tensor([
      [1, 2, 3],
      [0, 1, -1],
      [2, 0, 1],
      [1, 1, 1],
    ]),
    tensor([[1], [2], [0], [3]]),
  ];
  const optimizer = new optim.LBFGS(model.parameters(), { historySize: 2, lr: 0.01, maxIter: 3 });
  const step = () =>
    scope(() => {
      optimizer.step(() => {
        optimizer.zeroGrad();
        const loss = nn.functional.mseLoss(model.forward(x), y);
        loss.backward();
        return loss;
      });
    });
  for (let i = 0; i < 4; i++) step();
  const { liveTensors } = memory();
  for (let i = 0; i < 4; i++) step();
  expect(memory().liveTensors).toBe(liveTensors);
});

interface SchedulerFixtures {
  schedulers: { name: string; options: object; rates: number[][] }[];
  others: Record<string, number[][]>;
  times: [number, number][];
}

const schedulers = read<SchedulerFixtures>("schedulers");

function twoGroups(): optim.SGD {
  const parameter = () => zeros([1], { requiresGrad: true });
  return new optim.SGD([{ params: [parameter()] }, { params: [parameter()], lr: 0.1 }], { lr: 0.5, momentum: 0.9 });
}

interface Scheduler {
  step(): void;
  getLastLr(): number[];
  stateDict(): optim.SchedulerStateDict;
  loadStateDict(state: optim.SchedulerStateDict): void;
}

const made: [string, (o: optim.SGD) => Scheduler, number[][]][] = [
  ...schedulers.schedulers.map(({ name, options, rates }): (typeof made)[number] => [
    `${name} ${JSON.stringify(options)}`,
    (o) =>
      new (optim[name as "ExponentialLR"] as unknown as new (o: optim.SGD, options: object) => Scheduler)(o, options),
    rates,
  ]),
  [
    "MultiplicativeLR",
    (o) => new optim.MultiplicativeLR(o, [(t) => 1 / (t + 1), () => 0.9]),
    schedulers.others.multiplicative,
  ],
  [
    "ChainedScheduler",
    (o) =>
      new optim.ChainedScheduler([
        new optim.ConstantLR(o, { factor: 0.1, totalIters: 2 }),
        new optim.ExponentialLR(o, { gamma: 0.9 }),
      ]),
    schedulers.others.chained,
  ],
  [
    "CyclicLR with scaleFn",
    (o) => new optim.CyclicLR(o, { baseLr: 0.1, maxLr: 0.5, stepSizeUp: 2, scaleFn: (x) => 1 / (5 * x) }),
    schedulers.others.scaled,
  ],
];

describe.each(made)("%s", (_name, make, expected) => {
  test("follows PyTorch", () => {
    const optimizer = twoGroups();
    const scheduler = make(optimizer);
    expected.forEach((row, i) => {
      if (i > 0) scheduler.step();
      const { paramGroups } = optimizer;
      expectClose(`step ${i}`, [...paramGroups.map(({ lr }) => lr), paramGroups[0].momentum], row, 1e-14);
      expect(scheduler.getLastLr()).toEqual(paramGroups.map(({ lr }) => lr));
    });
  });

  test("continues from its state dict", () => {
    const [whole, stopped] = [twoGroups(), twoGroups()];
    const scheduler = make(whole);
    const first = make(stopped);
    for (let i = 0; i < 3; i++) for (const item of [scheduler, first]) item.step();
    const resumed = twoGroups();
    const second = make(resumed);
    resumed.loadStateDict(stopped.stateDict());
    second.loadStateDict(JSON.parse(JSON.stringify(first.stateDict())));
    for (let i = 0; i < 3; i++) for (const item of [scheduler, second]) item.step();
    expect(second.getLastLr()).toEqual(scheduler.getLastLr());
    expect(() => second.loadStateDict({ lastEpoch: 0 })).toThrow(StateDictError);
  });
});

test("CosineAnnealingWarmRestarts takes times within an epoch", () => {
  const optimizer = twoGroups();
  const scheduler = new optim.CosineAnnealingWarmRestarts(optimizer, { t0: 2, tMult: 3 });
  for (const [time, lr] of schedulers.times) {
    scheduler.step(time);
    expectClose(`time ${time}`, [optimizer.paramGroups[0].lr], [lr], 1e-14);
    expect(scheduler.lastEpoch).toBe(Math.floor(time));
  }
});

test("bad arguments of schedulers are refused", () => {
  const o = twoGroups();
  const any = (value: unknown) => value as never;
  expect(() => new optim.ConstantLR(o, { factor: 2 })).toThrow(OptionError);
  expect(() => new optim.ExponentialLR(o, any({}))).toThrow(OptionError);
  expect(() => new optim.PolynomialLR(o, { totalIters: 0 })).toThrow(OptionError);
  expect(() => new optim.CosineAnnealingWarmRestarts(o, { t0: 2.5 })).toThrow(OptionError);
  expect(() => new optim.CosineAnnealingWarmRestarts(o, { t0: 2 }).step(-1)).toThrow(OptionError);
  expect(() => new optim.CyclicLR(o, { baseLr: 1, maxLr: [1] })).toThrow(
    "maxLr expected a number, or 2 (one per group)",
  );
  const plain = new optim.Adagrad([zeros([1], { requiresGrad: true })]);
  expect(() => new optim.CyclicLR(plain, { baseLr: 1, maxLr: 2 })).toThrow(
    "expected an optimizer with momentum or betas",
  );
  expect(() => new optim.MultiplicativeLR(o, [() => 1])).toThrow("expected a function, or 2 (one per group)");
  expect(() => new optim.MultiplicativeLR(o, () => Number.NaN).step()).toThrow(OptionError);
  expect(() => new optim.ChainedScheduler([])).toThrow(OptionError);
  const [a, b] = [new optim.ConstantLR(o), new optim.ConstantLR(twoGroups())];
  expect(() => new optim.ChainedScheduler([a, b])).toThrow("one of another optimizer");
});

test("exponential, logarithm and realPower are within some last bits of the true values", () => {
  for (let i = -400; i <= 400; i++) {
    const x = i * 0.37 + 0.011;
    expect(Math.abs(exponential(x) / Math.exp(x) - 1)).toBeLessThan(1e-15);
    const y = 2 ** (i / 8) * 1.3;
    expect(Math.abs(logarithm(y) - Math.log(y))).toBeLessThan(4e-16 * Math.max(1, Math.abs(Math.log(y))));
  }
  expect([exponential(0), exponential(-800), exponential(800), logarithm(1)]).toEqual([1, 0, Infinity, 0]);
  expect([realPower(2, 3), realPower(2, -1), realPower(0, 0.5), realPower(9, 0)]).toEqual([8, 0.5, 0, 1]);
  expect(realPower(0.96, 0.004)).toBeCloseTo(0.96 ** 0.004, 15);
});
