// A Wasserstein GAN with gradient penalty (Gulrajani et al. 2017): the critic's slope between real and
// generated points is held near 1, so its loss contains a gradient, which is differentiated again.
// npx tsx examples/autograd/wgan_gp.ts
import { grad, nn, optim, scope, type Tensor } from "wasmgrad";
import { network, run, wave } from "./network.ts";

const leaky = (x: Tensor) => nn.functional.leakyRelu(x, { negativeSlope: 0.2 });
const relu = (x: Tensor) => x.relu();

/** Returns the losses of critic and generator at each step. */
export function trainWganGp(steps: number): [critic: number, generator: number][] {
  const [critic, generator] = [network([2, 32, 32, 1], 0.1), network([4, 32, 2], 0.7)];
  const options = { lr: 1e-3, betas: [0.5, 0.9] as [number, number] };
  const [criticStep, generatorStep] = [new optim.Adam(critic, options), new optim.Adam(generator, options)];
  return Array.from({ length: steps }, (_, step) =>
    scope((): [number, number] => {
      const real = wave([16, 2], 0.3 * step).add(2);
      const z = wave([16, 4], 0.2 * step + 1);
      const mix = wave([16, 1], 0.9 * step, 0.5).add(0.5);
      const fake = run(generator, z, relu).detach();
      const between = real.mul(mix).add(fake.mul(mix.neg().add(1)));
      between.requiresGrad = true;
      const slope = grad(run(critic, between, leaky).sum(), between, { createGraph: true });
      const penalty = slope.square().sum(1).add(1e-12).sqrt().sub(1).square().mean();
      const distance = run(critic, fake, leaky)
        .mean()
        .sub(run(critic, real, leaky).mean());
      const loss = distance.add(penalty.mul(10));
      criticStep.zeroGrad();
      loss.backward();
      criticStep.step();

      const generatorLoss = run(critic, run(generator, z, relu), leaky)
        .mean()
        .neg();
      generatorStep.zeroGrad();
      generatorLoss.backward();
      generatorStep.step();
      return [loss.item(), generatorLoss.item()];
    }),
  );
}

if (process.argv[1]?.endsWith("wgan_gp.ts")) {
  trainWganGp(200).forEach(([critic, generator], step) => {
    if (step % 20 === 0) console.log(`step ${step}: critic ${critic.toFixed(4)}, generator ${generator.toFixed(4)}`);
  });
}
