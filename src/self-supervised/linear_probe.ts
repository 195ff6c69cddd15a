import { enableGrad, noGrad } from "../autograd/grad_mode.ts";
import { checkInteger, readOptions } from "../checks.ts";
import { OptionError } from "../errors.ts";
import { crossEntropy } from "../nn/functional/loss.ts";
import { Linear } from "../nn/layers/linear.ts";
import { countClasses } from "../ops/movement/class_count.ts";
import { AdamW } from "../optim/adam.ts";
import { CosineAnnealingLR } from "../optim/schedulers/cosine_annealing.ts";
import { tensor } from "../tensor/creation.ts";
import { Generator } from "../tensor/generator.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import { randperm } from "../tensor/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkFeatures, type Features } from "./features.ts";

/**
 * Trains a linear classifier on fixed features and returns its accuracy on both sets: this measures how well
 * a linear classifier can separate the classes by an encoder's features. Features are standardised to mean 0
 * and standard deviation 1. Training uses AdamW with a cosine schedule.
 *
 * It does not use a `Trainer`, because it is synchronous and shuffles by `randperm`.
 *
 * @param options `epochs` (default 30), `batchSize` (256), `lr` (0.01), `weightDecay` (1e-3), `seed` (0) of
 * the order and the initial weights
 * @throws OptionError
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * import { linearProbe } from "wasmgrad/self-supervised";
 * const train = { x: tensor([[1, 0], [0, 1]]), labels: Int32Array.of(0, 1) };
 * const test = { x: tensor([[3, 1], [1, 2]]), labels: Int32Array.of(0, 1) };
 * console.log(linearProbe(train, test).testAccuracy); // 1
 * ```
 */
export function linearProbe(
  train: Features,
  test: Features,
  options?: { epochs?: number; batchSize?: number; lr?: number; weightDecay?: number; seed?: number },
): { trainAccuracy: number; testAccuracy: number } {
  const op = "linearProbe";
  const { epochs, batchSize, lr, weightDecay, seed } = readOptions(op, options, {
    epochs: 30,
    batchSize: 256,
    lr: 0.01,
    weightDecay: 1e-3,
    seed: 0,
  });
  checkInteger(op, "epochs", epochs, 1);
  checkInteger(op, "batchSize", batchSize, 1);
  for (const features of [train, test]) checkFeatures(op, features);
  const count = train.labels.length;
  if (count === 0 || test.labels.length === 0) throw new OptionError(`${op}: expected one sample or more`);
  const classes = Math.max(
    ...[train, test].map(({ labels }, i) =>
      countClasses(op, labels, i === 0 ? "training sample" : "test sample", "check the labels"),
    ),
  );
  const generator = new Generator(seed);
  return scope(() => {
    const mean = train.x.mean(0, { keepdim: true });
    const std = train.x.var(0, { keepdim: true, correction: 0 }).add(1e-6).sqrt();
    const [trainX, testX] = [train, test].map(({ x }) => x.sub(mean).div(std));
    const [trainY, testY] = [train, test].map(({ labels }) => tensor(labels));
    const head = new Linear(train.x.shape[1], classes);
    noGrad(() => head.weight.normal_(0, 0.01, { generator }));
    noGrad(() => head.bias?.copy_(head.bias.mul(0)));
    const optimizer = new AdamW(head.parameters(), { lr, weightDecay });
    const steps = Math.ceil(count / batchSize);
    const schedule = new CosineAnnealingLR(optimizer, { tMax: epochs * steps });
    for (let epoch = 0; epoch < epochs; epoch++) {
      scope(() => {
        const order = randperm(count, { generator });
        for (let step = 0; step < steps; step++) {
          scope(() => {
            const rows = order.slice(0, step * batchSize, (step + 1) * batchSize);
            const [x, y] = [trainX.indexSelect(0, rows), trainY.indexSelect(0, rows)];
            optimizer.zeroGrad();
            enableGrad(() => crossEntropy(head.forward(x), y).backward());
            optimizer.step();
            schedule.step();
          });
        }
      });
    }
    const accuracy = (x: Tensor, y: Tensor) => noGrad(() => head.forward(x).argmax(1).eq(y).float().mean().item());
    return { trainAccuracy: accuracy(trainX, trainY), testAccuracy: accuracy(testX, testY) };
  });
}
