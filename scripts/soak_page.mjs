/** Programs whose memory must stay flat in a browser, for soak_browsers.ts. */

import { DataLoader, TensorDataset } from "../dist/data/index.js";
import { memory, nn, optim, rand, Scope, scope, tensor } from "../dist/index.js";

const pause = (ms = 0) => new Promise((resolve) => setTimeout(resolve, ms));
const makeModel = () => new nn.Sequential(new nn.Linear(3072, 64), new nn.ReLU(), new nn.Linear(64, 10));

const PROGRAMS = {
  /** A training loop without scopes that awaits in each iteration. */
  async loop(running) {
    const model = makeModel();
    const optimizer = new optim.Adam(model.parameters());
    let turns = 0;
    for (; running(); turns++) {
      const loss = nn.functional.mseLoss(model.forward(rand([64, 3072])), rand([64, 10]));
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      await pause();
    }
    return turns;
  },

  /** 200 tasks at once, beside a loop over a loader: each has its own answer, even while others wait. */
  async tasks(running) {
    const model = makeModel();
    let answers = 0;
    const task = async (i) => {
      while (running()) {
        const request = new Scope("a request", { enter: false });
        const x = request.run(() => tensor([i]).add(1));
        const y = request.run(() => model.forward(rand([1, 3072])));
        await pause(i % 7);
        const sum = request.run(() => scope(() => y.softmax(1).sum())).item();
        if (x.item() !== i + 1 || Math.abs(sum - 1) > 1e-5) throw new Error(`task ${i}: ${x.item()}, ${sum}`);
        request.close();
        answers++;
      }
    };
    const loop = async () => {
      const loader = new DataLoader(new TensorDataset(rand([64, 3072])), { batchSize: 16 });
      while (running()) {
        for (const [batch] of loader) {
          const y = model.forward(batch);
          await pause(1);
          y.sum().item();
        }
      }
    };
    await Promise.all([loop(), ...Array.from({ length: 200 }, (_, i) => task(i))]);
    return answers;
  },
};

/** Runs a program for so long. Returns how often it went round, and samples of the memory in bytes. */
export async function soak(program, seconds, sampleCount) {
  const end = performance.now() + seconds * 1000;
  const samples = [];
  const timer = setInterval(
    () => {
      const { liveBytes: live, reservedBytes: reserved } = memory();
      samples.push({ live, reserved, JavaScript: performance.memory?.usedJSHeapSize ?? 0 });
    },
    (seconds * 1000) / sampleCount,
  );
  try {
    return { count: await PROGRAMS[program](() => performance.now() < end), samples };
  } finally {
    clearInterval(timer);
  }
}
