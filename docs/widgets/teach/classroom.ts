/** What learns on the page: pictures of a few classes, an encoder, and a classifier on its features. */
import { cat, Generator, manualSeed, nn, noGrad, optim, scope, type Tensor, tensor } from "wasmgrad";
import { DataLoader, TensorDataset } from "wasmgrad/data";
import { readSafetensors, writeSafetensors } from "wasmgrad/io";
import { Classifier, Encoder, inEvalMode, recalibrate } from "wasmgrad/self-supervised";
import { type EpochEntry, Trainer } from "wasmgrad/train";
import { batchOf } from "./pictures.ts";

export interface Picture {
  /** 32 x 32 pixels, RGBA. */
  bytes: Uint8ClampedArray<ArrayBuffer>;
  /** Index of its class. */
  label: number;
  /** Whether it is kept out of training, to measure accuracy. */
  heldOut: boolean;
}

export interface Recipe {
  /** Whether the encoder has the weights that it learnt without labels, or random ones. */
  pretrained: boolean;
  /** Whether the encoder's last stage is trained as well, after the classifier. */
  fineTune: boolean;
}

/** The state after an epoch. */
export interface Progress {
  phase: "classifier" | "last stage";
  epoch: number;
  epochs: number;
  loss: number;
  /** Mean cross entropy and accuracy of the pictures that are held out. */
  heldOutLoss: number;
  heldOutAccuracy: number;
}

export interface Report {
  trained: number;
  heldOut: number;
  trainAccuracy: number;
  heldOutAccuracy: number;
  /** `confusion[actual][predicted]` counts pictures that are held out. */
  confusion: number[][];
  /** The class that was predicted for each picture, in the order of the pictures. */
  predicted: number[];
  stopped: boolean;
}

/** A class of the visitor. */
export interface Topic {
  name: string;
  color: string;
}

const CLASSIFIER_EPOCHS = 40;
const LAST_STAGE_EPOCHS = 20;
const FORMAT = "wasmgrad teach 1";

interface Architecture {
  channels: number[];
  depths: number[];
}

function architectureOf(metadata: Readonly<Record<string, string>>): Architecture {
  const [channels, depths] = ["channels", "depths"].map((name) => (metadata[name] ?? "").split(",").map(Number));
  return { channels, depths };
}

/** Cross entropy and accuracy of logits, and the predicted classes. */
function score(logits: Tensor, labels: Tensor): { loss: number; accuracy: number; predicted: number[] } {
  const predicted = logits.argmax(1);
  return {
    loss: nn.functional.crossEntropy(logits, labels).item(),
    accuracy: predicted.eq(labels).float().mean().item(),
    predicted: [...predicted.data()],
  };
}

export class Classroom {
  readonly #weights: Uint8Array;
  readonly architecture: Architecture;
  #model: Classifier | undefined;
  #trainer: Trainer | undefined;
  #stopped = false;

  /** @param weights the encoder's file, whose metadata names its `channels` and `depths` */
  constructor(weights: Uint8Array) {
    this.#weights = weights;
    this.architecture = scope(() => architectureOf(readSafetensors(weights, { names: [] }).metadata));
  }

