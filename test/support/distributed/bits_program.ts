/**
 * Trains a small network on all ranks and prints a hash of everything that training leaves: weights, buffers,
 * the optimizer's state, the log.
 * usage: mpirun -n 3 node --import tsx test/support/distributed/bits_program.ts '{ "shards": 8 }'
 */
import { createHash } from "node:crypto";
import { manualSeed, nn, optim, rand, setNumThreads, type Tensor } from "wasmgrad";
import { DataLoader, TensorDataset } from "wasmgrad/data";
import { initProcessGroup } from "wasmgrad/distributed";
import { resumeTrainer, saveTrainer, Trainer } from "wasmgrad/train";

export interface BitsOptions {
  shards: number;
  threads?: number;
  localSteps?: number;
  /** The checkpoint from which to resume and to which to save. */
  file?: string;
  /** The step after which the last rank stops all. */
  stopAfter?: number;
}

/** What depends on how a batch is cut: batch norms, dropout, an unused layer. */
class Net extends nn.Module {
  body = new nn.Sequential(
    new nn.Conv2d(3, 8, { kernelSize: 3, padding: 1 }),
    new nn.BatchNorm2d(8),
    new nn.ReLU(),
    new nn.Dropout2d(0.2),
    new nn.Conv2d(8, 8, { kernelSize: 3, padding: 1 }),
    new nn.BatchNorm2d(8, { momentum: null }),
    new nn.ReLU(),
    new nn.Dropout(0.3),
    new nn.Conv2d(8, 3, { kernelSize: 3, padding: 1 }),
    new nn.Sigmoid(),
  );
  unused = new nn.Linear(3, 3);

  forward(x: Tensor): Tensor {
    return this.body.forward(x);
  }
}

async function main({ shards, threads, localSteps, file, stopAfter }: BitsOptions): Promise<void> {
  const group = initProcessGroup({ timeoutSeconds: 120 });
  if (threads) setNumThreads(threads);
  manualSeed(5);
  const model = new Net();
  const optimizer = new optim.AdamW(model.parameters(), { lr: 2e-3 });
  const scheduler = new optim.CosineAnnealingLR(optimizer, { tMax: 12 });
  const images = rand([52, 3, 8, 8]); // batches of 12, 12, 12, 12 and 4
  const brighten = (x: Tensor) => x.mul(rand([x.shape[0], 1, 1, 1]).add(0.5));
  const loader = new DataLoader(new TensorDataset(images, { transform: brighten }), { batchSize: 12, shuffle: true });
  const loss = ([x]: Tensor[]) => {
    const output = model.forward(x.mul(rand(x.shape).gt(0.5)));
    return { loss: nn.functional.mseLoss(output, x), brightness: output.mean() };
  };
  const trainer = new Trainer({
    ...{ model, optimizer, scheduler, loader, loss, group, shards, localSteps },
    clipNorm: 0.05,
    epochs: 2,
    logEvery: 1,
    validate: () => ({ validLoss: nn.functional.mseLoss(model.forward(images), images).item() }),
  });
  if (file) resumeTrainer(file, trainer);
  const isLast = group.rank === group.worldSize - 1;
  trainer.watch({ onStep: ({ place }) => void (isLast && place.step === stopAfter && trainer.stop()) });
  await trainer.fit();
  if (file && group.rank === 0) saveTrainer(file, trainer);
  const hash = createHash("sha256");
  const states = Object.values(optimizer.stateDict().state).flatMap((state) => Object.values(state));
  for (const value of [...model.parameters(), ...model.buffers(), ...states]) {
    if (typeof value === "object" && value !== null && "data" in value) {
      const { buffer } = (value as Tensor).data();
      hash.update(new Uint8Array(buffer as ArrayBuffer));
    }
  }
  // between averages each rank has the numbers of its samples
  const entries = localSteps ? trainer.epochs : trainer.log;
  hash.update(JSON.stringify(entries.map(({ seconds: _, ...entry }) => entry)));
  const hashes = new Set(group.allGatherObject(hash.digest("hex").slice(0, 16)));
  if (group.rank === 0) console.log(`step ${trainer.place.step}: ${[...hashes].join(" and ")}`);
}

await main(JSON.parse(process.argv[2]) as BitsOptions);
