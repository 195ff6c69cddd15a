import { beforeAll, describe, expect, test } from "vitest";
import {
  AutogradError,
  DTypeError,
  full,
  memory,
  nn,
  OptionError,
  OutOfMemoryError,
  optim,
  ReleasedError,
  Scope,
  StateDictError,
  scope,
  setMemoryLimit,
  type Tensor,
  tensor,
  zeros,
} from "wasmgrad";
import { MovingAverage } from "wasmgrad/train";
import { expectClose } from "../../support/compare.ts";
import { exhaust } from "../../support/exhaust.ts";

const parameter = (values: number[] = [0.5, -1, 2, 0, -0.25]) => tensor(values, { requiresGrad: true });

/** The same gradients as in the PyTorch program that computed the numbers below. */
const gradient = (step: number) => tensor([0, 1, 2, 3, 4].map((i) => (((step * 7 + i * 3) % 11) - 5) / 4));

function run(optimizer: optim.Optimizer, p: Tensor, from: number, to: number): void {
  for (let step = from; step < to; step++) {
    p.grad = gradient(step);
    optimizer.step();
  }
}

/** Options, and the parameter after steps 1, 2 and 6, as PyTorch 1.13 computes it in float64. */
const trajectories: ["SGD" | "Adam" | "AdamW" | "RMSprop", object, number[][]][] = [
  [
    "SGD",
    { lr: 0.1, momentum: 0.9, dampening: 0.3, weightDecay: 0.1 },
    [
      [0.62, -0.94, 1.955, -0.1, -0.1475],
      [0.68866, -0.96692, 1.953315, -0.1893, -0.1067175],
      [0.756857244, -1.038830952, 1.669470751, -0.232700426, 0.286514306],
    ],
  ],
  [
    "SGD",
    { lr: 0.1, weightDecay: 0.05 },
    [
      [0.6225, -0.945, 1.965, -0.1, -0.14875],
      [0.5693875, -1.065275, 2.030175, -0.0995, -0.22300625],
      [0.533710493, -1.094003756, 1.915867525, 0.076605737, -0.069949468],
    ],
  ],
  [
    "Adam",
    { lr: 0.05, amsgrad: true, betas: [0.5, 0.6] },
    [
      [0.55, -0.950000001, 1.950000002, -0.05, -0.2],
      [0.55421637, -0.982219846, 1.984020692, -0.07108185, -0.209776475],
      [0.536755579, -1.030189251, 1.964640454, -0.021138601, -0.148535305],
    ],
  ],
  [
    "Adam",
    { lr: 0.05, amsgrad: true, weightDecay: 0.2, eps: 0.001 },
    [
      [0.54995656, -0.950071327, 1.950076805, -0.04995005, -0.200047574],
      [0.562095654, -0.962653792, 1.938826332, -0.083017757, -0.193154373],
      [0.553596387, -0.970020595, 1.832687996, -0.07808097, -0.117368934],
    ],
  ],
  [
    "AdamW",
    { lr: 0.05 },
    [
      [0.54975, -0.949500001, 1.949000002, -0.05, -0.199875001],
      [0.566755417, -0.971136014, 1.972734993, -0.083477912, -0.195308813],
      [0.5810849, -1.02453039, 1.950984706, -0.081250528, -0.12722829],
    ],
  ],
  [
    "AdamW",
    { lr: 0.1, amsgrad: true, betas: [0.5, 0.6], weightDecay: 0.3 },
    [
      [0.584999999, -0.870000002, 1.840000004, -0.099999999, -0.142500001],
      [0.57588274, -0.908339691, 1.852841385, -0.139163701, -0.157777949],
      [0.476018844, -0.895961493, 1.605440472, -0.026447159, -0.022561223],
    ],
  ],
  [
    "RMSprop",
    { lr: 0.02, momentum: 0.9 },
    [
      [0.699999984, -0.80000004, 1.80000008, -0.19999998, -0.05000002],
      [0.805399591, -0.805823599, 1.809831727, -0.379999962, 0.009614119],
      [1.038318575, -0.894498672, 1.450983449, -0.521374921, 0.661319671],
    ],
  ],
  [
    "RMSprop",
    { lr: 0.02, centered: true, alpha: 0.8 },
    [
      [0.549999999, -0.950000002, 1.950000005, -0.049999999, -0.200000001],
      [0.531430466, -0.993947661, 1.995144699, -0.049999999, -0.228740063],
      [0.531171116, -1.008521661, 1.967335808, 0.004409071, -0.177858718],
    ],
  ],
  [
    "RMSprop",
    { lr: 0.02, centered: true, alpha: 0.9, momentum: 0.5, weightDecay: 0.1, eps: 0.01 },
    [
      [0.564864865, -0.936842105, 1.937931034, -0.064516129, -0.185433071],
      [0.569969957, -0.961276049, 1.955009672, -0.096338849, -0.190250198],
      [0.543467068, -0.983050604, 1.865923855, -0.034559691, -0.090776544],
    ],
  ],
];

