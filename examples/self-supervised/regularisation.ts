import { manualSeed, nn } from "wasmgrad";
import { DataLoader, fewLabels, withIndices } from "wasmgrad/data";
import { Classifier, Encoder, evaluateClassifier } from "wasmgrad/self-supervised";
import { EarlyStopping, MovingAverage, Trainer } from "wasmgrad/train";
import { augment } from "wasmgrad/vision";
import { adamWithSchedule, chosenImages, experiment, IMAGES, loadImages, QUICK_IMAGES } from "./experiment.ts";

const change = augment.compose([augment.randomCrop(), augment.horizontalFlip(), augment.cutout()]);

interface Means {
  dropout?: number;
  weightDecay?: number;
  augment?: boolean;
  earlyStopping?: boolean;
  average?: boolean;
}

/** The methods that are enabled in each row of the table. */
const ROWS: Record<string, Means> = {
  none: {},
  earlyStopping: { earlyStopping: true },
  dropout: { dropout: 0.3 },
  weightDecay: { weightDecay: 0.3 },
  augmentation: { augment: true },
  average: { average: true },
  all: { earlyStopping: true, dropout: 0.3, weightDecay: 0.3, augment: true },
};

export default experiment({
  name: "regularisation",
  about:
    "how early stopping, dropout, weight decay, augmentation and averaged weights each change the gap between training and test loss",
  defaults: {
    ...IMAGES,
    /** Labelled images per class; as many others decide when to stop. */
    perClass: 50,
    validPerClass: 50,
    epochs: 40,
    batchSize: 50,
    lr: 2e-3,
    patience: 5,
  },
  quick: {
    ...QUICK_IMAGES,
    trainImages: 0,
    testImages: 20,
    perClass: 2,
    validPerClass: 1,
    epochs: 2,
    batchSize: 20,
    patience: 0,
  },
  async run(config, run) {
    const { train, test, statistics } = await loadImages(config);
    const { perClass, validPerClass, seed, epochs } = config;
    const chosen = fewLabels(train.targets, perClass + validPerClass, { seed });
    const learning = chosenImages(train, chosen.slice(0, perClass * 10));
    const valid = chosenImages(train, chosen.slice(perClass * 10));
    const results: Record<string, number> = {};
    for (const [name, means] of Object.entries(ROWS)) {
      manualSeed(seed);
      const model = new Classifier(new Encoder(statistics), { dropout: means.dropout ?? 0 });
      const loader = new DataLoader(withIndices(learning), {
        batchSize: config.batchSize,
        shuffle: true,
        dropLast: true,
      });
      const average = means.average ? new MovingAverage(model, { decay: 0.99 }) : undefined;
      const trainer = new Trainer({
        model,
        loader,
        ...adamWithSchedule(model.parameters(), config.lr, means.weightDecay ?? 0, epochs * loader.length),
        average,
        loss: ([images, labels, indices], { epoch }) => {
          const seen = means.augment ? change(images, { indices, epoch }) : images;
          return nn.functional.crossEntropy(model.forward(seen), labels);
        },
        validate: () => {
          const { loss, accuracy } = evaluateClassifier(model, valid);
          return { validLoss: loss, validAccuracy: accuracy };
        },
        callbacks: means.earlyStopping ? [new EarlyStopping(model, { patience: config.patience })] : [],
        epochs,
        logEvery: loader.length,
      });
      await run.train(name, trainer);
      const measure = () => [evaluateClassifier(model, learning), evaluateClassifier(model, test)] as const;
      const [onTrain, onTest] = average ? average.during(measure) : measure();
      results[`${name}_trainLoss`] = onTrain.loss;
      results[`${name}_testLoss`] = onTest.loss;
      results[`${name}_gap`] = onTest.loss - onTrain.loss;
      results[`${name}_testAccuracy`] = onTest.accuracy;
      results[`${name}_epochs`] = trainer.place.epoch;
    }
    return results;
  },
});
