// A physics-informed network (Raissi et al. 2019) for u'' = -sin x with u(0) = u(π) = 0, whose solution is
// sin x. The loss contains the second derivative of the network with respect to its input.
// npx tsx examples/autograd/pinn.ts
import { grad, linspace, noGrad, optim, scope, type Tensor, tensor } from "wasmgrad";
import { network, run } from "./network.ts";

const tanh = (x: Tensor) => x.tanh();

/** Returns the loss at each step, and the largest error of the solution after the last one. */
export function trainPinn(steps: number): { losses: number[]; error: number } {
  const weights = network([1, 24, 24, 1], 0.4);
  const optimizer = new optim.Adam(weights, { lr: 5e-3 });
  const points = () => linspace(0, Math.PI, 33).reshape([33, 1]);
  const losses = Array.from({ length: steps }, () =>
    scope(() => {
      const x = points();
      x.requiresGrad = true;
      const u = run(weights, x, tanh);
      const slope = grad(u.sum(), x, { createGraph: true });
      const curvature = grad(slope.sum(), x, { createGraph: true });
      const ends = run(weights, tensor([[0], [Math.PI]]), tanh);
      const loss = curvature.add(x.sin()).square().mean().add(ends.square().mean());
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss.item();
    }),
  );
  const error = scope(() => noGrad(() => run(weights, points(), tanh).sub(points().sin()).abs().max().item()));
  return { losses, error };
}

if (process.argv[1]?.endsWith("pinn.ts")) {
  const { losses, error } = trainPinn(600);
  for (let step = 0; step < losses.length; step += 60) console.log(`step ${step}: loss ${losses[step].toFixed(6)}`);
  console.log(`largest error of u: ${error.toFixed(4)}`);
}
