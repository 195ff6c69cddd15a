// A generative adversarial network of convolutions: a generator draws digits, and a discriminator learns to
// tell them apart from the real ones.
// npx tsx examples/pytorch/dcgan.ts
// see: https://github.com/pytorch/examples/tree/main/dcgan and Radford et al., "Unsupervised representation
// learning with deep convolutional generative adversarial networks", 2016
import { manualSeed, nn, noGrad, ones, optim, randn, type Tensor, zeros } from "wasmgrad";
import { DataLoader, TensorDataset } from "wasmgrad/data";
import { readArguments } from "./lib/arguments.ts";
import { drawDigits } from "./lib/digits.ts";
import { saveImages } from "./lib/pictures.ts";

const up = (from: number, to: number, stride = 2) =>
  new nn.ConvTranspose2d(from, to, { kernelSize: 4, stride, padding: stride - 1, bias: false });
const down = (from: number, to: number, stride = 2) =>
  new nn.Conv2d(from, to, { kernelSize: 4, stride, padding: stride - 1, bias: false });

const leaky = () => new nn.LeakyReLU({ negativeSlope: 0.2 });

/** Noise [N, nz, 1, 1] to images [N, 1, 32, 32] in [-1, 1]. */
export class Generator extends nn.Module {
  main: nn.Sequential;

  constructor(nz: number, ngf: number) {
    super();
    this.main = new nn.Sequential(
      up(nz, ngf * 4, 1),
      new nn.BatchNorm2d(ngf * 4),
      new nn.ReLU(),
      up(ngf * 4, ngf * 2),
      new nn.BatchNorm2d(ngf * 2),
      new nn.ReLU(),
      up(ngf * 2, ngf),
      new nn.BatchNorm2d(ngf),
      new nn.ReLU(),
      up(ngf, 1),
      new nn.Tanh(),
    );
  }

  override forward(noise: Tensor): Tensor {
    return this.main.forward(noise);
  }
}

/** Images [N, 1, 32, 32] to the probabilities that they are real, [N]. */
export class Discriminator extends nn.Module {
  main: nn.Sequential;

  constructor(ndf: number) {
    super();
    this.main = new nn.Sequential(
      down(1, ndf),
      leaky(),
      down(ndf, ndf * 2),
      new nn.BatchNorm2d(ndf * 2),
      leaky(),
      down(ndf * 2, ndf * 4),
      new nn.BatchNorm2d(ndf * 4),
      leaky(),
      down(ndf * 4, 1, 1),
      new nn.Sigmoid(),
    );
  }

  override forward(x: Tensor): Tensor {
    return this.main.forward(x).flatten();
  }
}

export function initializeWeights(module: nn.Module): void {
  if (module instanceof nn.Conv2d || module instanceof nn.ConvTranspose2d) nn.init.normal_(module.weight, 0, 0.02);
  else if (module instanceof nn.BatchNorm2d) nn.init.normal_(module.weight!, 1, 0.02);
}

const criterion = new nn.BCELoss();

/** One step of both networks; returns their losses. */
export function trainStep(
  [generator, discriminator]: readonly [Generator, Discriminator],
  [optimizerG, optimizerD]: readonly [optim.Optimizer, optim.Optimizer],
  real: Tensor,
  noise: Tensor,
): [discriminator: number, generator: number] {
  const [yes, no] = [ones([real.shape[0]]), zeros([real.shape[0]])];
  optimizerD.zeroGrad();
  const errorReal = criterion.forward(discriminator.forward(real), yes);
  errorReal.backward();
  const fake = generator.forward(noise);
  const errorFake = criterion.forward(discriminator.forward(fake.detach()), no);
  errorFake.backward();
  optimizerD.step();

  optimizerG.zeroGrad();
  const errorG = criterion.forward(discriminator.forward(fake), yes);
  errorG.backward();
  optimizerG.step();
  return [errorReal.item() + errorFake.item(), errorG.item()];
}

export function main(args: readonly string[] = []): number[] {
  const options = readArguments(args, {
    count: 2000,
    "batch-size": 32,
    epochs: 10,
    lr: 1e-3,
    nz: 32,
    width: 16,
    seed: 1,
    log: 10,
    out: "runs/pytorch",
  });
  manualSeed(options.seed);
  const [digits] = drawDigits(options.count, { size: 32, seed: 1 });
  const data = new TensorDataset(digits.mul(2).sub(1));
  const loader = new DataLoader(data, { batchSize: options["batch-size"], shuffle: true });

  const generator = new Generator(options.nz, options.width);
  const discriminator = new Discriminator(options.width);
  generator.apply(initializeWeights);
  discriminator.apply(initializeWeights);
  const adam = { lr: options.lr, betas: [0.5, 0.999] as [number, number] };
  const optimizers = [generator, discriminator].map((net) => new optim.Adam(net.parameters(), adam));
  const fixedNoise = randn([32, options.nz, 1, 1]);
  const losses: number[] = [];
  for (let epoch = 1; epoch <= options.epochs; epoch++) {
    for (const [real] of loader) {
      const noise = randn([real.shape[0], options.nz, 1, 1]);
      const [lossD, lossG] = trainStep([generator, discriminator], [optimizers[0], optimizers[1]], real, noise);
      if (losses.length % (2 * options.log) === 0) {
        const step = losses.length / 2;
        console.log(`epoch ${epoch}, step ${step}: loss D ${lossD.toFixed(4)}, loss G ${lossG.toFixed(4)}`);
      }
      losses.push(lossD, lossG);
    }
  }
  noGrad(() => {
    const fake = generator.forward(fixedNoise).add(1).div(2);
    saveImages(options.out, "dcgan.png", { real: digits.narrow(0, 0, 32), fake }, 8);
  });
  return losses;
}

if (process.argv[1]?.endsWith("dcgan.ts")) main(process.argv.slice(2));
