/**
 * Trains the inpainting autoencoder for some steps and saves it; started again, it continues. main.py beside
 * it does the same with PyTorch, with the same files: a run may change sides after any number of steps.
 * usage: npx tsx examples/to_pytorch/main.ts FOLDER [--steps 20]
 */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { manualSeed, nn, optim, rand, scope } from "wasmgrad";
import { loadSafetensors, optimizerFromPyTorch, optimizerToPyTorch, saveSafetensors } from "wasmgrad/io";
import { CIFAR10 } from "wasmgrad/vision";
import { InpaintingAutoencoder } from "../inpainting/model.ts";

const { values, positionals } = parseArgs({
  options: { steps: { type: "string", default: "20" } },
  allowPositionals: true,
});
const [folder] = positionals;
const steps = Number(values.steps);
if (positionals.length !== 1 || !Number.isInteger(steps) || steps < 0) {
  console.error("usage: npx tsx examples/to_pytorch/main.ts FOLDER [--steps 20]");
  process.exit(1);
}
const [modelFile, optimizerFile, batchesFile] = ["model", "optimizer", "batches"].map((name) =>
  join(folder, `${name}.safetensors`),
);

manualSeed(0);
const model = new InpaintingAutoencoder();
const optimizer = new optim.Adam(model.parameters(), { lr: 0.001 });
if (existsSync(modelFile)) {
  model.loadStateDict(loadSafetensors(modelFile).tensors);
  optimizer.loadStateDict(optimizerFromPyTorch(loadSafetensors(optimizerFile)));
} else {
  // both sides read the pictures and the masks from a file, as their random numbers differ
  mkdirSync(folder, { recursive: true });
  const set = await CIFAR10.load({ root: new URL("../data/cifar10-sample", import.meta.url).pathname });
  const [images] = set.batch(Array.from({ length: 32 * 16 }, (_, i) => i));
  saveSafetensors(batchesFile, { images, masks: rand(images.shape).gt(0.5).float() });
}

const { images, masks } = loadSafetensors(batchesFile).tensors;
const batches = images.shape[0] / 16;
let step = Number(optimizer.stateDict().state[0]?.step ?? 0);
for (const end = step + steps; step < end; step++) {
  scope(() => {
    const start = (step % batches) * 16;
    const [inputs, mask] = [images.narrow(0, start, 16), masks.narrow(0, start, 16)];
    const loss = nn.functional.mseLoss(model.forward(inputs.mul(mask)), inputs);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    console.log(`step ${step + 1}: loss ${loss.item().toFixed(6)}`);
  });
}

saveSafetensors(modelFile, model.stateDict());
const { tensors, metadata } = optimizerToPyTorch(optimizer.stateDict());
saveSafetensors(optimizerFile, tensors, { metadata });
