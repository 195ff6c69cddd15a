import { enableGrad, noGrad } from "../autograd/grad_mode.ts";
import { checkInteger, checkNumber, describe, readOptions } from "../checks.ts";
import { DataLoader } from "../data/data_loader.ts";
import { checkDataset, type Sample } from "../data/dataset.ts";
import { formatShape, OptionError } from "../errors.ts";
import { crossEntropy } from "../nn/functional/loss.ts";
import { normalize } from "../nn/functional/norm.ts";
import { inMode } from "../nn/internal/mode.ts";
import { Linear } from "../nn/layers/linear.ts";
import { checkModule } from "../nn/module.ts";
import { countClasses } from "../ops/movement/class_count.ts";
import { AdamW } from "../optim/adam.ts";
import { CosineAnnealingLR } from "../optim/schedulers/cosine_annealing.ts";
import { tensor } from "../tensor/creation.ts";
import { cat } from "../tensor/functions.ts";
import { Generator } from "../tensor/generator.ts";
import { keep, scope } from "../tensor/lifetime/scoped.ts";
import { randperm } from "../tensor/random.ts";
import { Tensor } from "../tensor/tensor.ts";
import { inEvalMode, type LabelledSet } from "./classifier.ts";
import type { Encoder } from "./encoder.ts";

/** Features of a labelled set: what a frozen encoder makes of it. Release `x` when done with it, or let a scope do so. */
export interface Features {
  /** float32 [N,C] */
  x: Tensor;
  /** One class index a sample. */
  labels: Int32Array;
}

/**
 * Brings the encoder's running statistics to those of whole images, of which it may have seen only masked or turned ones: forward passes in
 * training mode, without a graph. Weights stay as they are.
 *
 * @param options `batches` (default 50) of `batchSize` (default 200) images from the first on
 * @example
 * ```ts
 * import { rand, tensor } from "wasmgrad";
 * import { TensorDataset } from "wasmgrad/data";
 * import { Encoder, recalibrate } from "wasmgrad/self-supervised";
 * const encoder = new Encoder({ channels: [8, 16, 32] });
 * const set = new TensorDataset(rand([8, 3, 32, 32]), tensor(new Int32Array(8)));
 * recalibrate(encoder, set, { batchSize: 4 });
 * console.log(encoder.training);
 * ```
 */
export function recalibrate(
  encoder: Encoder,
  set: LabelledSet,
  options?: { batches?: number; batchSize?: number },
): void {
  const { batches, batchSize } = readOptions("recalibrate", options, { batches: 50, batchSize: 200 });
  checkModule("recalibrate", "encoder", encoder);
  checkDataset("recalibrate", set);
  let left = batches;
  const run = () => {
    for (const [images] of new DataLoader<Sample, Tensor[]>(set, { batchSize })) {
      if (left-- <= 0) break;
      encoder.forward(images);
    }
  };
  inMode(encoder, true, () => noGrad(run));
}

/**
 * The embeddings of a whole set, in order, in `eval()` mode; they belong to the scope around.
 * @example
 * ```ts
 * import { rand, tensor } from "wasmgrad";
 * import { TensorDataset } from "wasmgrad/data";
 * import { Encoder, embedAll } from "wasmgrad/self-supervised";
 * const set = new TensorDataset(rand([8, 3, 32, 32]), tensor(new Int32Array(8)));
 * console.log(embedAll(new Encoder({ channels: [8, 16, 32] }), set).x.shape); // [8, 32]
 * ```
 */
export function embedAll(encoder: Encoder, set: LabelledSet, options?: { batchSize?: number }): Features {
  const { batchSize } = readOptions("embedAll", options, { batchSize: 250 });
  checkModule("embedAll", "encoder", encoder);
  checkDataset("embedAll", set);
  if (set.length === 0) throw new OptionError("embedAll: expected one image or more");
  const labels = new Int32Array(set.length);
  const x = scope(() => {
    const parts: Tensor[] = [];
    let at = 0;
    try {
      inEvalMode(encoder, () => {
        for (const [images, classes] of new DataLoader<Sample, Tensor[]>(set, { batchSize })) {
          parts.push(keep(encoder.embed(images)));
          labels.set(classes.data(), at);
          at += images.shape[0];
        }
      });
      return cat(parts, 0);
    } finally {
      for (const part of parts) part.release();
    }
  });
  return { x, labels };
}

