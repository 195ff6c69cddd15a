/**
 * A program for Node and for a page: a run that is stopped in the middle and resumed by a new trainer, with
 * its checkpoint, log, pictures and results.
 */
import { manualSeed, nn, optim, rand, setNumThreads } from "wasmgrad";
import { DataLoader } from "wasmgrad/data";
import { listStored, readSafetensors, removeStored, writeSafetensors } from "wasmgrad/io";
import { Run, resumeTrainer, saveTrainer, Trainer } from "wasmgrad/train";
import { CIFAR10, ImageFolder, imageGrid, MNIST, readImage, savePNG } from "wasmgrad/vision";
import { send } from "./send.ts";

const inPage = typeof document !== "undefined";
const folder = inPage ? "opfs:runs/first" : "./run";
setNumThreads(1);

async function makeTrainer() {
  manualSeed(1);
  const trainset = await CIFAR10.load({ root: "./data" });
  const model = new nn.Sequential(
    new nn.Conv2d(3, 4, { kernelSize: 3, padding: 1 }),
    new nn.ReLU(),
    new nn.Conv2d(4, 3, { kernelSize: 1 }),
  );
  return new Trainer({
    model,
    loader: new DataLoader(trainset, { batchSize: 2, shuffle: true }),
    optimizer: new optim.Adam(model.parameters(), { lr: 0.01 }),
    loss: ([x]) => nn.functional.mseLoss(model.forward(x), x),
    epochs: 3,
    logEvery: 2,
  });
}

async function run() {
  const config = { epochs: 3, seed: 1 };
  const first = await Run.open(folder, "test", config);
  const trainer = await makeTrainer();
  const stop = trainer.watch({ onStep: ({ place }) => void (place.step === 6 && trainer.stop()) });
  await first.train("model", trainer, { describe: () => "" });
  stop();
  const stoppedAt = trainer.place.step;

  const second = await Run.open(folder, "test", config);
  const resumed = await makeTrainer();
  await second.train("model", resumed, { describe: () => "" });
  await second.results({ loss: resumed.epochs.at(-1)?.loss });
  const wrong = await Run.open(folder, "test", { epochs: 4 }).catch((error) => error.name);

  const place = `${folder}/trainer.safetensors`;
  await saveTrainer(place, resumed);
  const copy = await makeTrainer();
  const found = [await resumeTrainer(`${folder}/none.safetensors`, copy), await resumeTrainer(place, copy)];
  await savePNG(`${folder}/grid.png`, imageGrid([{ label: "noise", images: rand([2, 3, 4, 4]) }]));
  return { stoppedAt, wrong, found, steps: copy.place, config: await Run.readConfig(folder as "opfs:") };
}

async function filesOf() {
  const texts: Record<string, unknown> = {};
  if (inPage) {
    for (const { path } of await listStored("opfs:runs")) {
      const name = path.slice(folder.length + 1);
      const handle = await (
        await (await navigator.storage.getDirectory()).getDirectoryHandle("runs")
      ).getDirectoryHandle("first");
      texts[name] = await summaryOf(
        name,
        new Uint8Array(await (await (await handle.getFileHandle(name)).getFile()).arrayBuffer()),
      );
    }
  } else {
    const fs = (globalThis as never as { process: NodeJS.Process }).process.getBuiltinModule("node:fs");
    for (const name of fs.readdirSync(folder).sort())
      texts[name] = await summaryOf(name, new Uint8Array(fs.readFileSync(`${folder}/${name}`)));
  }
  return texts;
}

/** What two runs with the same bits have in common: not the seconds. */
async function summaryOf(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<unknown> {
  if (name.endsWith(".safetensors")) {
    const { tensors } = readSafetensors(bytes);
    const hash = await crypto.subtle.digest("SHA-256", writeSafetensors(tensors));
    return [...new Uint8Array(hash)].join();
  }
  const text = new TextDecoder().decode(bytes);
  return name.endsWith(".png") ? text.slice(1, 4) : text.replace(/"seconds":[^,}]+/g, "");
}

/** What a page cannot do. */
async function errors() {
  const wordsOf = (promise: Promise<unknown>) => promise.catch((error) => `${error}`);
  return [
    await wordsOf(CIFAR10.sample()),
    await wordsOf(ImageFolder.load("./pictures")),
    await wordsOf(MNIST.load({ root: "opfs:nowhere" })),
    await wordsOf(CIFAR10.load({ root: "opfs:nowhere", download: true, url: "./none.tar.gz" })),
    await wordsOf((async () => new Run("./run", "test", {}))()),
    await wordsOf((async () => saveTrainer("a.safetensors", await makeTrainer()))()),
  ];
}

if (inPage) await removeStored("opfs:runs");
let answer: unknown;
try {
  const result = await run();
  const { shape } = await readImage("./data/train.png");
  answer = { result, shape, files: await filesOf(), ...(inPage && { errors: await errors() }) };
} catch (error) {
  answer = { error: `${error} ${(error as Error).stack}` };
}
await send(answer);
