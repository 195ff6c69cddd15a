// Fits a polynomial of degree 4 to points of another one, by plain gradient descent.
// npx tsx examples/pytorch/regression.ts
// see: https://github.com/pytorch/examples/tree/main/regression
import { manualSeed, nn, noGrad, randn, scope, stack, type Tensor } from "wasmgrad";
import { readArguments } from "./lib/arguments.ts";

const DEGREE = 4;

/** [x, x², x³, x⁴] for each x. */
export function features(x: Tensor): Tensor {
  return stack(
    Array.from({ length: DEGREE }, (_, i) => x.pow(i + 1)),
    1,
  );
}

/** "y = +1.00 x^4 -2.00 x^3 …" */
function describe(weight: Tensor, bias: Tensor): string {
  const term = (value: number) => (value < 0 ? "" : "+") + value.toFixed(2);
  const powers = Array.from(weight.flatten().data(), (value, i) => `${term(value)} x^${i + 1}`);
  return `y = ${powers.reverse().join(" ")} ${term(bias.item())}`;
}

/** One step on the points (x, y); returns the loss. */
export function trainStep(fc: nn.Linear, x: Tensor, y: Tensor, lr: number): number {
  fc.zeroGrad();
  const loss = nn.functional.smoothL1Loss(fc.forward(x), y);
  loss.backward();
  noGrad(() => {
    for (const parameter of fc.parameters()) parameter.add_(parameter.grad!, { alpha: -lr });
  });
  return loss.item();
}

export function main(args: readonly string[] = []): number[] {
  const options = readArguments(args, { steps: 2000, "batch-size": 32, lr: 0.1, until: 1e-3, seed: 1 });
  manualSeed(options.seed);
  const weight = randn([DEGREE, 1]).mul(5);
  const bias = randn([1]).mul(5);
  const fc = new nn.Linear(DEGREE, 1);
  const losses: number[] = [];
  while (losses.length < options.steps && !(losses.at(-1)! < options.until)) {
    const loss = scope(() => {
      const x = features(randn([options["batch-size"]]));
      return trainStep(fc, x, x.matmul(weight).add(bias), options.lr);
    });
    if (losses.length % 100 === 0) console.log(`step ${losses.length}: loss ${loss.toFixed(6)}`);
    losses.push(loss);
  }
  console.log(`loss ${losses.at(-1)!.toFixed(6)} after ${losses.length} steps`);
  console.log(`learned function: ${describe(fc.weight, fc.bias!)}`);
  console.log(`actual function:  ${describe(weight, bias)}`);
  return losses;
}

if (process.argv[1]?.endsWith("regression.ts")) main(process.argv.slice(2));