/**
 * How often the `k` nearest training images, by cosine similarity s, vote for the right class: each vote counts `exp(s / temperature)`.
 *
 * see: Wu et al., "Unsupervised feature learning via non-parametric instance discrimination", 2018
 * @param options `k` (default 20), `temperature` (default 0.1)
 * @throws OptionError
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * import { knnAccuracy } from "wasmgrad/self-supervised";
 * const train = { x: tensor([[1, 0], [0, 1]]), labels: Int32Array.of(0, 1) };
 * const test = { x: tensor([[3, 1], [1, 2], [5, 4]]), labels: Int32Array.of(0, 1, 1) };
 * console.log(knnAccuracy(train, test, { k: 1 }).toFixed(2)); // 0.67
 * ```
 */
export function knnAccuracy(train: Features, test: Features, options?: { k?: number; temperature?: number }): number {
  const { k, temperature } = readOptions("knnAccuracy", options, { k: 20, temperature: 0.1 });
  for (const features of [train, test]) checkFeatures("knnAccuracy", features);
  if (test.labels.length === 0) throw new OptionError("knnAccuracy: expected one test sample or more");
  checkInteger("knnAccuracy", "k", k, 1, train.labels.length);
  checkNumber("knnAccuracy", "temperature", temperature, 1e-6);
  const classes = countClasses("knnAccuracy", train.labels, "training sample", "check the labels");
  const ROWS = 100;
  let right = 0;
  scope(() => {
    const columns = normalize(train.x, { dim: 1 }).t();
    const rows = normalize(test.x, { dim: 1 });
    for (let first = 0; first < test.labels.length; first += ROWS) {
      scope(() => {
        const some = rows.slice(0, first, first + ROWS);
        const similarities = some.matmul(columns).data();
        const count = some.shape[0];
        const nearest = Array.from({ length: count }, (_, row) =>
          largest(similarities.subarray(row * train.labels.length, (row + 1) * train.labels.length), k),
        );
        const votes = tensor(nearest.map((list) => list.map(({ value }) => value)))
          .div(temperature)
          .sub(1 / temperature)
          .exp()
          .data();
        nearest.forEach((list, row) => {
          const score = new Float64Array(classes);
          for (const [i, { index }] of list.entries()) score[train.labels[index]] += votes[row * k + i];
          if (score.indexOf(score.reduce((a, b) => Math.max(a, b))) === test.labels[first + row]) right++;
        });
      });
    }
  });
  return right / test.labels.length;
}

function checkFeatures(op: string, features: Features): void {
  const { x, labels } = features ?? {};
  if (!(x instanceof Tensor) || typeof labels?.length !== "number" || x.shape[0] !== labels.length) {
    const actual = x instanceof Tensor ? `x ${formatShape(x.shape)} and ${labels?.length} labels` : describe(features);
    throw new OptionError(`${op}: expected { x: [N,C], labels: N class indices }, as embedAll gives, got ${actual}`);
  }
}

/** The k largest of a list, largest first; of equal ones the first. */
function largest(values: ArrayLike<number>, k: number): { value: number; index: number }[] {
  const found: { value: number; index: number }[] = [];
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    if (found.length === k && value <= found[k - 1].value) continue;
    let place = found.length;
    while (place > 0 && found[place - 1].value < value) place--;
    found.splice(place, 0, { value, index });
    if (found.length > k) found.pop();
  }
  return found;
}

/**
 * Trains a linear classifier on features, which stay as they are, and gives its accuracy on others: what can be read off an encoder. Features
 * are brought to mean 0 and deviation 1 first; AdamW with a cosine schedule.
 *
 * @param options `epochs` (default 30), `batchSize` (256), `lr` (0.01), `weightDecay` (1e-3), `seed` (0) of order and start
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
