/**
 * Trains a small network on one thread, then again and again with new workers, whose start falls
 * into the training: the weights must be the same bits each time. Runs wherever there are
 * threads, on the built package.
 */
import { manualSeed, nn, optim, rand, scope, setNumThreads } from "../dist/index.js";

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Weights after some steps, as a hash of their bits. Once, before step `turn`, the event
 * loop turns for `turnMs`.
 */
async function train(threads, steps, turn = -1, turnMs = 0) {
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
    if (step === turn) await pause(turnMs);
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

/**
 * Runs with 2 to `most` threads. Returns how many gave other bits, the texts of errors with their numbers and
 * the hash of the right bits. With `slow` the pauses between steps are longer, and more: browsers start
 * workers in pauses only. `atEnd` is called after each run, while its workers are there.
 */
export async function stress(runs, most, slow = 1, atEnd = () => {}) {
  const expected = await train(1, STEPS);
  let wrong = 0;
  const errors = new Map();
  for (let run = 0; run < runs; run++) {
    try {
      const threads = 2 + (run % (most - 1));
      await train(threads, 2); // the workers are asked for
      // … and here, or in the middle of the training, they start
      if (run % 2) await pause(10 * slow * (run % 7));
      if ((await train(threads, STEPS, slow > 1 ? run % STEPS : -1, 10 * slow * (run % 5))) !== expected) wrong++;
      atEnd();
      setNumThreads(threads);
    } catch (error) {
      errors.set(String(error), (errors.get(String(error)) ?? 0) + 1);
    }
  }
  return { runs, wrong, expected, errors: [...errors] };
}

/** The counts as text. */
export function summary({ runs, wrong, errors }) {
  const failed = failures(errors);
  const texts = errors.map(([text, count]) => `\n  ${count} times ${text}`).join("");
  return `${runs} runs, ${wrong} with other bits, ${failed} with an error${texts}`;
}

export function failures(errors) {
  return errors.reduce((sum, [, count]) => sum + count, 0);
}
