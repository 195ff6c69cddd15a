import { optim, scope, type Tensor, tensor } from "wasmgrad";
import { CaseError, type Kind } from "./campaign.ts";
import { checkClose } from "./check.ts";
import { type Random, sizeOf } from "./random.ts";
import { ULP } from "./tape.ts";

type Step = (p: Float64Array, g: Float32Array, t: number) => void;

const NAMES = ["SGD", "Adam", "AdamW", "RMSprop"] as const;
type Name = (typeof NAMES)[number];

/** Options of an optimizer. Some may change between steps. */
interface Options {
  lr: number;
  weightDecay: number;
  momentum: number;
  dampening: number;
  nesterov: boolean;
  eps: number;
  alpha: number;
  centered: boolean;
  betas: readonly [number, number];
  amsgrad: boolean;
}

const TAKES: Record<Name, readonly (keyof Options)[]> = {
  SGD: ["lr", "momentum", "dampening", "weightDecay", "nesterov"],
  Adam: ["lr", "betas", "eps", "weightDecay", "amsgrad"],
  AdamW: ["lr", "betas", "eps", "weightDecay", "amsgrad"],
  RMSprop: ["lr", "alpha", "eps", "weightDecay", "momentum", "centered"],
};

/** Random options of an optimizer. */
function drawOptions(random: Random, name: Name): Options {
  const momentum = random.pick([0, 0.5, 0.9]);
  const nesterov = name === "SGD" && momentum > 0 && random.chance(0.4);
  return {
    lr: random.pick([1e-3, 0.01, 0.1]),
    weightDecay: random.pick([0, 0, 0.01, 0.3]),
    momentum,
    nesterov,
    dampening: nesterov ? 0 : random.pick([0, 0.1, 0.7]),
    eps: random.pick([1e-8, 1e-3]),
    alpha: random.pick([0.5, 0.9, 0.99]),
    centered: random.chance(0.4),
    betas: random.pick([
      [0.9, 0.999],
      [0.5, 0.9],
      [0, 0.99],
    ] as const),
    amsgrad: random.chance(0.4),
  };
}

/** PyTorch's formulas for one parameter in float64, with the options that are valid at each step. */
function referenceStep(name: Name, o: Options, size: number): Step {
  const [first, second, third] = [0, 0, 0].map(() => new Float64Array(size));
  if (name === "SGD") {
    return (p, g, t) => {
      for (let i = 0; i < size; i++) {
        let d = g[i] + o.weightDecay * p[i];
        if (o.momentum > 0) {
          first[i] = t === 1 ? d : o.momentum * first[i] + (1 - o.dampening) * d;
          d = o.nesterov ? d + o.momentum * first[i] : first[i];
        }
        p[i] -= o.lr * d;
      }
    };
  }
  if (name === "RMSprop") {
    const [square, mean, buffer] = [first, second, third];
    return (p, g) => {
      for (let i = 0; i < size; i++) {
        const d = g[i] + o.weightDecay * p[i];
        square[i] = o.alpha * square[i] + (1 - o.alpha) * d * d;
        mean[i] = o.alpha * mean[i] + (1 - o.alpha) * d;
        const variance = o.centered ? square[i] - mean[i] * mean[i] : square[i];
        buffer[i] = o.momentum * buffer[i] + d / (Math.sqrt(variance) + o.eps);
        p[i] -= o.lr * buffer[i];
      }
    };
  }
  const [m, v, largest] = [first, second, third];
  return (p, g, t) => {
    for (let i = 0; i < size; i++) {
      if (name === "AdamW") p[i] *= 1 - o.lr * o.weightDecay;
      const d = g[i] + (name === "Adam" ? o.weightDecay * p[i] : 0);
      m[i] = o.betas[0] * m[i] + (1 - o.betas[0]) * d;
      v[i] = o.betas[1] * v[i] + (1 - o.betas[1]) * d * d;
      largest[i] = Math.max(largest[i], v[i]);
      const root = Math.sqrt((o.amsgrad ? largest[i] : v[i]) / (1 - o.betas[1] ** t));
      p[i] -= (o.lr * m[i]) / (1 - o.betas[0] ** t) / (root + o.eps);
    }
  };
}

