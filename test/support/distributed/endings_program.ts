/** A training job in which rank 1 ends as the arguments say: way, step, seconds of the time-out, folder. */
import { manualSeed, nn, optim, rand, zeros } from "wasmgrad";
import { DataLoader, TensorDataset } from "wasmgrad/data";
import { initProcessGroup } from "wasmgrad/distributed";
import { Interrupted, Run, Trainer } from "wasmgrad/train";

const [way, last, timeout, folder] = process.argv.slice(2);
const STEPS = 400;
const sleeper = new Int32Array(new SharedArrayBuffer(4));

const WAYS: Record<string, () => unknown> = {
  throw() {
    throw new Error("boom");
  },
  reject: () => void Promise.reject(new Error("boom")),
  exit3: () => process.exit(3),
  exit0: () => process.exit(0),
  kill: () => process.kill(process.pid, "SIGKILL"),
  segfault: () => process.kill(process.pid, "SIGSEGV"),
  stop: () => process.kill(process.pid, "SIGSTOP"),
  loop() {
    for (;;);
  },
  memory() {
    for (const arrays: number[][] = []; ; ) arrays.push(new Array(1e5).fill(arrays.length));
  },
  other: () => group.allReduce(zeros([3])),
  none: () => {},
};

const group = initProcessGroup({ timeoutSeconds: Number(timeout) });
const { rank } = group;
console.log(`rank ${rank} has pid ${process.pid}`);
manualSeed(0);
const model = new nn.Linear(64, 64);
const trainer = new Trainer({
  model,
  loader: new DataLoader(new TensorDataset(rand([6 * STEPS, 64])), { batchSize: 6 }),
  optimizer: new optim.SGD(model.parameters(), { lr: 0.01 }),
  loss: ([x]) => model.forward(x).square().mean(),
  epochs: 1,
  group,
  shards: 6,
  callbacks: [
    {
      onStep({ place: { step } }) {
        if (rank === 0) console.log(`rank 0 is at step ${step}`);
        if (way === "none") Atomics.wait(sleeper, 0, 0, 20); // so that signals come before the last step
        if (rank !== 1 || step !== Number(last) || way === "none") return;
        console.log(`died at ${Date.now()}`);
        WAYS[way]();
      },
    },
  ],
});
const run = new Run(folder, "ending", { way }, { group });
try {
  await run.train("train", trainer);
  console.log(`rank ${rank} is done`);
} catch (error) {
  if (!(error instanceof Interrupted)) throw error;
  console.log(`rank ${rank} stopped after step ${trainer.place.step}`);
  process.exitCode = error.exitCode;
}
