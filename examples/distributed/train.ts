/**
 * The inpainting autoencoder on one process or many, with the same weights. One file, to be copied.
 *
 *     node --import tsx examples/distributed/train.ts --shards 8
 *     mpirun -n 4 node --import tsx examples/distributed/train.ts --shards 8
 *
 * A run that was stopped, or whose machine was lost, continues when the same command is given again, on any
 * number of processes.
 */
import { createHash } from "node:crypto";
import { Command } from "commander";
import { getNumThreads, manualSeed, nn, optim, rand, type Tensor } from "wasmgrad";
import { DataLoader } from "wasmgrad/data";
import { initProcessGroup } from "wasmgrad/distributed";
import { saveSafetensors } from "wasmgrad/io";
import { Interrupted, Run, Trainer } from "wasmgrad/train";
import { CIFAR10 } from "wasmgrad/vision";

const options = new Command("train.ts")
  .option("--data <folder>", "CIFAR-10's files, downloaded if they are missing (default: the repository's sample)")
  .option("--out <folder>", "results and checkpoints", "runs/distributed")
  .option("--shards <n>", "parts of a batch: as many as the largest number of processes, or more", Number, 8)
  .option("--batch-size <n>", "images of a step on all processes together", Number, 64)
  .option("--epochs <n>", "times through the images", Number, 5)
  .option("--lr <x>", "Adam's step size", Number, 1e-3)
  .option("--seed <n>", "the same seed gives the same weights", Number, 0)
  .parse()
  .opts<{ data?: string; out: string; shards: number; batchSize: number; epochs: number; lr: number; seed: number }>();

class InpaintingAutoencoder extends nn.Module {
  encoder = new nn.Sequential(
    new nn.Conv2d(3, 64, { kernelSize: 3, padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(64, 128, { kernelSize: 3, padding: 1 }),
    new nn.BatchNorm2d(128),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
  );
  decoder = new nn.Sequential(
    new nn.ConvTranspose2d(128, 64, { kernelSize: 2, stride: 2 }),
    new nn.ReLU(),
    new nn.ConvTranspose2d(64, 3, { kernelSize: 2, stride: 2 }),
    new nn.Sigmoid(),
  );

  override forward(x: Tensor): Tensor {
    return this.decoder.forward(this.encoder.forward(x));
  }
}

// the same functions on all ranks; rank 0 writes and prints
const group = initProcessGroup();
const { data, out, ...settings } = options;
const { shards, batchSize, epochs, lr, seed } = settings;
const run = new Run(out, "distributed inpainting", settings, { replaceConfig: true, group });
if (group.rank === 0) {
  if (data !== undefined) await CIFAR10.load({ root: data, download: true }); // the others wait, then read it
  console.log(`${group.worldSize} ranks with ${getNumThreads()} threads each, ${shards} shards`);
}
group.barrier();
const images = await (data === undefined ? CIFAR10.sample() : CIFAR10.load({ root: data }));

manualSeed(seed);
const model = new InpaintingAutoencoder();
const trainer = new Trainer({
  model,
  loader: new DataLoader(images, { batchSize, shuffle: true }),
  optimizer: new optim.Adam(model.parameters(), { lr }),
  loss: ([x]) => nn.functional.mseLoss(model.forward(x.mul(rand(x.shape).gt(0.5))), x),
  epochs,
  group,
  shards,
});

/** Equal for equal weights and running statistics. */
function hashOf(module: nn.Module): string {
  const hash = createHash("sha256");
  for (const tensor of Object.values(module.stateDict())) hash.update(tensor.data());
  return hash.digest("hex").slice(0, 16);
}

try {
  await run.train("train", trainer);
  if (group.rank === 0) {
    saveSafetensors(run.file("weights.safetensors"), model.stateDict());
    console.log(`done after step ${trainer.place.step}, weights ${hashOf(model)}`);
  }
  run.results({ seed, lr, loss: trainer.epochs.at(-1)!.loss });
} catch (error) {
  if (!(error instanceof Interrupted)) throw error;
  if (group.rank === 0) console.log(`${error.message} (after step ${trainer.place.step})`);
  process.exitCode = error.exitCode;
}
