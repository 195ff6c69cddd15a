/**
 * Does a published file help? Trains a new last layer, all weights, and the same network from scratch, on
 * some pictures of CIFAR-10, three times each, and writes the table of docs/onnx.md.
 *
 *     npx tsx examples/onnx/fine_tuning_experiment.ts MODEL.onnx CIFAR-10-FOLDER [--write]
 *
 * The file of the documentation is ch_ppocr_mobile_v2.0_cls_infer.onnx (585 KB) of the Python package
 * rapidocr-onnxruntime 1.4.4: a MobileNetV3 of PaddleOCR, trained to see whether a line of text is upside
 * down.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { arange, manualSeed, memory, nn, noGrad, optim, randperm, scope, type Tensor } from "wasmgrad";
import { CIFAR10 } from "wasmgrad/vision";
import { type Mode, makeClassifier, type Plan, planFor } from "./classifier.ts";
import { accuracy, type Batches, trainEpoch } from "./fine_tune.ts";

const DOCUMENT = new URL("../../docs/onnx.md", import.meta.url);
const SIZE = 48;
const BATCH = 25;
const EPOCHS = 10;
const SEEDS = [0, 1, 2];
const TRAINING = 1000;
const TESTING = 2000;
const MODES: readonly Mode[] = ["scratch", "frozen", "tuned"];

/** A task: what the label of a picture is, and how many there are. */
interface Task {
  name: string;
  classes: number;
  /** Pictures and labels from CIFAR-10's. */
  make(images: Tensor, labels: Tensor): readonly [Tensor, Tensor];
}

/** Every second picture is turned. */
function upsideDown(images: Tensor): readonly [Tensor, Tensor] {
  const turned = arange(0, images.shape[0]).remainder(2);
  const upside = turned.reshape([-1, 1, 1, 1]);
  return [images.mul(upside.mul(-1).add(1)).add(images.flip([2, 3]).mul(upside)), turned.int()];
}

const TASKS: readonly Task[] = [
  { name: "is the picture upside down?", classes: 2, make: upsideDown },
  { name: "which of 10 classes?", classes: 10, make: (images, labels) => [images, labels] },
];

/** The first pictures of a set, as the network takes them. */
function load(set: CIFAR10, count: number): readonly [Tensor, Tensor] {
  const [images, labels] = set.batch(Array.from({ length: count }, (_, i) => i));
  const large = nn.functional.interpolate(images, { size: [SIZE, SIZE], mode: "bilinear" });
  return [large.sub(0.5).div(0.5), labels];
}

/** Batches in a new order each time, or in the given one. */
function batches([images, labels]: readonly [Tensor, Tensor], shuffle: boolean): Batches {
  const count = images.shape[0];
  return {
    length: Math.ceil(count / BATCH),
    *[Symbol.iterator]() {
      const order = shuffle ? randperm(count) : arange(0, count).int();
      for (let first = 0; first < count; first += BATCH) {
        const places = order.slice(0, first, first + BATCH);
        yield [images.indexSelect(0, places), labels.indexSelect(0, places)];
      }
    },
  };
}

/** Trains once; returns the test accuracy after each epoch. */
async function run(
  path: string,
  plan: Plan,
  task: Task,
  mode: Mode,
  seed: number,
  training: readonly [Tensor, Tensor],
  testing: readonly [Tensor, Tensor],
): Promise<number[]> {
  manualSeed(seed);
  const model = await makeClassifier(path, plan, task.classes, mode);
  const optimizer = new optim.Adam(
    model.parameters().filter((parameter) => parameter.requiresGrad),
    { lr: 1e-3 },
  );
  const accuracies: number[] = [];
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    const start = performance.now();
    const loss = scope(() => trainEpoch(model, batches(training, true), optimizer));
    accuracies.push(scope(() => accuracy(model, batches(testing, false))));
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    const { liveTensors } = memory();
    console.log(
      task.name,
      mode,
      seed,
      epoch,
      loss.toFixed(4),
      accuracies.at(-1)?.toFixed(4),
      `${seconds} s`,
      liveTensors,
    );
  }
  model.release();
  return accuracies;
}

function row(values: readonly number[]): string {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return `${(100 * mean).toFixed(1)} (${values.map((value) => (100 * value).toFixed(1)).join(", ")})`;
}

const [path, root, option] = process.argv.slice(2);
const plan = await planFor(path, SIZE);
const [trainSet, testSet] = [await CIFAR10.load({ root }), await CIFAR10.load({ root, train: false })];
const lines = [
  "| test accuracy in percent, mean (each seed) | from scratch | only the new layer | all weights |",
  "|---|---:|---:|---:|",
];
for (const task of TASKS) {
  const [training, testing] = noGrad(() => [
    task.make(...load(trainSet, TRAINING)),
    task.make(...load(testSet, TESTING)),
  ]);
  const cells: string[] = [];
  for (const mode of MODES) {
    const last: number[] = [];
    for (const seed of SEEDS) last.push((await run(path, plan, task, mode, seed, training, testing)).at(-1) ?? 0);
    cells.push(row(last));
  }
  lines.push(`| ${task.name} | ${cells.join(" | ")} |`);
}
const table = lines.join("\n");
console.log(table);
if (option === "--write") {
  const text = readFileSync(DOCUMENT, "utf8");
  const [begin, end] = ["<!-- fine-tuning -->\n", "<!-- /fine-tuning -->"];
  const [before, rest] = text.split(begin);
  writeFileSync(DOCUMENT, `${before}${begin}\n${table}\n\n${end}${rest.split(end)[1]}`);
}
