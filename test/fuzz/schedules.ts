import { optim, scope, tensor } from "wasmgrad";
import { CaseError, type Kind } from "./campaign.ts";
import { checkClose } from "./check.ts";
import { type Random, sizeOf } from "./random.ts";
import { ULP } from "./tape.ts";

type Step = (p: Float64Array, g: Float32Array, t: number) => void;

/** An optimizer with random options, and PyTorch's formulas for it in float64. */
function drawOptimizer(random: Random, size: number) {
  const name = random.pick(["SGD", "Adam", "AdamW", "RMSprop"] as const);
  const lr = random.pick([1e-3, 0.01, 0.1]);
  const weightDecay = random.pick([0, 0, 0.01, 0.3]);
  const state = () => new Float64Array(size);
  if (name === "SGD") {
    const momentum = random.pick([0, 0.5, 0.9]);
    const nesterov = momentum > 0 && random.chance(0.4);
    const dampening = nesterov ? 0 : random.pick([0, 0.1, 0.7]);
    const buffer = state();
    const step: Step = (p, g, t) => {
      for (let i = 0; i < size; i++) {
        let d = g[i] + weightDecay * p[i];
        if (momentum > 0) {
          buffer[i] = t === 1 ? d : momentum * buffer[i] + (1 - dampening) * d;
          d = nesterov ? d + momentum * buffer[i] : buffer[i];
        }
        p[i] -= lr * d;
      }
    };
    return { name, options: { lr, momentum, dampening, weightDecay, nesterov }, step };
  }
  const eps = random.pick([1e-8, 1e-3]);
  if (name === "RMSprop") {
    const [alpha, momentum] = [random.pick([0.5, 0.9, 0.99]), random.pick([0, 0.9])];
    const centered = random.chance(0.4);
    const [square, mean, buffer] = [state(), state(), state()];
    const step: Step = (p, g) => {
      for (let i = 0; i < size; i++) {
        const d = g[i] + weightDecay * p[i];
        square[i] = alpha * square[i] + (1 - alpha) * d * d;
        mean[i] = alpha * mean[i] + (1 - alpha) * d;
        const variance = centered ? square[i] - mean[i] * mean[i] : square[i];
        buffer[i] = momentum * buffer[i] + d / (Math.sqrt(variance) + eps);
        p[i] -= lr * buffer[i];
      }
    };
    return { name, options: { lr, alpha, eps, weightDecay, momentum, centered }, step };
  }
  const betas = random.pick([
    [0.9, 0.999],
    [0.5, 0.9],
    [0, 0.99],
  ] as const);
  const amsgrad = random.chance(0.4);
  const [m, v, largest] = [state(), state(), state()];
  const step: Step = (p, g, t) => {
    for (let i = 0; i < size; i++) {
      if (name === "AdamW") p[i] *= 1 - lr * weightDecay;
      const d = g[i] + (name === "Adam" ? weightDecay * p[i] : 0);
      m[i] = betas[0] * m[i] + (1 - betas[0]) * d;
      v[i] = betas[1] * v[i] + (1 - betas[1]) * d * d;
      largest[i] = Math.max(largest[i], v[i]);
      const root = Math.sqrt((amsgrad ? largest[i] : v[i]) / (1 - betas[1] ** t));
      p[i] -= (lr * m[i]) / (1 - betas[0] ** t) / (root + eps);
    }
  };
  return { name, options: { lr, betas, eps, weightDecay, amsgrad }, step };
}

function runOptimizer(random: Random): string {
  const shape = random.shape(1, 3).map((n) => Math.max(n, 1));
  const size = sizeOf(shape);
  const { name, options, step } = drawOptimizer(random, size);
  const start = random.normals(size);
  const param = tensor(start, { shape, requiresGrad: true });
  const Optimizer = optim[name] as typeof optim.SGD;
  const optimizer = new Optimizer([param], options as object);
  const expected = Float64Array.from(start);
  const steps = random.integer(1, 12);
  const what = `${name} ${JSON.stringify(options)} [${shape}]`;
  for (let t = 1; t <= steps; t++) {
    const gradient = random.normals(size, random.pick([1, 1, 0.01]));
    optimizer.zeroGrad();
    param.mul(tensor(gradient, { shape })).sum().backward();
    optimizer.step();
    step(expected, gradient, t);
  }
  // a difference of nearly equal squares is divided by
  const loose = name === "RMSprop" ? 3000 : 200;
  const bounds = Float64Array.from(expected, (p, i) => loose * steps * ULP * (1 + Math.abs(p) + Math.abs(start[i])));
  checkClose(`${what}, ${steps} steps`, param.data(), expected, bounds);
  return name;
}

interface Schedule {
  what: string;
  make: (optimizer: optim.SGD) => {
    step(metric?: number): void;
    stateDict(): optim.SchedulerStateDict;
    loadStateDict(state: never): void;
  };
  /** The rate after `t` steps, by the closed formula or by going through them. */
  rate: (t: number) => number;
  steps: number;
}

