/**
 * Fine-tunes a published ONNX model on pictures of your own: a folder with one folder of pictures for each
 * class.
 *
 *     npx tsx examples/onnx/fine_tune.ts MODEL.onnx FOLDER [--epochs 10] [--size 48] [--mode tuned] [--to FILE]
 *
 * The model's last layer is replaced by a new one for your classes. A fifth of the pictures is for testing.
 * Modes: "tuned" trains all weights, "frozen" only the new layer, "scratch" forgets what the file has
 * learned. With `--to`, the result is written as an ONNX file.
 */
import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { Command } from "commander";
import { manualSeed, nn, noGrad, optim, randperm, type Tensor, zeros } from "wasmgrad";
import { DataLoader, Subset } from "wasmgrad/data";
import { exportOnnx, importOnnx, type OnnxModule } from "wasmgrad/onnx";
import { ImageFolder, transforms } from "wasmgrad/vision";

export type Mode = "tuned" | "frozen" | "scratch";
/** Batches of pictures and labels. */
export type Batches = Iterable<readonly Tensor[]> & { readonly length: number };

/** A model without its last layer, and a new last layer. */
export class Classifier extends nn.Module {
  readonly body: OnnxModule;
  readonly head: nn.Linear;
  readonly mode: Mode;

  constructor(body: OnnxModule, features: number, classes: number, mode: Mode) {
    super();
    this.body = body;
    this.head = new nn.Linear(features, classes);
    this.mode = mode;
    if (mode === "frozen") body.requiresGrad_(false);
    if (mode === "scratch") reset(body);
  }

  /** A frozen body keeps its running statistics. */
  override train(mode = true): this {
    super.train(mode);
    if (this.mode === "frozen") this.body.eval();
    return this;
  }

  forward(images: Tensor): Tensor {
    return this.head.forward(this.body.forward(images).flatten(1));
  }
}

/** Gives all weights and running statistics the values of a new network. */
function reset(body: OnnxModule): void {
  noGrad(() => {
    for (const parameter of body.parameters()) {
      if (parameter.dim() > 1) nn.init.kaimingNormal_(parameter);
      else parameter.zero_();
    }
    const state = body.stateDict();
    for (const { opType, inputs } of body.graph.nodes) {
      if (!opType.endsWith("Normalization")) continue;
      const [, scale, , mean, variance] = inputs;
      for (const name of [scale, variance]) if (name in state) state[name].fill_(1);
      if (mean in state) state[mean].zero_();
    }
  });
}

/** The name of the value that the last layer with weights multiplies. */
export async function findFeatures(path: string): Promise<string> {
  const model = await importOnnx(path);
  const weights = new Set(model.namedParameters().map(([name]) => name));
  const products = model.graph.nodes.filter(
    ({ opType, inputs }) => (opType === "Gemm" || opType === "MatMul") && weights.has(inputs[1]),
  );
  const last = products.at(-1);
  model.release();
  if (!last) throw new Error(`${path}: no layer that multiplies features by weights; name a value with --features`);
  return last.inputs[0];
}

/** A classifier for pictures of a size, in place of the file's own last layer. */
export async function makeClassifier(path: string, features: string, classes: number, size: number, mode: Mode) {
  const body = await importOnnx(path, { outputs: [features] });
  const width = noGrad(() =>
    body
      .eval()
      .forward(zeros([1, 3, size, size]))
      .numel(),
  );
  return new Classifier(body, width, classes, mode);
}

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
  const size = Number(options.size);
  manualSeed(0);
  const transform = transforms.compose([
    transforms.resize([size, size]),
    transforms.normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),
  ]);
  const pictures = await ImageFolder.load(folder, { transform });
  const order = Array.from(randperm(pictures.length).data(), Number);
  const testCount = Math.max(1, Math.floor(pictures.length / 5));
  const part = (indices: number[]) => new Subset(pictures, indices);
  const training = new DataLoader(part(order.slice(testCount)), { batchSize: 16, shuffle: true });
  const testing = new DataLoader(part(order.slice(0, testCount)), { batchSize: 16 });

  const features = options.features ?? (await findFeatures(path));
  const model = await makeClassifier(path, features, pictures.classes.length, size, options.mode);
  const trained = model.parameters().filter((parameter) => parameter.requiresGrad);
  const optimizer = new optim.Adam(trained, { lr: Number(options.lr) });
  console.log(`${pictures.length} pictures of ${pictures.classes.join(", ")}; features: ${features}`);
  for (let epoch = 1; epoch <= Number(options.epochs); epoch++) {
    const loss = trainEpoch(model, training, optimizer);
    console.log(`epoch ${epoch}: loss ${loss.toFixed(4)}, test accuracy ${accuracy(model, testing).toFixed(3)}`);
  }
  if (options.to === undefined) return;
  writeFileSync(options.to, exportOnnx(model.eval(), [zeros([2, 3, size, size])], { inputNames: ["images"] }));
  console.log(`written to ${options.to}`);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const program = new Command()
    .argument("<model>", "an ONNX file")
    .argument("<folder>", "pictures, in one folder for each class")
    .option("--epochs <number>", "passes over the pictures", "10")
    .option("--size <pixels>", "height and width of the pictures", "48")
    .option("--lr <number>", "learning rate of Adam", "0.001")
    .option("--mode <mode>", "tuned, frozen or scratch", "tuned")
    .option("--features <name>", "the value that the new layer reads (default: what the last layer reads)")
    .option("--to <file>", "write the result as an ONNX file");
  program.parse();
  await main(program.args[0], program.args[1], program.opts<Options>());
}
