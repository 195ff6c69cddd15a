/** The training step of the inpainting autoencoder, written as a user would write it. */
import { manualSeed, nn, optim, rand } from "wasmgrad";
import { InpaintingAutoencoder } from "../examples/inpainting/model.ts";

/** The parts of a step, in order. */
export const PHASES = ["mask and forward", "loss", "backward", "optimizer"] as const;

/**
 * Returns a function that trains one step on the same random images each time, and returns the loss. First it
 * checks that the loss starts near 1/12 and falls. `mark` is called at the end of each of the PHASES.
 */
export function trainStep(batch: number, mark = () => {}): () => number {
  manualSeed(1);
  const model = new InpaintingAutoencoder();
  const criterion = new nn.MSELoss();
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.001 });
  const images = rand([batch, 3, 32, 32]);
  const step = () => {
    const mask = rand(images.shape).gt(0.5);
    const output = model.forward(images.mul(mask));
    mark();
    const loss = criterion.forward(output, images);
    mark();
    optimizer.zeroGrad();
    loss.backward();
    mark();
    optimizer.step();
    mark();
    return loss.item();
  };
  const first = step();
  let last = first;
  for (let i = 0; i < 5; i++) last = step();
  if (!(Math.abs(first - 1 / 12) < 0.02 && last < first)) {
    throw new Error(`train step: the loss goes from ${first} to ${last}: nothing is timed`);
  }
  return step;
}
