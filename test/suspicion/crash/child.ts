/** A training run that is killed again and again. usage: tsx child.ts FOLDER [EPOCHS] */
import { writeFileSync } from "node:fs";
import { manualSeed, nn, optim, rand, setNumThreads } from "wasmgrad";
import { DataLoader, TensorDataset } from "wasmgrad/data";
import { Interrupted, Run, saveTrainer, Trainer } from "wasmgrad/train";

const [folder, epochs = "12"] = process.argv.slice(2);
setNumThreads(2);
manualSeed(7);
const model = new nn.Sequential(
  new nn.Conv2d(3, 8, { kernelSize: 3, padding: 1 }),
  new nn.ReLU(),
  new nn.MaxPool2d(2),
  new nn.Flatten(),
  new nn.Dropout(),
  new nn.Linear(8 * 36, 10),
);
const images = rand([48, 3, 12, 12]);
const targets = rand([48, 10]);
const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 });
const trainer = new Trainer({
  model,
  loader: new DataLoader(new TensorDataset(images, targets), { batchSize: 4, shuffle: true }),
  optimizer,
  scheduler: new optim.CosineAnnealingLR(optimizer, { tMax: 12 * Number(epochs) }),
  loss: ([x, y]) => nn.functional.mseLoss(model.forward(x), y),
  epochs: Number(epochs),
  logEvery: 12,
});
try {
  const run = new Run(folder, "crash", { epochs: Number(epochs) });
  // writes more often than a usual run, so that more kills hit a write
  let begun = false;
  trainer.watch({
    onEntry(_, { epoch }) {
      if (!begun) console.log("begin");
      begun = true;
      saveTrainer(run.file(`part${epoch % 2}.safetensors`), trainer);
    },
  });
  await run.train("weights", trainer);
  const weights = model.parameters().map((parameter) => Buffer.from(parameter.data().buffer));
  writeFileSync(run.file(`final-${process.pid}.bin`), Buffer.concat(weights));
  console.log("done");
} catch (error) {
  console.error(`${(error as Error).name}: ${(error as Error).message}`);
  process.exitCode = error instanceof Interrupted ? 3 : 4;
}
