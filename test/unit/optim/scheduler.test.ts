import { describe, expect, test } from "vitest";
import { OptionError, optim, StateDictError, zeros } from "wasmgrad";
import { cosPi, power } from "../../../src/optim/exact_math.ts";
import { expectClose } from "../../support/compare.ts";

const parameter = () => zeros([1], { requiresGrad: true });

/**
 * Two groups, with learning rates 0.5 and 0.1, as in the PyTorch program that computed the numbers of this
 * file.
 */
function twoGroups(): optim.SGD {
  return new optim.SGD([{ params: [parameter()] }, { params: [parameter()], lr: 0.1 }], { lr: 0.5, momentum: 0.9 });
}

interface Scheduler {
  step(): void;
  stateDict(): optim.SchedulerStateDict;
  loadStateDict(state: optim.SchedulerStateDict): void;
}

function* rates(optimizer: optim.Optimizer, scheduler: { step(): void }, steps: number) {
  for (let i = 0; i < steps; i++) {
    if (i > 0) scheduler.step();
    yield optimizer.paramGroups.map((group) => group.lr);
  }
}

const schedulers: [string, (optimizer: optim.SGD) => Scheduler, number[][]][] = [
  [
    "StepLR",
    (o) => new optim.StepLR(o, { stepSize: 3, gamma: 0.5 }),
    [
      [0.5, 0.1],
      [0.5, 0.1],
      [0.5, 0.1],
      [0.25, 0.05],
      [0.25, 0.05],
      [0.25, 0.05],
      [0.125, 0.025],
      [0.125, 0.025],
    ],
  ],
  [
    "MultiStepLR",
    (o) => new optim.MultiStepLR(o, { milestones: [5, 2, 5] }),
    [
      [0.5, 0.1],
      [0.5, 0.1],
      [0.05, 0.010000000000000002],
      [0.05, 0.010000000000000002],
      [0.05, 0.010000000000000002],
      [0.0005000000000000001, 0.00010000000000000005],
      [0.0005000000000000001, 0.00010000000000000005],
    ],
  ],
  [
    "LambdaLR",
    (o) => new optim.LambdaLR(o, [(t) => 1 / (t + 1), (t) => power(0.5, t)]),
    [
      [0.5, 0.1],
      [0.25, 0.05],
      [0.16666666666666666, 0.025],
      [0.125, 0.0125],
      [0.1, 0.00625],
    ],
  ],
  [
    "LinearLR",
    (o) => new optim.LinearLR(o, { startFactor: 0.25, totalIters: 4 }),
    [
      [0.125, 0.025],
      [0.21875, 0.043750000000000004],
      [0.3125, 0.06250000000000001],
      [0.40625, 0.08125000000000002],
      [0.5, 0.10000000000000002],
      [0.5, 0.10000000000000002],
      [0.5, 0.10000000000000002],
    ],
  ],
  [
    "LinearLR by default",
    (o) => new optim.LinearLR(o),
    [
      [0.16666666666666666, 0.03333333333333333],
      [0.23333333333333334, 0.04666666666666667],
      [0.30000000000000004, 0.060000000000000005],
      [0.36666666666666675, 0.07333333333333335],
      [0.43333333333333346, 0.08666666666666668],
      [0.5000000000000001, 0.1],
      [0.5000000000000001, 0.1],
    ],
  ],
  [
    "CosineAnnealingLR",
    (o) => new optim.CosineAnnealingLR(o, { tMax: 5, etaMin: 0.01 }),
    [
      [0.5, 0.1],
      [0.45320916362186214, 0.09140576474687263],
      [0.33070916362186215, 0.06890576474687263],
      [0.1792908363781379, 0.04109423525312736],
      [0.0567908363781379, 0.018594235253127367],
      [0.01, 0.01],
      [0.05679083637813787, 0.018594235253127367],
      [0.17929083637813795, 0.04109423525312739],
      [0.33070916362186226, 0.06890576474687267],
      [0.45320916362186237, 0.09140576474687269],
      [0.5000000000000002, 0.10000000000000006],
      [0.4532091636218625, 0.09140576474687272],
      [0.3307091636218623, 0.06890576474687268],
    ],
  ],
  [
    "SequentialLR",
    (o) => {
      const warmup = new optim.LinearLR(o, { startFactor: 0.1, totalIters: 3 });
      return new optim.SequentialLR(o, [warmup, new optim.CosineAnnealingLR(o, { tMax: 4 })], { milestones: [3] });
    },
    [
      [0.05, 0.010000000000000002],
      [0.19999999999999998, 0.04],
      [0.35, 0.07],
      [0.5, 0.1],
      [0.42677669529663687, 0.08535533905932738],
      [0.25, 0.05],
      [0.07322330470336313, 0.014644660940672627],
      [0.0, 0.0],
    ],
  ],
];

