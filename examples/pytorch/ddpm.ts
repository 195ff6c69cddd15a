// A denoising diffusion model of digits: a U-net learns to predict the noise in a noisy image, and then makes
// images out of noise, in many small steps.
// npx tsx examples/pytorch/ddpm.ts
// see: Ho et al., "Denoising diffusion probabilistic models", 2020
import { cat, full, linspace, manualSeed, nn, noGrad, optim, randint, randn, scope, sub, type Tensor } from "wasmgrad";
import { DataLoader, TensorDataset } from "wasmgrad/data";
import { readArguments } from "./lib/arguments.ts";
import { drawDigits } from "./lib/digits.ts";
import { mean } from "./lib/mean.ts";
import { saveImages } from "./lib/pictures.ts";

const conv = (from: number, to: number, stride = 1) => new nn.Conv2d(from, to, { kernelSize: 3, stride, padding: 1 });

const normedConv = (from: number, to: number) =>
  new nn.Sequential(new nn.GroupNorm(4, from), new nn.SiLU(), conv(from, to));

class ResBlock extends nn.Module {
  conv1: nn.Sequential;
  time: nn.Linear;
  conv2: nn.Sequential;
  shortcut: nn.Module;

  constructor(from: number, to: number, timeWidth: number) {
    super();
    this.conv1 = normedConv(from, to);
    this.time = new nn.Linear(timeWidth, to);
    this.conv2 = normedConv(to, to);
    this.shortcut = from === to ? new nn.Identity() : new nn.Conv2d(from, to, { kernelSize: 1 });
  }

  override forward(x: Tensor, time: Tensor): Tensor {
    const h = this.conv1.forward(x).add(this.time.forward(time).unsqueeze(2).unsqueeze(3));
    return this.conv2.forward(h).add(this.shortcut.forward(x));
  }
}

/** sin and cos of t at `width` / 2 frequencies, [N, width]. */
export function timeEmbedding(t: Tensor, width: number): Tensor {
  const frequencies = linspace(0, 2 / width - 1, width / 2)
    .mul(4 * Math.LN10)
    .exp(); // from 1 down to 1 / 10000
  const angles = t.float().unsqueeze(1).mul(frequencies);
  return cat([angles.sin(), angles.cos()], 1);
}

export class UNet extends nn.Module {
  time: nn.Sequential;
  inConv: nn.Conv2d;
  down: ResBlock;
  pool: nn.Conv2d;
  middle: ResBlock;
  up: ResBlock;
  outConv: nn.Sequential;

  constructor(width = 32) {
    super();
    const [w, t] = [width, 2 * width];
    this.time = new nn.Sequential(new nn.Linear(w, t), new nn.SiLU(), new nn.Linear(t, t));
    this.inConv = conv(1, w, 2);
    this.down = new ResBlock(w, w, t);
    this.pool = conv(w, 2 * w, 2);
    this.middle = new ResBlock(2 * w, 2 * w, t);
    this.up = new ResBlock(3 * w, w, t);
    this.outConv = new nn.Sequential(...normedConv(w, 4), new nn.PixelShuffle(2));
  }

  /** The noise in images x [N, 1, H, W] after t int32 [N] steps. */
  override forward(x: Tensor, t: Tensor): Tensor {
    const time = this.time.forward(timeEmbedding(t, this.inConv.outChannels));
    const fine = this.down.forward(this.inConv.forward(x), time);
    const coarse = this.middle.forward(this.pool.forward(fine), time);
    const both = cat([nn.functional.interpolate(coarse, { scaleFactor: 2 }), fine], 1);
    return this.outConv.forward(this.up.forward(both, time));
  }
}

/** The variance that each step adds, and the share of the image that is left after it. */
export function schedule(steps: number): { betas: Tensor; alphaBars: Tensor } {
  const betas = linspace(1e-4, 0.02, steps)
    .mul(1000 / steps)
    .clampMax(0.999);
  return { betas, alphaBars: sub(1, betas).cumprod(0) };
}

/** One step on images x0, made noisy by `noise` up to time t; returns the loss. */
export function trainStep(model: UNet, optimizer: optim.Adam, alphaBars: Tensor, batch: readonly Tensor[]): number {
  const [x0, t, noise] = batch;
  const left = alphaBars.indexSelect(0, t).reshape([-1, 1, 1, 1]);
  const noisy = left.sqrt().mul(x0).add(sub(1, left).sqrt().mul(noise));
  const loss = nn.functional.mseLoss(model.forward(noisy, t), noise);
  optimizer.zeroGrad();
  loss.backward();
  optimizer.step();
  return loss.item();
}

/** Makes images from the noise x. */
export function sample(model: UNet, { betas, alphaBars }: ReturnType<typeof schedule>, x: Tensor): Tensor {
  const [b, a] = [betas.data(), alphaBars.data()];
  for (let t = b.length - 1; t >= 0; t--) {
    x = scope(() =>
      noGrad(() => {
        const noise = model.forward(x, full([x.shape[0]], t, { dtype: "int32" }));
        const mean = x.sub(noise.mul(b[t] / Math.sqrt(1 - a[t]))).div(Math.sqrt(1 - b[t]));
        return t > 0 ? mean.add(randn(x.shape).mul(Math.sqrt(b[t]))) : mean;
      }),
    );
  }
  return x;
}

export function main(args: readonly string[] = []): number[] {
  const defaults = { count: 2000, "batch-size": 32, epochs: 20, lr: 3e-3, timesteps: 200, width: 32, seed: 1 };
  const options = readArguments(args, { ...defaults, out: "runs/pytorch" });
  manualSeed(options.seed);
  const data = new TensorDataset(drawDigits(options.count, { size: 16, seed: 1 })[0].mul(2).sub(1));
  const loader = new DataLoader(data, { batchSize: options["batch-size"], shuffle: true });
  const plan = schedule(options.timesteps);
  const model = new UNet(options.width);
  const optimizer = new optim.Adam(model.parameters(), { lr: options.lr });
  const scheduler = new optim.CosineAnnealingLR(optimizer, { tMax: options.epochs * loader.length });
  const losses: number[] = [];
  for (let epoch = 1; epoch <= options.epochs; epoch++) {
    const before = losses.length;
    for (const [x0] of loader) {
      const t = randint(0, options.timesteps, [x0.shape[0]]);
      losses.push(trainStep(model, optimizer, plan.alphaBars, [x0, t, randn(x0.shape)]));
      scheduler.step();
    }
    console.log(`epoch ${epoch}: loss ${mean(losses.slice(before)).toFixed(5)}`);
  }
  const made = sample(model, plan, randn([64, 1, 16, 16]));
  saveImages(options.out, "ddpm.png", { "": made.add(1).div(2) }, 16);
  return losses;
}

if (process.argv[1]?.endsWith("ddpm.ts")) main(process.argv.slice(2));
