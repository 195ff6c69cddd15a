// A variational autoencoder of digits.
// npx tsx examples/pytorch/vae.ts
// see: https://github.com/pytorch/examples/tree/main/vae and Kingma & Welling, "Auto-encoding variational
// Bayes", 2014
import { manualSeed, nn, noGrad, optim, randn, type Tensor } from "wasmgrad";
import { DataLoader, TensorDataset } from "wasmgrad/data";
import { readArguments } from "./lib/arguments.ts";
import { drawDigits } from "./lib/digits.ts";
import { mean } from "./lib/mean.ts";
import { saveImages } from "./lib/pictures.ts";

export class VAE extends nn.Module {
  fc1: nn.Linear;
  fc21: nn.Linear;
  fc22: nn.Linear;
  fc3: nn.Linear;
  fc4: nn.Linear;

  constructor({ pixels = 784, hidden = 400, latent = 20 } = {}) {
    super();
    this.fc1 = new nn.Linear(pixels, hidden);
    this.fc21 = new nn.Linear(hidden, latent);
    this.fc22 = new nn.Linear(hidden, latent);
    this.fc3 = new nn.Linear(latent, hidden);
    this.fc4 = new nn.Linear(hidden, pixels);
  }

  encode(x: Tensor): { mu: Tensor; logVar: Tensor } {
    const h1 = this.fc1.forward(x).relu();
    return { mu: this.fc21.forward(h1), logVar: this.fc22.forward(h1) };
  }

  decode(z: Tensor): Tensor {
    return this.fc4.forward(this.fc3.forward(z).relu()).sigmoid();
  }

  /** `noise`: a normal number for each latent one. */
  override forward(x: Tensor, noise: Tensor): { recon: Tensor; mu: Tensor; logVar: Tensor } {
    const { mu, logVar } = this.encode(x.flatten(1));
    const std = logVar.mul(0.5).exp();
    return { recon: this.decode(mu.add(noise.mul(std))), mu, logVar };
  }
}

/** The reconstruction's cross entropy and the divergence of the latents from normal ones, summed. */
export function lossFunction({ recon, mu, logVar }: ReturnType<VAE["forward"]>, x: Tensor): Tensor {
  const bce = nn.functional.binaryCrossEntropy(recon, x.flatten(1), { reduction: "sum" });
  const kld = logVar.add(1).sub(mu.square()).sub(logVar.exp()).sum().mul(-0.5);
  return bce.add(kld);
}

/** Returns the loss per image. */
export function trainStep(model: VAE, optimizer: optim.Optimizer, x: Tensor, noise: Tensor): number {
  optimizer.zeroGrad();
  const loss = lossFunction(model.forward(x, noise), x);
  loss.backward();
  optimizer.step();
  return loss.item() / x.shape[0];
}

export function main(args: readonly string[] = []): number[] {
  const options = readArguments(args, {
    count: 3000,
    "test-count": 500,
    "batch-size": 64,
    epochs: 15,
    latent: 20,
    seed: 1,
    log: 25,
    out: "runs/pytorch",
  });
  manualSeed(options.seed);
  const { latent, out } = options;
  const trainData = new TensorDataset(...drawDigits(options.count, { seed: 1 }));
  const testData = new TensorDataset(...drawDigits(options["test-count"], { seed: 2 }));
  const loader = new DataLoader(trainData, { batchSize: options["batch-size"], shuffle: true });

  const model = new VAE({ latent });
  const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
  const losses: number[] = [];
  for (let epoch = 1; epoch <= options.epochs; epoch++) {
    const before = losses.length;
    for (const [images] of loader) {
      const loss = trainStep(model, optimizer, images, randn([images.shape[0], latent]));
      if (losses.length % options.log === 0) console.log(`epoch ${epoch}, step ${losses.length}: ${loss.toFixed(4)}`);
      losses.push(loss);
    }
    console.log(`epoch ${epoch}: average loss ${mean(losses.slice(before)).toFixed(4)}`);
  }

  noGrad(() => {
    let sum = 0;
    for (const [images] of new DataLoader(testData, { batchSize: 250 })) {
      sum += lossFunction(model.forward(images, randn([images.shape[0], latent])), images).item();
    }
    console.log(`test: loss ${(sum / testData.length).toFixed(4)}`);
    const images = testData.tensors[0].narrow(0, 0, 16);
    const { recon } = model.forward(images, randn([16, latent]));
    saveImages(out, "vae_reconstruction.png", { digit: images, vae: recon.viewAs(images) }, 4);
    saveImages(out, "vae_sample.png", { "": model.decode(randn([64, latent])).reshape([64, 1, 28, 28]) });
  });
  return losses;
}

if (process.argv[1]?.endsWith("vae.ts")) main(process.argv.slice(2));
