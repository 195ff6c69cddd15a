// A masked autoencoder: a vision transformer sees a quarter of an image's patches and predicts the others.
// npx tsx examples/pytorch/mae.ts
// see: He et al., "Masked autoencoders are scalable vision learners", 2022
import { arange, cat, linspace, manualSeed, nn, noGrad, optim, rand, sub, type Tensor, zeros } from "wasmgrad";
import { DataLoader } from "wasmgrad/data";
import { CIFAR10 } from "wasmgrad/vision";
import { readArguments } from "./lib/arguments.ts";
import { mean } from "./lib/mean.ts";
import { saveImages } from "./lib/pictures.ts";

const PATCH = 4;

/** Images [N, 3, H, W] as patches [N, L, 3·PATCH²]. */
export function patchify(images: Tensor): Tensor {
  const [n, c, h, w] = images.shape;
  const patches = images.reshape([n, c, h / PATCH, PATCH, w / PATCH, PATCH]).permute([0, 2, 4, 3, 5, 1]);
  return patches.reshape([n, (h * w) / PATCH ** 2, c * PATCH ** 2]);
}

export function unpatchify(patches: Tensor): Tensor {
  const [n, length] = patches.shape;
  const side = Math.sqrt(length);
  const images = patches.reshape([n, side, side, PATCH, PATCH, 3]).permute([0, 5, 1, 3, 2, 4]);
  return images.reshape([n, 3, side * PATCH, side * PATCH]);
}

/** Fixed embeddings of the positions in a square of patches, [1, side², width]: sines and cosines. */
export function positions(side: number, width: number): Tensor {
  const frequencies = linspace(0, 4 / width - 1, width / 4)
    .mul(4 * Math.LN10)
    .exp();
  const along = arange(side).float().unsqueeze(1).mul(frequencies);
  const one = cat([along.sin(), along.cos()], 1);
  const rows = one.unsqueeze(1).expand([side, side, width / 2]);
  const columns = one.unsqueeze(0).expand([side, side, width / 2]);
  return cat([columns, rows], 2).reshape([1, side * side, width]);
}

const blocks = (depth: number, width: number) => {
  const options = {
    dimFeedforward: 4 * width,
    dropout: 0,
    activation: "gelu",
    batchFirst: true,
    normFirst: true,
  } as const;
  return new nn.Sequential(...Array.from({ length: depth }, () => new nn.TransformerEncoderLayer(width, 4, options)));
};

export class MaskedAutoencoder extends nn.Module {
  embed: nn.Linear;
  encoder: nn.Sequential;
  norm: nn.LayerNorm;
  decoderEmbed: nn.Linear;
  maskToken: nn.Parameter;
  decoder: nn.Sequential;
  decoderNorm: nn.LayerNorm;
  predict: nn.Linear;
  positions: Tensor;
  decoderPositions: Tensor;

  constructor({ side = 8, width = 64, depth = 3, decoderWidth = 32, decoderDepth = 1 } = {}) {
    super();
    const values = 3 * PATCH ** 2;
    this.embed = new nn.Linear(values, width);
    this.encoder = blocks(depth, width);
    this.norm = new nn.LayerNorm(width);
    this.decoderEmbed = new nn.Linear(width, decoderWidth);
    this.maskToken = new nn.Parameter(nn.init.normal_(zeros([1, 1, decoderWidth]), 0, 0.02));
    this.decoder = blocks(decoderDepth, decoderWidth);
    this.decoderNorm = new nn.LayerNorm(decoderWidth);
    this.predict = new nn.Linear(decoderWidth, values);
    this.positions = this.registerBuffer("positions", positions(side, width), { persistent: false });
    this.decoderPositions = this.registerBuffer("decoderPositions", positions(side, decoderWidth), {
      persistent: false,
    });
  }

