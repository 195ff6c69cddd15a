// Doubles the resolution of photographs: the network has four outputs per pixel, which become 2×2 pixels.
// npx tsx examples/pytorch/super_resolution.ts
// see: https://github.com/pytorch/examples/tree/main/super_resolution and Shi et al., "Real-time single image
// and video super-resolution using an efficient sub-pixel convolutional neural network", 2016
import { manualSeed, nn, noGrad, optim, type Tensor, tensor } from "wasmgrad";
import { DataLoader } from "wasmgrad/data";
import { CIFAR10, psnr, type Transform } from "wasmgrad/vision";
import { readArguments } from "./lib/arguments.ts";
import { mean } from "./lib/mean.ts";
import { saveImages } from "./lib/pictures.ts";

const SCALE = 2;

export class Net extends nn.Module {
  relu = new nn.ReLU();
  conv1: nn.Conv2d;
  conv2: nn.Conv2d;
  conv3: nn.Conv2d;
  conv4: nn.Conv2d;
  pixelShuffle = new nn.PixelShuffle(SCALE);

  constructor({ width = 64 } = {}) {
    super();
    this.conv1 = new nn.Conv2d(1, width, { kernelSize: 5, padding: 2 });
    this.conv2 = new nn.Conv2d(width, width, { kernelSize: 3, padding: 1 });
    this.conv3 = new nn.Conv2d(width, width / 2, { kernelSize: 3, padding: 1 });
    this.conv4 = new nn.Conv2d(width / 2, SCALE ** 2, { kernelSize: 3, padding: 1 });
    const gain = nn.init.calculateGain("relu");
    for (const conv of [this.conv1, this.conv2, this.conv3]) nn.init.orthogonal_(conv.weight, gain);
    nn.init.orthogonal_(this.conv4.weight);
  }

  override forward(x: Tensor): Tensor {
    x = this.relu.forward(this.conv1.forward(x));
    x = this.relu.forward(this.conv2.forward(x));
    x = this.relu.forward(this.conv3.forward(x));
    return this.pixelShuffle.forward(this.conv4.forward(x));
  }
}

/** One step on small images and the large ones that they should become; returns the loss. */
export function trainStep(model: Net, optimizer: optim.Optimizer, small: Tensor, large: Tensor): number {
  optimizer.zeroGrad();
  const loss = nn.functional.mseLoss(model.forward(small), large);
  loss.backward();
  optimizer.step();
  return loss.item();
}

/** The luminance of colour images, [N, 1, H, W]. */
const luminance: Transform = (images) =>
  images.mul(tensor([0.299, 0.587, 0.114], { shape: [3, 1, 1] })).sum(-3, { keepdim: true });

const shrink = (images: Tensor) => nn.functional.avgPool2d(images, SCALE);
const enlarge = (images: Tensor) => nn.functional.interpolate(images, { scaleFactor: SCALE, mode: "bilinear" });

export async function main(args: readonly string[] = []): Promise<number[]> {
  const options = readArguments(args, {
    "batch-size": 16,
    epochs: 15,
    steps: 1e9,
    lr: 1e-3,
    width: 32,
    seed: 1,
    out: "runs/pytorch",
  });
  manualSeed(options.seed);
  const trainData = await CIFAR10.sample({ transform: luminance });
  const testData = await CIFAR10.sample({ train: false, transform: luminance });
  const loader = new DataLoader(trainData, { batchSize: options["batch-size"], shuffle: true });
  const test = (method: (small: Tensor) => Tensor) => {
    let sum = 0;
    for (const [large] of new DataLoader(testData, { batchSize: 1 })) {
      sum += noGrad(() => psnr(method(shrink(large)), large));
    }
    return (sum / testData.length).toFixed(2);
  };

  const model = new Net({ width: options.width });
  const optimizer = new optim.Adam(model.parameters(), { lr: options.lr });
  console.log(`bilinear interpolation: ${test(enlarge)} dB`);
  const losses: number[] = [];
  for (let epoch = 1; epoch <= options.epochs && losses.length < options.steps; epoch++) {
    const before = losses.length;
    for (const [large] of loader) {
      losses.push(trainStep(model, optimizer, shrink(large), large));
      if (losses.length === options.steps) break;
    }
    const average = mean(losses.slice(before));
    console.log(`epoch ${epoch}: average loss ${average.toFixed(5)}, test ${test((x) => model.forward(x))} dB`);
  }
  for (const [large] of new DataLoader(testData, { batchSize: 12 })) {
    noGrad(() => {
      const small = shrink(large);
      const columns = { small: nn.functional.interpolate(small, { scaleFactor: SCALE }), bilinear: enlarge(small) };
      saveImages(
        options.out,
        "super_resolution.png",
        { ...columns, network: model.forward(small), original: large },
        3,
      );
    });
    break;
  }
  return losses;
}

if (process.argv[1]?.endsWith("super_resolution.ts")) await main(process.argv.slice(2));
