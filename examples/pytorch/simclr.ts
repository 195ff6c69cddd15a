// SimCLR: without labels, a network learns to recognise two random versions of the same photograph. Images
// with similar features often show the same kind of thing then.
// npx tsx examples/pytorch/simclr.ts
// see: https://github.com/sthalles/SimCLR and Chen et al., "A simple framework for contrastive learning of
// visual representations", 2020
import { cat, eye, manualSeed, nn, noGrad, optim, type Tensor, tensor } from "wasmgrad";
import { DataLoader, withIndices } from "wasmgrad/data";
import { augment, CIFAR10 } from "wasmgrad/vision";
import { readArguments } from "./lib/arguments.ts";
import { mean } from "./lib/mean.ts";
import { saveImages } from "./lib/pictures.ts";

const conv = (from: number, to: number, stride: number) => [
  new nn.Conv2d(from, to, { kernelSize: 3, stride, padding: 1, bias: false }),
  new nn.BatchNorm2d(to),
  new nn.ReLU(),
];

export class SimCLR extends nn.Module {
  backbone: nn.Sequential;
  head: nn.Sequential;

  constructor({ width = 16, projection = 32 } = {}) {
    super();
    this.backbone = new nn.Sequential(
      ...conv(3, width, 2),
      ...conv(width, 2 * width, 1),
      ...conv(2 * width, 4 * width, 2),
      ...conv(4 * width, 4 * width, 1),
      new nn.AdaptiveAvgPool2d(1),
      new nn.Flatten(),
    );
    this.head = new nn.Sequential(
      new nn.Linear(4 * width, 4 * width),
      new nn.ReLU(),
      new nn.Linear(4 * width, projection),
    );
  }

  override forward(x: Tensor): Tensor {
    return this.head.forward(this.backbone.forward(x));
  }
}

/** Rows i and i + N of [2N, D] are versions of image i: each must be the nearest of the other. */
export function infoNceLoss(features: Tensor, temperature: number): Tensor {
  const rows = features.shape[0];
  const unit = nn.functional.normalize(features, { dim: 1 });
  const similarity = unit.matmul(unit.t()).maskedFill(eye(rows).bool(), -1e9);
  const partner = tensor(Int32Array.from({ length: rows }, (_, i) => (i + rows / 2) % rows));
  return nn.functional.crossEntropy(similarity.div(temperature), partner);
}

/** One step on two versions of the same images; returns the loss. */
export function trainStep(
  model: SimCLR,
  optimizer: optim.Optimizer,
  views: readonly [Tensor, Tensor],
  temperature: number,
): number {
  const loss = infoNceLoss(model.forward(cat(views, 0)), temperature);
  optimizer.zeroGrad();
  loss.backward();
  optimizer.step();
  return loss.item();
}

const change = augment.compose([
  augment.resizedCrop({ area: [0.2, 1] }),
  augment.horizontalFlip(),
  augment.colorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1, p: 0.8 }),
  augment.grayscale({ p: 0.2 }),
]);

/** The features of all images and their labels. */
function embed(model: SimCLR, data: CIFAR10): { features: Tensor; images: Tensor; labels: Tensor } {
  const [images, labels] = data.batch(Array.from({ length: data.length }, (_, i) => i));
  model.eval();
  const features = noGrad(() => nn.functional.normalize(model.backbone.forward(images), { dim: 1 }));
  model.train();
  return { features, images, labels };
}

export async function main(args: readonly string[] = []): Promise<number[]> {
  const options = readArguments(args, {
    "batch-size": 100,
    epochs: 20,
    steps: 1e9,
    lr: 1e-3,
    temperature: 0.2,
    width: 16,
    seed: 1,
    out: "runs/pytorch",
  });
  manualSeed(options.seed);
  const trainData = await CIFAR10.sample();
  const testData = await CIFAR10.sample({ train: false });
  const loader = new DataLoader(withIndices(trainData), { batchSize: options["batch-size"], shuffle: true });
  const model = new SimCLR({ width: options.width });

  /** The share of test images whose ten nearest training images mostly have their label. */
  const test = () => {
    const [train, test] = [embed(model, trainData), embed(model, testData)];
    const nearest = test.features.matmul(train.features.t()).topk(10, 1).indices;
    const votes = nn.functional.oneHot(train.labels, 10).indexSelect(0, nearest.flatten());
    const guess = votes.reshape([testData.length, 10, 10]).sum(1).argmax(1);
    const accuracy = guess.eq(test.labels).float().mean().item();
    console.log(`nearest neighbours: ${(100 * accuracy).toFixed(1)} % have the same label`);
    return { ...test, neighbours: train.images.indexSelect(0, nearest.select(1, 0)) };
  };

  test();
  const optimizer = new optim.Adam(model.parameters(), { lr: options.lr, weightDecay: 1e-4 });
  const losses: number[] = [];
  for (let epoch = 1; epoch <= options.epochs && losses.length < options.steps; epoch++) {
    const before = losses.length;
    for (const [images, , indices] of loader) {
      const views = [0, 1].map((view) => change(images, { indices, epoch, view, seed: options.seed }));
      losses.push(trainStep(model, optimizer, [views[0], views[1]], options.temperature));
      if (losses.length === options.steps) break;
    }
    console.log(`epoch ${epoch}: loss ${mean(losses.slice(before)).toFixed(4)}`);
  }
  const { images, neighbours } = test();
  const shown = { image: images.narrow(0, 0, 15), nearest: neighbours.narrow(0, 0, 15) };
  saveImages(options.out, "simclr.png", shown, 5);
  return losses;
}

if (process.argv[1]?.endsWith("simclr.ts")) await main(process.argv.slice(2));