/** A parameter, its reference, and its group. */
interface Learner {
  param: Tensor;
  shape: number[];
  start: Float32Array;
  expected: Float64Array;
  step: Step;
  steps: number;
  options: Options;
}

/** The optimizer of a name over groups of parameters. */
function makeOptimizer(name: Name, groups: readonly Learner[][]): optim.SGD {
  const Optimizer = optim[name] as typeof optim.SGD;
  return new Optimizer(
    groups.map((group) => ({ params: group.map(({ param }) => param), ...taken(name, group[0].options) })),
  );
}

const taken = (name: Name, options: Options) => Object.fromEntries(TAKES[name].map((key) => [key, options[key]]));

/**
 * Many steps of groups with different options. Some parameters have no gradient, options change, a group is
 * added later, and another optimizer continues from the state dict.
 */
function runOptimizer(random: Random): string {
  const name = random.pick(NAMES);
  const drawGroup = (): Learner[] => {
    const options = drawOptions(random, name);
    return Array.from({ length: random.integer(1, 3) }, () => {
      const shape = random.shape(0, 3, 60).map((n) => Math.max(n, 1));
      const size = sizeOf(shape);
      const start = random.normals(size);
      const step = referenceStep(name, options, size);
      const param = tensor(start, { shape, requiresGrad: true });
      return { param, shape, start, expected: Float64Array.from(start), step, steps: 0, options };
    });
  };
  const groups = Array.from({ length: random.chance(0.5) ? 1 : random.integer(2, 3) }, drawGroup);
  let optimizer = makeOptimizer(name, groups);
  const steps = random.chance(0.1) ? random.integer(30, 100) : random.integer(1, 12);
  const [resumedAt, grownAt, changedAt] = [0, 1, 2].map(() => random.integer(1, 2 * steps));
  for (let t = 1; t <= steps; t++) {
    optimizer.zeroGrad();
    for (const learner of groups.flat()) {
      if (random.chance(0.1)) continue;
      const gradient = random.normals(learner.start.length, random.pick([1, 1, 0.01]));
      learner.param
        .mul(tensor(gradient, { shape: learner.shape }))
        .sum()
        .backward();
      learner.step(learner.expected, gradient, ++learner.steps);
    }
    optimizer.step();
    if (t === changedAt) {
      const g = random.integer(0, groups.length - 1);
      const [lr, weightDecay] = [random.pick([0, 0.02]), random.pick([0, 0.05])];
      Object.assign(optimizer.paramGroups[g], { lr, weightDecay });
      Object.assign(groups[g][0].options, { lr, weightDecay });
    }
    if (t === grownAt) {
      const group = drawGroup();
      groups.push(group);
      optimizer.addParamGroup({ params: group.map(({ param }) => param), ...taken(name, group[0].options) });
    }
    if (t === resumedAt) {
      for (const learner of groups.flat()) {
        const { param, shape } = learner;
        learner.param = tensor(Float32Array.from(param.data()), { shape, requiresGrad: true });
      }
      const next = makeOptimizer(name, groups);
      next.loadStateDict(optimizer.stateDict());
      optimizer.release();
      optimizer = next;
    }
  }
  groups.flat().forEach(({ param, start, expected, options, steps: own, shape }, i) => {
    const what = `${name} ${JSON.stringify(taken(name, options))}, parameter ${i} [${shape}] after ${own} of ${steps} steps`;
    // the formula divides by a difference of nearly equal squares
    const loose = name === "RMSprop" ? 3000 : 200;
    const bounds = Float64Array.from(
      expected,
      (p, k) => loose * (own + 1) * ULP * (1 + Math.abs(p) + Math.abs(start[k])),
    );
    checkClose(what, param.data(), expected, bounds);
  });
  return name;
}

interface Scheduler {
  step(metric?: number): void;
  stateDict(): unknown;
  loadStateDict(state: never): void;
}

