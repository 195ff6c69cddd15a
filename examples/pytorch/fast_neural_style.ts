// Redraws photographs in the style of a picture: the result has the photograph's deep features, and the
// picture's correlations of features. The features are those of a classifier, which is trained first.
// npx tsx examples/pytorch/fast_neural_style.ts
// see: https://github.com/pytorch/examples/tree/main/fast_neural_style
import { linspace, manualSeed, nn, noGrad, optim, type Tensor, tensor } from "wasmgrad";
import { DataLoader } from "wasmgrad/data";
import { CIFAR10 } from "wasmgrad/vision";
import { readArguments } from "./lib/arguments.ts";
import { saveImages } from "./lib/pictures.ts";

const conv = (from: number, to: number, kernelSize: number, stride = 1) =>
  new nn.Sequential(
    new nn.ReflectionPad2d((kernelSize - 1) / 2),
    new nn.Conv2d(from, to, { kernelSize, stride }),
    new nn.InstanceNorm2d(to, { affine: true }),
  );

class ResidualBlock extends nn.Module {
  body: nn.Sequential;

  constructor(channels: number) {
    super();
    this.body = new nn.Sequential(conv(channels, channels, 3), new nn.ReLU(), conv(channels, channels, 3));
  }

  override forward(x: Tensor): Tensor {
    return this.body.forward(x).add(x);
  }
}

export class TransformerNet extends nn.Sequential {
  constructor({ width = 16, blocks = 2 } = {}) {
    super(
      conv(3, width, 5),
      new nn.ReLU(),
      conv(width, 2 * width, 3, 2),
      new nn.ReLU(),
      ...Array.from({ length: blocks }, () => new ResidualBlock(2 * width)),
      new nn.Upsample({ scaleFactor: 2 }),
      conv(2 * width, width, 3),
      new nn.ReLU(),
      new nn.ReflectionPad2d(2),
      new nn.Conv2d(width, 3, { kernelSize: 5 }),
      new nn.Sigmoid(),
    );
  }
}

/** A small network in place of VGG: it classifies images, and its layers are features of images. */
export class Features extends nn.Module {
  slices: nn.ModuleList<nn.Sequential>;
  classifier: nn.Linear;

  constructor({ width = 16 } = {}) {
    super();
    const slice = (from: number, to: number, stride: number) =>
      new nn.Sequential(new nn.Conv2d(from, to, { kernelSize: 3, stride, padding: 1 }), new nn.ReLU());
    this.slices = new nn.ModuleList([slice(3, width, 1), slice(width, 2 * width, 2), slice(2 * width, 4 * width, 2)]);
    this.classifier = new nn.Linear(4 * width, 10);
  }

  /** The output of each slice. */
  override forward(x: Tensor): Tensor[] {
    return [...this.slices].map((slice) => (x = slice.forward(x)));
  }

  classify(x: Tensor): Tensor {
    return this.classifier.forward(this.forward(x)[2].mean([2, 3]));
  }
}

/** Correlations of the channels, [N, C, C]. */
export function gramMatrix(y: Tensor): Tensor {
  const [, c, h, w] = y.shape;
  const rows = y.flatten(2);
  return rows.bmm(rows.transpose(1, 2)).div(c * h * w);
}

/** One step; `style` has the style's Gram matrices, [1, C, C] for each slice. Returns the losses. */
export function trainStep(
  [model, features]: readonly [TransformerNet, Features],
  optimizer: optim.Optimizer,
  images: Tensor,
  { style, weight }: { style: readonly Tensor[]; weight: number },
): [content: number, style: number] {
  const { mseLoss } = nn.functional;
  const drawn = features.forward(model.forward(images));
  const contentLoss = mseLoss(
    drawn[1],
    noGrad(() => features.forward(images)[1]),
  );
  const styleLoss = drawn
    .map((y, i) => mseLoss(gramMatrix(y), style[i].expand([images.shape[0], ...style[i].shape.slice(1)])))
    .reduce((sum, loss) => sum.add(loss))
    .mul(weight);
  optimizer.zeroGrad();
  contentLoss.add(styleLoss).backward();
  optimizer.step();
  return [contentLoss.item(), styleLoss.item()];
}

/** A picture of wavy stripes, dark blue and yellow, [1, 3, size, size]. */
function stylePicture(size: number): Tensor {
  const [x, y] = [linspace(0, 1, size).unsqueeze(0), linspace(0, 1, size).unsqueeze(1)];
  const stripes = x.mul(30).add(x.add(y).mul(9).sin().mul(2)).sin().mul(4).sigmoid();
  const [dark, light] = [tensor([0.1, 0.15, 0.45]), tensor([1, 0.8, 0.3])];
  return dark.lerp(light, stripes.unsqueeze(2)).permute([2, 0, 1]).unsqueeze(0);
}

export async function main(args: readonly string[] = []): Promise<number[]> {
  const defaults = { "batch-size": 20, epochs: 3, steps: 1e9, lr: 3e-3, weight: 1e4, width: 16, seed: 1 };
  const options = readArguments(args, { ...defaults, out: "runs/pytorch" });
  manualSeed(options.seed);
  const data = await CIFAR10.sample();
  const loader = new DataLoader(data, { batchSize: options["batch-size"], shuffle: true });
  const features = new Features({ width: options.width });
  const classifierStep = new optim.Adam(features.parameters(), { lr: 2e-3 });
  for (const [images, labels] of loader) {
    classifierStep.zeroGrad();
    nn.functional.crossEntropy(features.classify(images), labels).backward();
    classifierStep.step();
  }
  features.requiresGrad_(false);

  const picture = stylePicture(32);
  const style = noGrad(() => features.forward(picture).map(gramMatrix));
  const model = new TransformerNet({ width: options.width });
  const optimizer = new optim.Adam(model.parameters(), { lr: options.lr });
  const losses: number[] = [];
  for (let epoch = 1; epoch <= options.epochs && losses.length < options.steps; epoch++) {
    for (const [images] of loader) {
      const [content, ofStyle] = trainStep([model, features], optimizer, images, { style, weight: options.weight });
      const text = `content ${content.toFixed(4)}, style ${ofStyle.toFixed(4)}`;
      if (losses.length % 10 === 0) console.log(`step ${losses.length}: ${text}`);
      losses.push(content + ofStyle);
      if (losses.length === options.steps) break;
    }
  }
  const image = data.batch(Array.from({ length: 12 }, (_, i) => i))[0];
  const columns = { style: picture.expand(image.shape), image, drawn: noGrad(() => model.forward(image)) };
  saveImages(options.out, "fast_neural_style.png", columns, 4);
  return losses;
}

if (process.argv[1]?.endsWith("fast_neural_style.ts")) await main(process.argv.slice(2));
