/** The module of a worker: trains the inpainting autoencoder, and tasks that tests need. */
import { manualSeed, nn, noGrad, optim, rand, ShapeError, scope, setNumThreads, type Tensor, tensor } from "wasmgrad";
import { DataLoader, TensorDataset } from "wasmgrad/data";
import { writeSafetensors } from "wasmgrad/io";
import { Trainer } from "wasmgrad/train";
import { expose, type Task, type TrainingReport, transfer } from "wasmgrad/worker";
import { inpaintingModel } from "./inpainting_weights.ts";

export interface TrainInput {
  steps: number;
  batchSize?: number;
  /** Milliseconds between reports. */
  everyMs?: number;
  threads?: number;
}

export interface Progress extends TrainingReport {
  /** A picture, 3 x 32 x 32, which a task gives away. */
  picture: Float32Array;
}

let model: nn.Sequential | undefined;

/** A trainer of the README's network with random images. */
export function makeTrainer({ steps, batchSize = 4 }: TrainInput): Trainer {
  manualSeed(11);
  const network = inpaintingModel();
  model = network;
  const images = rand([steps * batchSize, 3, 32, 32]);
  return new Trainer<Tensor[]>({
    model: network,
    loader: new DataLoader<Tensor[], Tensor[]>(new TensorDataset(images), { batchSize, shuffle: true }),
    optimizer: new optim.Adam(network.parameters(), { lr: 0.001 }),
    loss: ([x]) => nn.functional.mseLoss(network.forward(x.mul(rand(x.shape).gt(0.5))), x),
    epochs: 1,
  });
}

/** The weights as a safetensors file. */
export const weightsOf = (trainer: Trainer) => writeSafetensors(trainer.options.model.stateDict());

export const tasks = {
  async train(input: TrainInput, task: Task<Progress>) {
    setNumThreads(input.threads ?? 1);
    const trainer = makeTrainer(input);
    await task.fit(trainer, {
      everyMs: input.everyMs,
      progress: (report) => {
        const picture = noGrad(() => trainer.options.model.forward(rand([1, 3, 32, 32])) as Tensor).data();
        const own = new Float32Array(picture);
        return transfer({ ...report, picture: own }, [own.buffer]);
      },
    });
    const bytes = weightsOf(trainer);
    return transfer({ bytes, place: { ...trainer.place } }, [bytes.buffer]);
  },

  predict(pixels: number[]) {
    return scope(() =>
      noGrad(() =>
        model!
          .forward(tensor(pixels).reshape([1, 3, 32, 32]))
          .mean()
          .item(),
      ),
    );
  },

  /** A loop without a Trainer. */
  async count(upTo: number, task: Task<number>) {
    for (let i = 1; i <= upTo && !task.signal.aborted; i++) {
      task.send(i);
      await task.turn();
      for (const start = performance.now(); performance.now() - start < 2; );
    }
    return "counted";
  },

  echo: (value: unknown) => value,

  fail(kind: "shape" | "range" | "own" | "text" | "tensor" | "function"): unknown {
    if (kind === "shape") throw new ShapeError("add: shapes [2] and [3] differ");
    if (kind === "range") throw new RangeError("out of range");
    if (kind === "own") throw Object.assign(new Error("of my own"), { name: "OwnError" });
    if (kind === "text") throw "just a text";
    return kind === "tensor" ? { inside: [tensor([1])] } : () => 1;
  },

  async state(_input: undefined, task: Task<never>) {
    return task.state?.length ?? null;
  },

  /** Ends the worker (Node). */
  crash(): void {
    process.exit(3);
  },
};

export type TestTasks = typeof tasks;

if (typeof document === "undefined" && !("__vitest_worker__" in globalThis)) expose(tasks);