interface Schedule {
  what: string;
  make: (optimizer: optim.SGD) => Scheduler;
  /** The rate after `t` steps of a group whose initial rate is `lr`, by the closed formula. */
  rate: (t: number, lr: number) => number;
  /** The momentum, where it changes. */
  momentum?: (t: number) => number;
  steps: number;
}

/** Schedulers whose rate is the initial rate times a factor. */
const FACTORS = ["StepLR", "MultiStepLR", "LinearLR"] as const;
const SINGLE = [...FACTORS, "CosineAnnealingLR", "LambdaLR"] as const;

/** A scheduler with random options; the rates are PyTorch's closed formulas. */
function drawSingle(random: Random, name: (typeof SINGLE)[number]): Schedule {
  const gamma = random.pick([0.1, 0.5, 0.9, 1]);
  const steps = random.integer(1, 40);
  if (name === "StepLR") {
    const stepSize = random.integer(1, 9);
    const rate = (t: number, lr: number) => lr * gamma ** Math.floor(t / stepSize);
    return { what: `StepLR ${stepSize} ${gamma}`, make: (o) => new optim.StepLR(o, { stepSize, gamma }), rate, steps };
  }
  if (name === "MultiStepLR") {
    const milestones = Array.from({ length: random.integer(0, 4) }, () => random.integer(1, 30));
    const rate = (t: number, lr: number) => lr * gamma ** milestones.filter((milestone) => milestone <= t).length;
    const make = (o: optim.SGD) => new optim.MultiStepLR(o, { milestones, gamma });
    return { what: `MultiStepLR ${milestones} ${gamma}`, make, rate, steps };
  }
  if (name === "LinearLR") {
    const o = {
      startFactor: random.pick([0.1, 1 / 3, 1]),
      endFactor: random.pick([0.2, 0.5, 1]),
      totalIters: random.integer(1, 20),
    };
    const rise = o.endFactor - o.startFactor;
    const rate = (t: number, lr: number) => lr * (o.startFactor + (rise * Math.min(t, o.totalIters)) / o.totalIters);
    return { what: `LinearLR ${JSON.stringify(o)}`, make: (to) => new optim.LinearLR(to, o), rate, steps };
  }
  if (name === "CosineAnnealingLR") {
    const [tMax, etaMin] = [random.integer(1, 50), random.pick([0, 1e-3])];
    const rate = (t: number, lr: number) => etaMin + ((lr - etaMin) * (1 + Math.cos((Math.PI * t) / tMax))) / 2;
    const make = (o: optim.SGD) => new optim.CosineAnnealingLR(o, { tMax, etaMin });
    return { what: `CosineAnnealingLR ${tMax} ${etaMin}`, make, rate, steps };
  }
  const rate = (t: number, lr: number) => lr / (1 + t * gamma);
  return { what: `LambdaLR ${gamma}`, make: (o) => new optim.LambdaLR(o, (t) => 1 / (1 + t * gamma)), rate, steps };
}

