// A convolutional network that reads digits, trained with Adadelta.
// npx tsx examples/pytorch/mnist.ts
// see: https://github.com/pytorch/examples/tree/main/mnist
import { manualSeed, nn, noGrad, optim, type Tensor } from "wasmgrad";
import { DataLoader, TensorDataset } from "wasmgrad/data";
import { readArguments } from "./lib/arguments.ts";
import { drawDigits } from "./lib/digits.ts";

const F = nn.functional;

export class Net extends nn.Module {
  conv1: nn.Conv2d;
  conv2: nn.Conv2d;
  dropout1: nn.Dropout;
  dropout2: nn.Dropout;
  fc1: nn.Linear;
  fc2: nn.Linear;

  constructor({ width = 32, size = 28, dropout = 1 } = {}) {
    super();
    const side = (size - 4) / 2;
    this.conv1 = new nn.Conv2d(1, width, { kernelSize: 3 });
    this.conv2 = new nn.Conv2d(width, 2 * width, { kernelSize: 3 });
    this.dropout1 = new nn.Dropout(0.25 * dropout);
    this.dropout2 = new nn.Dropout(0.5 * dropout);
    this.fc1 = new nn.Linear(2 * width * side * side, 4 * width);
    this.fc2 = new nn.Linear(4 * width, 10);
  }

  override forward(x: Tensor): Tensor {
    x = this.conv2.forward(this.conv1.forward(x).relu()).relu();
    x = this.dropout1.forward(F.maxPool2d(x, 2)).flatten(1);
    x = this.dropout2.forward(this.fc1.forward(x).relu());
    return this.fc2.forward(x).logSoftmax(1);
  }
}

export function trainStep(model: Net, optimizer: optim.Optimizer, images: Tensor, labels: Tensor): number {
  optimizer.zeroGrad();
  const loss = F.nllLoss(model.forward(images), labels);
  loss.backward();
  optimizer.step();
  return loss.item();
}

/** Mean loss, and the share of digits that are read correctly. */
export function test(model: Net, data: TensorDataset<[Tensor, Tensor]>): { loss: number; accuracy: number } {
  model.eval();
  let [loss, correct] = [0, 0];
  for (const [images, labels] of new DataLoader(data, { batchSize: 250 })) {
    noGrad(() => {
      const output = model.forward(images);
      loss += F.nllLoss(output, labels, { reduction: "sum" }).item();
      correct += output.argmax(1).eq(labels).sum().item();
    });
  }
  model.train();
  return { loss: loss / data.length, accuracy: correct / data.length };
}

export function main(args: readonly string[] = []): number[] {
  const options = readArguments(args, {
    count: 3000,
    "test-count": 1000,
    "batch-size": 64,
    epochs: 4,
    lr: 1,
    gamma: 0.7,
    width: 16,
    seed: 1,
    log: 10,
  });
  manualSeed(options.seed);
  const trainData = new TensorDataset(...drawDigits(options.count, { seed: 1 }));
  const testData = new TensorDataset(...drawDigits(options["test-count"], { seed: 2 }));
  const loader = new DataLoader(trainData, { batchSize: options["batch-size"], shuffle: true });

  const model = new Net({ width: options.width });
  const optimizer = new optim.Adadelta(model.parameters(), { lr: options.lr });
  const scheduler = new optim.StepLR(optimizer, { stepSize: 1, gamma: options.gamma });
  const losses: number[] = [];
  for (let epoch = 1; epoch <= options.epochs; epoch++) {
    for (const [images, labels] of loader) {
      const loss = trainStep(model, optimizer, images, labels);
      if (losses.length % options.log === 0)
        console.log(`epoch ${epoch}, step ${losses.length}: loss ${loss.toFixed(6)}`);
      losses.push(loss);
    }
    const { loss, accuracy } = test(model, testData);
    console.log(`test: average loss ${loss.toFixed(4)}, accuracy ${(100 * accuracy).toFixed(1)} %`);
    scheduler.step();
  }
  return losses;
}

if (process.argv[1]?.endsWith("mnist.ts")) main(process.argv.slice(2));
