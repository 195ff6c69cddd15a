/**
 * Trains the inpainting autoencoder, writes it as an ONNX file, and runs the file in onnxruntime-web beside
 * the model. A picture beside the file shows the results of both and their difference, a million times as
 * bright.
 *
 *     npx tsx examples/onnx/export.ts [epochs, default 1] [images, default 400] [file, default autoencoder.onnx]
 */
import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import ort from "onnxruntime-web";
import { manualSeed, nn, noGrad, optim, rand, type Tensor, tensor } from "wasmgrad";
import { DataLoader, Subset } from "wasmgrad/data";
import { exportOnnx } from "wasmgrad/onnx";
import { CIFAR10, imageGrid, savePNG, transforms } from "wasmgrad/vision";
import { InpaintingAutoencoder } from "../inpainting/model.ts";

const BATCH = 4;
/** Test pictures to compare: another number than in the traced batch. */
const SHOWN = 7;
/** Differences in the picture are so much brighter. */
const BRIGHTER = 1e6;

/** Trains on images whose hidden half is to be painted. */
function train(model: nn.Module, images: Subset<[Tensor, number], [Tensor, Tensor]>, epochs: number): void {
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.001 });
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const loader = new DataLoader(images, { batchSize: BATCH, shuffle: true });
    let sum = 0;
    for (const [x] of loader) {
      const loss = nn.functional.mseLoss(model.forward(x.mul(rand(x.shape).gt(0.5))), x);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      sum += loss.item();
    }
    console.log(`epoch ${epoch}: loss ${(sum / loader.length).toFixed(5)}`);
  }
}

/** The output of an ONNX model with one input and one output, computed by onnxruntime's WebAssembly build. */
async function runInOnnxruntime(bytes: Uint8Array, x: Tensor): Promise<Tensor> {
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  const feeds = { [session.inputNames[0]]: new ort.Tensor("float32", x.data() as Float32Array, x.shape) };
  const { [session.outputNames[0]]: y } = await session.run(feeds);
  await session.release();
  return tensor(y.data as Float32Array, { shape: [...y.dims] });
}

/** Trains, exports and compares; returns the largest difference of a pixel. */
export async function exportAutoencoder(epochs: number, count: number, file: string): Promise<number> {
  manualSeed(10);
  const all = await CIFAR10.sample({ transform: transforms.toTensor() });
  const positions = Array.from({ length: Math.min(count, all.length) }, (_, i) => i);
  const model = new InpaintingAutoencoder();
  train(model, new Subset(all, positions), epochs);

  model.eval();
  const bytes = exportOnnx(model, [rand([2, 3, 32, 32])], { inputNames: ["images"], outputNames: ["reconstruction"] });
  writeFileSync(file, bytes);
  console.log(`${file}: ${bytes.length} bytes`);

  const test = await CIFAR10.sample({ train: false, transform: transforms.toTensor() });
  const [original] = test.batch(Array.from({ length: SHOWN }, (_, i) => i));
  const masked = original.mul(rand(original.shape).gt(0.5));
  const ours = noGrad(() => model.forward(masked));
  const theirs = await runInOnnxruntime(bytes, masked);
  const difference = ours.sub(theirs).abs();
  const largest = difference.max().item();
  console.log(`largest difference of ${ours.numel()} pixels between 0 and 1: ${largest.toExponential(1)}`);

  const columns = { original, masked, wasmgrad: ours, onnxruntime: theirs, difference: difference.mul(BRIGHTER) };
  const picture = file.replace(/(\.onnx)?$/, ".png");
  savePNG(picture, imageGrid(Object.entries(columns).map(([label, images]) => ({ label, images }))));
  console.log(`${picture}: both, and their difference times ${BRIGHTER}`);
  return largest;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [epochs = "1", count = "400", file = "autoencoder.onnx"] = process.argv.slice(2);
  await exportAutoencoder(Number(epochs), Number(count), file);
}
