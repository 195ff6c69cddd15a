import { setImmediate as nextTurn } from "node:timers/promises";
import { nn, type optim, rand } from "wasmgrad";
import { loadCheckpoint, saveCheckpoint } from "wasmgrad/io";
import type { ImageLoader } from "./images.ts";
import type { Entry, Log } from "./log.ts";
import type { InpaintingAutoencoder } from "./model.ts";
import type { Settings } from "./options.ts";
import { Progress } from "./progress.ts";

/** How long the loop runs before it lets the process look at signals and draw. */
const TURN_MS = 50;
/** Lines of the log in each epoch. */
const ENTRIES_PER_EPOCH = 50;

export interface Learner {
  model: InpaintingAutoencoder;
  optimizer: optim.Adam;
  loader: ImageLoader;
}

/** Where training stands, beside the states of the learner. */
export interface Position {
  /** Epochs that are finished. */
  epoch: number;
  /** Steps since the start. */
  step: number;
  /** Of the running epoch: sum of the losses, time. */
  lossSum: number;
  seconds: number;
  /** Sum of the losses since the last entry of the log. */
  entryLossSum: number;
}

export const START: Position = { epoch: 0, step: 0, lossSum: 0, seconds: 0, entryLossSum: 0 };

export function savePosition(path: string, learner: Learner, position: Position, entries: Entry[]): void {
  const { epoch, step, ...sums } = position;
  saveCheckpoint(path, { ...learner, epoch, step, extra: { sums, entries } });
}

export function loadPosition(path: string, learner: Learner): { position: Position; entries: Entry[] } {
  const { epoch, step, extra } = loadCheckpoint(path, { ...learner });
  return { position: { epoch, step, ...extra.sums }, entries: extra.entries };
}

/**
 * Trains to the end of the running epoch, or until `shouldStop` says so; then the loader's state says where to go on.
 * Returns whether the epoch is finished.
 */
export async function trainEpoch(
  { model, optimizer, loader }: Learner,
  position: Position,
  settings: Settings,
  log: Log,
  shouldStop: () => boolean,
): Promise<boolean> {
  const criterion = new nn.MSELoss();
  const stepsPerEpoch = loader.length;
  const entryEvery = Math.max(1, Math.round(stepsPerEpoch / ENTRIES_PER_EPOCH));
  const done = () => position.step - position.epoch * stepsPerEpoch;
  const secondsBefore = position.seconds;
  const started = performance.now();
  const progress = new Progress(`epoch ${position.epoch + 1}/${settings.epochs}`, stepsPerEpoch, done());
  let images = 0;
  let turn = started;
  let entry = { started, images: 0 };
  try {
    for (const [inputs] of loader) {
      const mask = rand(inputs.shape).gt(settings.mask);
      const outputs = model.forward(inputs.mul(mask));
      const loss = criterion.forward(outputs, inputs);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();

      position.step++;
      position.lossSum += loss.item();
      position.entryLossSum += loss.item();
      images += inputs.shape[0];
      const now = performance.now();
      position.seconds = secondsBefore + (now - started) / 1000;
      if (done() % entryEvery === 0) {
        const imagesPerSecond = Math.round((images - entry.images) / ((now - entry.started) / 1000));
        const { epoch, step, entryLossSum } = position;
        log.add({ kind: "step", epoch: epoch + 1, step, loss: entryLossSum / entryEvery, imagesPerSecond });
        position.entryLossSum = 0;
        entry = { started: now, images };
      }
      progress.update(done(), position.lossSum / done(), images);
      if (now - turn >= TURN_MS) {
        await nextTurn();
        turn = performance.now();
      }
      if (shouldStop() && done() < stepsPerEpoch) return false;
    }
  } finally {
    progress.stop();
  }
  return true;
}