/** PyTorch's phases: rate and momentum change from one level to another up to a given step. */
function drawOneCycle(random: Random): Schedule {
  const totalSteps = random.integer(4, 40);
  const [pctStart, threePhase] = [random.pick([0.25, 0.3, 0.4]), random.chance(0.3)];
  const [divFactor, finalDivFactor] = [random.pick([5, 25]), random.pick([10, 1e4])];
  const [baseMomentum, maxMomentum] = [random.pick([0.8, 0.85]), random.pick([0.9, 0.95])];
  const annealStrategy = random.pick(["cos", "linear"] as const);
  const cycleMomentum = random.chance(0.7);
  const top = pctStart * totalSteps - 1;
  const [initial, min] = [1 / divFactor, 1 / divFactor / finalDivFactor];
  const phases: [end: number, lr: [number, number], momentum: [number, number]][] = threePhase
    ? [
        [top, [initial, 1], [maxMomentum, baseMomentum]],
        [2 * pctStart * totalSteps - 2, [1, initial], [baseMomentum, maxMomentum]],
        [totalSteps - 1, [initial, min], [maxMomentum, maxMomentum]],
      ]
    : [
        [top, [initial, 1], [maxMomentum, baseMomentum]],
        [totalSteps - 1, [1, min], [baseMomentum, maxMomentum]],
      ];
  const valueAt = (t: number, which: 1 | 2): number => {
    let start = 0;
    for (const [i, phase] of phases.entries()) {
      const [end, [from, to]] = [phase[0], phase[which]];
      if (t > end && i < phases.length - 1) {
        start = end;
        continue;
      }
      const share = (t - start) / (end - start);
      return annealStrategy === "linear"
        ? from + (to - from) * share
        : to + ((from - to) / 2) * (1 + Math.cos(Math.PI * share));
    }
    return Number.NaN;
  };
  const o = {
    totalSteps,
    pctStart,
    divFactor,
    finalDivFactor,
    annealStrategy,
    threePhase,
    cycleMomentum,
    baseMomentum,
    maxMomentum,
  };
  return {
    what: `OneCycleLR ${JSON.stringify(o)}`,
    make: (optimizer) => new optim.OneCycleLR(optimizer, { maxLr: optimizer.paramGroups.map(({ lr }) => lr), ...o }),
    rate: (t, lr) => lr * valueAt(t, 1),
    momentum: cycleMomentum ? (t) => valueAt(t, 2) : undefined,
    // there is no formula for a phase that ends before it begins
    steps: top > 0 ? totalSteps - 1 : -1,
  };
}

/** Several schedulers in sequence; one of them may be a sequence itself. */
function drawSequence(random: Random, depth: number): Schedule {
  const parts = Array.from({ length: random.integer(1, 4) }, () =>
    depth > 0 && random.chance(0.2) ? drawSequence(random, depth - 1) : drawSingle(random, random.pick(SINGLE)),
  );
  const milestones: number[] = [];
  for (let i = 1; i < parts.length; i++) milestones.push((milestones.at(-1) ?? 0) + random.integer(1, 8));
  const rate = (t: number, lr: number) => {
    const active = milestones.filter((milestone) => milestone <= t).length;
    return parts[active].rate(t - (milestones[active - 1] ?? 0), lr);
  };
  const make = (optimizer: optim.SGD) => {
    const schedulers = parts.map((part) => part.make(optimizer) as optim.StepLR);
    return new optim.SequentialLR(optimizer, schedulers, { milestones });
  };
  const what = `SequentialLR of ${parts.map((part) => part.what).join(" | ")} at ${milestones}`;
  return { what, make, rate, steps: random.integer(1, 40) };
}

/** Several schedulers at once: their factors are multiplied. */
function drawChain(random: Random): Schedule {
  const parts = Array.from({ length: random.integer(2, 3) }, () => drawSingle(random, random.pick(FACTORS)));
  const make = (optimizer: optim.SGD): Scheduler => {
    const schedulers = parts.map((part) => part.make(optimizer));
    return {
      step() {
        for (const scheduler of schedulers) scheduler.step();
      },
      stateDict: () => schedulers.map((scheduler) => scheduler.stateDict()),
      loadStateDict(states: never[]) {
        schedulers.forEach((scheduler, i) => {
          scheduler.loadStateDict(states[i]);
        });
      },
    };
  };
  const rate = (t: number, lr: number) => parts.reduce((product, part) => part.rate(t, product), lr);
  return { what: `chain of ${parts.map((part) => part.what).join(" and ")}`, make, rate, steps: random.integer(1, 40) };
}