describe.each(trajectories)("%s %j", (kind, options, expected) => {
  const make = (p: Tensor) => new optim[kind]([p], options) as unknown as optim.Optimizer;

  test("follows PyTorch", () => {
    const p = parameter();
    const optimizer = make(p);
    let done = 0;
    [1, 2, 6].forEach((steps, i) => {
      run(optimizer, p, done, steps);
      done = steps;
      expectClose(`after ${steps} steps`, p.data(), expected[i], 1e-6);
    });
  });

  test("continues from its state dict with the same bits", () => {
    const [whole, stopped] = [parameter(), parameter()];
    run(make(whole), whole, 0, 6);
    const first = make(stopped);
    run(first, stopped, 0, 3);
    const resumed = tensor(stopped.data(), { requiresGrad: true });
    const second = make(resumed);
    second.loadStateDict(first.stateDict());
    run(first, stopped, 3, 5); // the copy must not share memory with the original
    run(second, resumed, 3, 6);
    expect(resumed.data()).toEqual(whole.data());
  });
});

describe("an optimizer", () => {
  test("updates every element of odd sizes, and the zero-size parameter not at all", () => {
    for (const size of [0, 1, 3, 4, 7, 64]) {
      const p = tensor(new Float32Array(size).fill(1), { requiresGrad: true });
      const optimizer = new optim.Adam([p, parameter()], { lr: 0.5 });
      p.grad = tensor(new Float32Array(size).fill(2));
      optimizer.step();
      expectClose(`size ${size}`, p.data(), new Float32Array(size).fill(0.5), 1e-6);
    }
  });

  test("does not change a parameter without a gradient; zeroGrad() drops gradients", () => {
    const [a, b] = [parameter([1]), parameter([1])];
    const optimizer = new optim.SGD([a, b], { lr: 1 });
    a.grad = tensor([1]);
    optimizer.step();
    expect([a.item(), b.item()]).toEqual([0, 1]);
    optimizer.zeroGrad();
    expect(a.grad).toBeNull();
    optimizer.step();
    expect(a.item()).toBe(0);
  });

  test("groups have options of their own, and lr may change between steps", () => {
    const [a, b, c] = [parameter([1]), parameter([1]), parameter([1])];
    const optimizer = new optim.SGD([{ params: [a], lr: 0.25 }, { params: new Set([b]) }], { lr: 0.5 });
    optimizer.addParamGroup({ params: [c], lr: 1 });
    const step = () => {
      for (const p of [a, b, c]) p.grad = tensor([1]);
      optimizer.step();
      return [a.item(), b.item(), c.item()];
    };
    expect(step()).toEqual([0.75, 0.5, 0]);
    optimizer.paramGroups[0].lr = 0.5;
    expect(step()).toEqual([0.25, 0, -1]);
    optimizer.paramGroups[0].lr = Number.NaN;
    expect(step).toThrow(OptionError);
    expect([a.item(), b.item()]).toEqual([0.25, 0]);
  });

  test("frozen parameters may be in a group", () => {
    const frozen = tensor([1]);
    const p = parameter([1]);
    const optimizer = new optim.SGD([frozen, p], { lr: 1 });
    p.grad = tensor([1]);
    optimizer.step();
    expect([frozen.item(), p.item()]).toEqual([1, 0]);
  });

  test("its state outlives the scope of its first step, and steps after it allocate nothing", () => {
    const p = parameter();
    const optimizer = new optim.Adam([p], { amsgrad: true });
    scope(() => run(optimizer, p, 0, 1));
    const before = memory();
    for (let i = 1; i < 20; i++) scope(() => run(optimizer, p, i, i + 1));
    expect(memory().liveTensors).toBe(before.liveTensors);
    expect(memory().liveBytes).toBe(before.liveBytes);
  });

  test("a step makes a graph notice that a value it saved is gone", () => {
    const p = parameter();
    const loss = p.mul(p).sum();
    const optimizer = new optim.SGD([p], { lr: 1 });
    p.grad = gradient(0);
    optimizer.step();
    expect(() => loss.backward()).toThrow(AutogradError);
  });

  test("its state dict has PyTorch's structure", () => {
    const [a, b] = [parameter([1]), parameter([1])];
    const optimizer = new optim.Adam([{ params: [a], lr: 0.5 }, { params: [b] }]);
    b.grad = tensor([1]);
    optimizer.step();
    const { state, paramGroups } = optimizer.stateDict();
    expect(Object.keys(state)).toEqual(["1"]);
    expect(Object.keys(state[1]).sort()).toEqual(["exp_avg", "exp_avg_sq", "step"]);
    const options = { betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, amsgrad: false, maximize: false };
    expect(paramGroups).toEqual([
      { lr: 0.5, ...options, params: [0] },
      { lr: 0.001, ...options, params: [1] },
    ]);
  });
});