  #encoder(pretrained: boolean): Encoder {
    manualSeed(0);
    const encoder = new Encoder(this.architecture);
    if (pretrained) scope(() => encoder.loadStateDict(readSafetensors(this.#weights).tensors));
    return encoder;
  }

  /** Trains a new classifier on the pictures that are not held out. */
  async learn(
    pictures: readonly Picture[],
    classes: number,
    { pretrained, fineTune }: Recipe,
    onProgress: (progress: Progress) => void,
  ): Promise<Report> {
    this.#stopped = false;
    const encoder = this.#encoder(pretrained);
    const model = new Classifier(encoder, { classes });
    const [train, heldOut] = [false, true].map((held) => {
      const chosen = pictures.filter((picture) => picture.heldOut === held);
      return { images: batchOf(chosen.map(({ bytes }) => bytes)), labels: labelsOf(chosen) };
    });
    if (!pretrained) calibrate(encoder, train.images);
    await this.#trainClassifier(model, train, heldOut, onProgress);
    if (fineTune && !this.#stopped) await this.#trainLastStage(model, train, heldOut, onProgress);
    this.#model = model;
    return this.#report(model, pictures);
  }

  /** Ends the running training after its next step. What was learnt so far is kept. */
  stop(): void {
    this.#stopped = true;
    this.#trainer?.stop();
  }

  async #run(trainer: Trainer): Promise<void> {
    this.#trainer = trainer;
    try {
      await trainer.fit();
    } finally {
      this.#trainer = undefined;
    }
  }

  /** The encoder is fixed, so that its features are computed once. */
  async #trainClassifier(model: Classifier, train: Labelled, heldOut: Labelled, onProgress: (p: Progress) => void) {
    const features = [train, heldOut].map(({ images }) => embed(model.encoder, images));
    const mean = features[0].mean(0, { keepdim: true });
    const std = features[0].var(0, { keepdim: true, correction: 0 }).add(1e-6).sqrt();
    const [x, xHeldOut] = features.map((f) => f.sub(mean).div(std));
    const head = new nn.Linear(model.encoder.features, model.head.weight.shape[0]);
    noGrad(() => nn.init.zeros(head.weight));
    const optimizer = new optim.AdamW(head.parameters(), { lr: 0.01, weightDecay: 5 });
    const loader = new DataLoader(new TensorDataset(x, train.labels), { batchSize: 32, shuffle: true });
    const trainer = new Trainer({
      model: head,
      loader,
      optimizer,
      scheduler: new optim.CosineAnnealingLR(optimizer, { tMax: CLASSIFIER_EPOCHS * loader.length }),
      loss: ([batch, labels]) => nn.functional.crossEntropy(head.forward(batch), labels),
      validate: () => heldOutNumbers(score(head.forward(xHeldOut), heldOut.labels)),
      epochs: CLASSIFIER_EPOCHS,
      generator: new Generator(1),
    });
    trainer.watch(reporter("classifier", CLASSIFIER_EPOCHS, onProgress));
    await this.#run(trainer);
    // the classifier of features as the encoder gives them: w (f - mean) / std + b
    scope(() =>
      noGrad(() => {
        const weight = head.weight.div(std);
        model.head.weight.copy_(weight);
        model.head.bias!.copy_(head.bias!.sub(weight.matmul(mean.t()).reshape([-1])));
      }),
    );
  }

  /** The classifier and the encoder's last stage, whose batch norm keeps the statistics that it has. */
  async #trainLastStage(model: Classifier, train: Labelled, heldOut: Labelled, onProgress: (p: Progress) => void) {
    const top = new LastStage(model);
    const [x, xHeldOut] = [train, heldOut].map(({ images }) => mapsBelow(model.encoder, images));
    const optimizer = new optim.AdamW(top.parameters(), { lr: 1e-3, weightDecay: 0.1 });
    const loader = new DataLoader(new TensorDataset(x, train.labels), { batchSize: 32, shuffle: true });
    const trainer = new Trainer({
      model: top,
      loader,
      optimizer,
      scheduler: new optim.CosineAnnealingLR(optimizer, { tMax: LAST_STAGE_EPOCHS * loader.length }),
      loss: ([maps, labels]) => {
        top.stage.eval();
        return nn.functional.crossEntropy(top.forward(maps), labels);
      },
      validate: () => heldOutNumbers(score(top.forward(xHeldOut), heldOut.labels)),
      epochs: LAST_STAGE_EPOCHS,
      generator: new Generator(2),
    });
    trainer.watch(reporter("last stage", LAST_STAGE_EPOCHS, onProgress));
    await this.#run(trainer);
  }