/** A scheduler with random options; the rates are PyTorch's closed formulas. */
function drawSchedule(random: Random, lr: number): Schedule {
  const name = random.pick([
    "StepLR",
    "MultiStepLR",
    "LinearLR",
    "CosineAnnealingLR",
    "OneCycleLR",
    "LambdaLR",
  ] as const);
  const gamma = random.pick([0.1, 0.5, 0.9, 1]);
  const steps = random.integer(1, 40);
  if (name === "StepLR") {
    const stepSize = random.integer(1, 9);
    const rate = (t: number) => lr * gamma ** Math.floor(t / stepSize);
    return { what: `StepLR ${stepSize} ${gamma}`, make: (o) => new optim.StepLR(o, { stepSize, gamma }), rate, steps };
  }
  if (name === "MultiStepLR") {
    const milestones = Array.from({ length: random.integer(0, 4) }, () => random.integer(1, 30));
    const rate = (t: number) => lr * gamma ** milestones.filter((milestone) => milestone <= t).length;
    const make = (o: optim.SGD) => new optim.MultiStepLR(o, { milestones, gamma });
    return { what: `MultiStepLR ${milestones} ${gamma}`, make, rate, steps };
  }
  if (name === "LinearLR") {
    const o = {
      startFactor: random.pick([0.1, 1 / 3, 1]),
      endFactor: random.pick([0.2, 0.5, 1]),
      totalIters: random.integer(1, 20),
    };
    const rate = (t: number) =>
      lr * (o.startFactor + ((o.endFactor - o.startFactor) * Math.min(t, o.totalIters)) / o.totalIters);
    return {
      what: `LinearLR ${JSON.stringify(o)}`,
      make: (optimizer) => new optim.LinearLR(optimizer, o),
      rate,
      steps,
    };
  }
  if (name === "CosineAnnealingLR") {
    const [tMax, etaMin] = [random.integer(1, 50), random.pick([0, 1e-3])];
    const rate = (t: number) => etaMin + ((lr - etaMin) * (1 + Math.cos((Math.PI * t) / tMax))) / 2;
    const make = (o: optim.SGD) => new optim.CosineAnnealingLR(o, { tMax, etaMin });
    return { what: `CosineAnnealingLR ${tMax} ${etaMin}`, make, rate, steps };
  }
  if (name === "LambdaLR") {
    const rate = (t: number) => lr / (1 + t * gamma);
    return { what: `LambdaLR ${gamma}`, make: (o) => new optim.LambdaLR(o, (t) => 1 / (1 + t * gamma)), rate, steps };
  }
  const totalSteps = random.integer(2, 40);
  const [pctStart, divFactor, finalDivFactor] = [
    random.pick([0.25, 0.3, 0.5]),
    random.pick([5, 25]),
    random.pick([10, 1e4]),
  ];
  const annealStrategy = random.pick(["cos", "linear"] as const);
  const [maxLr, top] = [lr, pctStart * totalSteps - 1];
  const anneal = (from: number, to: number, share: number) =>
    annealStrategy === "cos" ? to + ((from - to) / 2) * (1 + Math.cos(Math.PI * share)) : (to - from) * share + from;
  const initial = maxLr / divFactor;
  const rate = (t: number) =>
    t <= top
      ? anneal(initial, maxLr, t / top)
      : anneal(maxLr, initial / finalDivFactor, (t - top) / (totalSteps - 1 - top));
  const o = { maxLr, totalSteps, pctStart, divFactor, finalDivFactor, annealStrategy };
  const make = (optimizer: optim.SGD) => new optim.OneCycleLR(optimizer, o);
  // the first of two steps lies before the start of the cycle
  const stepsOf = top > 0 ? totalSteps - 1 : 0;
  return { what: `OneCycleLR ${JSON.stringify(o)}`, make, rate: top > 0 ? rate : () => Number.NaN, steps: stepsOf };
}

function runSchedule(random: Random): string {
  const lr = random.pick([1, 0.1, 0.03]);
  const { what, make, rate, steps } = drawSchedule(random, lr);
  const newOptimizer = () => new optim.SGD([tensor([0], { requiresGrad: true })], { lr, momentum: 0.9 });
  let optimizer = newOptimizer();
  let scheduler = make(optimizer);
  const resumedAt = random.integer(0, steps);
  for (let t = 0; t <= steps; t++) {
    if (t > 0) scheduler.step();
    const [came, expected] = [optimizer.paramGroups[0].lr, rate(t)];
    if (!(Math.abs(came - expected) <= 1e-9 * lr) && !Number.isNaN(expected)) {
      throw new CaseError(`${what}, lr ${lr}: rate ${came} after ${t} steps, expected ${expected}`);
    }
    if (t !== resumedAt) continue;
    // another process goes on from the state, which went through JSON
    const state = JSON.parse(JSON.stringify(scheduler.stateDict()));
    const next = newOptimizer();
    const resumed = make(next);
    next.loadStateDict(optimizer.stateDict());
    resumed.loadStateDict(state as never);
    [optimizer, scheduler] = [next, resumed];
  }
  return what.split(" ")[0];
}

/** ReduceLROnPlateau, as PyTorch's loop is written. */
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
  const optimizer = new optim.SGD([tensor([0], { requiresGrad: true })], { lr: 1 });
  const scheduler = new optim.ReduceLROnPlateau(optimizer, o);
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
