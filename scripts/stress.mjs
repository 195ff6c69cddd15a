/**
 * Trains a small network on one thread, then again and again with new workers, whose start falls into the training: the weights must be
 * the same bits each time. Runs in Node, Deno and Bun, on the built package. usage: node scripts/stress.mjs [runs] [threads]
 */
import { manualSeed, nn, optim, rand, scope, setNumThreads } from "../dist/index.js";

const runs = Number(process.argv[2] ?? 100);
const most = Number(process.argv[3] ?? 4);

/** Weights after some steps, as a hash of their bits. */
function train(threads, steps) {
  setNumThreads(threads);
  manualSeed(1);
  const model = new nn.Sequential(
    new nn.Conv2d(3, 32, { kernelSize: 3, padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(32, 32, { kernelSize: 3, padding: 1 }),
    new nn.ReLU(),
    new nn.ConvTranspose2d(32, 3, { kernelSize: 2, stride: 2 }),
    new nn.Sigmoid(),
  );
  const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
  for (let step = 0; step < steps; step++) {
    scope(() => {
      const images = rand([8, 3, 32, 32]);
      const loss = nn.functional.mseLoss(model.forward(images.mul(rand(images.shape).gt(0.5))), images);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
    });
  }
  let hash = 0;
  for (const parameter of model.parameters()) {
    for (const bits of new Int32Array(parameter.data().buffer)) hash = (Math.imul(hash, 31) + bits) | 0;
    parameter.release();
  }
  return hash;
}

const STEPS = 12;
const expected = train(1, STEPS);
let wrong = 0;
const errors = new Map();
for (let run = 0; run < runs; run++) {
  try {
    const threads = 2 + (run % (most - 1));
    train(threads, 2); // the workers are asked for
    if (run % 2) await new Promise((resolve) => setTimeout(resolve, 10 * (run % 7))); // … and here or there they start
    if (train(threads, STEPS) !== expected) wrong++;
    setNumThreads(threads);
  } catch (error) {
    errors.set(String(error), (errors.get(String(error)) ?? 0) + 1);
  }
}
const failed = [...errors.values()].reduce((sum, count) => sum + count, 0);
console.log(
  `${runs} runs, ${wrong} with other bits, ${failed} with an error${[...errors.keys()].map((e) => `\n  ${e}`).join("")}`,
);
process.exit(wrong + failed > 0 ? 1 : 0);