  #report(model: Classifier, pictures: readonly Picture[]): Report {
    const classes = model.head.weight.shape[0];
    const probabilities = this.#probabilities(pictures.map(({ bytes }) => bytes));
    const predicted = probabilities.map((row) => row.indexOf(Math.max(...row)));
    const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
    const count = { train: 0, trainRight: 0, heldOut: 0, heldOutRight: 0 };
    pictures.forEach(({ label, heldOut }, i) => {
      const right = predicted[i] === label;
      if (heldOut) {
        count.heldOut++;
        confusion[label][predicted[i]]++;
        if (right) count.heldOutRight++;
      } else {
        count.train++;
        if (right) count.trainRight++;
      }
    });
    return {
      trained: count.train,
      heldOut: count.heldOut,
      trainAccuracy: count.trainRight / count.train,
      heldOutAccuracy: count.heldOutRight / count.heldOut,
      confusion,
      predicted,
      stopped: this.#stopped,
    };
  }

  #probabilities(pictures: readonly Uint8ClampedArray[]): number[][] {
    const model = this.#model;
    if (!model) return [];
    return scope(() => inEvalMode(model, () => model.forward(batchOf(pictures)).softmax(1).toArray() as number[][]));
  }

  /** The probability of each class; undefined before the first training. */
  predict(picture: Uint8ClampedArray): number[] | undefined {
    return this.#probabilities([picture])[0];
  }

  /** What was learnt, as a safetensors file: the encoder, the classifier, and the names of the classes. */
  save(topics: readonly Topic[]): Uint8Array<ArrayBuffer> | undefined {
    const model = this.#model;
    if (!model) return undefined;
    const { channels, depths } = this.architecture;
    const metadata = {
      format: FORMAT,
      topics: JSON.stringify(topics),
      channels: channels.join(),
      depths: depths.join(),
    };
    return scope(() => writeSafetensors(model.stateDict(), { metadata }));
  }

  /**
   * Loads a file that `save` wrote, and returns its classes.
   *
   * @throws Error for another file; what was learnt before is kept.
   */
  load(file: Uint8Array): readonly Topic[] {
    const { metadata } = scope(() => readSafetensors(file, { names: [] }));
    const topics = topicsOf(metadata);
    const model = new Classifier(new Encoder(architectureOf(metadata)), { classes: topics.length });
    scope(() => model.loadStateDict(readSafetensors(file).tensors));
    this.#model = model;
    return topics;
  }

  /** Forgets what was learnt. */
  reset(): void {
    this.#model = undefined;
  }
}

/** The part of a classifier above the maps that do not change while it is trained. */
class LastStage extends nn.Module {
  readonly stage: nn.Module;
  readonly head: nn.Module;

  constructor({ encoder, head }: Classifier) {
    super();
    this.stage = [...encoder.stages].at(-1)!;
    this.head = head;
  }

  override forward(maps: Tensor): Tensor {
    return this.head.forward(this.stage.forward(maps).mean([2, 3]));
  }
}

/** What the encoder's last stage gets of images, a hundred at a time. */
function mapsBelow(encoder: Encoder, images: Tensor): Tensor {
  const stages = [...encoder.stages].slice(0, -1);
  const maps = (some: Tensor) =>
    stages.reduce((x, stage) => nn.functional.maxPool2d(stage.forward(x), 2), some.sub(encoder.mean).div(encoder.std));
  return scope(() => inEvalMode(encoder, () => cat(images.split(100).map(maps), 0)));
}

interface Labelled {
  images: Tensor;
  labels: Tensor;
}

const labelsOf = (pictures: readonly Picture[]) => tensor(Int32Array.from(pictures, ({ label }) => label));

const heldOutNumbers = ({ loss, accuracy }: { loss: number; accuracy: number }) => ({
  heldOutLoss: loss,
  heldOutAccuracy: accuracy,
});

/** The classes that a saved file names. */
function topicsOf({ format, topics }: Readonly<Record<string, string>>): Topic[] {
  if (format !== FORMAT) throw new Error("This file was not saved by this page: it does not name its classes.");
  const list = JSON.parse(topics) as Topic[];
  return list.map(({ name, color }) => ({ name: String(name), color: String(color) }));
}

function reporter(phase: Progress["phase"], epochs: number, onProgress: (progress: Progress) => void) {
  return {
    onEpoch(_: Trainer, entry: EpochEntry) {
      const { epoch, loss, heldOutLoss, heldOutAccuracy } = entry as EpochEntry & Progress;
      onProgress({ phase, epoch, epochs, loss, heldOutLoss, heldOutAccuracy });
    },
  };
}

/** The features [N,C] of pictures, a hundred at a time. */
function embed(encoder: Encoder, images: Tensor): Tensor {
  return scope(() =>
    inEvalMode(encoder, () =>
      cat(
        images.split(100).map((some) => encoder.embed(some)),
        0,
      ),
    ),
  );
}

/** Gives an encoder without training the batch-norm statistics of some of the pictures. */
function calibrate(encoder: Encoder, images: Tensor): void {
  const some = images.slice(0, 0, 64);
  const set = new TensorDataset(some, tensor(new Int32Array(some.shape[0])));
  for (let i = 0; i < 30; i++) recalibrate(encoder, set);
}
