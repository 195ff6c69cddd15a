// An LSTM reads digits row by row.
// npx tsx examples/pytorch/mnist_rnn.ts
// see: https://github.com/pytorch/examples/tree/main/mnist_rnn
import { manualSeed, nn, noGrad, optim, type Tensor } from "wasmgrad";
import { DataLoader, TensorDataset } from "wasmgrad/data";
import { readArguments } from "./lib/arguments.ts";
import { drawDigits } from "./lib/digits.ts";

const F = nn.functional;

export class Net extends nn.Module {
  rnn: nn.LSTM;
  norm: nn.BatchNorm1d;
  dropout1: nn.Dropout;
  dropout2: nn.Dropout;
  fc1: nn.Linear;
  fc2: nn.Linear;

  constructor({ size = 28, hidden = 64, dropout = 1 } = {}) {
    super();
    this.rnn = new nn.LSTM(size, hidden, { batchFirst: true });
    this.norm = new nn.BatchNorm1d(hidden);
    this.dropout1 = new nn.Dropout(0.25 * dropout);
    this.dropout2 = new nn.Dropout(0.5 * dropout);
    this.fc1 = new nn.Linear(hidden, hidden / 2);
    this.fc2 = new nn.Linear(hidden / 2, 10);
  }

  override forward(images: Tensor): Tensor {
    const [output] = this.rnn.forward(images.squeeze(1));
    let x = this.dropout1.forward(this.norm.forward(output.at(":", -1)));
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
function test(model: Net, data: TensorDataset<[Tensor, Tensor]>): { loss: number; accuracy: number } {
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
  const sizes = { count: 3000, "test-count": 1000, "batch-size": 32, hidden: 64 };
  const options = readArguments(args, { ...sizes, epochs: 6, lr: 0.5, gamma: 0.7, seed: 1, log: 40 });
  manualSeed(options.seed);
  const trainData = new TensorDataset(...drawDigits(options.count, { seed: 1 }));
  const testData = new TensorDataset(...drawDigits(options["test-count"], { seed: 2 }));
  const loader = new DataLoader(trainData, { batchSize: options["batch-size"], shuffle: true, dropLast: true });

  const model = new Net({ hidden: options.hidden });
  const optimizer = new optim.Adadelta(model.parameters(), { lr: options.lr });
  const scheduler = new optim.StepLR(optimizer, { stepSize: 1, gamma: options.gamma });
  const losses: number[] = [];
  for (let epoch = 1; epoch <= options.epochs; epoch++) {
    for (const [images, labels] of loader) {
      const loss = trainStep(model, optimizer, images, labels);
      if (losses.length % options.log === 0) {
        console.log(`epoch ${epoch}, step ${losses.length}: loss ${loss.toFixed(6)}`);
      }
      losses.push(loss);
    }
    const { loss, accuracy } = test(model, testData);
    console.log(`test: average loss ${loss.toFixed(4)}, accuracy ${(100 * accuracy).toFixed(1)} %`);
    scheduler.step();
  }
  return losses;
}

if (process.argv[1]?.endsWith("mnist_rnn.ts")) main(process.argv.slice(2));
