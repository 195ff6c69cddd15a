// A siamese network: it says whether two pictures show the same digit. Both go through the same residual
// network, and a small head compares what comes out.
// npx tsx examples/pytorch/siamese.ts
// see: https://github.com/pytorch/examples/tree/main/siamese_network
import { cat, Generator, manualSeed, nn, noGrad, optim, rand, randint, type Tensor, tensor } from "wasmgrad";
import { DataLoader, TensorDataset } from "wasmgrad/data";
import { readArguments } from "./lib/arguments.ts";
import { drawDigits } from "./lib/digits.ts";

const conv = (from: number, to: number, kernelSize: number, stride: number) =>
  new nn.Conv2d(from, to, { kernelSize, stride, padding: (kernelSize - 1) / 2, bias: false });

/** Two convolutions beside a shortcut. */
class BasicBlock extends nn.Module {
  conv1: nn.Conv2d;
  bn1: nn.BatchNorm2d;
  conv2: nn.Conv2d;
  bn2: nn.BatchNorm2d;
  downsample: nn.Sequential;

  constructor(from: number, to: number) {
    super();
    this.conv1 = conv(from, to, 3, 2);
    this.bn1 = new nn.BatchNorm2d(to);
    this.conv2 = conv(to, to, 3, 1);
    this.bn2 = new nn.BatchNorm2d(to);
    this.downsample = new nn.Sequential(conv(from, to, 1, 2), new nn.BatchNorm2d(to));
  }

  override forward(x: Tensor): Tensor {
    const y = this.bn1.forward(this.conv1.forward(x)).relu();
    return this.bn2.forward(this.conv2.forward(y)).add(this.downsample.forward(x)).relu();
  }
}

export class SiameseNetwork extends nn.Module {
  resnet: nn.Sequential;
  fc: nn.Sequential;

  constructor({ width = 16, hidden = 128 } = {}) {
    super();
    this.resnet = new nn.Sequential(
      conv(1, width, 3, 1),
      new nn.BatchNorm2d(width),
      new nn.ReLU(),
      new BasicBlock(width, width),
      new BasicBlock(width, 2 * width),
      new nn.AdaptiveAvgPool2d(1),
      new nn.Flatten(),
    );
    this.fc = new nn.Sequential(
      new nn.Linear(4 * width, hidden),
      new nn.ReLU(),
      new nn.Linear(hidden, 1),
      new nn.Sigmoid(),
    );
  }

  /** The probability that images a and b show the same digit, [N]. */
  override forward(a: Tensor, b: Tensor): Tensor {
    const both = cat([this.resnet.forward(a), this.resnet.forward(b)], 1);
    return this.fc.forward(both).squeeze(1);
  }
}

export function trainStep(
  model: SiameseNetwork,
  optimizer: optim.Optimizer,
  [a, b]: readonly [Tensor, Tensor],
  same: Tensor,
): number {
  optimizer.zeroGrad();
  const loss = nn.functional.binaryCrossEntropy(model.forward(a, b), same);
  loss.backward();
  optimizer.step();
  return loss.item();
}

/** Pairs of digits and 1 or 0: half of them are two pictures of one digit, half are of two digits. */
function drawPairs(count: number, seed: number): TensorDataset<[Tensor, Tensor, Tensor]> {
  const [images, labels] = drawDigits(count, { seed });
  const generator = new Generator(seed);
  const digits = labels.data();
  const ofDigit = Array.from({ length: 10 }, (_, digit) => [...digits.keys()].filter((i) => digits[i] === digit));
  const same = rand([count], { generator }).lt(0.5).float();
  const [isSame, shift, chance] = [same, randint(1, 10, [count], { generator }), rand([count], { generator })].map(
    (t) => t.data(),
  );
  const partners = Int32Array.from(digits, (digit, i) => {
    const group = ofDigit[isSame[i] === 1 ? digit : (digit + shift[i]) % 10];
    return group[Math.floor(chance[i] * group.length)];
  });
  return new TensorDataset(images, images.indexSelect(0, tensor(partners)), same);
}

export function main(args: readonly string[] = []): number[] {
  const options = readArguments(args, {
    count: 3000,
    "test-count": 500,
    "batch-size": 64,
    epochs: 6,
    lr: 1,
    gamma: 0.7,
    width: 8,
    seed: 1,
    log: 10,
  });
  manualSeed(options.seed);
  const loader = new DataLoader(drawPairs(options.count, 1), { batchSize: options["batch-size"], shuffle: true });
  const testData = drawPairs(options["test-count"], 2);

  const model = new SiameseNetwork({ width: options.width });
  const optimizer = new optim.Adadelta(model.parameters(), { lr: options.lr });
  const scheduler = new optim.StepLR(optimizer, { stepSize: 1, gamma: options.gamma });
  const losses: number[] = [];
  for (let epoch = 1; epoch <= options.epochs; epoch++) {
    for (const [a, b, same] of loader) {
      const loss = trainStep(model, optimizer, [a, b], same);
      if (losses.length % options.log === 0) {
        console.log(`epoch ${epoch}, step ${losses.length}: loss ${loss.toFixed(6)}`);
      }
      losses.push(loss);
    }
    model.eval();
    let correct = 0;
    for (const [a, b, same] of new DataLoader(testData, { batchSize: 250 })) {
      correct += noGrad(() => model.forward(a, b).gt(0.5).float().eq(same).sum().item());
    }
    model.train();
    console.log(`test: accuracy ${((100 * correct) / testData.length).toFixed(1)} %`);
    scheduler.step();
  }
  return losses;
}

if (process.argv[1]?.endsWith("siamese.ts")) main(process.argv.slice(2));
