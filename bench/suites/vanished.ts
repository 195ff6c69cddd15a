import { nn, optim, randn, scope, type Tensor, zeros } from "wasmgrad";
import { alternate } from "../lib/measure.ts";
import { median, type Ratio, ratioOfRounds } from "../lib/statistics.ts";
import type { Context, Suite } from "../lib/suite.ts";
import { digits, printTable } from "../lib/table.ts";

export interface VanishedRow {
  optimizer: string;
  /** Median milliseconds of a step with fresh state, and after the steps without gradient. */
  fresh: number;
  vanished: number;
  /** How many times longer the second one takes. */
  slower: Ratio;
}

/** Means that decay by 0.9 pass the subnormal numbers, which end at 1e-45: 0.9^3000 is 5e-138. */
const STEPS = 3000;
const SIZE = 65_536;

const optimizers: Readonly<Record<string, (weights: nn.Parameter[]) => optim.Optimizer>> = {
  Adam: (weights) => new optim.Adam(weights),
  "AdamW, amsgrad": (weights) => new optim.AdamW(weights, { amsgrad: true }),
  "RMSprop, centered, momentum 0.9": (weights) => new optim.RMSprop(weights, { centered: true, momentum: 0.9 }),
  "SGD, momentum 0.9": (weights) => new optim.SGD(weights, { lr: 0.01, momentum: 0.9 }),
};

/** An optimizer that has taken a step with the gradient. */
function started(make: (weights: nn.Parameter[]) => optim.Optimizer, gradient: Tensor) {
  const weights = new nn.Parameter(randn([SIZE]));
  const optimizer = make([weights]);
  weights.grad = gradient;
  optimizer.step();
  return { weights, optimizer };
}

function measure(name: string, make: (weights: nn.Parameter[]) => optim.Optimizer, context: Context): VanishedRow {
  const gradient = randn([SIZE]);
  const fresh = started(make, gradient);
  const vanished = started(make, gradient);
  vanished.weights.grad = zeros([SIZE]);
  for (let step = 0; step < STEPS; step++) vanished.optimizer.step();
  if (!vanished.weights.data().every(Number.isFinite)) throw new Error(`${name}: wrong weights; nothing is timed`);
  const [before, after] = alternate(
    [fresh, vanished].map(
      ({ optimizer }) =>
        () =>
          optimizer.step(),
    ),
    context,
  );
  return { optimizer: name, fresh: median(before), vanished: median(after), slower: ratioOfRounds(after, before) };
}

async function run(context: Context): Promise<void> {
  const rows = Object.entries(optimizers).map(([name, make]) => scope(() => measure(name, make, context)));
  printTable(
    `Optimizers after ${STEPS} steps of zero gradients`,
    ["", "fresh ms", "vanished ms", "slower"],
    rows.map(({ optimizer, fresh, vanished, slower }) => [
      optimizer,
      digits(fresh),
      digits(vanished),
      `${digits(slower.median)} x`,
    ]),
  );
  context.save("vanished", rows);
}

export const vanished: Suite = { name: "vanished", about: "optimizers once gradients are 0", run };
