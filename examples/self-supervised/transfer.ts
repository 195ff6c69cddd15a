import { manualSeed, nn, optim } from "wasmgrad";
import { DataLoader, fewLabels, withIndices } from "wasmgrad/data";
import { loadSafetensors } from "wasmgrad/io";
import { Classifier, Encoder, evaluateClassifier } from "wasmgrad/self-supervised";
import { type Run, Trainer } from "wasmgrad/train";
import { chosenImages, experiment, IMAGES, type Images, loadImages, QUICK_IMAGES, shift } from "./experiment.ts";
import { probe } from "./pretrain.ts";

interface Tuning {
  epochs: number;
  batchSize: number;
  lr: number;
  weightDecay: number;
  /** The learning rate of a stage is this factor times that of the next stage. */
  decay: number;
}

/** Trains encoder and head together on few labelled images; returns the accuracy on the test images. */
async function tune(
  run: Run,
  name: string,
  model: Classifier,
  train: Images,
  test: Images,
  tuning: Tuning,
): Promise<number> {
  const { epochs, batchSize, lr, weightDecay, decay } = tuning;
  const loader = new DataLoader(withIndices(train), { batchSize, shuffle: true, dropLast: train.length > batchSize });
  const optimizer = new optim.AdamW(model.groups(lr, decay), { weightDecay });
  const trainer = new Trainer({
    model,
    loader,
    optimizer,
    scheduler: new optim.CosineAnnealingLR(optimizer, { tMax: Math.max(1, epochs * loader.length) }),
    loss: ([images, labels, indices], { epoch }) => {
      const logits = model.forward(shift(images, { indices, epoch }));
      return { loss: nn.functional.crossEntropy(logits, labels), accuracy: logits.argmax(1).eq(labels).float().mean() };
    },
    epochs,
    logEvery: loader.length,
  });
  await run.train(name, trainer);
  return evaluateClassifier(model, test).accuracy;
}

export default experiment({
  name: "transfer",
  about:
    "uses an encoder from `pretrain`: fine-tuning with 1 % and 10 % of the labels, compared with the same network from scratch, and probes",
  defaults: {
    ...IMAGES,
    /** encoder.safetensors of a run of `pretrain`; empty: only the parts that need none. */
    encoder: "",
    separable: false,
    /** Labelled images per class: 50 of 5,000 are 1 %, and 500 would be 10 %. 0 skips a part. */
    few: 50,
    more: 0,
    /** Epochs with the smaller number of labels; a fifth as many with the larger number. */
    epochs: 100,
    batchSize: 50,
    lr: 2e-3,
    weightDecay: 0.01,
    decay: 0.2,
    probeImages: 10_000,
  },
  quick: { ...QUICK_IMAGES, trainImages: 0, few: 3, more: 6, epochs: 5, batchSize: 10 },
  async run(config, run) {
    const { train, test, statistics } = await loadImages(config);
    const { separable, seed } = config;
    const newEncoder = () => {
      manualSeed(seed);
      return new Encoder({ ...statistics, separable });
    };
    const pretrained = () => {
      const encoder = newEncoder();
      if (config.encoder) encoder.loadStateDict(loadSafetensors(config.encoder).tensors);
      return encoder;
    };
    const results: Record<string, number> = {};
    for (const [name, perClass, epochs] of [
      ["few", config.few, config.epochs],
      ["more", config.more, Math.ceil(config.epochs / 5)],
    ] as const) {
      if (perClass === 0) continue;
      const labelled = chosenImages(train, fewLabels(train.targets, perClass, { seed }));
      const tuning = { ...config, epochs };
      const scratch = new Classifier(newEncoder());
      results[`${name}Scratch`] = await tune(run, `${name}-scratch`, scratch, labelled, test, { ...tuning, decay: 1 });
      if (!config.encoder) continue;
      const tuned = new Classifier(pretrained());
      results[`${name}FineTuned`] = await tune(run, `${name}-fine-tuned`, tuned, labelled, test, tuning);
      results[`${name}Gain`] = results[`${name}FineTuned`] - results[`${name}Scratch`];
    }
    const probed = chosenImages(
      train,
      fewLabels(train.targets, Math.min(config.probeImages / 10, Math.floor(train.length / 20)), { seed }),
    );
    const random = probe(newEncoder(), probed, test, seed);
    results.randomLinearProbe = random.linearProbe;
    results.randomKnn = random.knn;
    if (config.encoder) {
      const learned = probe(pretrained(), probed, test, seed);
      results.linearProbe = learned.linearProbe;
      results.knn = learned.knn;
    }
    return results;
  },
});