const linear = (o: optim.SGD, totalIters: number) => new optim.LinearLR(o, { startFactor: 0.5, totalIters });
const halved = (o: optim.SGD) => new optim.StepLR(o, { stepSize: 2, gamma: 0.5 });
schedulers.push(
  [
    "SequentialLR that begins with another",
    (o) => {
      const inner = new optim.SequentialLR(o, [linear(o, 2), halved(o)], { milestones: [3] });
      return new optim.SequentialLR(o, [inner, new optim.LambdaLR(o, (t) => 1 / (t + 1))], { milestones: [6] });
    },
    // by hand: 2 steps of warm-up from a half, from step 3 halved every second step,
    // from step 6 over 1, 2 ...
    [0.5, 0.75, 1, 1, 1, 0.5, 1, 0.5, 1 / 3].map((factor) => [0.5 * factor, 0.1 * factor]),
  ],
  [
    "SequentialLR that ends with another, nested twice",
    (o) => {
      const third = new optim.SequentialLR(o, [linear(o, 1), halved(o)], { milestones: [2] });
      const second = new optim.SequentialLR(o, [third, linear(o, 1)], { milestones: [5] });
      return new optim.SequentialLR(o, [halved(o), second], { milestones: [3] });
    },
    [1, 1, 0.5, 0.5, 1, 1, 1, 0.5, 0.5, 1].map((factor) => [0.5 * factor, 0.1 * factor]),
  ],
);

describe.each(schedulers)("%s", (_name, make, expected) => {
  test("gives PyTorch's rates", () => {
    const optimizer = twoGroups();
    const actual = [...rates(optimizer, make(optimizer), expected.length)];
    expectClose("learning rates", actual.flat(), expected.flat(), 1e-15);
  });

  test("continues from its state dict, through JSON, with the same bits", () => {
    const whole = twoGroups();
    const all = [...rates(whole, make(whole), 7)];
    const stopped = twoGroups();
    const scheduler = make(stopped);
    for (let i = 0; i < 3; i++) scheduler.step();
    const saved = JSON.parse(JSON.stringify([stopped.stateDict(), scheduler.stateDict()]));
    const resumed = twoGroups();
    const second = make(resumed);
    resumed.loadStateDict(saved[0]);
    second.loadStateDict(saved[1]);
    expect([...rates(resumed, second, 4)]).toEqual(all.slice(3));
  });
});

test("two schedulers of one optimizer combine", () => {
  const optimizer = twoGroups();
  const both = [
    new optim.LinearLR(optimizer, { startFactor: 0.5, totalIters: 3 }),
    new optim.StepLR(optimizer, { stepSize: 2 }),
  ];
  const step = () => {
    for (const scheduler of both) scheduler.step();
  };
  const expected = [
    [0.25, 0.05],
    [0.3333333333333333, 0.06666666666666667],
    [0.041666666666666664, 0.008333333333333333],
    [0.049999999999999996, 0.01],
    [0.005, 0.001],
    [0.005, 0.001],
    [0.0005, 0.0001],
  ];
  expectClose("learning rates", [...rates(optimizer, { step }, 7)].flat(), expected.flat(), 1e-15);
});