describe("state that decays", () => {
  /** A state value after one step without gradient: float64, rounded to float32, or 0 below `least`. */
  const decayed = (value: number, factor: number, least: number) => {
    const next = factor * value;
    return Math.abs(next) < least ? 0 : next;
  };
  const values = [1, -1e-29, 1e-30, -1.2e-30, 1e-35, 1e-40, -1.4e-45, 0, 1e-36, 2e-36, Infinity, Number.NaN, 1e-44];
  const made: [
    kind: "SGD" | "Adam" | "AdamW" | "RMSprop",
    options: object,
    factors: Record<string, [number, number]>,
  ][] = [
    ["SGD", { momentum: 0.9 }, { momentum_buffer: [0.9, 1e-30] }],
    ["Adam", {}, { exp_avg: [0.9, 1e-30], exp_avg_sq: [0.999, 1e-36] }],
    ["AdamW", { amsgrad: true }, { exp_avg: [0.9, 1e-30], exp_avg_sq: [0.999, 1e-36], max_exp_avg_sq: [1, 1e-36] }],
    [
      "RMSprop",
      { momentum: 0.9, centered: true },
      { square_avg: [0.99, 1e-36], grad_avg: [0.99, 1e-30], momentum_buffer: [0.9, 1e-30] },
    ],
  ];

  test.each(made)("%s %j flushes what a checkpoint brings", (kind, options, factors) => {
    const p = parameter(values.map(() => 1));
    const optimizer = new optim[kind]([p], options) as unknown as optim.Optimizer;
    const state = Object.fromEntries(
      Object.keys(factors).map((name) => [name, tensor(/sq/.test(name) ? values.map(Math.abs) : values)]),
    );
    const { paramGroups } = optimizer.stateDict();
    optimizer.loadStateDict({ state: { 0: kind === "SGD" ? state : { step: 1, ...state } }, paramGroups });
    p.grad = zeros([values.length]);
    optimizer.step();
    for (const [name, [factor, least]] of Object.entries(factors)) {
      const before = /sq/.test(name) ? values.map(Math.abs) : values;
      const after = (optimizer.stateDict().state[0][name] as Tensor).data();
      for (const [i, value] of before.entries()) {
        const expected = decayed(Math.fround(value), factor, least);
        if (Number.isNaN(expected)) expect(after[i]).toBeNaN();
        else if (!Number.isFinite(expected) || expected === 0) expect(after[i]).toBe(expected);
        else expect(Math.abs(after[i] / expected - 1)).toBeLessThan(1e-6);
      }
    }
  });
});

