// The forward-forward algorithm: each layer learns alone, to be active for digits with their right label and
// not for digits with a wrong one. The label is written into the first ten pixels.
// npx tsx examples/pytorch/mnist_forward_forward.ts
// see: https://github.com/pytorch/examples/tree/main/mnist_forward_forward and Hinton, "The forward-forward
// algorithm", 2022
import { cat, full, manualSeed, nn, noGrad, optim, randint, stack, type Tensor } from "wasmgrad";
import { DataLoader, TensorDataset } from "wasmgrad/data";
import { readArguments } from "./lib/arguments.ts";
import { drawDigits } from "./lib/digits.ts";

const CLASSES = 10;

/** A copy of the images [N, pixels] with the labels int32 [N] in place of the first ten pixels. */
export function overlay(x: Tensor, labels: Tensor): Tensor {
  const rest = x.narrow(1, CLASSES, x.shape[1] - CLASSES);
  return cat([nn.functional.oneHot(labels, CLASSES).float().mul(rest.max()), rest], 1);
}

export class Layer extends nn.Linear {
  override forward(x: Tensor): Tensor {
    const direction = x.div(x.norm(2, 1, { keepdim: true }).add(1e-4));
    return super.forward(direction).relu();
  }
}

/**
 * One step of the last of these layers, with the digits [N, pixels], their labels, and wrong labels; returns
 * the loss.
 */
export function trainStep(
  layers: readonly Layer[],
  optimizer: optim.Optimizer,
  [x, labels, wrong]: readonly [Tensor, Tensor, Tensor],
  threshold: number,
): number {
  const layer = layers[layers.length - 1];
  const goodness = (labels: Tensor) => {
    const input = noGrad(() => layers.slice(0, -1).reduce((h, before) => before.forward(h), overlay(x, labels)));
    return layer.forward(input).square().mean(1);
  };
  const errors = cat([goodness(labels).neg().add(threshold), goodness(wrong).sub(threshold)]);
  const loss = errors.exp().add(1).log().mean();
  optimizer.zeroGrad();
  loss.backward();
  optimizer.step();
  return loss.item();
}

/** The label with which all layers together are most active, int32 [N]. */
export function predict(layers: readonly Layer[], x: Tensor): Tensor {
  const perLabel = Array.from({ length: CLASSES }, (_, label) => {
    let h = overlay(x, full([x.shape[0]], label, { dtype: "int32" }));
    return layers
      .map((layer) => {
        h = layer.forward(h);
        return h.square().mean(1);
      })
      .reduce((sum, goodness) => sum.add(goodness));
  });
  return stack(perLabel, 1).argmax(1);
}

export function main(args: readonly string[] = []): number[] {
  const options = readArguments(args, {
    count: 2000,
    "test-count": 500,
    "batch-size": 100,
    epochs: 30,
    hidden: 256,
    lr: 0.03,
    threshold: 2,
    seed: 1,
  });
  manualSeed(options.seed);
  const [images, labels] = drawDigits(options.count, { seed: 1 });
  const [testImages, testLabels] = drawDigits(options["test-count"], { seed: 2 });
  const x = images.flatten(1);
  const loader = new DataLoader(new TensorDataset(x, labels), { batchSize: options["batch-size"], shuffle: true });

  const layers = [new Layer(784, options.hidden), new Layer(options.hidden, options.hidden)];
  const losses: number[] = [];
  for (const [i, layer] of layers.entries()) {
    const optimizer = new optim.Adam(layer.parameters(), { lr: options.lr });
    for (let epoch = 1; epoch <= options.epochs; epoch++) {
      for (const [x, labels] of loader) {
        const wrong = labels.add(randint(1, CLASSES, labels.shape)).remainder(CLASSES);
        losses.push(trainStep(layers.slice(0, i + 1), optimizer, [x, labels, wrong], options.threshold));
      }
      console.log(`layer ${i}, epoch ${epoch}: loss ${losses.at(-1)!.toFixed(6)}`);
    }
  }
  noGrad(() => {
    const accuracy = (x: Tensor, y: Tensor) => (100 * predict(layers, x).eq(y).float().mean().item()).toFixed(1);
    console.log(`train accuracy ${accuracy(x, labels)} %, test ${accuracy(testImages.flatten(1), testLabels)} %`);
  });
  return losses;
}

if (process.argv[1]?.endsWith("mnist_forward_forward.ts")) main(process.argv.slice(2));