describe("a group added to the optimizer later", () => {
  const make = (scheduler: (optimizer: optim.SGD) => { step(metric: number): void }) => {
    const optimizer = new optim.SGD([parameter()], { lr: 1 });
    const made = scheduler(optimizer);
    optimizer.addParamGroup({ params: [parameter()], lr: 1 });
    return { optimizer, made, rates: () => optimizer.paramGroups.map(({ lr }) => lr) };
  };

  test.each<[string, (o: optim.SGD) => optim.LRScheduler]>([
    ["StepLR", (o) => new optim.StepLR(o, { stepSize: 2 })],
    ["LambdaLR", (o) => new optim.LambdaLR(o, (step) => 1 / (1 + step))],
    ["CosineAnnealingLR", (o) => new optim.CosineAnnealingLR(o, { tMax: 2 })],
  ])("%s includes the group", (_name, scheduler) => {
    const { made, rates } = make(scheduler);
    for (let step = 1; step <= 4; step++) {
      made.step(0 as never);
      expect(rates()[1], `step ${step}`).toBeCloseTo(rates()[0], 12);
    }
    expect((made as optim.LRScheduler).stateDict().baseLrs).toEqual([1, 1]);
  });

  test("ReduceLROnPlateau includes the group", () => {
    const { made, rates } = make((o) => new optim.ReduceLROnPlateau(o, { patience: 0, factor: 0.5 }));
    for (const metric of [1, 1]) made.step(metric);
    expect(rates()).toEqual([0.5, 0.5]);
  });

  test.each<[string, (o: optim.SGD) => { step(metric: number): void }]>([
    ["LambdaLR with one function a group", (o) => new optim.LambdaLR(o, [(step) => 1 / (1 + step)])],
    ["OneCycleLR", (o) => new optim.OneCycleLR(o, { maxLr: [1], totalSteps: 9, cycleMomentum: false })],
    ["ReduceLROnPlateau with one bound a group", (o) => new optim.ReduceLROnPlateau(o, { minLr: [0] })],
  ])("%s refuses the group, and changes nothing", (_name, scheduler) => {
    const { made, rates } = make(scheduler);
    const before = rates();
    expect(() => made.step(1)).toThrow(OptionError);
    expect(rates()).toEqual(before);
  });
});

