// Model-agnostic meta-learning (Finn et al. 2017) on sine curves: weights from which one gradient step fits a
// new curve. The outer gradient goes through the inner step, which is itself a gradient.
// npx tsx examples/autograd/maml.ts
import { grad, optim, scope, type Tensor } from "wasmgrad";
import { network, run, wave } from "./network.ts";

const TASKS = 4;
const INNER_RATE = 0.05;
const tanh = (x: Tensor) => x.tanh();

/** Returns the mean loss after the inner step, at each outer step. */
export function trainMaml(steps: number): number[] {
  const weights = network([1, 24, 24, 1], 0.2);
  const optimizer = new optim.Adam(weights, { lr: 1e-2 });
  return Array.from({ length: steps }, (_, step) =>
    scope(() => {
      const losses = Array.from({ length: TASKS }, (_, task) => {
        const curve = (x: Tensor) =>
          x
            .add(0.4 * task + 0.1 * step)
            .sin()
            .mul(1 + 0.5 * task);
        const lossOf = (current: readonly Tensor[], x: Tensor) => run(current, x, tanh).sub(curve(x)).square().mean();
        const inner = lossOf(weights, wave([8, 1], step + task, 3));
        const slopes = grad(inner, weights, { createGraph: true });
        const adapted = weights.map((weight, i) => weight.sub(slopes[i].mul(INNER_RATE)));
        return lossOf(adapted, wave([8, 1], step + task + 0.5, 3));
      });
      const loss = losses.reduce((sum, term) => sum.add(term)).div(TASKS);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss.item();
    }),
  );
}

if (process.argv[1]?.endsWith("maml.ts")) {
  trainMaml(200).forEach((loss, step) => {
    if (step % 20 === 0) console.log(`step ${step}: loss ${loss.toFixed(4)}`);
  });
}
