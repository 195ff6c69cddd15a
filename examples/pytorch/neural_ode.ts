// A neural network learns the differential equation of a spiral from pieces of it. The gradient goes through
// the solver, a Runge-Kutta method of the fourth order.
// npx tsx examples/pytorch/neural_ode.ts
// see: https://github.com/rtqichen/torchdiffeq/blob/master/examples/ode_demo.py
import { linspace, manualSeed, nn, noGrad, optim, randperm, scope, stack, type Tensor, tensor } from "wasmgrad";
import { readArguments } from "./lib/arguments.ts";

/** dy/dt at y. */
type Derivative = (y: Tensor) => Tensor;

/** Solves dy/dt = f(y) from y0, with a step from each of the times to the next. Returns [times, ...y0]. */
export function odeint(f: Derivative, y0: Tensor, times: readonly number[]): Tensor {
  const solution = [y0];
  for (let i = 1; i < times.length; i++) {
    const [y, h] = [solution[i - 1], times[i] - times[i - 1]];
    const k1 = f(y);
    const k2 = f(y.add(k1.mul(h / 2)));
    const k3 = f(y.add(k2.mul(h / 2)));
    const k4 = f(y.add(k3.mul(h)));
    const slopes = k1.add(k2.mul(2)).add(k3.mul(2)).add(k4);
    solution.push(y.add(slopes.mul(h / 6)));
  }
  return stack(solution);
}

export class ODEFunc extends nn.Module {
  net: nn.Sequential;

  constructor(hidden = 50) {
    super();
    this.net = new nn.Sequential(new nn.Linear(2, hidden), new nn.Tanh(), new nn.Linear(hidden, 2));
    for (const module of this.net.modules()) {
      if (!(module instanceof nn.Linear)) continue;
      nn.init.normal_(module.weight, 0, 0.1);
      nn.init.zeros_(module.bias!);
    }
  }

  override forward(y: Tensor): Tensor {
    return this.net.forward(y.pow(3));
  }
}

/** The spiral that is to be learnt, at `count` times from 0 to 25: [count, 1, 2]. */
export function spiral(count: number): { times: number[]; y: Tensor } {
  const times = Array.from(linspace(0, 25, count).data());
  const matrix = tensor([
    [-0.1, 2],
    [-2, -0.1],
  ]);
  return { times, y: odeint((y) => y.pow(3).matmul(matrix), tensor([[2, 0]]), times) };
}

/** A step with the pieces of `y` that begin at the positions `starts` and have the given times. */
export function trainStep(model: ODEFunc, optimizer: optim.Optimizer, y: Tensor, starts: Tensor, times: number[]) {
  return scope(() => {
    optimizer.zeroGrad();
    const target = stack(times.map((_, i) => y.indexSelect(0, starts.add(i))));
    const predicted = odeint((y) => model.forward(y), target.index(0), times);
    const loss = predicted.sub(target).abs().mean();
    loss.backward();
    optimizer.step();
    return loss.item();
  });
}

export function main(args: readonly string[] = []): number[] {
  const sizes = { points: 1000, "batch-time": 20, "batch-size": 20, hidden: 50 };
  const options = readArguments(args, { ...sizes, steps: 1000, lr: 1e-3, seed: 1, log: 100 });
  manualSeed(options.seed);
  const { times, y } = spiral(options.points);
  const model = new ODEFunc(options.hidden);
  const optimizer = new optim.RMSprop(model.parameters(), { lr: options.lr });
  const scheduler = new optim.CosineAnnealingLR(optimizer, { tMax: options.steps });
  return Array.from({ length: options.steps }, (_, step) => {
    const starts = randperm(options.points - options["batch-time"]).narrow(0, 0, options["batch-size"]);
    const loss = trainStep(model, optimizer, y, starts, times.slice(0, options["batch-time"]));
    scheduler.step();
    if (step % options.log === 0) {
      const total = scope(() =>
        noGrad(() =>
          odeint((y) => model.forward(y), y.index(0), times)
            .sub(y)
            .abs()
            .mean()
            .item(),
        ),
      );
      console.log(`step ${step}: loss ${loss.toFixed(6)}, mean error of the whole spiral ${total.toFixed(6)}`);
    }
    return loss;
  });
}

if (process.argv[1]?.endsWith("neural_ode.ts")) main(process.argv.slice(2));