describe("OneCycleLR", () => {
  type Cycle = [string, "SGD" | "Adam", optim.OneCycleLROptions, number[][]];
  /** Learning rate and momentum (beta1 of Adam) at each step. */
  const cycles: Cycle[] = [
    [
      "by default",
      "SGD",
      { maxLr: 0.1, totalSteps: 10 },
      [
        [0.0040000000000000036, 0.95],
        [0.052000000000000005, 0.8999999999999999],
        [0.1, 0.85],
        [0.09504846320134738, 0.854951556604879],
        [0.0811745653949763, 0.8688255099070633],
        [0.06112620219362893, 0.8888739533021842],
        [0.03887419780637107, 0.9111260466978157],
        [0.0188258346050237, 0.9311744900929366],
        [0.004951936798652629, 0.945048443395121],
        [4e-7, 0.95],
      ],
    ],
    [
      "of Adam",
      "Adam",
      { maxLr: 0.01, epochs: 2, stepsPerEpoch: 4, pctStart: 0.5, divFactor: 10, finalDivFactor: 100 },
      [
        [0.0009999999999999992, 0.95],
        [0.0032499999999999994, 0.9249999999999999],
        [0.007749999999999999, 0.875],
        [0.01, 0.85],
        [0.008536998372026804, 0.8646446609406726],
        [0.005005, 0.8999999999999999],
        [0.0014730016279731956, 0.9353553390593273],
        [1e-5, 0.95],
      ],
    ],
    [
      "in three phases, linear",
      "SGD",
      { maxLr: 1, totalSteps: 12, threePhase: true, annealStrategy: "linear", baseMomentum: 0.8, maxMomentum: 0.9 },
      [
        [0.04, 0.9],
        [0.4092307692307693, 0.8615384615384616],
        [0.7784615384615386, 0.823076923076923],
        [0.8523076923076922, 0.8153846153846155],
        [0.48307692307692296, 0.8538461538461539],
        [0.1138461538461536, 0.8923076923076924],
        [0.03448331034482758, 0.9],
        [0.027587448275862066, 0.9],
        [0.020691586206896546, 0.9],
        [0.01379572413793103, 0.9],
        [0.0068998620689655135, 0.9],
        [3.9999999999970615e-6, 0.9],
      ],
    ],
    [
      "without momentum",
      "SGD",
      { maxLr: 1, totalSteps: 6, cycleMomentum: false },
      [
        [0.040000000000000036, 0.5],
        [0.9944154354509117, 0.5],
        [0.811745653949763, 0.5],
        [0.46263710266697505, 0.5],
        [0.1334775301888306, 0.5],
        [4e-6, 0.5],
      ],
    ],
  ];

  test.each(cycles)("%s gives PyTorch's rates and momenta, then ends", (_name, kind, options, expected) => {
    const optimizer = kind === "SGD" ? new optim.SGD([parameter()], { momentum: 0.5 }) : new optim.Adam([parameter()]);
    const scheduler = new optim.OneCycleLR(optimizer, options);
    const actual = expected.map((_, i) => {
      if (i > 0) scheduler.step();
      const [group] = optimizer.paramGroups;
      return [group.lr, "betas" in group ? group.betas[0] : group.momentum];
    });
    expectClose("rate and momentum", actual.flat(), expected.flat(), 1e-15);
    scheduler.step(); // after the last batch
    const after = optimizer.stateDict();
    expect(() => scheduler.step()).toThrow(OptionError);
    expect(() => scheduler.step()).toThrow(/past the end/);
    expect(optimizer.stateDict()).toEqual(after);
  });

  /** PyTorch's `get_lr` (chainable and closed form are one), in its words; a line stays at its end. */
  function reference(t: number, total: number, pct: number, three: boolean, cos: boolean, levels: number[][]): number {
    const [first, top, last] = levels;
    const phases = three
      ? [
          [pct * total - 1, ...first],
          [2 * pct * total - 2, ...top],
          [total - 1, ...last],
        ]
      : [
          [pct * total - 1, ...first],
          [total - 1, ...last],
        ];
    let start = 0;
    for (const [i, [end, from, to]] of phases.entries()) {
      if (t <= end || i === phases.length - 1) {
        const share = (t - start) / (end - start);
        return cos ? to + ((from - to) / 2) * (Math.cos(Math.PI * share) + 1) : from + (to - from) * Math.min(share, 1);
      }
      start = end;
    }
    throw new Error("no phase");
  }

  const spaces = [2, 3, 7, 10, 25].flatMap((total) =>
    [0.15, 0.3, 0.45].flatMap((pctStart) =>
      (["cos", "linear"] as const).flatMap((strategy) =>
        [false, true].map((threePhase) => [total, pctStart, strategy, threePhase] as const),
      ),
    ),
  );
  test.each(spaces)("%i steps, pctStart %d, %s, three phases %s: every step of the documented loop", (...space) => {
    const [totalSteps, pctStart, annealStrategy, threePhase] = space;
    const optimizer = new optim.SGD([parameter()], { momentum: 0.5 });
    const scheduler = new optim.OneCycleLR(optimizer, { maxLr: 0.5, totalSteps, pctStart, annealStrategy, threePhase });
    const at = (t: number, levels: number[][]) =>
      reference(t, totalSteps, pctStart, threePhase, annealStrategy === "cos", levels);
    const [initial, max, min] = [0.02, 0.5, 0.02 / 1e4];
    const ends = threePhase
      ? [
          [initial, max],
          [max, initial],
          [initial, min],
        ]
      : [[initial, max], [], [max, min]];
    const momenta = threePhase
      ? [
          [0.95, 0.85],
          [0.85, 0.95],
          [0.95, 0.95],
        ]
      : [[0.95, 0.85], [], [0.85, 0.95]];
    for (let t = 0; t <= totalSteps; t++) {
      const [group] = optimizer.paramGroups;
      expectClose(`step ${t}`, [group.lr, group.momentum], [at(t, ends), at(t, momenta)], 1e-13);
      const saved = JSON.parse(JSON.stringify(optimizer.stateDict()));
      optimizer.loadStateDict(saved); // every rate is one that a checkpoint can be loaded with
      optimizer.step();
      if (t < totalSteps) scheduler.step();
    }
    expect(() => scheduler.step()).toThrow(/past the end/);
  });

  test("a cycle too short to rise starts at the top", () => {
    const optimizer = new optim.SGD([parameter()]);
    const scheduler = new optim.OneCycleLR(optimizer, { maxLr: 1, totalSteps: 4, pctStart: 0.25 });
    expect(scheduler.getLastLr()).toEqual([1]);
  });
});