  /**
   * Hides the patches with the largest `noise` [N, L], a share `ratio`. `predicted` has all patches; `mask`
   * is 1 where they were hidden.
   */
  override forward(images: Tensor, noise: Tensor, ratio = 0.75): { predicted: Tensor; mask: Tensor } {
    const [n, length] = noise.shape;
    const kept = Math.round(length * (1 - ratio));
    const order = noise.argsort(1);
    const back = order.argsort(1);
    const pick = (x: Tensor, index: Tensor) => x.gather(1, index.unsqueeze(2).expand([...index.shape, x.shape[2]]));

    const tokens = this.embed.forward(patchify(images)).add(this.positions);
    const seen = this.encoder.forward(pick(tokens, order.narrow(1, 0, kept)));
    const coded = this.decoderEmbed.forward(this.norm.forward(seen));
    const hidden = this.maskToken.expand([n, length - kept, coded.shape[2]]);
    const all = pick(cat([coded, hidden], 1), back).add(this.decoderPositions);
    const predicted = this.predict.forward(this.decoderNorm.forward(this.decoder.forward(all)));
    return { predicted, mask: back.ge(kept).float() };
  }
}

/** The mean squared error of the hidden patches, each of which is normalised first. */
export function lossOf(images: Tensor, { predicted, mask }: ReturnType<MaskedAutoencoder["forward"]>): Tensor {
  const { patches, mean, std } = normalised(images);
  const errors = predicted.sub(patches.sub(mean).div(std)).square().mean(2);
  return errors.mul(mask).sum().div(mask.sum());
}

function normalised(images: Tensor): { patches: Tensor; mean: Tensor; std: Tensor } {
  const patches = patchify(images);
  const std = patches.var(2, { keepdim: true }).add(1e-6).sqrt();
  return { patches, mean: patches.mean(2, { keepdim: true }), std };
}

export function trainStep(model: MaskedAutoencoder, optimizer: optim.Optimizer, images: Tensor, noise: Tensor): number {
  const loss = lossOf(images, model.forward(images, noise));
  optimizer.zeroGrad();
  loss.backward();
  optimizer.step();
  return loss.item();
}

export async function main(args: readonly string[] = []): Promise<number[]> {
  const defaults = { "batch-size": 50, epochs: 20, steps: 1e9, lr: 2e-3, width: 64, depth: 3, seed: 1 };
  const options = readArguments(args, { ...defaults, out: "runs/pytorch" });
  manualSeed(options.seed);
  const loader = new DataLoader(await CIFAR10.sample(), { batchSize: options["batch-size"], shuffle: true });
  const model = new MaskedAutoencoder({ width: options.width, depth: options.depth });
  const optimizer = new optim.AdamW(model.parameters(), { lr: options.lr, betas: [0.9, 0.95], weightDecay: 0.05 });
  const losses: number[] = [];
  for (let epoch = 1; epoch <= options.epochs && losses.length < options.steps; epoch++) {
    const before = losses.length;
    for (const [images] of loader) {
      losses.push(trainStep(model, optimizer, images, rand([images.shape[0], 64])));
      if (losses.length === options.steps) break;
    }
    console.log(`epoch ${epoch}: loss ${mean(losses.slice(before)).toFixed(4)}`);
  }
  for (const [images] of new DataLoader(await CIFAR10.sample({ train: false }), { batchSize: 15 })) {
    noGrad(() => {
      const { predicted, mask } = model.forward(images, rand([15, 64]));
      const { patches, mean, std } = normalised(images); // hidden patches keep their true mean and contrast
      const seen = patches.mul(sub(1, mask).unsqueeze(2));
      const painted = seen.add(predicted.mul(std).add(mean).mul(mask.unsqueeze(2)));
      saveImages(options.out, "mae.png", { image: images, seen: unpatchify(seen), mae: unpatchify(painted) }, 5);
    });
    break;
  }
  return losses;
}

if (process.argv[1]?.endsWith("mae.ts")) await main(process.argv.slice(2));
