/** Trains a small autoencoder from a seed and prints a digest of its weights. usage: train.ts SEED THREADS */
import { createHash } from "node:crypto";
import { manualSeed, nn, optim, rand, setNumThreads } from "wasmgrad";
import { DataLoader, TensorDataset } from "wasmgrad/data";

const [seed, threads] = process.argv.slice(2).map(Number);
setNumThreads(threads);
manualSeed(seed);
const images = rand([30, 3, 8, 8]);
const model = new nn.Sequential(
  new nn.Conv2d(3, 8, { kernelSize: 3, padding: 1 }),
  new nn.ReLU(),
  new nn.MaxPool2d(2, { stride: 2 }),
  new nn.Dropout(0.2),
  new nn.ConvTranspose2d(8, 3, { kernelSize: 2, stride: 2 }),
  new nn.Sigmoid(),
);
const criterion = new nn.MSELoss();
const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 });
const loader = new DataLoader(new TensorDataset(images), { batchSize: 4, shuffle: true });
for (let epoch = 0; epoch < 3; epoch++) {
  for (const [x] of loader) {
    const mask = rand(x.shape).gt(0.5);
    const loss = criterion.forward(model.forward(x.mul(mask)), x);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
  }
}
const hash = createHash("sha256");
for (const value of Object.values(model.stateDict())) hash.update(Buffer.from(value.data().buffer));
console.log(hash.digest("hex"));