describe("ReduceLROnPlateau", () => {
  const falling = [1, 0.9, 0.9, 0.9, 0.9, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8];
  const cases: [optim.ReduceLROnPlateauOptions, number[], number[][]][] = [
    [
      { patience: 2 },
      falling,
      [
        [0.5, 0.1],
        [0.5, 0.1],
        [0.5, 0.1],
        [0.5, 0.1],
        [0.05, 0.010000000000000002],
        [0.05, 0.010000000000000002],
        [0.05, 0.010000000000000002],
        [0.05, 0.010000000000000002],
        [0.005000000000000001, 0.0010000000000000002],
        [0.005000000000000001, 0.0010000000000000002],
        [0.005000000000000001, 0.0010000000000000002],
        [0.0005000000000000001, 0.00010000000000000003],
      ],
    ],
    [
      { patience: 1, factor: 0.5, cooldown: 2, minLr: [0.2, 0.03] },
      falling,
      [
        [0.5, 0.1],
        [0.5, 0.1],
        [0.5, 0.1],
        [0.25, 0.05],
        [0.25, 0.05],
        [0.25, 0.05],
        [0.25, 0.05],
        [0.2, 0.03],
        [0.2, 0.03],
        [0.2, 0.03],
        [0.2, 0.03],
        [0.2, 0.03],
      ],
    ],
    [
      { mode: "max", patience: 0, threshold: 0.1 },
      [1, 1.05, 1.2, 1.25, 1.3, 1.2, 1.7],
      [
        [0.5, 0.1],
        [0.05, 0.010000000000000002],
        [0.05, 0.010000000000000002],
        [0.005000000000000001, 0.0010000000000000002],
        [0.0005000000000000001, 0.00010000000000000003],
        [5.0000000000000016e-5, 1.0000000000000004e-5],
        [5.0000000000000016e-5, 1.0000000000000004e-5],
      ],
    ],
    [
      { thresholdMode: "abs", patience: 0, threshold: 0.1, eps: 0.02 },
      [-1, -1.05, -1.2, -1.25, -1.3, -1.2, -1.7],
      [
        [0.5, 0.1],
        [0.05, 0.010000000000000002],
        [0.05, 0.010000000000000002],
        [0.005000000000000001, 0.010000000000000002],
        [0.005000000000000001, 0.010000000000000002],
        [0.005000000000000001, 0.010000000000000002],
        [0.005000000000000001, 0.010000000000000002],
      ],
    ],
    [
      { mode: "max", thresholdMode: "abs", patience: 0, threshold: 0.1 },
      [1, 1.05, 1.2, 1.25],
      [
        [0.5, 0.1],
        [0.05, 0.010000000000000002],
        [0.05, 0.010000000000000002],
        [0.005000000000000001, 0.0010000000000000002],
      ],
    ],
  ];

  test.each(cases)("%j gives PyTorch's rates", (options, metrics, expected) => {
    const optimizer = twoGroups();
    const scheduler = new optim.ReduceLROnPlateau(optimizer, options);
    const actual = metrics.map((metric) => {
      scheduler.step(metric);
      return scheduler.getLastLr();
    });
    expectClose("learning rates", actual.flat(), expected.flat(), 1e-15);
  });

  test("continues from its state dict, through JSON", () => {
    const make = (optimizer: optim.SGD) => new optim.ReduceLROnPlateau(optimizer, { patience: 1, cooldown: 1 });
    for (let stop = 0; stop < falling.length; stop++) {
      const [whole, stopped] = [twoGroups(), twoGroups()];
      const [uninterrupted, first] = [make(whole), make(stopped)];
      for (const metric of falling) uninterrupted.step(metric);
      for (const metric of falling.slice(0, stop)) first.step(metric);
      const saved = JSON.parse(JSON.stringify([stopped.stateDict(), first.stateDict()]));
      const resumed = twoGroups();
      const second = make(resumed);
      resumed.loadStateDict(saved[0]);
      second.loadStateDict(saved[1]);
      for (const metric of falling.slice(stop)) second.step(metric);
      expect(second.getLastLr(), `stopped at ${stop}`).toEqual(uninterrupted.getLastLr());
    }
  });

  test.each([
    ["min", Infinity],
    ["max", -Infinity],
  ] as const)("mode %s: a state without a best metric is restored as such", (mode, none) => {
    const scheduler = new optim.ReduceLROnPlateau(twoGroups(), { mode });
    const fresh = scheduler.stateDict();
    scheduler.step(1);
    scheduler.loadStateDict(fresh);
    expect(scheduler.best).toBe(none);
    expect(scheduler.stateDict()).toEqual(fresh);
  });

  test.each([
    ["min", -Infinity],
    ["max", Infinity],
    ["min", Infinity],
    ["max", -Infinity],
  ] as const)("mode %s: a best metric of %d comes back through JSON", (mode, metric) => {
    const make = () => new optim.ReduceLROnPlateau(twoGroups(), { mode, patience: 1 });
    const [scheduler, resumed] = [make(), make()];
    scheduler.step(metric);
    expect(scheduler.best).toBe(metric);
    resumed.loadStateDict(JSON.parse(JSON.stringify(scheduler.stateDict())));
    expect(resumed.best).toBe(metric);
    for (const next of [5, 4, 3, 2]) for (const one of [scheduler, resumed]) one.step(next);
    expect(resumed.getLastLr()).toEqual(scheduler.getLastLr());
    expect(resumed.stateDict()).toEqual(scheduler.stateDict());
  });

  test("a NaN does not count as an improvement", () => {
    const optimizer = twoGroups();
    const scheduler = new optim.ReduceLROnPlateau(optimizer, { patience: 1 });
    for (const metric of [1, Number.NaN, Number.NaN]) scheduler.step(metric);
    expect(optimizer.paramGroups[0].lr).toBe(0.05);
  });
});

