import { getNumThreads, manualSeed, nn, optim, rand, scope, setNumThreads } from "wasmgrad";
import { digestOf } from "./digest.ts";

/** The network of the README, with the default generator's weights. */
export function inpaintingModel(): nn.Sequential {
  return new nn.Sequential(
    new nn.Conv2d(3, 64, { kernelSize: 3, padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2, { stride: 2 }),
    new nn.Conv2d(64, 128, { kernelSize: 3, padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2, { stride: 2 }),
    new nn.ConvTranspose2d(128, 64, { kernelSize: 2, stride: 2 }),
    new nn.ReLU(),
    new nn.ConvTranspose2d(64, 3, { kernelSize: 2, stride: 2 }),
    new nn.Sigmoid(),
  );
}

/**
 * Trains the inpainting autoencoder for some steps. Returns the SHA-256 of its weights, and the number of
 * threads that it may use. For Node and browsers: it awaits the event loop between steps, because browsers
 * start workers only then.
 */
export async function inpaintingWeights(steps: number, threads?: number): Promise<{ digest: string; threads: number }> {
  if (threads !== undefined) setNumThreads(threads);
  manualSeed(11);
  const model = inpaintingModel();
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.001 });
  for (let step = 0; step < steps; step++) {
    scope(() => {
      const images = rand([4, 3, 32, 32]);
      const loss = nn.functional.mseLoss(model.forward(images.mul(rand(images.shape).gt(0.5))), images);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
    });
    if (step % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  const weights = Object.values(model.stateDict()).flatMap((value) => [...new Uint8Array(value.data().buffer)]);
  return { digest: await digestOf(Uint8Array.from(weights)), threads: getNumThreads() };
}