test("flushed state leaves the bits of Adam's weights as they are", () => {
  // Adam in plain float32, without flushes: each operation rounds once
  const f = Math.fround;
  const plain = [1, -0.5, 2, 1e-3, 0.25].map((p) => ({ p: f(p), m: 0, v: 0 }));
  const weights = parameter(plain.map(({ p }) => p));
  const optimizer = new optim.Adam([weights], { lr: 0.01 });
  const gradientAt = (step: number, i: number) => (step > 20 ? 0 : f((((i + 1) * step) % 7) / 10 - 0.3));
  for (let step = 1; step <= 1200; step++) {
    const stepSize = f(0.01 / (1 - 0.9 ** step));
    const correction = f(1 / Math.sqrt(1 - 0.999 ** step));
    for (const [i, state] of plain.entries()) {
      const g = gradientAt(step, i);
      state.m = f(f(f(0.9) * state.m) + f(f(1 - 0.9) * g));
      state.v = f(f(f(0.999) * state.v) + f(f(f(1 - 0.999) * g) * g));
      const root = f(f(f(Math.sqrt(state.v)) * correction) + f(1e-8));
      state.p = f(state.p - f(f(stepSize * state.m) / root));
    }
    weights.grad = tensor(plain.map((_, i) => gradientAt(step, i)));
    optimizer.step();
  }
  expect([...weights.data()]).toEqual(plain.map(({ p }) => p));
  expect(plain.every(({ m }) => m !== 0 && Math.abs(m) < 1e-37)).toBe(true);
  expect([...(optimizer.stateDict().state[0].exp_avg as Tensor).data()].every((m) => m === 0)).toBe(true);
});

test("running statistics and moving averages flush very small means", () => {
  const running = tensor([1e-28, -1e-30]);
  const variance = tensor([1, 1e-30]);
  nn.functional.batchNorm(zeros([2, 2]), running, variance, { training: true, momentum: 0.5 });
  expect([...running.data(), ...variance.data()]).toEqual([Math.fround(Math.fround(1e-28) / 2), 0, 0.5, 0]);
  const model = new nn.Linear(2, 1, { bias: false });
  model.weight.copy_(tensor([[1e-28, -1e-30]]));
  const average = new MovingAverage(model);
  model.weight.copy_(zeros([1, 2]));
  average.update();
  const [kept, flushed] = average.stateDict().weights.weight.data();
  expect([kept > 1e-29, flushed]).toEqual([true, 0]);
});