describe("bad input", () => {
  const untyped = (value: unknown) => value as never;
  const o = twoGroups();
  test.each<[string, () => unknown]>([
    ["no optimizer", () => new optim.StepLR(untyped({}), { stepSize: 1 })],
    ["no step size", () => new optim.StepLR(o, untyped({}))],
    ["step size 0", () => new optim.StepLR(o, { stepSize: 0 })],
    ["NaN gamma", () => new optim.StepLR(o, { stepSize: 1, gamma: Number.NaN })],
    ["an unknown option", () => new optim.StepLR(o, untyped({ stepSize: 1, factor: 1 }))],
    ["a fractional milestone", () => new optim.MultiStepLR(o, { milestones: [1.5] })],
    ["start factor 0", () => new optim.LinearLR(o, { startFactor: 0 })],
    ["end factor over 1", () => new optim.LinearLR(o, { endFactor: 1.5 })],
    ["no tMax", () => new optim.CosineAnnealingLR(o, untyped({}))],
    ["one function for two groups", () => new optim.LambdaLR(o, [() => 1])],
    ["a function that gives NaN", () => new optim.LambdaLR(o, () => Number.NaN)],
    ["no number of steps", () => new optim.OneCycleLR(o, { maxLr: 1 })],
    ["three rates for two groups", () => new optim.OneCycleLR(o, { maxLr: [1, 1, 1], totalSteps: 5 })],
    ["a share over 1", () => new optim.OneCycleLR(o, { maxLr: 1, totalSteps: 5, pctStart: 1.5 })],
    ["divFactor 0", () => new optim.OneCycleLR(o, { maxLr: 1, totalSteps: 5, divFactor: 0 })],
    ["an unknown strategy", () => new optim.OneCycleLR(o, { maxLr: 1, totalSteps: 5, annealStrategy: untyped("exp") })],
    ["factor 1", () => new optim.ReduceLROnPlateau(o, { factor: 1 })],
    ["negative patience", () => new optim.ReduceLROnPlateau(o, { patience: -1 })],
    ["an unknown mode", () => new optim.ReduceLROnPlateau(o, { mode: untyped("down") })],
    ["a metric that is no number", () => new optim.ReduceLROnPlateau(o).step(untyped("1"))],
    ["no schedulers", () => new optim.SequentialLR(o, untyped(undefined), untyped(undefined))],
    ["no scheduler for a milestone", () => new optim.SequentialLR(o, [new optim.LinearLR(o)], { milestones: [1] })],
  ])("%s is an OptionError", (_name, make) => {
    expect(make).toThrow(OptionError);
  });

  test.each<[string, unknown, RegExp]>([
    ["ReduceLROnPlateau", new optim.ReduceLROnPlateau(o), /scheduler 1 is a ReduceLROnPlateau.*metric/],
    [
      "one of another optimizer",
      new optim.LinearLR(twoGroups()),
      /scheduler 1 \(LinearLR\) is one of another optimizer/,
    ],
    ["a class", optim.StepLR, /scheduler 1 expected an LRScheduler or a SequentialLR.*new/],
    ["undefined", undefined, /scheduler 1 expected an LRScheduler or a SequentialLR, got undefined/],
    ["what only looks like one", { optimizer: o, step() {} }, /scheduler 1 expected an LRScheduler or a SequentialLR/],
  ])("SequentialLR refuses %s by name", (_name, scheduler, message) => {
    const make = () => new optim.SequentialLR(o, [new optim.LinearLR(o), untyped(scheduler)], { milestones: [1] });
    expect(make).toThrow(OptionError);
    expect(make).toThrow(message);
  });

  test("SequentialLR: a state that fits one scheduler of two changes neither", () => {
    const make = () => new optim.SequentialLR(o, [linear(o, 2), linear(o, 3)], { milestones: [2] });
    const scheduler = make();
    const before = scheduler.stateDict();
    scheduler.step();
    const after = scheduler.stateDict();
    const [first] = before.schedulers as optim.SchedulerStateDict[];
    expect(() => scheduler.loadStateDict({ lastEpoch: 0, schedulers: [first, {}] })).toThrow(StateDictError);
    expect(scheduler.stateDict()).toEqual(after);
  });

  test("a state dict of another object is refused", () => {
    const step = new optim.StepLR(o, { stepSize: 1 });
    const plateau = new optim.ReduceLROnPlateau(o);
    expect(() => step.loadStateDict(plateau.stateDict())).toThrow(StateDictError);
    expect(() => plateau.loadStateDict(step.stateDict())).toThrow(StateDictError);
    expect(() => step.loadStateDict({ lastEpoch: 1, baseLrs: [1] })).toThrow(StateDictError);
  });
});

