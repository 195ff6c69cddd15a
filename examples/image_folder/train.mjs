/**
 * Trains a small network for one epoch on the images in a folder, and reports how fast it is, how long it has
 * waited for images and how much memory the process takes.
 * usage: PHOTOS=FOLDER node examples/image_folder/train.mjs [WORKERS, default 1] [IMAGES, default all]
 */
import { manualSeed, nn, optim, setNumThreads } from "wasmgrad";
import { DataLoader } from "wasmgrad/data";
import { Trainer } from "wasmgrad/train";
import open from "./photos.mjs";

const [numWorkers, images] = [Number(process.argv[2] ?? 1), Number(process.argv[3] ?? Infinity)];
const batchSize = 32;
manualSeed(0);
setNumThreads(1); // the other cores are for the workers
const photos = await open();
const loader = new DataLoader(photos, {
  batchSize,
  shuffle: true,
  numWorkers,
  ...(numWorkers > 0 && { workerModule: new URL("./photos.mjs", import.meta.url) }),
});
const block = (from, to) => [
  new nn.Conv2d(from, to, { kernelSize: 3, padding: 1 }),
  new nn.ReLU(),
  new nn.MaxPool2d(2),
];
const model = new nn.Sequential(
  ...block(3, 32),
  ...block(32, 64),
  ...block(64, 64),
  new nn.Flatten(),
  new nn.Linear(64 * 8 * 8, photos.classes.length),
);
const megabytes = () => Math.round(process.memoryUsage.rss() / 2 ** 20);
const steps = Math.min(loader.length, Math.ceil(images / batchSize));
const shown = [];
const started = performance.now();
const trainer = new Trainer({
  model,
  loader,
  optimizer: new optim.Adam(model.parameters(), { lr: 1e-3 }),
  loss: ([x, labels]) => nn.functional.crossEntropy(model.forward(x), labels),
  epochs: 1,
  callbacks: [
    {
      onStep({ place }) {
        if (place.step === 1 || place.step % Math.ceil(steps / 10) === 0) shown.push(megabytes());
        if (place.step === steps) trainer.stop();
      },
    },
  ],
});
await trainer.fit();
const ms = performance.now() - started;
const seen = Math.min(photos.length, steps * batchSize);
console.log(`${seen} images of ${photos.length}, ${numWorkers} workers: ${Math.round((1000 * seen) / ms)} images/s`);
console.log(`waited for images: ${((100 * loader.waitedMs) / ms).toFixed(1)} % of the time`);
console.log(`memory of the process, in MB: ${shown.join(" ")}`);