describe("bad input", () => {
  let p: Tensor;
  beforeAll(() => {
    p = parameter();
  });
  const untyped = (value: unknown) => value as never;

  test.each<[string, () => unknown]>([
    ["no parameters", () => new optim.SGD([])],
    ["an empty group", () => new optim.SGD([{ params: [] }])],
    ["a tensor in place of a list", () => new optim.Adam(untyped(p))],
    ["undefined in place of a list", () => new optim.Adam(untyped(undefined))],
    ["a number among the parameters", () => new optim.Adam(untyped([p, 1]))],
    ["a group without params", () => new optim.Adam(untyped([{ lr: 1 }]))],
    ["a parameter twice", () => new optim.SGD([p, p])],
    ["a parameter in two groups", () => new optim.SGD([{ params: [p] }, { params: [p] }])],
    ["nothing that requires a gradient", () => new optim.SGD([zeros([2])])],
    ["NaN lr", () => new optim.SGD([p], { lr: Number.NaN })],
    ["negative lr", () => new optim.Adam([p], { lr: -1 })],
    ["a string for lr", () => new optim.Adam([p], { lr: untyped("0.1") })],
    ["infinite lr in a group", () => new optim.Adam([{ params: [p], lr: Infinity }])],
    ["an unknown option", () => new optim.SGD([p], untyped({ learningRate: 1 }))],
    ["an unknown option of a group", () => new optim.SGD(untyped([{ params: [p], beta: 1 }]))],
    ["beta 1", () => new optim.Adam([p], { betas: [0.9, 1] })],
    ["a negative beta", () => new optim.AdamW([p], { betas: [-0.1, 0.9] })],
    ["one beta", () => new optim.AdamW([p], { betas: untyped([0.9]) })],
    ["NaN eps", () => new optim.Adam([p], { eps: Number.NaN })],
    ["negative weightDecay", () => new optim.AdamW([p], { weightDecay: -0.1 })],
    ["a number for amsgrad", () => new optim.Adam([p], { amsgrad: untyped(1) })],
    ["negative momentum", () => new optim.SGD([p], { momentum: -1 })],
    ["nesterov without momentum", () => new optim.SGD([p], { nesterov: true })],
    ["nesterov with dampening", () => new optim.SGD([p], { nesterov: true, momentum: 0.9, dampening: 0.1 })],
    ["alpha 1", () => new optim.RMSprop([p], { alpha: 1 })],
    ["NaN momentum", () => new optim.RMSprop([p], { momentum: Number.NaN })],
  ])("%s is an OptionError", (_name, make) => {
    expect(make).toThrow(OptionError);
  });

  test("results of ops, integer and released tensors are refused as parameters", () => {
    expect(() => new optim.SGD([p.mul(2)])).toThrow(AutogradError);
    expect(() => new optim.SGD([p, zeros([2], { dtype: "int32" })])).toThrow(DTypeError);
    const gone = parameter();
    const optimizer = new optim.SGD([gone]);
    gone.grad = gradient(0);
    gone.release();
    expect(() => optimizer.step()).toThrow(ReleasedError);
  });

  test.each(["SGD", "Adam", "RMSprop"] as const)(
    "%s: a step with a released parameter or gradient changes none",
    (kind) => {
      for (const what of ["parameter", "gradient"]) {
        const [first, second] = [parameter([1]), parameter([1])];
        const optimizer = new optim[kind]([{ params: [first] }, { params: [second] }]);
        for (const x of [first, second]) x.grad = tensor([1]);
        (what === "parameter" ? second : second.grad!).release();
        expect(() => optimizer.step()).toThrow(
          `${kind}.step: ${what === "parameter" ? "a" : "the gradient of a"} parameter`,
        );
        expect(() => optimizer.step()).toThrow(ReleasedError);
        expect(first.item()).toBe(1);
      }
    },
  );

  test("a state dict that does not fit leaves everything as it was", () => {
    const optimizer = new optim.Adam([p, parameter([1])], { lr: 0.5 });
    p.grad = gradient(0);
    optimizer.step();
    const good = optimizer.stateDict();
    const [group] = good.paramGroups;
    const bad: unknown[] = [
      null,
      {},
      { ...good, paramGroups: [] },
      { ...good, paramGroups: [{ ...group, params: [0] }] },
      { ...good, state: { 2: good.state[0] } },
      { ...good, state: { 0: { ...good.state[0], exp_avg: zeros([4]) } } },
      { ...good, state: { 0: { ...good.state[0], step: Number.NaN } } },
      { ...good, state: { 0: { ...good.state[0], exp_avg: "x" } } },
      { ...good, state: { 0: { ...good.state[0], exp_avg: 3 } } },
      { ...good, state: { 0: { ...good.state[0], exp_avg: zeros([5], { dtype: "int32" }) } } },
      { ...good, state: { 0: { ...good.state[0], step: zeros([5]) } } },
      { ...good, state: { 0: { ...good.state[0], step: 1.5 } } },
      { ...good, state: { 0: { ...good.state[0], momentum_buffer: zeros([5]) } } },
      { ...good, state: { 0: null } },
      { ...good, state: { 0: [] } },
      { ...good, state: { 0: { exp_avg: zeros([5]), exp_avg_sq: zeros([5]) } } },
      { ...good, state: { 0: { step: 1, exp_avg: zeros([5]) } } },
      { ...good, paramGroups: [null] },
      { ...good, paramGroups: [{ ...group, params: [0, 0] }] },
    ];
    optimizer.paramGroups[0].lr = 0.25;
    for (const dict of bad) expect(() => optimizer.loadStateDict(untyped(dict))).toThrow(StateDictError);
    const badOption = { ...good, paramGroups: [{ ...group, lr: Number.NaN }] };
    expect(() => optimizer.loadStateDict(badOption)).toThrow(OptionError);
    expect(optimizer.stateDict().state).toEqual(good.state);
    expect(optimizer.paramGroups[0].lr).toBe(0.25);
  });

  test("a state is loaded into the tensors of the present state, even from itself", () => {
    const [a, b] = [parameter([1, 2]), parameter([3, 4])];
    const optimizer = new optim.Adam([a, b], { lr: 0.5 });
    a.grad = tensor([1, 2]);
    b.grad = tensor([3, 4]);
    optimizer.step();
    const { state, paramGroups } = optimizer.stateDict();
    const data = (i: number, from = optimizer.stateDict().state) => [...(from[i].exp_avg as Tensor).data()];
    const [first, second] = [data(0), data(1)];
    expect(first).not.toEqual(second);
    const { liveTensors } = memory();
    const copies = {
      ...state,
      0: { ...state[0], exp_avg: tensor([8, 9]) },
      1: { ...state[1], exp_avg: tensor([6, 7]) },
    };
    // some tensors are its own: none may be overwritten before it is read
    optimizer.loadStateDict({ state: { 0: state[1], 1: state[0] }, paramGroups });
    expect([data(0), data(1)]).toEqual([second, first]);
    const present = optimizer.stateDict().state[0].exp_avg;
    const plain = { step: 1, exp_avg: copies[0].exp_avg, exp_avg_sq: tensor([1, 1]) };
    optimizer.loadStateDict({ state: { 0: plain }, paramGroups });
    expect(data(0)).toEqual([8, 9]);
    expect(optimizer.stateDict().state[0].exp_avg).toBe(present);
    expect(Object.keys(optimizer.stateDict().state)).toEqual(["0"]);
    // three tensors are the test's own, two were released with the state of parameter 1
    expect(memory().liveTensors).toBe(liveTensors + 3 - 2);
    expect(() => optimizer.loadStateDict({ state: { "00": plain } as never, paramGroups })).toThrow(
      /state of parameter 00, which is in no group/,
    );
  });

  test("if memory does not suffice for the whole state, nothing changes", () => {
    const size = 2 ** 20;
    const make = (gradient: number, ...stepped: number[]) => {
      const params = [0, 1].map(() => tensor(new Float32Array(size), { requiresGrad: true }));
      for (const i of stepped) params[i].grad = full([size], gradient);
      const optimizer = new optim.Adam(params, { lr: 0.5 });
      optimizer.step();
      return optimizer;
    };
    // the state of parameter 0 could be overwritten, the state of parameter 1 is new. The tensors are held
    // until the end, because garbage would make room
    const [source, into] = [make(1, 0, 1), make(2, 0)];
    const from = source.stateDict();
    into.paramGroups[0].lr = 0.25;
    const { state } = into.stateDict();
    const values = () => Object.values(state[0]).map((value) => (typeof value === "number" ? value : value.data()[5]));
    const before = values();
    expect(before).toHaveLength(3);
    const { reservedBytes } = memory();
    setMemoryLimit(reservedBytes);
    for (let round = 0; round < 3; round++) exhaust(); // the garbage of earlier tests
    const { liveTensors } = memory();
    try {
      const filling = new Scope();
      expect(() => {
        for (;;) zeros([size]);
      }).toThrow(OutOfMemoryError);
      // room for one of the two tensors
      for (const handle of [...filling.handles].slice(0, 1)) handle.release("the test");
      expect(() => into.loadStateDict(from)).toThrow(OutOfMemoryError);
      filling.close();
    } finally {
      setMemoryLimit(4 * 2 ** 30);
    }
    expect(Object.keys(into.stateDict().state)).toEqual(["0"]);
    expect(into.stateDict().state[0]).toEqual(state[0]);
    expect(values()).toEqual(before);
    expect(into.paramGroups[0].lr).toBe(0.25);
    expect(memory().liveTensors).toBe(liveTensors);
    expect(source.paramGroups[0].params[0].released).toBe(false);
  });
});