describe("exact_math", () => {
  test("cosPi agrees with Math.cos to 3e-16 and is exact at multiples of a half", () => {
    for (let i = -3000; i <= 3000; i++) {
      const t = i / 1000;
      // cos(π t) near t, with an argument small enough for Math.cos(Math.PI * t) to be exact to half an ulp
      const turn = Math.abs(t) % 2 > 1 ? 2 - (Math.abs(t) % 2) : Math.abs(t) % 2;
      const expected = turn > 0.25 ? Math.sin(Math.PI * (0.5 - turn)) : Math.cos(Math.PI * turn);
      expect(Math.abs(cosPi(t) - expected), `t = ${t}`).toBeLessThan(3e-16);
    }
    expect([0, 0.5, 1, 1.5, 2, -1, 1e15].map(cosPi).map((x) => x + 0)).toEqual([1, 0, -1, 0, 1, -1, 1]);
    expect(cosPi(1 / 3)).toBeCloseTo(0.5, 15);
  });

  test("power", () => {
    expect([power(0.9, 0), power(0.9, 1), power(2, 31), power(0, 0), power(0, 3)]).toEqual([1, 0.9, 2 ** 31, 1, 0]);
    for (const n of [2, 3, 10, 100, 1000]) expect(power(0.999, n) / 0.999 ** n).toBeCloseTo(1, 12);
    expect(power(0.9, 1e6)).toBe(0);
  });
});