function runSchedule(random: Random): string {
  const lrs = Array.from({ length: random.integer(1, 3) }, () => random.pick([1, 0.1, 0.03]));
  const draw = random.pick([
    () => drawSingle(random, random.pick(SINGLE)),
    () => drawOneCycle(random),
    () => drawSequence(random, 2),
    () => drawChain(random),
  ]);
  const { what, make, rate, momentum, steps } = draw();
  const newOptimizer = () => {
    const groups = lrs.map((lr) => ({ params: [tensor([0], { requiresGrad: true })], lr }));
    return new optim.SGD(groups, { lr: 1, momentum: 0.9 });
  };
  let optimizer = newOptimizer();
  let scheduler = make(optimizer);
  const resumedAt = random.integer(0, Math.max(0, steps));
  for (let t = 0; t <= steps; t++) {
    if (t > 0) scheduler.step();
    optimizer.paramGroups.forEach((group, g) => {
      const expected = rate(t, lrs[g]);
      if (!(Math.abs(group.lr - expected) <= 1e-9 * lrs[g])) {
        throw new CaseError(
          `${what}, lr ${lrs}: rate ${group.lr} of group ${g} after ${t} steps, expected ${expected}`,
        );
      }
      const m = momentum?.(t) ?? 0.9;
      if (!(Math.abs(group.momentum - m) <= 1e-9)) {
        throw new CaseError(`${what}: momentum ${group.momentum} after ${t} steps, expected ${m}`);
      }
    });
    if (t !== resumedAt) continue;
    // another process continues from the state, which is passed as JSON
    const state = JSON.parse(JSON.stringify(scheduler.stateDict()));
    const next = newOptimizer();
    const resumed = make(next);
    next.loadStateDict(optimizer.stateDict());
    resumed.loadStateDict(state as never);
    [optimizer, scheduler] = [next, resumed];
  }
  return what.split(" ")[0];
}

/** ReduceLROnPlateau, written like PyTorch's loop. */
function runPlateau(random: Random): string {
  const o = {
    mode: random.pick(["min", "max"] as const),
    factor: random.pick([0.1, 0.5]),
    patience: random.integer(0, 3),
    threshold: random.pick([0, 1e-4, 0.1]),
    thresholdMode: random.pick(["rel", "abs"] as const),
    cooldown: random.integer(0, 2),
    minLr: random.pick([0, 0.02]),
  };
  const newOptimizer = () => new optim.SGD([tensor([0], { requiresGrad: true })], { lr: 1 });
  let optimizer = newOptimizer();
  let scheduler = new optim.ReduceLROnPlateau(optimizer, o);
  const resumedAt = random.integer(0, 40);
  const sign = o.mode === "min" ? 1 : -1;
  let [best, bad, cooldown, lr] = [sign * Number.POSITIVE_INFINITY, 0, 0, 1];
  for (let t = 0; t < 30; t++) {
    const metric = random.chance(0.05) ? Number.NaN : Math.round(random.normal() * 8) / 8;
    scheduler.step(metric);
    const bound = o.thresholdMode === "rel" ? best * (1 - sign * o.threshold) : best - sign * o.threshold;
    if (sign * metric < sign * bound) [best, bad] = [metric, 0];
    else bad++;
    if (cooldown > 0) [cooldown, bad] = [cooldown - 1, 0];
    if (bad > o.patience) {
      const next = Math.max(lr * o.factor, o.minLr);
      if (lr - next > 1e-8) lr = next;
      [cooldown, bad] = [o.cooldown, 0];
    }
    if (optimizer.paramGroups[0].lr !== lr) {
      throw new CaseError(
        `ReduceLROnPlateau ${JSON.stringify(o)}: rate ${optimizer.paramGroups[0].lr}, expected ${lr}`,
      );
    }
    if (t !== resumedAt) continue;
    const state = JSON.parse(JSON.stringify(scheduler.stateDict()));
    const next = newOptimizer();
    next.loadStateDict(optimizer.stateDict());
    scheduler = new optim.ReduceLROnPlateau(next, o);
    scheduler.loadStateDict(state);
    optimizer = next;
  }
  return "ReduceLROnPlateau";
}

export const schedules: Kind = {
  name: "optimizers",
  run: (random) =>
    scope(() => {
      const kind = random.fraction();
      return kind < 0.5 ? runOptimizer(random) : kind < 0.9 ? runSchedule(random) : runPlateau(random);
    }),
};
