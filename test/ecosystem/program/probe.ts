/** What a user's program does: imports, a product, and training of the README's network on made-up images. */
import { getNumThreads, manualSeed, nn, optim, rand, setNumThreads, type Tensor, tensor } from "wasmgrad";
import { DataLoader, TensorDataset } from "wasmgrad/data";
import { Trainer } from "wasmgrad/train";

/** What a program answers: its results, or the text of its error. */
export interface Answer {
  product?: string;
  /** A hash of the trained weights of each of three runs. */
  bits?: string[];
  threads?: number;
  error?: string;
}

class InpaintingAutoencoder extends nn.Module {
  encoder = new nn.Sequential(
    new nn.Conv2d(3, 64, { kernelSize: 3, stride: 1, padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2, { stride: 2 }),
    new nn.Conv2d(64, 128, { kernelSize: 3, stride: 1, padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2, { stride: 2 }),
  );
  decoder = new nn.Sequential(
    new nn.ConvTranspose2d(128, 64, { kernelSize: 2, stride: 2 }),
    new nn.ReLU(),
    new nn.ConvTranspose2d(64, 3, { kernelSize: 2, stride: 2 }),
    new nn.Sigmoid(),
  );
  forward(x: Tensor): Tensor {
    return this.decoder.forward(this.encoder.forward(x));
  }
}

function prepare() {
  manualSeed(11);
  const loader = new DataLoader(new TensorDataset(rand([32, 3, 32, 32])), { batchSize: 4, shuffle: true });
  const model = new InpaintingAutoencoder();
  return { loader, model, optimizer: new optim.Adam(model.parameters(), { lr: 0.001 }) };
}

function lossOf(model: nn.Module, inputs: Tensor): Tensor {
  const mask = rand(inputs.shape).gt(0.5);
  return nn.functional.mseLoss(model.forward(inputs.mul(mask)), inputs);
}

/** FNV-1a over the words of all weights. */
function hashOf(model: nn.Module): string {
  let hash = 0x811c9dc5;
  for (const weights of Object.values(model.stateDict())) {
    for (const word of new Int32Array(weights.data().buffer)) hash = Math.imul(hash ^ word, 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, "0");
}

function trainByLoop(): string {
  const { loader, model, optimizer } = prepare();
  for (const [inputs] of loader) {
    const loss = lossOf(model, inputs);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
  }
  return hashOf(model);
}

/** Weights of a training by the Trainer, which `run` runs. */
export async function trainByTrainer(run: (trainer: Trainer) => Promise<unknown>): Promise<string> {
  const { loader, model, optimizer } = prepare();
  const loss = ([inputs]: Tensor[]) => lossOf(model, inputs);
  const trainer = new Trainer({ model, loader, optimizer, epochs: 1, loss });
  await run(trainer);
  return hashOf(model);
}

/**
 * Asks for two threads, multiplies, and trains three times: by a loop, again by a loop after a pause in which
 * workers start, and by the Trainer.
 */
export async function probe(): Promise<Answer> {
  try {
    setNumThreads(2);
    const product = JSON.stringify(
      tensor([
        [1, 2],
        [3, 4],
      ])
        .matmul(
          tensor([
            [5, 6],
            [7, 8],
          ]),
        )
        .toArray(),
    );
    const bits = [trainByLoop()];
    await new Promise((resolve) => setTimeout(resolve, 300));
    bits.push(trainByLoop(), await trainByTrainer((trainer) => trainer.fit()));
    return { product, bits, threads: getNumThreads() };
  } catch (error) {
    return { error: String(error) };
  }
}
