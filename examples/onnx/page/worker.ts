/** Trains in a worker: the page stays free meanwhile. */
import { manualSeed, nn, noGrad, optim, tensor, zeros } from "wasmgrad";
import { DataLoader, TensorDataset } from "wasmgrad/data";
import { exportOnnx } from "wasmgrad/onnx";
import { Trainer } from "wasmgrad/train";
import { fromPixelsAsync } from "wasmgrad/vision";
import { expose, type Task } from "wasmgrad/worker";
import { type Classifier, makeClassifier, type Plan, planFor } from "../classifier.ts";

/** Height and width of the pictures, if the file takes any. */
const SIDE = 48;
const BATCH = 16;

export interface Course {
  /** The ONNX file. */
  model: Blob;
  /** The pictures of each class. */
  classes: Blob[][];
  epochs: number;
}

let learned: { model: Classifier; plan: Plan } | undefined;

/** Pictures as [N,3,height,width] with values from -1 to 1. */
async function read(pictures: Blob[], { size }: Plan) {
  return (await fromPixelsAsync(pictures, { size: [...size], fit: "cover" })).mul(2).sub(1);
}

const tasks = {
  /** Gives the model a new last layer and trains all weights. Returns the bytes of the new model. */
  async train({ model: source, classes, epochs }: Course, task: Task): Promise<Uint8Array> {
    manualSeed(0);
    const plan = await planFor(source, SIDE);
    const images = await read(classes.flat(), plan);
    const labels = tensor(Int32Array.from(classes.flatMap((pictures, label) => pictures.map(() => label))));
    learned?.model.release();
    const model = await makeClassifier(source, plan, classes.length, "tuned");
    learned = { model, plan };
    const trainer = new Trainer({
      model,
      loader: new DataLoader(new TensorDataset(images, labels), { batchSize: BATCH, shuffle: true }),
      optimizer: new optim.Adam(model.parameters(), { lr: 0.001 }),
      loss: ([x, y]) => nn.functional.crossEntropy(model.forward(x), y),
      epochs,
    });
    await task.fit(trainer);
    return exportOnnx(model.eval(), [zeros([2, 3, ...plan.size])], { inputNames: ["images"], outputNames: ["scores"] });
  },

  /** How likely each class is for each picture. */
  async classify(pictures: Blob[]): Promise<number[][]> {
    if (!learned) throw new Error("nothing was trained");
    const { model, plan } = learned;
    const images = await read(pictures, plan);
    const likely = noGrad(() => model.eval().forward(images).softmax(1));
    return pictures.map((_, i) => Array.from(likely.select(0, i).data(), Number));
  },
};

export type Tasks = typeof tasks;
expose(tasks);
